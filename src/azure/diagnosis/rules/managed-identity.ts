import { argument, command, labelPodTemplate, showNmiBindings, showNmiLog } from '../commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { findingOf } from '../match.ts';
import {
  clientIdOf,
  errorCodeOf,
  hasValue,
  isSet,
  namespaceOf,
  orUnknown,
  proxyVariableOf,
  usesPodIdentity,
} from '../values.ts';
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

/** The metadata service, NMI before it, or the identity endpoint of the host answered, but with no token. */
export const MANAGED_IDENTITY: Rule[] = [
  {
    reason: 'identity-not-found',
    match: (e) =>
      answered(
        e,
        /Identity not found|no azure identity found|has not been assigned|is(?:n't| not) assigned|No User Assigned|No (?:Managed Identity|MSI) found|Unable to load the proper Managed Identity|identity .{0,80}(?:not found|does not exist)/i,
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
        ? [command`kubectl get pods -A -o wide -l component=nmi`, showNmiLog()]
        : e.facts.kubernetes
          ? []
          : [askMetadataService(e)],
    documentation: (finding, e) => identityDocumentation(e, finding),
  },
  // Where the variables name another endpoint, this is a machine of Azure whatever else is there.
  { ...IMDS_PROXIED, match: (e) => (hasEndpoint(e) ? IMDS_PROXIED.match(e) : undefined) },
  {
    reason: 'identity-endpoint-failed',
    match: (e) =>
      managedIdentity(
        e,
        ({ party, words }) =>
          isEndpoint(party) ||
          (party === 'not-asked' && /CloudShell|Service ?Fabric|Azure ?Arc/.test(words.slice(0, 2000))),
      ) ?? (hasEndpoint(e) ? managedIdentity(e, ({ party }) => party === 'nobody') : undefined),
    hint: endpointHint,
    commands: endpointCommands,
    documentation: (finding) => (finding.party === 'arc' ? DOCUMENTATION.arc : DOCUMENTATION.appService),
  },
];

/** What is left where nobody answers in the place of the metadata service, or somebody who does not know its protocol. */
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
    hint: (e, finding) =>
      `Let AZURE_TOKEN_CREDENTIALS allow a credential that works here (on a laptop, log in with the Azure CLI): something else answers ${errorCodeOf(finding)} at ${orUnknown(finding.host)}, ` +
      'not the metadata service of Azure, so this machine is probably not in Azure. ' +
      (e.facts.kubernetes ? '' : 'On a server with Azure Arc, set IDENTITY_ENDPOINT and IMDS_ENDPOINT.'),
    documentation: DOCUMENTATION.managedIdentity,
  },
];

function managedIdentity(e: Evidence, isMeant: (finding: Finding) => boolean): Finding | undefined {
  return findingOf(e, ['managed-identity'], isMeant);
}

/** An answer with these words, of one that has to do with managed identities. */
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

function notFoundHint(e: Evidence, finding: Finding): string {
  const words = finding.words.slice(0, 2000);
  const clientId = clientIdOf(e);
  const identity = isSet(e, 'AZURE_CLIENT_ID') ? `the identity ${orUnknown(clientId)}` : 'an identity';
  if (isEndpoint(finding.party)) {
    return isSet(e, 'AZURE_CLIENT_ID')
      ? `Assign ${identity} to this ${hostKind(finding.party)}, or correct AZURE_CLIENT_ID, which must be the client id of an assigned identity: its identity endpoint knows no such identity.`
      : `Set AZURE_CLIENT_ID to the client id of the user-assigned identity, or turn on the system-assigned identity of this ${hostKind(finding.party)}: the request names no identity, and there is no default.`;
  }
  if (/no azure identity found/i.test(words)) {
    return (
      `Create AzureIdentity and AzureIdentityBinding in the namespace ${orUnknown(namespaceOf(e))}, with the value of the pod's label aadpodidbinding ` +
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
      ? `Assign ${identity} to this machine, or correct or unset AZURE_CLIENT_ID: its metadata service has no identity with this client id.`
      : 'Assign a managed identity to this machine (turn on the system-assigned one), or log in with the Azure CLI: its metadata service has no identity to give.';
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

function notFoundCommands(e: Evidence, finding: Finding): readonly string[] {
  if (finding.party === 'nmi' || usesPodIdentity(e)) {
    return [
      showNmiBindings(e),
      ...(finding.party === 'nmi' && !/no azure identity found/i.test(finding.words.slice(0, 2000))
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
  if (finding.party === 'nmi') {
    if (finding.text.networkCode !== undefined) {
      const target =
        finding.text.host === undefined || finding.text.host === e.facts.metadataService
          ? 'the metadata service'
          : orUnknown(finding.text.host);
      return (
        `Check the network of the node ${orUnknown(e.facts.pod?.node)} (DNS, firewall, egress, iptables), read the log of the NMI pod there, and restart it or replace the node: ` +
        `NMI got no answer from ${target} itself (${finding.text.networkCode}).`
      );
    }
    return `Ask again, and read the logs of the NMI pod of this node and of MIC if it lasts (does NMI reach the API server and the metadata service?): NMI answered ${code}.`;
  }
  if (e.facts.kubernetes) {
    return (
      `Ask again, and read the log of the NMI pod of this node if it lasts; better, use Workload ID (label azure.workload.identity/use): ` +
      `the metadata service answered ${code}.`
    );
  }
  if (status >= 500 || status === 410) {
    return `Ask again, and restart the machine or open a support request if it lasts: its metadata service has a fault (${code}).`;
  }
  return `Check the managed identity of this machine and AZURE_CLIENT_ID (a client id, not an object id), then ask again: its metadata service answered ${code}.`;
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
  switch (kind) {
    case 'cloud-shell':
      return (
        'Log in with the Azure CLI in Cloud Shell' +
        (isSet(e, 'AZURE_CLIENT_ID') ? ' and unset AZURE_CLIENT_ID' : '') +
        `: the token endpoint of Cloud Shell gives no token for this (${code}); it serves its own user only.`
      );
    case 'arc':
      if (isSet(e, 'AZURE_CLIENT_ID') && !/secret_file/.test(finding.words.slice(0, 2000))) {
        return (
          'Unset AZURE_CLIENT_ID: the agent of Azure Arc gives a token for the system-assigned identity of the server only ' +
          `(${code}).`
        );
      }
      if (/secret_file|secret file|EACCES|key/i.test(finding.words.slice(0, 2000)) || status === 401) {
        return (
          'Add the user of this process to the group himds (on Windows, Hybrid Agent Extension Applications), and start a new session: ' +
          'it must read the key that the agent of Azure Arc writes to /var/opt/azcmagent/tokens.'
        );
      }
      return `Check the agent of Azure Arc and its identity endpoint, which a container reaches on the network of its host only: it gave no token (${code}).`;
    case 'service-fabric':
      return (
        `Check the token service of the Service Fabric cluster and the managed identity of this application` +
        (isSet(e, 'AZURE_CLIENT_ID') ? ', and unset AZURE_CLIENT_ID, which is not supported there' : '') +
        `: the identity endpoint gave no token (${code}).`
      );
    case 'azure-ml':
      return (
        'Set AZURE_CLIENT_ID to the client id (not the object id) of an identity that is assigned to the compute of Azure Machine Learning: ' +
        `its identity endpoint gave no token${isSet(e, 'AZURE_CLIENT_ID') ? ` for ${orUnknown(clientIdOf(e))}` : ''} (${code}).`
      );
    default:
      if (status === undefined) {
        return `Assign an identity to this ${hostKind(kind)} and restart it: its identity endpoint, which IDENTITY_ENDPOINT names, cannot be reached (${code}). Right after a start, ask again.`;
      }
      if (status === 401 || status === 403) {
        return `Restart this ${hostKind(kind)}, and do not set IDENTITY_ENDPOINT or IDENTITY_HEADER yourself: its identity endpoint refused the header IDENTITY_HEADER (${code}).`;
      }
      if (status >= 500 || status === 429) {
        return (
          `Ask again, then restart this ${hostKind(kind)}, and open a support request if it lasts: its identity endpoint could not get a token (${code}). ` +
          'A deleted or recreated identity does the same: assign it again.'
        );
      }
      return `Check that an identity is assigned to this ${hostKind(kind)}, and set AZURE_CLIENT_ID to the client id of a user-assigned one: its identity endpoint gave no token (${code}).`;
  }
}

function endpointCommands(e: Evidence, finding: Finding): readonly string[] {
  switch (isEndpoint(finding.party) ? finding.party : e.facts.identityEndpoint?.kind) {
    case 'cloud-shell':
      return [command`az login`];
    case 'arc':
    case undefined:
      return finding.status === 401 || /secret_file/.test(finding.words.slice(0, 2000))
        ? [command`sudo usermod -aG himds $USER`]
        : [command`azcmagent check`, command`systemctl status himdsd`];
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
        `nothing answers at ${metadataService} (${code}), so this runner has no managed identity. ${arc}`
      );
    case 'codespaces':
    case 'devcontainer':
      return `Log in with the Azure CLI in this development container (device code), and let AZURE_TOKEN_CREDENTIALS allow it: nothing answers at ${metadataService} (${code}), because this is not a machine in Azure.`;
    case 'container':
      return (
        `Let AZURE_TOKEN_CREDENTIALS allow a credential that works here, such as a login of the Azure CLI: nothing answers at ${metadataService} (${code}), so this machine is probably not in Azure, ` +
        `or the network of this container has no way to the metadata service of its host (use the network of the host, check its firewall). ${arc}`
      );
    default:
      return (
        `Let AZURE_TOKEN_CREDENTIALS allow a credential that works here, such as a login of the Azure CLI: nothing answers at ${metadataService} (${code}), ` +
        `so this machine is probably not in Azure, or a firewall is in the way. ${arc}`
      );
  }
}

function askMetadataService({ facts }: Evidence): string {
  return command`curl -sS -H Metadata:true --noproxy '*' ${`'http://${facts.metadataService}/metadata/instance?api-version=2021-02-01'`}`;
}
