import { bash, choice, host, name, part } from '../bash.ts';
import { inNamespace } from '../commands.ts';
import { setVariables } from '../environment-commands.ts';
import { type Case, type Finding, isTool } from '../evidence.ts';
import { either, inPod, ofTool, only, unanswered, type When } from '../match.ts';
import { isContainer } from '../place.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { authorityHost, isSet, managedIdentityHost, quoted, shown } from '../words.ts';
import { CONFIGURATION_REFUSED, NOTHING_CONFIGURED } from './reasons.ts';

const TIMEOUT = { reason: 'token-timeout', title: 'No token in time', check: 'identity-provider' } as const;

/** At a timeout, the chain is waiting for the credential that was asked last. */
const waiting: When = either(unanswered, ({ failure, findings }) =>
  failure?.kind === 'token-timeout' ? findings.at(-1) : undefined,
);
const forIdentity = only(waiting, (_, { credential }) => credential === 'managed-identity');

/** The host that was asked, or that the credential always asks. */
function hostAsked(c: Pick<Case, 'facts' | 'finding'>): string {
  const { host, credential } = c.finding;
  return host ?? (credential === 'managed-identity' ? managedIdentityHost(c) : authorityHost(c));
}

const ALLOW_IN_POD =
  'Allow it in the network policy, firewall and NSG of the cluster (service tag AzureActiveDirectory). If it is slow only now and then, ask again.';

/** Nobody refused: nothing has responded, or nothing was asked. */
export const NO_RESPONSE: readonly Row[] = [
  {
    ...TIMEOUT,
    when: inPod(forIdentity),
    problem: (c) => `${hostAsked(c)}, which gives pods the token of a managed identity, did not respond in time.`,
    hint: () => 'Ask again. If that does not help, a network policy drops the packets, or the agent on the node hangs.',
    commands: (c) => [bash`kubectl get networkpolicy ${inNamespace(c)}`, tryFromPod(c, '80')],
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    ...TIMEOUT,
    when: only(forIdentity, isContainer),
    problem: (c) => `${hostAsked(c)} did not respond in time, so this container got no token of a managed identity.`,
    hint: () =>
      'Ask again. If that does not help, let the container reach it: its network, a firewall or another egress rule drops the packets.',
    commands: (c) => [bash`curl -sS -m 5 -H Metadata:true http://${host(hostAsked(c), 'HOST')}/metadata/versions`],
    documentation: DOCUMENTATION.managedIdentity,
  },
  {
    ...TIMEOUT,
    when: forIdentity,
    problem: (c) => `${hostAsked(c)}, which gives the token of a managed identity, did not respond in time.`,
    hint: () =>
      'Ask again. If that does not help, a firewall or route drops the packets, or this machine is not in Azure.',
    commands: (c) => [bash`curl -sS -m 5 -H Metadata:true http://${host(hostAsked(c), 'HOST')}/metadata/versions`],
    documentation: DOCUMENTATION.managedIdentity,
  },
  {
    ...TIMEOUT,
    when: ofTool(waiting),
    problem: ({ finding }) => `${finding.name} did not return a token in time.`,
    hint: () =>
      'Ask the tool for a token in a terminal: it may wait for a network, a browser or another process of its own.',
    documentation: DOCUMENTATION.credentialChains,
  },
  {
    ...TIMEOUT,
    when: inPod(waiting),
    problem: (c) => `${hostAsked(c)} did not respond in time; something on the way from this pod may drop the packets.`,
    hint: () => ALLOW_IN_POD,
    commands: (c) => [bash`kubectl get networkpolicy ${inNamespace(c)}`, tryFromPod(c, '443')],
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
    hint: ({ finding }) => `Check the variables that it reads: ${variablesOf(finding)}.`,
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
    when: allUnavailable('AzureDeveloperCliCredential'),
    problem: (c) =>
      `Only the Azure Developer CLI is allowed here (AZURE_TOKEN_CREDENTIALS=${chosen(c)}), and it gives no token: ${quoted(c.finding)}.`,
    hint: () =>
      'Install the Azure Developer CLI where this process runs and log in with it, or allow another credential.',
  },
  {
    ...NOTHING_CONFIGURED,
    when: allUnavailable('AzurePowerShellCredential'),
    problem: (c) =>
      `Only PowerShell is allowed here (AZURE_TOKEN_CREDENTIALS=${chosen(c)}), and it gives no token: ${quoted(c.finding)}.`,
    hint: () =>
      'Install PowerShell and its module Az.Accounts where this process runs and log in with it, or allow another credential.',
  },
  {
    ...NOTHING_CONFIGURED,
    when: only(
      allUnavailable(),
      // Outside Kubernetes nothing uses them, but a managed identity the first.
      (e) => !e.facts.kubernetes && isSet(e, 'AZURE_CLIENT_ID') && isSet(e, 'AZURE_TENANT_ID'),
    ),
    problem: () =>
      'AZURE_CLIENT_ID and AZURE_TENANT_ID are set, but make no service principal without AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH.',
    hint: () => 'Set one of these, or use another login that AZURE_TOKEN_CREDENTIALS allows.',
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

/** Whether a connection opens from the network of the pod. */
function tryFromPod(c: Case, port: '80' | '443'): string {
  return bash`kubectl debug ${name(c.facts.pod?.name, 'POD')} ${inNamespace(c)} --image=busybox:1.37 --profile=restricted --attach -- nc -zv -w 5 ${host(hostAsked(c), 'HOST')} ${choice(port)}`;
}

function variablesOf({ credential }: Finding): string {
  switch (credential) {
    case 'client-secret':
      return 'AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_AUTHORITY_HOST';
    case 'client-certificate':
      return 'AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_CERTIFICATE_PATH, AZURE_AUTHORITY_HOST';
    case 'managed-identity':
      return 'AZURE_CLIENT_ID, IDENTITY_ENDPOINT, IMDS_ENDPOINT, MSI_ENDPOINT';
    case 'projected-token':
      return 'AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE, AZURE_AUTHORITY_HOST';
    default:
      return 'AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_AUTHORITY_HOST';
  }
}
