import { bash, host, name, part } from '../bash.ts';
import { inNamespace } from '../commands.ts';
import { setVariables } from '../environment-commands.ts';
import { type Case, isTool } from '../evidence.ts';
import { either, inPod, only, unanswered, type When } from '../match.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { authorityHost, managedIdentityHost, quoted, shown } from '../words.ts';
import { CONFIGURATION_REFUSED, NOTHING_CONFIGURED } from './reasons.ts';

const TIMEOUT = { reason: 'token-timeout', title: 'No token in time', check: 'identity-provider' } as const;

/** At a timeout, the chain is waiting for the credential that was asked last. */
const waiting: When = either(unanswered, ({ failure, findings }) =>
  failure?.kind === 'token-timeout' ? findings.at(-1) : undefined,
);

/** The host that was asked, or that the credential always asks. */
function hostAsked(c: Pick<Case, 'facts' | 'finding'>): string {
  const { host, credential } = c.finding;
  return host ?? (credential === 'managed-identity' ? managedIdentityHost(c) : authorityHost(c));
}

/** Nobody refused: nothing has responded, or nothing was asked. */
export const NO_RESPONSE: readonly Row[] = [
  {
    ...TIMEOUT,
    when: inPod(waiting),
    problem: (c) => `${hostAsked(c)} did not respond in time; something on the way from this pod may drop the packets.`,
    hint: () =>
      'Allow it in the network policy, firewall and NSG of the cluster (service tag AzureActiveDirectory). If it is slow only now and then, ask again.',
    commands: (c) => [
      bash`kubectl get networkpolicy ${inNamespace(c)}`,
      bash`kubectl debug ${name(c.facts.pod?.name, 'POD')} ${inNamespace(c)} --image=busybox:1.37 --profile=restricted --attach -- nc -zv -w 5 ${host(hostAsked(c), 'HOST')} 443`,
    ],
    documentation: DOCUMENTATION.aksEgress,
  },
  {
    ...TIMEOUT,
    when: waiting,
    problem: (c) => `${hostAsked(c)} did not respond in time; something on the way there may drop the packets.`,
    hint: () =>
      'Allow it in the firewall, NSG or other egress rule on the way. If it is slow only now and then, ask again.',
    commands: (c) => [bash`curl -sS -o /dev/null -m 10 -v https://${host(hostAsked(c), 'HOST')}`],
  },
  {
    ...CONFIGURATION_REFUSED,
    when: ({ findings }) =>
      findings.find((finding) => finding.outcome === 'failed' && finding.responder === 'not-asked' && !isTool(finding)),
    problem: ({ finding }) =>
      `${shown(finding.name, 'The credential')} failed before it asked anybody: ${quoted(finding)}.`,
    hint: () =>
      'Check what the message names, and the variables that the credential reads, such as AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_AUTHORITY_HOST.',
  },
  {
    ...NOTHING_CONFIGURED,
    when: inPod(only(allUnavailable(), ({ facts }) => facts.projectedToken !== undefined)),
    problem: (c) =>
      `AZURE_TOKEN_CREDENTIALS=${chosen(c)} does not allow Workload ID, which is configured here, and nothing that it allows is.`,
    hint: () => 'Set AZURE_TOKEN_CREDENTIALS to prod, or remove it from the manifest.',
    commands: (c) => setVariables(c, { AZURE_TOKEN_CREDENTIALS: part`prod` }),
    documentation: DOCUMENTATION.credentialChains,
  },
  {
    ...NOTHING_CONFIGURED,
    when: allUnavailable('EnvironmentCredential'),
    problem: (c) =>
      `Only a service principal is allowed here (AZURE_TOKEN_CREDENTIALS=${chosen(c)}), and none is configured.`,
    hint: () =>
      'Set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH, or allow another credential.',
  },
  {
    ...NOTHING_CONFIGURED,
    when: inPod(allUnavailable('WorkloadIdentityCredential')),
    problem: (c) =>
      `Only Workload ID is allowed here (AZURE_TOKEN_CREDENTIALS=${chosen(c)}), and nothing of it is injected into this pod.`,
    hint: () =>
      'Label the pod template for Workload ID, which injects AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_ID and AZURE_TENANT_ID.',
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    ...NOTHING_CONFIGURED,
    when: allUnavailable('WorkloadIdentityCredential'),
    problem: (c) =>
      `Only Workload ID is allowed here (AZURE_TOKEN_CREDENTIALS=${chosen(c)}), and it is not configured; this is no pod.`,
    hint: () => 'Set AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_ID and AZURE_TENANT_ID, or allow another credential.',
  },
  {
    ...NOTHING_CONFIGURED,
    when: either(allUnavailable('AzureDeveloperCliCredential'), allUnavailable('AzurePowerShellCredential')),
    problem: (c) =>
      `Only one developer tool is allowed here (AZURE_TOKEN_CREDENTIALS=${chosen(c)}), and it gives no token: ${quoted(c.finding)}.`,
    hint: () =>
      'Install it where this process runs (PowerShell with its module Az.Accounts) and log in with it, or allow another credential.',
  },
  {
    ...NOTHING_CONFIGURED,
    when: allUnavailable(),
    problem: (c) =>
      `None of the allowed credentials is configured here: ${c.findings.map((finding) => finding.name).join(', ')}.`,
    hint: () => 'Configure one of them, or let AZURE_TOKEN_CREDENTIALS allow another one.',
  },
];

/** Nothing is configured for any credential, or for the only one that is allowed. */
function allUnavailable(only?: string): When {
  return ({ findings }) =>
    findings.every(({ outcome, name: found }) => outcome === 'unavailable' && (only === undefined || found === only))
      ? findings[0]
      : undefined;
}

function chosen({ facts }: Case): string {
  return shown(facts.variables['AZURE_TOKEN_CREDENTIALS'], 'one credential');
}
