import { bash, isGuid, name } from '../bash.ts';
import { labelPodTemplate, loginAgain } from '../commands.ts';
import { requestedInWords } from '../endpoint.ts';
import { chooseClientId, correctClientId } from '../environment-commands.ts';
import { type Case, type Evidence, type Finding, isTool } from '../evidence.ts';
import {
  askMetadataService,
  assignSystemIdentity,
  assignToMachine,
  bypassProxy,
  excludeFromMesh,
  showMachineIdentities,
} from '../machine-commands.ts';
import { credential, inPod, only, type When } from '../match.ts';
import { isApp, isNoPod, isPipeline } from '../place.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { clientIdOf, codeOf, isSet, nodeInWords, proxyVariableOf, quoted, shown } from '../words.ts';
import { IDENTITY_NOT_FOUND, IMDS_PROXIED, IMDS_REFUSED, IMDS_UNREACHABLE, MULTIPLE_IDENTITIES } from './reasons.ts';

/** Matches the finding of the managed identity if it meets the condition. */
export function managedIdentity(predicate: (finding: Finding) => boolean): When {
  return credential(['managed-identity'], predicate);
}

/** The metadata service itself responded, but without a token. */
const METADATA_SERVICE = managedIdentity(({ responder, status }) => responder === 'imds' && status !== undefined);
const IN_POD = inPod(METADATA_SERVICE);
const ON_MACHINE = only(METADATA_SERVICE, (e) => isNoPod(e) && !isApp(e));

const NOT_FOUND_ON_MACHINE = only(ON_MACHINE, (_, { text }) => text.identity === 'not-found');

/** Something that the environment sends requests through responded, or nothing did. */
const PROXIED = managedIdentity(
  ({ responder, outcome }) => ['http-proxy', 'unknown', 'gateway', 'none'].includes(responder) && outcome !== 'pending',
);

/** A mesh or gateway responded in place of the metadata service. */
const GATEWAY = managedIdentity(({ responder }) => responder === 'gateway');

/** Nothing responded, or Docker Desktop in the name of nothing. */
const UNREACHED = managedIdentity(
  ({ responder, text }) => responder === 'none' || (responder === 'unknown' && text.networkCode !== undefined),
);

/** Connected, but without a response: not a missing metadata service, but one that hangs, or something in its place. */
export function isSilent({ responder, phase }: Finding): boolean {
  return responder === 'none' && phase === 'response';
}

const UNKNOWN_RESPONDER = managedIdentity(({ responder }) => ['unknown', 'http-proxy', 'gateway'].includes(responder));

/** The metadata service was reached, or a gateway in its place. */
export const MANAGED_IDENTITY: readonly Row[] = [
  {
    ...IDENTITY_NOT_FOUND,
    when: only(NOT_FOUND_ON_MACHINE, (e) => isSet(e, 'AZURE_CLIENT_ID') && !isGuid(clientIdOf(e))),
    problem: (c) => `The value of AZURE_CLIENT_ID${inBrackets(clientIdOf(c))} is not a client id.`,
    hint: () =>
      'Set AZURE_CLIENT_ID to the client id of an identity that is assigned to this machine, or remove it to use the system-assigned identity. Then restart the service.',
    commands: (c) => [...showMachineIdentities(c), ...correctClientId(c)],
    documentation: DOCUMENTATION.managedIdentity,
  },
  {
    ...IDENTITY_NOT_FOUND,
    when: only(NOT_FOUND_ON_MACHINE, (e) => isSet(e, 'AZURE_CLIENT_ID')),
    problem: (c) => `The identity ${shown(clientIdOf(c), 'in AZURE_CLIENT_ID')} is not assigned to this machine.`,
    hint: () =>
      'Assign it to this machine, or correct AZURE_CLIENT_ID: it must be the client id, not the object id, of an assigned identity.',
    commands: (c) => [...showMachineIdentities(c), ...assignToMachine(c), ...correctClientId(c)],
    documentation: DOCUMENTATION.assignIdentity,
  },
  {
    ...IDENTITY_NOT_FOUND,
    when: only(NOT_FOUND_ON_MACHINE, isPipeline),
    problem: () => 'The runner of this pipeline is a machine in Azure without a managed identity.',
    hint: () =>
      'Log in to Azure in the pipeline before this step, with a service connection or with OIDC. On a runner of your own, you can assign an identity to its machine instead.',
    documentation: DOCUMENTATION.managedIdentity,
  },
  {
    ...IDENTITY_NOT_FOUND,
    when: NOT_FOUND_ON_MACHINE,
    problem: () => 'This machine has no managed identity that it can use without a client id.',
    hint: () =>
      'Assign a managed identity to this machine: the system-assigned one, or a user-assigned one whose client id goes into AZURE_CLIENT_ID.',
    commands: assignSystemIdentity,
    documentation: DOCUMENTATION.assignIdentity,
  },
  {
    ...IDENTITY_NOT_FOUND,
    when: only(IN_POD, (_, { text }) => text.identity === 'not-found'),
    problem: (c) =>
      `The metadata service of ${nodeInWords(c)} answered, and the node has no identity to give${requestedInWords(c)}.`,
    hint: () =>
      'For Workload ID, label the pod template azure.workload.identity/use and recreate the pod. For an identity of the node, assign it to the scale set of the nodes, or correct AZURE_CLIENT_ID.',
    commands: labelPodTemplate,
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    ...MULTIPLE_IDENTITIES,
    when: only(ON_MACHINE, (_, { text }) => text.identity === 'ambiguous'),
    problem: () => 'This machine has several user-assigned identities, and the request did not say which one to use.',
    hint: () => 'Set AZURE_CLIENT_ID to the client id of the right one, and restart the service.',
    commands: (c) => [...showMachineIdentities(c), ...chooseClientId(c)],
    documentation: DOCUMENTATION.managedIdentity,
  },
  {
    ...IMDS_REFUSED,
    when: only(METADATA_SERVICE, (_, { text }) => text.provider === 'header-missing'),
    problem: (c) =>
      `The metadata service refused a request without the header Metadata, or with X-Forwarded-For: ${quoted(c.finding)}.`,
    hint: (c) =>
      `Something on the way changes the request. Let ${c.facts.metadataService} bypass every proxy (NO_PROXY), mesh and sidecar.`,
    documentation: DOCUMENTATION.metadataService,
  },
  {
    ...IMDS_REFUSED,
    when: only(METADATA_SERVICE, (_, { status, text }) => status === 429 || text.provider === 'throttled'),
    problem: () => 'The metadata service throttles this machine: its processes ask for too many tokens.',
    hint: () => 'Wait a minute, then ask less often. Processes should keep a token until it expires, and share it.',
  },
  {
    ...IMDS_REFUSED,
    when: IN_POD,
    problem: (c) =>
      `The metadata service of ${nodeInWords(c)} gave no token (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Try again in a minute. If it lasts, replace the node, or use Workload ID, which does not need its metadata service.',
    commands: (c) => [bash`kubectl describe node ${name(c.facts.pod?.node, 'NODE')}`],
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    ...IMDS_REFUSED,
    when: only(ON_MACHINE, (_, { status = 0, content }) => (status === 404 || status === 410) && content === 'nothing'),
    problem: (c) =>
      `${c.facts.metadataService} sent an empty response (${codeOf(c.finding)}): either the metadata service is being updated, or something else answers in its place.`,
    hint: () =>
      'Try again in a minute. If it lasts, this machine is not in Azure or has no managed identity: log in with the Azure CLI, or set the variables of a service principal.',
    commands: (c) => [askMetadataService(c)],
  },
  {
    ...IMDS_REFUSED,
    when: only(ON_MACHINE, (_, { status = 0 }) => status === 404 || status === 410 || status >= 500),
    problem: (c) =>
      `The metadata service of this machine has a fault or is being updated (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Try again in a minute. If it lasts, check that a managed identity is assigned to this machine, restart the machine, or open a support request.',
    commands: (c) => [askMetadataService(c), ...showMachineIdentities(c)],
  },
  {
    ...IMDS_REFUSED,
    when: ON_MACHINE,
    problem: (c) =>
      `The metadata service of this machine refused the request (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Check that a managed identity is assigned to this machine, that AZURE_CLIENT_ID, if set, is its client id, and that metadata access control lets this process and user ask.',
    commands: (c) => [askMetadataService(c), ...showMachineIdentities(c)],
    documentation: DOCUMENTATION.metadataService,
  },
  {
    ...IMDS_REFUSED,
    when: inPod(GATEWAY),
    problem: gatewayInWords,
    hint: (c) =>
      `Exclude ${c.facts.metadataService} from the mesh or proxy of this pod, or use Workload ID, which does not need the metadata service.`,
    commands: excludeFromMesh,
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    ...IMDS_REFUSED,
    when: only(GATEWAY, (e) => !isProxied(e) && e.findings.every(isAbsentTool)),
    problem: gatewayInWords,
    hint: (c) =>
      `Let ${c.facts.metadataService} bypass the proxy or gateway. If this machine is not in Azure, log in with the Azure CLI instead.`,
    commands: (c) => [askMetadataService(c)],
    documentation: DOCUMENTATION.metadataService,
  },
];

/** At the address of the metadata service, nothing responds, or something that does not know its protocol. */
export const NO_METADATA_SERVICE: readonly Row[] = [
  {
    ...IMDS_PROXIED,
    when: only(PROXIED, (e, { host }) => isProxied(e, host)),
    problem: (c) =>
      `${proxyVariableOf(c)} sends the requests for ${c.facts.metadataService} to ${shown(c.facts.proxy.server, 'a proxy')}, which cannot pass them on (${codeOf(c.finding)}).`,
    hint: (c) => `Add ${c.facts.metadataService}, literally, to NO_PROXY, and restart. Ranges and * are not supported.`,
    commands: bypassProxy,
  },
  {
    ...IMDS_UNREACHABLE,
    when: only(managedIdentity(isSilent), ({ facts }) => facts.place === 'container'),
    problem: (c) =>
      `${c.facts.metadataService} takes the connection from this container and gives no response: either the metadata service hangs, or the container's network is in the way.`,
    hint: () =>
      'On a virtual machine, run the container on the host network. Recreate a container group with its managed identity. Elsewhere, log in with the Azure CLI.',
    commands: (c) => [askMetadataService(c)],
  },
  {
    ...IMDS_UNREACHABLE,
    when: only(managedIdentity(isSilent), ({ facts }) => !facts.kubernetes),
    problem: (c) =>
      `${c.facts.metadataService} takes the connection and gives no response: either the metadata service hangs, or something else on the way took it.`,
    hint: () =>
      'Ask again. If it lasts in Azure, restart the machine, or create the container group again with its managed identity. Elsewhere, log in with the Azure CLI.',
    commands: (c) => [askMetadataService(c)],
  },
  {
    ...IMDS_UNREACHABLE,
    when: inPod(UNREACHED),
    problem: (c) => `${unreachedInWords(c)}, and this pod has no token of Workload ID.`,
    hint: () =>
      'Use Workload ID: label the pod template azure.workload.identity/use, and recreate the pod. A network policy or the IMDS restriction of AKS keeps pods from the node.',
    commands: labelPodTemplate,
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    ...IMDS_UNREACHABLE,
    when: only(UNREACHED, isPipeline),
    problem: (c) => `${unreachedInWords(c)}, so this runner has no managed identity.`,
    hint: () =>
      'Log in to Azure in the pipeline before this step, with a service connection or with OIDC, or set the variables of a service principal.',
    documentation: DOCUMENTATION.credentialChains,
  },
  {
    ...IMDS_UNREACHABLE,
    when: only(UNREACHED, ({ facts }) => facts.place === 'container'),
    problem: (c) =>
      `${unreachedInWords(c)}: either this container is not in Azure, or its network keeps it from its host's metadata service.`,
    hint: () =>
      'On a machine in Azure, run the container on the host network. Elsewhere, set the variables of a service principal, or run it outside the container with a login of the Azure CLI.',
    commands: (c) => [askMetadataService(c)],
  },
  {
    ...IMDS_UNREACHABLE,
    when: UNREACHED,
    problem: (c) =>
      `${unreachedInWords(c)}: either this machine is not in Azure, or a firewall or route is in the way.`,
    hint: () =>
      'In Azure, check the firewall of this machine. Elsewhere, log in with the Azure CLI, and let AZURE_TOKEN_CREDENTIALS allow it. With Azure Arc, set IDENTITY_ENDPOINT and IMDS_ENDPOINT.',
    commands: (c) => [askMetadataService(c), ...loginAgain(c)],
  },
  {
    ...IMDS_REFUSED,
    when: inPod(UNKNOWN_RESPONDER),
    problem: unknownResponderInWords,
    hint: () =>
      'This cluster is probably not in Azure. Use Workload ID, which works on every cluster, or the variables of a service principal.',
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    ...IMDS_REFUSED,
    when: UNKNOWN_RESPONDER,
    problem: unknownResponderInWords,
    hint: () =>
      'This machine is probably not in Azure: log in with the Azure CLI, or set the variables of a service principal. With Azure Arc, set IDENTITY_ENDPOINT and IMDS_ENDPOINT.',
    documentation: DOCUMENTATION.credentialChains,
  },
];

function isAbsentTool(finding: Finding): boolean {
  return !isTool(finding) || finding.text.problem === 'not-installed';
}

export function isProxied({ facts }: Evidence, host: string | undefined = facts.metadataService): boolean {
  return facts.proxy.hosts.includes(host);
}

/** The system's code for a connection that failed, or how far it came. */
export function howFar({ networkCode, text, phase }: Finding): string {
  const code = networkCode ?? text.networkCode;
  if (code !== undefined && /^E[A-Z]+$/.test(code)) return code;
  return phase === 'response' ? 'no response' : 'no connection';
}

function inBrackets(value: string | undefined): string {
  return value === undefined ? '' : ` (${shown(value, '')})`;
}

function gatewayInWords({ finding, facts }: Case): string {
  return `A proxy or gateway${inBrackets(finding.server)} answered ${codeOf(finding)} in place of the metadata service at ${facts.metadataService}.`;
}

function unknownResponderInWords({ finding, facts }: Case): string {
  return `Something other than Azure's metadata service answers at ${facts.metadataService} (${codeOf(finding)}): ${quoted(finding)}.`;
}

/** The beginning of a sentence. */
function unreachedInWords({ finding, facts }: Case): string {
  return `Nothing answers at ${facts.metadataService} (${howFar(finding)})`;
}
