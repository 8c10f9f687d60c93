import { argument, command, labelPodTemplate, showNmiBindings, showNmiLog } from '../commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { findingOf } from '../match.ts';
import {
  clientIdOf,
  errorCodeOf,
  hasValue,
  isSet,
  misnamed,
  namespaceOf,
  orUnknown,
  proxyVariableOf,
  quoted,
  usesPodIdentity,
} from '../values.ts';
import { withoutCredential } from './general.ts';
import { DOCUMENTATION, type Rule } from './rule.ts';

const IMDS_PROXIED: Rule = {
  reason: 'imds-proxied',
  match: (e) =>
    managedIdentity(
      e,
      ({ host, party }) => host !== undefined && party !== 'not-asked' && e.facts.proxy.hosts.includes(host),
    ),
  hint: (e, finding) =>
    `Add ${finding.host}, literally, to NO_PROXY: ${proxyVariableOf(e)} sends requests for ` +
    `${finding.host === e.facts.metadataService ? "the node's metadata service" : 'the identity endpoint of this machine'} to a proxy, ` +
    'and the Azure SDK understands neither address ranges nor * there.',
  documentation: DOCUMENTATION.managedIdentity,
};

/** The metadata service, NMI in front of it, or the host's identity endpoint responded, but without a token. */
export const MANAGED_IDENTITY: Rule[] = [
  {
    reason: 'identity-not-found',
    match: (e) =>
      answered(
        e,
        /Identity not found|no azure identity found|has not been assigned|is(?:n't| not) assigned|No User Assigned|No (?:Managed Identity|MSI|identity)(?: was)? (?:found|assigned|configured)|Unable to (?:load|find|get) (?:the )?(?:proper|requested|specified)? ?(?:Managed )?Identity|identit(?:y|ies) .{0,80}(?:not found|does not exist|not (?:been )?(?:enabled|configured))|ManagedIdentityNotFound|IdentityNotFound/i,
      ),
    hint: notFoundHint,
    commands: notFoundCommands,
    documentation: (finding, e) => identityDocumentation(e, finding),
  },
  {
    reason: 'identity-pending',
    match: (e) =>
      e.facts.kubernetes && !hasEndpoint(e)
        ? (answered(e, /AzureAssignedIdentity|in (?:CREATED|ASSIGNED) state/) ??
          managedIdentity(e, ({ party, status }) => party !== 'http-proxy' && status === 404) ??
          managedIdentity(
            e,
            ({ outcome, party }) => outcome === 'pending' && party !== 'not-asked' && party !== 'http-proxy',
          ))
        : undefined,
    hint: (_, finding) =>
      'Wait a minute. If it lasts, check the label aadpodidbinding, the selector of the AzureIdentityBinding in its namespace, the log of MIC, and its role ' +
      'Managed Identity Operator: NMI has no identity for this pod yet' +
      (finding.party === 'nobody'
        ? ', or a network policy drops the packets to it (allow egress to 127.0.0.1, where NMI listens, too)'
        : '') +
      '. Pod identity is retired: plan for Workload ID.',
    commands: (e) => [
      showNmiBindings(e),
      command`kubectl logs -n kube-system -l component=mic --tail=50 --prefix`,
      showNmiLog(),
    ],
    documentation: DOCUMENTATION.podIdentity,
  },
  {
    reason: 'imds-refused',
    match: (e) =>
      managedIdentity(e, ({ party, status }) => (party === 'imds' || party === 'nmi') && status !== undefined),
    hint: refusedHint,
    commands: (e, finding) =>
      finding.party === 'nmi'
        ? [showNmiBindings(e), command`kubectl get pods -A -o wide -l component=nmi`, showNmiLog()]
        : e.facts.kubernetes
          ? []
          : [askMetadataService(e)],
    documentation: (finding, e) => identityDocumentation(e, finding),
  },
  // If the variables name another endpoint, this is a machine of Azure, whatever else fails.
  { ...IMDS_PROXIED, match: (e) => (hasEndpoint(e) ? IMDS_PROXIED.match(e) : undefined) },
  {
    reason: 'identity-endpoint-failed',
    match: (e) =>
      managedIdentity(
        e,
        ({ party, words }) =>
          isEndpoint(party) ||
          (party === 'not-asked' &&
            /Cloud ?Shell|Service ?Fabric|Azure ?Arc|WWW-Authenticate|secret file/i.test(words.slice(0, 2000))),
      ) ?? (hasEndpoint(e) ? managedIdentity(e, ({ party }) => party === 'nobody') : undefined),
    hint: endpointHint,
    commands: endpointCommands,
    documentation: (finding) => (finding.party === 'arc' ? DOCUMENTATION.arc : DOCUMENTATION.appService),
  },
];

/** At the address of the metadata service, nothing responds, or something that does not know its protocol. */
export const NO_METADATA_SERVICE: Rule[] = [
  IMDS_PROXIED,
  {
    reason: 'imds-unreachable',
    match: (e) => managedIdentity(e, ({ party, outcome }) => party === 'nobody' && outcome !== 'pending'),
    hint: unreachableHint,
    commands: (e) => {
      if (usesPodIdentity(e)) return [command`kubectl get pods -A -o wide -l component=nmi`, showNmiLog()];
      if (e.facts.kubernetes) return [labelPodTemplate(e)];
      const isDevelopment = e.facts.place === 'codespaces' || e.facts.place === 'devcontainer';
      return isDevelopment ? [command`az login --use-device-code`] : [askMetadataService(e), command`az login`];
    },
    documentation: DOCUMENTATION.managedIdentity,
  },
  {
    reason: 'imds-refused',
    match: (e) => managedIdentity(e, ({ status }) => status !== undefined),
    hint: (e, finding) => {
      const answer = `something else answers ${errorCodeOf(finding)} at ${orUnknown(finding.host)} (${quoted(finding)}), not the metadata service of Azure`;
      return e.facts.kubernetes
        ? 'Use Workload ID, which works on every cluster (its webhook, a public OIDC issuer and a federated credential), or the variables of a service principal: ' +
            `${answer}, so this cluster is probably not in Azure, or a proxy or mesh is in the way.`
        : `Let AZURE_TOKEN_CREDENTIALS allow a credential that works here (log in with the Azure CLI, or set the variables of a service principal): ${answer}, ` +
            'so this machine is probably not in Azure. On a server with Azure Arc, set IDENTITY_ENDPOINT and IMDS_ENDPOINT.';
    },
    documentation: DOCUMENTATION.managedIdentity,
  },
];

function managedIdentity(e: Evidence, isMeant: (finding: Finding) => boolean): Finding | undefined {
  return findingOf(e, ['managed-identity'], isMeant);
}

/** A response with these words from a service for managed identities. */
function answered(e: Evidence, words: RegExp): Finding | undefined {
  return managedIdentity(
    e,
    (finding) =>
      finding.status !== undefined &&
      finding.party !== 'stranger' &&
      finding.party !== 'http-proxy' &&
      words.test(finding.words.slice(0, 2000)),
  );
}

function isEndpoint(party: Finding['party']): boolean {
  return ['service-fabric', 'functions', 'app-service', 'container-apps', 'azure-ml', 'cloud-shell', 'arc'].includes(
    party,
  );
}

function hasEndpoint({ facts }: Evidence): boolean {
  return facts.identityEndpoint !== undefined;
}

function identityDocumentation(e: Evidence, { party }: Finding): string {
  if (party === 'nmi' || usesPodIdentity(e)) return DOCUMENTATION.podIdentity;
  if (e.facts.kubernetes) return DOCUMENTATION.workloadIdentity;
  return isEndpoint(party) ? DOCUMENTATION.appService : DOCUMENTATION.managedIdentity;
}

/** What NMI says if nothing binds an identity to the pod. */
const NO_BINDING = /no azure identity found|azureidentity is not configured/i;

function notFoundHint(e: Evidence, finding: Finding): string {
  const words = finding.words.slice(0, 2000);
  const clientId = clientIdOf(e);
  const identity = isSet(e, 'AZURE_CLIENT_ID') ? `the identity ${orUnknown(clientId)}` : 'an identity';
  if (isEndpoint(finding.party)) {
    return isSet(e, 'AZURE_CLIENT_ID')
      ? `Assign ${identity} to this ${hostKind(finding.party)}, or correct AZURE_CLIENT_ID, which must be the client id of an assigned identity: its identity endpoint knows no such identity.`
      : `Set AZURE_CLIENT_ID to the client id of the user-assigned identity, or turn on the system-assigned identity of this ${hostKind(finding.party)}: the request names no identity, and there is no default.${otherName(e)}`;
  }
  if (NO_BINDING.test(words)) {
    return (
      `Create AzureIdentity and AzureIdentityBinding in the namespace ${orUnknown(namespaceOf(e) ?? 'of the pod')}, with the value of the pod's label aadpodidbinding ` +
      `(${orUnknown(e.facts.podLabels?.aadpodidbinding)}) as selector: NMI finds no binding there for ${identity}. ` +
      'If AZURE_CLIENT_ID is set, it must be that of the AzureIdentity.'
    );
  }
  if (finding.party === 'nmi') {
    return (
      'Delete and recreate AzureIdentity and AzureIdentityBinding with the current client id and resource id, and check that the identity is assigned to the scale set (VMSS) of the node: ' +
      "NMI knows the identity, but the node's metadata service does not. It was deleted and recreated, has another clientID, or was never assigned; waiting does not help."
    );
  }
  if (!e.facts.kubernetes) {
    return isSet(e, 'AZURE_CLIENT_ID')
      ? `Assign ${identity} to this machine, or correct or unset AZURE_CLIENT_ID${clientId?.startsWith('/') ? ' (this is a resource id, not a client id)' : ''}: its metadata service has no identity with this client id.`
      : `Assign a managed identity to this machine (turn on the system-assigned one), or log in with the Azure CLI: its metadata service has no identity to give.${otherName(e)}`;
  }
  if (usesPodIdentity(e)) {
    return (
      'Check that NMI runs on this node and intercepts its metadata service, then look at AzureIdentity and AzureIdentityBinding: ' +
      `the pod has the label aadpodidbinding, but the node itself answered and does not have ${identity}. Pod identity is retired: plan for Workload ID.`
    );
  }
  return (
    'Label the pod template azure.workload.identity/use: "true" and recreate the pod (Workload ID), or label it aadpodidbinding (pod identity), ' +
    `or set AZURE_CLIENT_ID to that of an identity of the node: the metadata service of the node was asked for ${identity} and has none.`
  );
}

/** A hint if the identity is set, but under a name that nothing reads. */
function otherName(e: Evidence): string {
  const name = misnamed(e, 'AZURE_CLIENT_ID');
  return name === undefined ? '' : ` The variable ${name} is not read here: its name is AZURE_CLIENT_ID.`;
}

function notFoundCommands(e: Evidence, finding: Finding): readonly string[] {
  if (finding.party === 'nmi' || usesPodIdentity(e)) {
    return [
      showNmiBindings(e),
      ...(finding.party === 'nmi' && !NO_BINDING.test(finding.words.slice(0, 2000))
        ? [command`az vmss identity show -g $NODE_RG -n $VMSS`]
        : []),
      showNmiLog(),
    ];
  }
  if (e.facts.kubernetes) return [labelPodTemplate(e), showNmiBindings(e)];
  const clientId = clientIdOf(e);
  const find = hasValue(clientId) ? [command`az identity list -o table | grep ${argument(clientId, 'CLIENT_ID')}`] : [];
  switch (finding.party) {
    case 'app-service':
      return [...find, command`az webapp identity assign -g $RG -n $APP --identities $IDENTITY_RESOURCE_ID`];
    case 'functions':
      return [...find, command`az functionapp identity assign -g $RG -n $APP --identities $IDENTITY_RESOURCE_ID`];
    case 'container-apps':
      return [...find, command`az containerapp identity assign -g $RG -n $APP --user-assigned $IDENTITY_RESOURCE_ID`];
    case 'imds':
      return [
        ...find,
        hasValue(clientId)
          ? command`az vm identity assign -g $RG -n $VM --identities $IDENTITY_RESOURCE_ID`
          : command`az vm identity assign -g $RG -n $VM`,
      ];
    default:
      return find;
  }
}

function refusedHint(e: Evidence, finding: Finding): string {
  const { status = 0 } = finding;
  const code = errorCodeOf(finding);
  if (status === 429) {
    return 'Wait, then ask less often: the metadata service throttles too many requests for tokens from this machine. Processes should share and keep their tokens.';
  }
  if (isHeaderMissing(finding)) return headerHint(e, finding);
  if (finding.party === 'nmi') return nmiHint(e, finding);
  if (e.facts.kubernetes) {
    return (
      `Ask again, and read the log of the NMI pod of this node if it lasts; better, use Workload ID (label azure.workload.identity/use): ` +
      `the metadata service answered ${code} and said ${quoted(finding)}.`
    );
  }
  if (status >= 500 || status === 410 || status === 404) {
    return `Ask again, and restart the machine or open a support request if it lasts: its metadata service is being updated or has a fault (${code}), and said ${quoted(finding)}. Check, too, that a managed identity is assigned to the machine.`;
  }
  if (status === 401 || status === 403) {
    return (
      'Check that a managed identity is assigned to this machine and that this process and user may use its metadata service (access control in the machine, a firewall, a filter): ' +
      `it refused the request (${code}) and said ${quoted(finding)}.`
    );
  }
  return `Check the managed identity of this machine and AZURE_CLIENT_ID (a client id, not an object id), then ask again: its metadata service answered ${code} and said ${quoted(finding)}.`;
}

function nodeOf({ facts }: Evidence): string {
  return facts.pod?.node === undefined ? 'the node' : `the node ${orUnknown(facts.pod.node)}`;
}

/** The metadata service refuses a request that may have been forwarded. */
function isHeaderMissing({ said }: Finding): boolean {
  return /metadata header|X-Forwarded-For/i.test(said.slice(0, 2000));
}

function headerHint(e: Evidence, finding: Finding): string {
  return (
    `Let requests to ${e.facts.metadataService} go past every proxy, service mesh and sidecar (NO_PROXY, excluded address ranges): ` +
    `what is on the way removes the header Metadata or adds X-Forwarded-For, and the metadata service refuses that (${quoted(finding)}).`
  );
}

/**
 * The hint for an error of NMI, by what NMI was doing: finding the pod, reading its identities from Kubernetes, logging in as
 * AzureIdentity says, or asking the metadata service.
 *
 * @see https://github.com/Azure/aad-pod-identity/blob/master/pkg/nmi/server/server.go
 */
function nmiHint(e: Evidence, finding: Finding): string {
  const words = finding.said.slice(0, 2000);
  const code = errorCodeOf(finding);
  if (finding.text.networkCode !== undefined) {
    const target =
      finding.text.host === undefined || finding.text.host === e.facts.metadataService
        ? 'the metadata service'
        : orUnknown(finding.text.host);
    return (
      `Check the network of ${nodeOf(e)} (DNS, firewall, egress, iptables), read the log of the NMI pod there, and restart it or replace the node: ` +
      `NMI got no answer from ${target} itself (${finding.text.networkCode}).`
    );
  }
  if (/host ?network|pod ?ip|no pod|matching pods|pod list|missing pod|remote address/i.test(words)) {
    return (
      'Recreate the pod without hostNetwork, and restart the NMI pod of its node if that does not help: NMI finds the pod by its IP address, ' +
      `and does not know this one (${quoted(finding)}).`
    );
  }
  if (
    /cannot (?:get|list|watch)|is forbidden|failed to get (?:pod|azure)|azurepodidentityexception|the server could not find|apiserver|the cache/i.test(
      words,
    )
  ) {
    return (
      'Check that NMI reaches the API server and may read pods, AzureIdentity and AzureIdentityBinding there (its ClusterRole, the CRDs, a firewall that cuts idle connections), then restart NMI: ' +
      `it could not look up the identity of the pod (${quoted(finding)}).`
    );
  }
  if (finding.status === 429 || /Status Code = '?429|too many requests/i.test(words)) {
    return 'Wait, then ask less often: the metadata service throttles the requests of this node. The pods should share and keep their tokens.';
  }
  if (/Status Code = '?(?:404|408|410|5\d\d)/i.test(words)) {
    return `Ask again in a minute, and restart ${nodeOf(e)} or open a support request if it lasts: its metadata service has a fault, which NMI passes on (${quoted(finding)}).`;
  }
  if (finding.status === 403 || finding.status === 400) {
    return (
      `Check the AzureIdentity in the namespace ${orUnknown(namespaceOf(e) ?? 'of the pod')}: type 0 (a managed identity) with its resourceID and clientID; type 1 or 2 (a service principal) needs tenantID, clientID and the Kubernetes secret that clientPassword names. ` +
      `NMI found no token for it (${code}), and said ${quoted(finding)}.`
    );
  }
  return (
    'Ask again, and read the logs of the NMI pod of this node and of MIC if it lasts (does NMI reach the API server and the metadata service? what is in AzureIdentity?): ' +
    `NMI answered ${code} and said ${quoted(finding)}.`
  );
}

function hostKind(party: Finding['party']): string {
  const names: Partial<Record<Finding['party'], string>> = {
    'app-service': 'app (App Service)',
    functions: 'function app',
    'container-apps': 'container app',
    'azure-ml': 'compute of Azure Machine Learning',
    'service-fabric': 'Service Fabric application',
    'cloud-shell': 'Cloud Shell',
    arc: 'server with Azure Arc',
  };
  return names[party] ?? 'machine';
}

function endpointHint(e: Evidence, finding: Finding): string {
  const kind = isEndpoint(finding.party) ? finding.party : (e.facts.identityEndpoint?.kind ?? 'arc');
  const code = errorCodeOf(finding);
  const { status } = finding;
  const words = finding.words.slice(0, 2000);
  const said = finding.status === undefined ? '' : ` and said ${quoted(finding)}`;
  const isWithClientId = isSet(e, 'AZURE_CLIENT_ID');
  switch (kind) {
    case 'cloud-shell':
      return (
        'Log in with the Azure CLI in Cloud Shell' +
        (isWithClientId ? ' and unset AZURE_CLIENT_ID' : '') +
        `: the token endpoint of Cloud Shell gives no token for this (${code}); it serves its own user only.`
      );
    case 'arc':
      return arcHint(e, finding);
    case 'service-fabric':
      if (isWithClientId && finding.party === 'not-asked') {
        return (
          'Unset AZURE_CLIENT_ID: Service Fabric does not let a process choose its identity, which comes from the manifest of the application and the configuration of the cluster resource, ' +
          'and the SDK refuses to ask with it.'
        );
      }
      return (
        `Check the token service of the Service Fabric cluster and the managed identity of this application` +
        (isWithClientId ? ', and unset AZURE_CLIENT_ID, which is not supported there' : '') +
        `: the identity endpoint gave no token (${code})${said}.` +
        (/certificate|thumbprint|CERT|SIGNED/i.test(words)
          ? ' Its certificate must have the thumbprint of IDENTITY_SERVER_THUMBPRINT.'
          : '')
      );
    case 'azure-ml':
      return (
        'Set AZURE_CLIENT_ID to the client id (not the object id) of an identity that is assigned to the compute of Azure Machine Learning: ' +
        `its identity endpoint gave no token${isSet(e, 'AZURE_CLIENT_ID') ? ` for ${orUnknown(clientIdOf(e))}` : ''} (${code})${said}.${otherName(e)}`
      );
    default:
      if (status === undefined) {
        return `Assign an identity to this ${hostKind(kind)} and restart it: its identity endpoint, which IDENTITY_ENDPOINT names, cannot be reached (${code}). Right after a start, ask again.`;
      }
      if (status === 401 || status === 403) {
        return `Restart this ${hostKind(kind)}, and do not set IDENTITY_ENDPOINT or IDENTITY_HEADER yourself: its identity endpoint refused the header IDENTITY_HEADER (${code})${said}.`;
      }
      if (status >= 500 || status === 429) {
        return (
          `Ask again, then restart this ${hostKind(kind)}, and open a support request if it lasts: its identity endpoint could not get a token (${code})${said}. ` +
          'A deleted or recreated identity does the same: assign it again.'
        );
      }
      return `Check that an identity is assigned to this ${hostKind(kind)}, and set AZURE_CLIENT_ID to the client id of a user-assigned one: its identity endpoint gave no token (${code})${said}.${otherName(e)}`;
  }
}

/** MSAL's error codes for failures at the Azure Arc agent. */
const ARC_KEY = /unable_to_read_secret_file|invalid_secret|EACCES|secret file|secret_file/;
const ARC_STRANGER = /www_authenticate_header|WWW-Authenticate header|invalid_file_(path|extension)/i;

function arcHint(e: Evidence, finding: Finding): string {
  const { status, errorCode = '' } = finding;
  const code = errorCodeOf(finding);
  const words = `${errorCode} ${finding.words.slice(0, 2000)}`;
  const said = status === undefined ? '' : ` and said ${quoted(finding)}`;
  if (ARC_STRANGER.test(words) && !ARC_KEY.test(words)) {
    return (
      'Check what answers at IDENTITY_ENDPOINT, or unset IDENTITY_ENDPOINT and IMDS_ENDPOINT: it does not name a key file as the agent of Azure Arc (himds) does, ' +
      `so it is another program or a proxy (${code}).`
    );
  }
  if (isSet(e, 'AZURE_CLIENT_ID') && !ARC_KEY.test(words) && finding.networkCode === undefined) {
    return (
      'Unset AZURE_CLIENT_ID: the agent of Azure Arc gives a token for the system-assigned identity of the server only ' +
      `(${code}).`
    );
  }
  if (ARC_KEY.test(words) || status === 401 || /\bkey\b/i.test(words)) {
    return (
      'Add the user of this process to the group himds (on Windows, Hybrid Agent Extension Applications), and start a new session: ' +
      'it must read the key that the agent of Azure Arc writes to /var/opt/azcmagent/tokens.'
    );
  }
  if (status !== undefined) {
    return (
      'Look at the state of the agent of Azure Arc on the server, and connect it again if it is disconnected or expired (45 days without contact): ' +
      `its identity endpoint answered ${code}${said}.`
    );
  }
  return `Check the agent of Azure Arc and its identity endpoint, which a container reaches on the network of its host only: it gave no token (${code}).`;
}

function endpointCommands(e: Evidence, finding: Finding): readonly string[] {
  switch (isEndpoint(finding.party) ? finding.party : e.facts.identityEndpoint?.kind) {
    case 'cloud-shell':
      return [command`az login`];
    case 'arc':
    case undefined:
      return finding.status === 401 || /secret_file/.test(finding.words.slice(0, 2000))
        ? [command`sudo usermod -aG himds $USER`]
        : [command`azcmagent show`, command`azcmagent check`, command`systemctl status himdsd`];
    case 'app-service':
      return [command`az webapp identity show -g $RG -n $APP`, command`az webapp restart -g $RG -n $APP`];
    case 'functions':
      return [command`az functionapp identity show -g $RG -n $APP`, command`az functionapp restart -g $RG -n $APP`];
    case 'container-apps':
      return [command`az containerapp identity show -g $RG -n $APP`];
    default:
      return [];
  }
}

function unreachableHint(e: Evidence, finding: Finding): string {
  const { metadataService } = e.facts;
  const code = errorCodeOf(finding);
  if (usesPodIdentity(e)) {
    return (
      `Wait a minute. If nothing answers at ${metadataService} then, NMI does not run on this node, or a network policy is in the way (it must allow egress to 127.0.0.1, where NMI listens, too), ` +
      `or the network plugin does not support pod identity (${code}). Use Workload ID: pod identity is retired.`
    );
  }
  if (e.facts.kubernetes) {
    return (
      `Use Workload ID (label azure.workload.identity/use: "true" on the pod template): nothing answers at ${metadataService} (${code}), because NMI does not run on this node, or a ` +
      'network policy or the IMDS restriction of AKS is in the way.'
    );
  }
  const arc = 'On a server with Azure Arc, set IDENTITY_ENDPOINT and IMDS_ENDPOINT.';
  switch (e.facts.place) {
    case 'ci':
      return (
        'Log in to Azure in the pipeline before this step (a service connection, or OIDC with azure/login), or set the variables of a service principal: ' +
        `nothing answers at ${metadataService} (${code}), so this runner has no managed identity. ${arc}${withoutCredential(e)}`
      );
    case 'codespaces':
    case 'devcontainer':
      return `Log in with the Azure CLI in this development container (device code), and let AZURE_TOKEN_CREDENTIALS allow it: nothing answers at ${metadataService} (${code}), because this is not a machine in Azure.`;
    case 'container':
      return (
        `Let AZURE_TOKEN_CREDENTIALS allow a credential that works here, such as a login of the Azure CLI: nothing answers at ${metadataService} (${code}), so this machine is probably not in Azure, ` +
        `or the network of this container has no way to the metadata service of its host (use the network of the host, check its firewall). ${arc}${withoutCredential(e)}`
      );
    default:
      return (
        `Let AZURE_TOKEN_CREDENTIALS allow a credential that works here, such as a login of the Azure CLI: nothing answers at ${metadataService} (${code}), ` +
        `so this machine is probably not in Azure, or a firewall is in the way. ${arc}${withoutCredential(e)}`
      );
  }
}

function askMetadataService({ facts }: Evidence): string {
  return command`curl -sS -H Metadata:true --noproxy '*' ${`'http://${facts.metadataService}/metadata/instance?api-version=2021-02-01'`}`;
}
