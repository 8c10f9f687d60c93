import { bash, guid, host, name, part, type Word } from '../bash.ts';
import { inNamespace, listIdentities, showLogs, showNmiBindings, showNmiLog } from '../commands.ts';
import { requestedInWords } from '../endpoint.ts';
import type { Case, Evidence, Finding } from '../evidence.ts';
import { either, isWaitedFor, only } from '../match.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { clientIdOf, codeOf, nodeInWords, quoted, shown, usesPodIdentity } from '../words.ts';
import { howFar, isProxied, managedIdentity } from './managed-identity.ts';
import { IDENTITY_NOT_FOUND, IMDS_REFUSED, IMDS_UNREACHABLE, MULTIPLE_IDENTITIES } from './reasons.ts';

const NOT_FOUND = { ...IDENTITY_NOT_FOUND, documentation: DOCUMENTATION.podIdentity } as const;
const FAILED = { ...IMDS_REFUSED, documentation: DOCUMENTATION.podIdentity } as const;
const NOT_REACHED = { ...IMDS_UNREACHABLE, documentation: DOCUMENTATION.podIdentity } as const;

const PENDING = {
  reason: 'identity-pending',
  title: 'Pod identity has no identity for this pod yet',
  check: 'token',
  documentation: DOCUMENTATION.podIdentity,
} as const;

/** NMI, which intercepts the metadata service for pod identity, responded without a token. */
const REFUSED = only(
  managedIdentity(({ responder, status }) => responder === 'nmi' && status !== undefined),
  isExpected,
);

/** NMI should have responded, because the pod has its label, but the metadata service of the node did. */
const BYPASSED = only(
  managedIdentity(({ responder, status }) => responder === 'imds' && status !== undefined),
  (e) => e.facts.kubernetes && usesPodIdentity(e),
);

const UNREACHED = only(
  managedIdentity((finding) => finding.responder === 'none' && !isWaitedFor(finding)),
  (e, { host: asked }) => usesPodIdentity(e) && !isProxied(e, asked),
);

/** Everything about pods whose identity NMI should provide. Pod identity is retired, but there still are such clusters. */
export const NMI: readonly Row[] = [
  {
    ...NOT_FOUND,
    when: only(REFUSED, (_, { text }) => text.provider === 'no-binding'),
    problem: (c) =>
      `NMI finds no AzureIdentityBinding in ${namespaceInWords(c)} that selects ${labelInWords(c)}${requestedInWords(c)}.`,
    hint: () =>
      'In the namespace of the pod, create AzureIdentity and AzureIdentityBinding with the value of its label as selector, or correct AZURE_CLIENT_ID, if set. Then wait a minute. Plan for Workload ID.',
    commands: (c) => [showNmiBindings(c), listIdentities(), bindIdentity(c)],
  },
  {
    ...NOT_FOUND,
    when: only(REFUSED, (_, { text }) => text.identity === 'not-found'),
    problem: (c) =>
      `The metadata service of ${nodeInWords(c)} does not know the identity in AzureIdentity: it was recreated, is not on the scale set, or NMI's cache is stale.`,
    hint: () =>
      'If other nodes work, restart NMI on this one. Else correct clientID, and assign the identity to the scale set. If it was recreated, first remove the old one from the scale set.',
    commands: (c) => [showNmiBindings(c), correctClientId(c), assignToScaleSet(c), showNmiLog()],
  },
  {
    ...PENDING,
    when: only(REFUSED, (_, { text }) => text.provider === 'not-matched'),
    problem: (c) =>
      `MIC has not matched this pod, with ${labelInWords(c)}, to an AzureIdentity in ${namespaceInWords(c)}.`,
    hint: () =>
      'Check that an AzureIdentityBinding selects the label and names a complete AzureIdentity. If so, the log of MIC says more, such as a missing role Managed Identity Operator.',
    commands: (c) => [showNmiBindings(c), showMicLog()],
  },
  {
    ...PENDING,
    when: only(REFUSED, (_, { text }) => text.provider === 'not-assigned-yet'),
    problem: (c) => `Label and selector match, but MIC could not assign the identity to ${nodeInWords(c)}.`,
    hint: () =>
      'Read the log of MIC. Either it lacks the role Managed Identity Operator on the identity, or resourceID in AzureIdentity is wrong: it must begin with /subscriptions/.',
    commands: (c) => [showMicLog(), showNmiBindings(c)],
  },
  {
    ...PENDING,
    when: either(
      only(managedIdentity(isWaitedFor), isExpected),
      only(REFUSED, (_, { text }) => text.identity === 'pending'),
    ),
    problem: (c) =>
      `NMI on ${nodeInWords(c)} holds the request until this pod, with ${labelInWords(c)}, has an identity.`,
    hint: () =>
      'Wait up to two minutes. If it lasts, check the AzureIdentityBinding that should select the label, and read the log of MIC. Pod identity is retired: plan for Workload ID.',
    commands: (c) => [showNmiBindings(c), showMicLog(), showNmiLog()],
  },
  {
    ...FAILED,
    when: only(REFUSED, (_, { text }) => text.provider === 'pods-unlisted'),
    problem: (c) =>
      `NMI on ${nodeInWords(c)} cannot list the pods: it does not reach the API server (${quoted(c.finding)}).`,
    hint: () =>
      'Let the nodes reach the API server: a firewall needs a network rule for its address, not an application rule. Then restart NMI.',
    commands: showNmi,
  },
  {
    ...FAILED,
    when: only(REFUSED, (_, { text }) => text.provider === 'pod-unknown'),
    problem: (c) => `NMI on ${nodeInWords(c)} does not know this pod by its IP address: ${quoted(c.finding)}.`,
    hint: () =>
      'Run the pod without hostNetwork: NMI finds pods by their address. If it has its own, restart NMI on its node.',
    commands: showNmi,
  },
  {
    ...FAILED,
    when: only(REFUSED, (e, { text }) => text.networkCode !== undefined && isOwnTarget(e, text.host)),
    problem: (c) => `NMI on ${nodeInWords(c)} does not reach the metadata service itself (${howFar(c.finding)}).`,
    hint: () =>
      'Restart NMI on this node, which writes its iptables rules again. If that does not help, replace the node.',
    commands: showNmi,
  },
  {
    ...FAILED,
    when: only(REFUSED, (_, { text }) => text.networkCode !== undefined),
    problem: (c) =>
      `NMI on ${nodeInWords(c)} does not reach ${shown(c.finding.text.host, 'Microsoft Entra ID')} (${howFar(c.finding)}).`,
    hint: () => 'Check DNS and egress of this node. If other nodes work, restart NMI on this one.',
    commands: showNmi,
    documentation: DOCUMENTATION.aksEgress,
  },
  {
    ...FAILED,
    when: only(REFUSED, (_, { status, text }) => status === 429 || text.provider === 'throttled'),
    problem: (c) => `The metadata service throttles the requests of ${nodeInWords(c)}, which NMI passes on.`,
    hint: () => 'Wait a minute, then ask less often. The pods of the node should keep their tokens until they expire.',
  },
  {
    ...FAILED,
    when: only(REFUSED, (_, { text }) => text.provider === 'metadata-fault'),
    problem: (c) =>
      `NMI got no token: either the metadata service of ${nodeInWords(c)} has a fault, or the AzureIdentity is of type 1 with a wrong tenantID (${quoted(c.finding)}).`,
    hint: () =>
      'Try again in a minute. If it lasts, check the AzureIdentity: a managed identity has type 0. The log of NMI says which type and tenant it used.',
    commands: (c) => [showNmiBindings(c), showNmiLog()],
  },
  {
    ...FAILED,
    when: only(REFUSED, (_, { status }) => status === 403 || status === 400),
    problem: (c) => `NMI got no token for the AzureIdentity of this pod (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Check the AzureIdentity: a managed identity has type 0, resourceID and clientID; a service principal has type 1, tenantID, clientID and clientPassword.',
    commands: (c) => [showNmiBindings(c), showNmiLog()],
  },
  {
    ...FAILED,
    when: REFUSED,
    problem: (c) => `NMI on ${nodeInWords(c)} gave no token (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Try again in a minute. If it lasts, read the log of NMI on this node: it needs the API server and the metadata service.',
    commands: (c) => [...showNmi(c), showNmiBindings(c)],
  },
  {
    ...NOT_FOUND,
    when: only(BYPASSED, (_, { text }) => text.identity === 'not-found'),
    problem: (c) =>
      `The metadata service of ${nodeInWords(c)} answered this pod instead of NMI, and found no identity.`,
    hint: () =>
      'Check that NMI runs on this node. If it does, restart it, which writes its iptables rules again. Pod identity is retired: plan for Workload ID.',
    commands: showNmi,
  },
  {
    ...MULTIPLE_IDENTITIES,
    documentation: DOCUMENTATION.podIdentity,
    when: only(BYPASSED, (_, { text }) => text.identity === 'ambiguous'),
    problem: (c) =>
      `The metadata service of ${nodeInWords(c)} answered this pod instead of NMI, and the node has several identities.`,
    hint: () =>
      'Check that NMI runs on this node. If it does, restart it, which writes its iptables rules again. AZURE_CLIENT_ID may only name an identity of the pod, not of the node.',
    commands: showNmi,
  },
  {
    ...NOT_REACHED,
    when: only(UNREACHED, (_, { networkCode }) => networkCode === 'ECONNREFUSED'),
    problem: (c) =>
      `NMI is not listening on ${nodeInWords(c)} (ECONNREFUSED), though ${labelInWords(c)} makes this pod depend on it.`,
    hint: () =>
      'Wait a minute: NMI starts after the pod on a new node. If it lasts, check that its DaemonSet runs there. Pod identity is retired: plan for Workload ID.',
    commands: showNmi,
  },
  {
    ...NOT_REACHED,
    // A connection alone says little: what rewrites the destination may have accepted it.
    when: only(UNREACHED, (_, { phase }) => phase === 'response'),
    problem: (c) =>
      `NMI does not answer at ${c.facts.metadataService} (${howFar(c.finding)}): either it waits until this pod has an identity, or a network policy drops the packets.`,
    hint: () =>
      'Wait two minutes. If it lasts, check the AzureIdentityBinding and the log of MIC, and let the network policy allow egress to 127.0.0.1 and to the node at port 2579, where NMI listens.',
    commands: (c) => [showNmiBindings(c), showMicLog(), ...showNmi(c), showNetworkPolicies(c)],
  },
  {
    ...NOT_REACHED,
    when: UNREACHED,
    problem: (c) =>
      `NMI does not answer at ${c.facts.metadataService} (${howFar(c.finding)}): either it does not run on ${nodeInWords(c)}, or a network policy drops the packets.`,
    hint: () =>
      'Wait a minute. If it lasts, let the network policy allow egress to 127.0.0.1 and to the node at port 2579, where NMI listens. Some network plugins do not support pod identity.',
    commands: (c) => [...showNmi(c), showNetworkPolicies(c)],
  },
];

/** Whether NMI may be what holds a request: a pod without its label, where labels are visible, is none of its business. */
function isExpected(e: Evidence): boolean {
  return e.facts.kubernetes && (e.facts.podLabels === undefined || usesPodIdentity(e));
}

function isOwnTarget({ facts }: Evidence, target: Finding['host']): boolean {
  return target === undefined || target === facts.metadataService;
}

function namespaceInWords({ facts }: Evidence): string {
  return facts.pod?.namespace === undefined ? 'the namespace of this pod' : `namespace ${facts.pod.namespace}`;
}

function labelInWords({ facts }: Evidence): string {
  const label = facts.podLabels?.aadpodidbinding;
  return label ? `the label aadpodidbinding=${shown(label, '')}` : 'its label aadpodidbinding';
}

/** The start of a line: reads the label of the pod, which is not always mounted here. */
function readLabel(c: Case): Word {
  return part`label=$(kubectl get pod ${name(c.facts.pod?.name, 'POD')} ${inNamespace(c)} -o jsonpath='{.metadata.labels.aadpodidbinding}')`;
}

/**
 * Binds the identity to the label. The names are those that the add-on gives, in the namespace of the pod. kubectl takes what
 * begins with a brace for JSON, so the tag comes first.
 */
function bindIdentity(c: Case): string {
  return bash`${readLabel(c)} && read -r id client _ <<< $(az identity list --query '[].[id,clientId]' -o tsv | grep -i ${guid(clientIdOf(c), 'CLIENT_ID')}) && kubectl apply ${inNamespace(c)} --validate=false -f - <<< '!!map {apiVersion: v1, kind: List, items: [{apiVersion: aadpodidentity.k8s.io/v1, kind: AzureIdentity, metadata: {name: '\${label:?}'}, spec: {type: 0, resourceID: '\${id:?}', clientID: '\${client:?}'}}, {apiVersion: aadpodidentity.k8s.io/v1, kind: AzureIdentityBinding, metadata: {name: '\${label:?}-binding'}, spec: {azureIdentity: '\${label:?}', selector: '\${label:?}'}}]}'`;
}

/** The start of a line: reads the name of the AzureIdentity that is bound to the label, and the resource id in it. */
function readAzureIdentity(c: Case): Word {
  return part`${readLabel(c)} && read -r _ identity <<< $(kubectl get azureidentitybinding ${inNamespace(c)} --no-headers -o custom-columns=S:.spec.selector,I:.spec.azureIdentity | grep '^'\${label:?}' ') && read -r id <<< $(kubectl get azureidentity \${identity:?} ${inNamespace(c)} -o jsonpath='{.spec.resourceID}')`;
}

/** Puts the client id that the identity has now into its AzureIdentity. */
function correctClientId(c: Case): string {
  return bash`${readAzureIdentity(c)} && read -r client <<< $(az identity show --ids \${id:?} --query clientId -o tsv) && kubectl patch azureidentity \${identity:?} ${inNamespace(c)} --type merge --patch 'spec: {clientID: '\${client:?}'}'`;
}

/** Assigns the identity to the scale set of the node, unless it is there already. AKS names nodes after their scale set. */
function assignToScaleSet(c: Case): string {
  const scaleSet = name(/^(.{1,60}vmss)[0-9a-z]{6}$/.exec(c.facts.pod?.node ?? '')?.[1], 'VMSS');
  return bash`${readAzureIdentity(c)} && read -r group _ <<< $(az vmss list --query '[].[resourceGroup,name]' -o tsv | grep -ix '.*[[:space:]]'${scaleSet}) && { az vmss identity show -g \${group:?} -n ${scaleSet} | grep -qi \${id:?} || az vmss identity assign -g \${group:?} -n ${scaleSet} --identities \${id:?}; }`;
}

function showNetworkPolicies(c: Case): string {
  return bash`kubectl get networkpolicies ${inNamespace(c)} -o yaml`;
}

function showMicLog(): string {
  return showLogs(part`component=mic`);
}

function showNmi({ facts }: Case): string[] {
  const node =
    facts.pod?.node === undefined ? part`` : part` --field-selector spec.nodeName=${host(facts.pod.node, 'NODE')}`;
  return [bash`kubectl get pods -A -o wide -l component=nmi${node}`, showNmiLog()];
}
