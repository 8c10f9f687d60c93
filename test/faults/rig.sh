#!/usr/bin/env bash
# Runs the arguments in a separate network namespace, where Azure's real host names and the address of IMDS lead to loopback. The
# service needs no test settings, no request can leave, and the machine's ports stay free. Needs root on Linux.
set -euo pipefail

if ! unshare --net --mount true 2> /dev/null; then
  echo 'the fault tests are skipped: a network namespace needs root on Linux' >&2
  [[ ${CI:-} != true ]]
  exit
fi
if [[ ${RIG_HOSTS:-} == '' ]]; then
  RIG_HOSTS=$(mktemp)
  export RIG_HOSTS
  trap 'rm -f "$RIG_HOSTS"' EXIT
  unshare --net --mount --propagation private "$0" "$@"
  exit
fi
ip link set lo up
ip address add 169.254.169.254/32 dev lo
mount --bind "$RIG_HOSTS" /etc/hosts
ulimit -n "$(ulimit -Hn)"
"$@"
