import { existsSync, readFileSync } from 'node:fs';

/** The control groups that container engines create. */
const CONTAINER_CGROUP = /\/(kubepods|docker|libpod|crio|containerd)\b/;
/** The files that a container engine mounts over the container's own. */
const CONTAINER_MOUNT =
  /\/(containers|sandboxes|overlay-containers|pods)\/\S{1,300} \/etc\/(hosts|hostname|resolv\.conf) /;

/**
 * Whether this process runs in a container. Docker and Podman leave a file in one; containerd and CRI-O leave only the names of
 * control groups and mounts.
 */
export function isContainer(): boolean {
  return (
    existsSync('/.dockerenv') ||
    existsSync('/run/.containerenv') ||
    CONTAINER_CGROUP.test(readProc('/proc/1/cgroup')) ||
    CONTAINER_MOUNT.test(readProc('/proc/self/mountinfo'))
  );
}

/** The kernel generates these files in memory, so reading one does not block. */
function readProc(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(0, 100_000);
  } catch {
    return '';
  }
}
