import { type Evidence, type Finding, isTool } from './evidence.ts';
import {
  clockSkew,
  emptySecret,
  halfConfigured,
  isFaultOfNode,
  isProjected,
  isRefusalOfTokenProxy,
  isWaitedFor,
  misnamedCredential,
  otherCloud,
} from './match.ts';
import { isNodeIdentity } from './node-identity.ts';
import { resourceManagerClass } from './resource-manager-codes.ts';
import {
  authorityHost,
  clientIdOf,
  codeOf,
  isLabelled,
  managedIdentityHost,
  managedName,
  shown,
  subscriptionOf,
  usesPodIdentity,
} from './words.ts';

/** The chain from the process to its list, link by link. */
export const CHECK_NAMES = [
  'place',
  'configuration',
  'identity-provider',
  'token',
  'identity',
  'resource-manager',
  'subscription',
  'resource-groups',
] as const;

export type CheckName = (typeof CHECK_NAMES)[number];

export interface Check {
  name: CheckName;
  /** `skip`: not reached, or not known. */
  status: 'pass' | 'warn' | 'fail' | 'skip';
  /** One line of at most 100 characters, with the value that counts. */
  summary: string;
  /** The reason of the diagnosis that fails or warns. */
  reason?: string;
}

/** The link that broke, from the evidence alone; undefined if there is no failure. */
export function failingCheck(e: Evidence): CheckName | undefined {
  if (!e.failure) return undefined;
  const { resourceManager } = e;
  return resourceManager ? resourceManagerCheck(e, resourceManager) : tokenCheck(e, decisive(e));
}

/** The attempt that counts: what is configured for this process comes before what would only do in its place. */
function decisive(e: Evidence): Finding | undefined {
  const { findings, facts } = e;
  const configured = findings.filter(
    (finding) =>
      ['client-secret', 'client-certificate', 'user-password', 'identity-binding', 'projected-token'].includes(
        finding.credential ?? '',
      ) && !(finding.responder === 'not-asked' && isAbsent(finding)),
  );
  // An identity binding is only tried where its variables are set, so its own failure counts. Without an id, nothing is asked.
  const binding = findings.find(({ credential }) => credential === 'identity-binding');
  if (binding && !isHalfConfigured(e)) return binding;
  const managed = findings.find(({ credential }) => credential === 'managed-identity');
  const isOffered =
    managed !== undefined &&
    (facts.kubernetes ||
      facts.identityEndpoint !== undefined ||
      facts.identityEndpointMissing === true ||
      (managed.status !== undefined && !['unknown', 'gateway', 'http-proxy'].includes(managed.responder)));
  const tools = findings.filter(isTool);
  return (
    configured[0] ??
    (isOffered ? managed : undefined) ??
    tools.find((finding) => finding.text.problem !== 'not-installed') ??
    (managed && wasReached(managed, facts) ? managed : undefined) ??
    (tools.length > 0 ? tools[0] : undefined) ??
    managed ??
    findings[0]
  );
}

/** A gateway or the metadata service itself took the request; only in a pipeline a proxy's answer is more than a missing az. */
function wasReached({ responder, phase }: Finding, { place }: Evidence['facts']): boolean {
  return (
    responder === 'gateway' ||
    (responder === 'none' && phase === 'response') ||
    (responder === 'http-proxy' && place === 'ci')
  );
}

/** A projected token is there, but nothing to present it with, or the file cannot be used. */
function isHalfConfigured({ facts: { projectedToken, variables } }: Evidence): boolean {
  return (
    projectedToken !== undefined &&
    (projectedToken.problem !== undefined || !variables['AZURE_CLIENT_ID'] || !variables['AZURE_TENANT_ID'])
  );
}

/** Nothing is configured for this credential. */
function isAbsent({ message }: Finding): boolean {
  return message === '' || /is unavailable|not set|Left out|could not be found|is not available/i.test(message);
}

/** Whether nothing gives this pod or app an identity. Where the labels of a pod are not visible, only a metadata service that is silent tells. */
function isUnbound(e: Evidence, { responder }: Finding): boolean {
  const { kubernetes, podLabels, projectedToken, identityEndpoint, identityEndpointMissing } = e.facts;
  if (identityEndpointMissing === true) return true;
  const isBound = projectedToken !== undefined || identityEndpoint !== undefined || usesPodIdentity(e);
  const isForWorkloadIdentity = e.findings.some(({ credential }) => credential === 'projected-token');
  return (
    kubernetes &&
    isForWorkloadIdentity &&
    (podLabels !== undefined || responder === 'none') &&
    !isBound &&
    !isFaultOfNode(e)
  );
}

function tokenCheck(e: Evidence, finding: Finding | undefined): CheckName {
  if (!finding || halfConfigured(e) || emptySecret(e) || misnamedCredential(e)) return 'configuration';
  const { responder, text, aadstsClass } = finding;
  // Only a tool says so of its own clock; of a certificate, Microsoft Entra ID says the same words.
  const isClock = clockSkew(finding) !== undefined || (isTool(finding) && text.problem === 'clock-wrong');
  if (isClock) return 'identity-provider';
  if (isTool(finding)) {
    if (aadstsClass === 'sign-in' || aadstsClass === 'mfa') return 'configuration';
    // The number that the broker of Windows quotes is about the broker.
    if (finding.credential === 'powershell' && text.problem === 'broker-failed') return 'configuration';
    // A tool that is set to another cloud need not reach it.
    if (responder === 'none' && otherCloud(e, finding) !== undefined) return 'configuration';
    if (responder === 'entra') return isTransient(finding) ? 'identity-provider' : 'token';
    return responder === 'none' || responder === 'http-proxy' ? 'identity-provider' : 'configuration';
  }
  if (text.provider === 'client-id-unsupported') return 'configuration';
  // NMI holds a request until the pod has an identity; the metadata service itself never does.
  if (e.facts.kubernetes && isWaitedFor(finding)) return 'token';
  if ((isProjected(finding) || finding.credential === 'managed-identity') && isHalfConfigured(e))
    return 'configuration';
  if (finding.credential === 'managed-identity' && isUnbound(e, finding) && !isRefusal(finding)) return 'configuration';
  if (finding.credential === 'identity-binding' && responder !== 'entra') {
    return isRefusalOfTokenProxy(finding) ? 'token' : 'identity-provider';
  }
  switch (responder) {
    case 'not-asked':
      return 'configuration';
    case 'none':
    case 'unknown':
    case 'gateway':
    case 'http-proxy':
      return 'identity-provider';
    case 'entra':
      return isTransient(finding) ? 'identity-provider' : 'token';
    default:
      // What a local endpoint passes on of Microsoft Entra ID is a refusal, too.
      if (isRefusal(finding)) return 'token';
      return text.identity === undefined
        ? 'identity-provider'
        : text.identity === 'ambiguous'
          ? 'configuration'
          : 'token';
  }
}

/** Whether Microsoft Entra ID refused, whoever passes that on. */
function isRefusal({ aadstsClass }: Finding): boolean {
  return aadstsClass !== undefined && aadstsClass !== 'transient' && aadstsClass !== 'throttled';
}

function isTransient({ aadstsClass, status = 0, aadsts }: Finding): boolean {
  return (
    aadstsClass === 'transient' ||
    aadstsClass === 'throttled' ||
    (aadsts === undefined && (status === 200 || status === 429 || status >= 500))
  );
}

function resourceManagerCheck({ failure, identity, facts }: Evidence, finding: Finding): CheckName {
  const code = resourceManagerClass(finding.errorCode, finding.summary);
  const isAboutAccess = failure?.kind === 'no-subscription' || failure?.kind === 'not-authorized';
  if (isAboutAccess && isNodeIdentity(identity, facts)) return 'identity';
  switch (failure?.kind) {
    case 'token-rejected':
      if (clockSkew(finding) !== undefined) return 'identity-provider';
      if (/'?Authorization'? header/.test(finding.message)) return 'resource-manager';
      return finding.errorCode === 'InvalidAuthenticationTokenTenant' || finding.text.tenant !== undefined
        ? 'identity'
        : 'token';
    case 'no-subscription':
      return 'subscription';
    case 'not-authorized':
    case 'broken':
      if (finding.responder !== 'resource-manager') return 'resource-manager';
      if (code === 'subscription-disabled' || code === 'subscription-unknown') return 'subscription';
      if (code === 'network' || code === 'endpoint') return 'resource-manager';
      return failure.kind === 'not-authorized' || code !== undefined ? 'resource-groups' : 'resource-manager';
    default:
      return 'resource-manager';
  }
}

/** The reasons of the failure and of the warnings, by the check that each belongs to. */
type ReasonsByCheck = ReadonlyMap<CheckName, string>;

/** Computes the checks. Whether one passes comes from the evidence alone; a warning marks the check of its own. */
export function checksOf(
  e: Evidence,
  found: { failure: string | undefined; warnings: ReasonsByCheck; isTokenOnly: boolean },
): Check[] {
  const failing = failingCheck(e);
  const at = failing === undefined ? CHECK_NAMES.length : CHECK_NAMES.indexOf(failing);
  return CHECK_NAMES.map((name, index) => {
    if (index > at || (found.isTokenOnly && index >= CHECK_NAMES.indexOf('resource-manager'))) {
      return { name, status: 'skip', summary: found.isTokenOnly && index <= at ? 'not asked' : 'not reached' };
    }
    if (index === at) {
      return { name, status: 'fail', summary: cut(failed(e, name)), ...(found.failure && { reason: found.failure }) };
    }
    const warning = found.warnings.get(name);
    if (warning !== undefined) return { name, status: 'warn', summary: cut(passed(e, name)), reason: warning };
    return { name, status: 'pass', summary: cut(passed(e, name)) };
  });
}

function cut(summary: string): string {
  return summary.length <= 100 ? summary : `${summary.slice(0, 98)} …`;
}

/** What a check saw that passed. */
function passed(e: Evidence, name: CheckName): string {
  const { facts, identity, list } = e;
  switch (name) {
    case 'place':
      return placeInWords(e);
    case 'configuration':
      return configurationInWords(e, true);
    case 'identity-provider':
      return `${providerInWords(e)} responded`;
    case 'token':
      return identity ? `from ${identity.credential}` : 'there is one';
    case 'identity': {
      if (isNodeIdentity(identity, facts)) return nodeIdentityInWords(e);
      // The client id in a user's token is that of the program that the user signed in with.
      if (identity?.type === 'user') return `user ${shown(identity.objectId, 'without an id')}`;
      return `${identity?.type ?? 'identity'} ${shown(identity?.clientId ?? identity?.objectId, 'without an id')}`;
    }
    case 'resource-manager':
      return `${new URL(facts.cloud.resourceManager).hostname} responded`;
    case 'subscription':
      return [list?.subscriptionName, subscriptionOf(e)].filter(Boolean).join(' ') || 'one is visible';
    case 'resource-groups':
      return list?.resourceGroups === 1 ? '1 resource group' : `${list?.resourceGroups ?? 0} resource groups`;
  }
}

/** What the check saw that failed. */
function failed(e: Evidence, name: CheckName): string {
  const finding = e.resourceManager ?? decisive(e);
  if (!finding) return 'no credential is configured';
  const { host, phase, tookMs } = finding;
  const skew = clockSkew(finding);
  if (skew !== undefined) return `the clocks differ by ${Math.abs(skew)} s`;
  if (name === 'configuration') return configurationInWords(e, false);
  if (name === 'subscription' && finding.errorCode === undefined) return 'none is visible to this identity';
  if (name === 'identity' && isNodeIdentity(e.identity, e.facts))
    return `${nodeIdentityInWords(e)}, which has no role here`;
  const where = host ?? 'no host';
  if (finding.responder === 'none') {
    const seconds = tookMs === undefined ? '' : ` after ${Math.round(tookMs / 100) / 10} s`;
    return `${where}: ${finding.networkCode ?? `${phaseInWords(phase)}${seconds}`}`;
  }
  return `${where}: ${codeOf(finding)}`;
}

function nodeIdentityInWords(e: Evidence): string {
  return `the node's identity ${managedName(e)}`;
}

function phaseInWords(phase: Finding['phase']): string {
  switch (phase) {
    case 'lookup':
      return 'name not resolved';
    case 'connect':
      return 'no connection';
    case 'tls':
      return 'TLS handshake not finished';
    default:
      return 'no response';
  }
}

function placeInWords({ facts: { place, pod, app, windows } }: Evidence): string {
  const system = windows ? ' (Windows)' : '';
  if (place !== 'kubernetes') return `${PLACES[place] ?? place}${app ? ` ${app}` : ''}${system}`;
  const name = [pod?.namespace, pod?.name].filter(Boolean).join('/');
  const account = pod?.serviceAccount ? `, service account ${pod.serviceAccount}` : '';
  const node = pod?.node ? `, node ${pod.node}` : '';
  return `pod ${name}${account}${node}`.replace('pod ,', 'pod');
}

const PLACES: Record<string, string> = {
  machine: 'this machine',
  container: 'a container',
  ci: 'a pipeline',
  'app-service': 'App Service',
  functions: 'Functions',
  'container-apps': 'Container Apps',
  'service-fabric': 'Service Fabric',
  'azure-ml': 'Azure Machine Learning',
  'cloud-shell': 'Cloud Shell',
  codespaces: 'Codespaces',
  devcontainer: 'a development container',
  arc: 'a server with Azure Arc',
};

/** The credential that is configured for this place. */
function configurationInWords(e: Evidence, isRight: boolean): string {
  const { facts, identity } = e;
  const clientId = clientIdOf(e);
  const id = clientId === undefined ? '' : ` for ${clientId}`;
  if (facts.variables['AZURE_CLIENT_SECRET']) return `client secret${id}`;
  if (facts.variables['AZURE_CLIENT_CERTIFICATE_PATH']) return `client certificate${id}`;
  if (facts.variables['AZURE_USERNAME'] && facts.variables['AZURE_PASSWORD']) return `user name and password${id}`;
  const { projectedToken: token } = facts;
  if (token)
    return token.problem
      ? `token file ${token.file} ${token.problem}`
      : `projected token of ${token.sub ?? 'no subject'}`;
  if (usesPodIdentity(e)) return `label aadpodidbinding=${facts.podLabels?.aadpodidbinding}`;
  if (facts.kubernetes) {
    const label = facts.podLabels?.['azure.workload.identity/use'];
    if (isLabelled(e) === undefined) return 'no projected token; the labels of the pod are not visible';
    return label === null
      ? 'no label for Workload ID or pod identity'
      : `label azure.workload.identity/use=${label}, nothing injected`;
  }
  if (facts.identityEndpoint) return `identity endpoint ${facts.identityEndpoint.host}${id}`;
  if (facts.identityEndpointMissing) return 'no identity endpoint: no identity is assigned';
  if (identity) return `${identity.credential}${id}`;
  const found = decisive(e);
  if (found?.credential === 'managed-identity') return `managed identity${id}`;
  const tool = found && isTool(found) ? found : e.findings.find(isTool);
  if (!tool) return 'no credential is configured';
  return isRight ? tool.name : `${tool.name}: ${tool.text.problem?.replaceAll('-', ' ') ?? 'no token'}`;
}

function providerInWords(e: Evidence): string {
  const { identity } = e;
  const finding = decisive(e);
  const credential = identity?.credential ?? finding?.name ?? '';
  if (finding && isProjected(finding)) return authorityHost(e);
  if (/^ManagedIdentity/.test(credential)) return managedIdentityHost(e);
  if (/Cli|PowerShell/.test(credential)) return credential.replace('Credential', '');
  return authorityHost(e);
}
