import type { CheckName } from './checks.ts';
import type { Finding } from './evidence.ts';
import type { Row } from './row.ts';
import { codeOf, quoted } from './words.ts';

/** What to look at, for a failure that no row matches, by the check that failed. */
const NEXT: Record<CheckName, string> = {
  place: 'Look at the environment of this process.',
  configuration: 'Look at the variables and files that configure the credential.',
  'identity-provider': 'Look at the network, the clock and the proxy on the way there.',
  token: 'Read the message; it comes from the service that refused the token.',
  identity: 'Compare the identity of the token with the one that you meant.',
  'resource-manager': 'Look at the network and the proxy on the way to Azure Resource Manager, then ask again.',
  subscription: 'Look at the subscription and at the roles of the identity on it.',
  'resource-groups': 'Look at the roles of the identity on the subscription, and at policies and locks.',
};

/** The row for a failure that no other row matches. */
export function unknownRow(check: CheckName = 'configuration'): Row {
  return {
    reason: 'unknown',
    title: 'A failure that is not in the catalogue',
    check,
    when: () => undefined,
    problem: ({ finding }) =>
      `${finding.name || 'The request to Azure Resource Manager'} got no usable response${where(finding)}: ${quoted(finding)}.`,
    hint: () => `${NEXT[check]} If that does not help, open an issue with this document; it has ids, but no secrets.`,
  };
}

/** Where the request went, how far it came and who responded, as far as that is known. */
function where(finding: Finding): string {
  const { host, phase, responder } = finding;
  if (host === undefined) return '';
  const details = [codeOf(finding), ...(phase === undefined ? [] : [`phase ${phase}`]), `responder ${responder}`];
  return ` from ${host} (${details.join(', ')})`;
}
