import { bash, name } from '../bash.ts';
import { findNode } from '../commands.ts';
import type { Case } from '../evidence.ts';
import { clockSkew, either, entraSays, inPod, ofKind, only, type When } from '../match.ts';
import { isContainer, isWindows } from '../place.ts';
import { aboutNumber, type Row } from '../row.ts';
import { nodeInWords, quoted, skewInWords } from '../words.ts';

const CLOCK = {
  reason: 'clock-skew',
  title: 'The clock is wrong',
  check: 'identity-provider',
  documentation: aboutNumber,
} as const;

/** A token or a signed assertion is refused for its times, or for its signature, while the clocks differ. */
const skewed = only(
  either(
    entraSays(700024, 50013),
    only(entraSays(50012), (_, { credential }) => credential === 'client-certificate'),
    ofKind('token-rejected'),
  ),
  (_, finding) => clockSkew(finding) !== undefined,
);

/** The rows by whose clock it is, outside of a pod. */
export function clockRows(when: When): Row[] {
  return [
    {
      ...CLOCK,
      when: only(when, isWindows),
      problem: (c) => `The clock of this machine is ${skew(c)}.`,
      hint: () => 'Synchronize the time of this machine, and check its time zone. Its time service may have stopped.',
      commands: () => [bash`w32tm /resync`],
    },
    {
      ...CLOCK,
      when: only(when, isContainer),
      problem: (c) => `The clock of this container, which is that of its host, is ${skew(c)}.`,
      hint: () => 'Correct the time of the host. After sleep, restart WSL or Docker Desktop. Then ask again.',
      commands: () => [showClocks()],
    },
    {
      ...CLOCK,
      when,
      problem: (c) => `The clock of this machine is ${skew(c)}.`,
      hint: () =>
        'Turn on time synchronization (NTP), and check the time zone. In WSL and virtual machines, the clock stands still while the host sleeps.',
      commands: () => [bash`sudo timedatectl set-ntp true || sudo hwclock -s`, showClocks()],
    },
  ];
}

export const CLOCKS: readonly Row[] = [
  {
    ...CLOCK,
    when: inPod(skewed),
    problem: (c) => `The clock of ${nodeInWords(c)} is ${skew(c)}.`,
    hint: () => 'Correct the time of the node, or replace the node. The pod needs no change.',
    commands: (c) => [
      ...findNode(c),
      // Shows both clocks, then starts time synchronization on the node.
      bash`kubectl debug node/${name(c.facts.pod?.node, 'NODE')} --image=busybox:1.37 --profile=sysadmin --attach -- chroot /host sh -c 'date -u; systemctl restart chrony || systemctl restart chronyd; chronyc makestep'`,
    ],
  },
  ...clockRows(skewed),
];

/** "10 minutes behind Azure's", or what a tool says of it. */
function skew({ finding }: Case): string {
  const seconds = clockSkew(finding);
  return seconds === undefined ? `wrong: ${quoted(finding)}` : `${skewInWords(seconds)} Azure's`;
}

/** Shows the time here and that of a server that has the right one. */
export function showClocks(): string {
  return bash`date -u; curl -sI http://www.microsoft.com | grep -i ^date`;
}
