import { type CredentialKind, type Evidence, environmentCredential, type Finding, isTool } from './evidence.ts';
import type { Facts, Place } from './facts.ts';
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
import { classOf } from './resource-manager-codes.ts';
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

/** The credentials that somebody has configured for this process. */
const CONFIGURED: readonly (CredentialKind | undefined)[] = [
  'client-secret',
  'client-certificate',
  'user-password',
  'identity-binding',
  'projected-token',
];

/** The attempt that counts: what is configured for this process comes before what would only do in its place. */
function decisive({ findings, facts }: Evidence): Finding | undefined {
  const binding = findings.find(({ credential }) => credential === 'identity-binding');
  const configured = findings.find(
    (finding) =>
      CONFIGURED.includes(finding.credential) && !(finding.responder === 'not-asked' && isUnconfigured(finding)),
  );
  const managed = findings.find(({ credential }) => credential === 'managed-identity');
  const tools = findings.filter(isTool);
  return (
    // It is only tried where its variables are set, so its own failure counts.
    binding ??
    configured ??
    (managed && isOffered(managed, facts) ? managed : undefined) ??
    tools.find(({ text }) => text.problem !== 'not-installed') ??
    (managed && wasReached(managed, facts) ? managed : undefined) ??
    tools[0] ??
    managed ??
    findings[0]
  );
}

/** A value that cannot be used is a failure, too, without a request; these are the SDK's words for one that is not there. */
function isUnconfigured({ message }: Finding): boolean {
  return message === '' || /is unavailable|not set|Left out|could not be found|is not available/i.test(message);
}

/** Whether a managed identity is what this place has: by its kind, or because a service for one answered. */
function isOffered({ status, responder }: Finding, facts: Facts): boolean {
  if (facts.kubernetes || facts.identityEndpoint || facts.identityEndpointMissing) return true;
  return status !== undefined && !['unknown', 'gateway', 'http-proxy'].includes(responder);
}

/** A gateway or the metadata service itself took the request; only in a pipeline a proxy's answer is more than a missing az. */
function wasReached({ responder, phase }: Finding, { place }: Facts): boolean {
  if (responder === 'http-proxy') return place === 'ci';
  return responder === 'gateway' || (responder === 'none' && phase === 'response');
}

/** A projected token is there, but nothing to present it with, or the file cannot be used. */
function isTokenUnusable({ facts: { projectedToken, variables } }: Evidence): boolean {
  if (!projectedToken) return false;
  return projectedToken.problem !== undefined || !variables['AZURE_CLIENT_ID'] || !variables['AZURE_TENANT_ID'];
}

/** Whether nothing gives this pod or app an identity. Where the labels of a pod are not visible, only a metadata service that is silent tells. */
function isUnbound(e: Evidence, { responder }: Finding): boolean {
  const { kubernetes, podLabels, projectedToken, identityEndpoint, identityEndpointMissing } = e.facts;
  if (identityEndpointMissing) return true;
  if (!kubernetes || projectedToken || identityEndpoint || usesPodIdentity(e) || isFaultOfNode(e)) return false;
  const isForWorkloadIdentity = e.findings.some(({ credential }) => credential === 'projected-token');
  return isForWorkloadIdentity && (podLabels !== undefined || responder === 'none');
}

function tokenCheck(e: Evidence, finding: Finding | undefined): CheckName {
  if (!finding || halfConfigured(e) || emptySecret(e) || misnamedCredential(e)) return 'configuration';
  const { credential, responder, text, aadstsClass } = finding;
  if (clockSkew(finding) !== undefined) return 'identity-provider';
  if (isTool(finding)) {
    // Only a tool says so of its own clock; of a certificate, Microsoft Entra ID says the same words.
    if (text.problem === 'clock-wrong') return 'identity-provider';
    if (aadstsClass === 'sign-in' || aadstsClass === 'mfa') return 'configuration';
    // The number that the broker of Windows quotes is about the broker.
    if (credential === 'powershell' && text.problem === 'broker-failed') return 'configuration';
    // A tool that is set to another cloud need not reach it.
    if (responder === 'none' && otherCloud(e, finding) !== undefined) return 'configuration';
  }
  // NMI holds a request until the pod has an identity; the metadata service itself never does.
  if (e.facts.kubernetes && isWaitedFor(finding)) return 'token';
  const isManaged = credential === 'managed-identity';
  if ((isProjected(finding) || isManaged) && isTokenUnusable(e)) return 'configuration';
  if (isManaged && isUnbound(e, finding) && !isRefusal(finding)) return 'configuration';
  if (credential === 'identity-binding' && responder !== 'entra') {
    return isRefusalOfTokenProxy(finding) ? 'token' : 'identity-provider';
  }
  if (responder === 'not-asked') return 'configuration';
  if (['none', 'unknown', 'gateway', 'http-proxy'].includes(responder)) return 'identity-provider';
  if (responder === 'entra') return isTransient(finding) ? 'identity-provider' : 'token';
  // What a local endpoint passes on of Microsoft Entra ID is a refusal, too.
  if (isRefusal(finding)) return 'token';
  if (text.identity === undefined) return 'identity-provider';
  return text.identity === 'ambiguous' ? 'configuration' : 'token';
}

/** Whether Microsoft Entra ID refused, whoever passes that on. */
function isRefusal(finding: Finding): boolean {
  return finding.aadstsClass !== undefined && !isTransient(finding);
}

function isTransient({ aadstsClass, status = 0, aadsts }: Finding): boolean {
  if (aadsts === undefined) return status === 200 || status === 429 || status >= 500;
  return aadstsClass === 'transient' || aadstsClass === 'throttled';
}

function resourceManagerCheck({ failure, identity, facts }: Evidence, finding: Finding): CheckName {
  const kind = failure?.kind;
  if (kind === 'token-rejected') {
    if (clockSkew(finding) !== undefined) return 'identity-provider';
    if (/'?Authorization'? header/.test(finding.message)) return 'resource-manager';
    const isOfOtherTenant =
      finding.errorCode === 'InvalidAuthenticationTokenTenant' || finding.text.tenant !== undefined;
    return isOfOtherTenant ? 'identity' : 'token';
  }
  const isAboutAccess = kind === 'no-subscription' || kind === 'not-authorized';
  if (isAboutAccess && isNodeIdentity(identity, facts)) return 'identity';
  if (kind === 'no-subscription') return 'subscription';
  if ((kind !== 'not-authorized' && kind !== 'broken') || finding.responder !== 'resource-manager')
    return 'resource-manager';
  const code = classOf(finding);
  if (code === 'subscription-disabled' || code === 'subscription-unknown') return 'subscription';
  if (code === 'network' || code === 'endpoint') return 'resource-manager';
  return kind === 'not-authorized' || code !== undefined ? 'resource-groups' : 'resource-manager';
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
    if (warning !== undefined) return { name, status: 'warn', summary: cut(PASSED[name](e)), reason: warning };
    return { name, status: 'pass', summary: cut(PASSED[name](e)) };
  });
}

function cut(summary: string): string {
  return summary.length <= 100 ? summary : `${summary.slice(0, 98)} …`;
}

/** What a check saw that passed. */
const PASSED: Record<CheckName, (e: Evidence) => string> = {
  place: placeInWords,
  configuration: (e) => configurationInWords(e, true),
  'identity-provider': (e) => `${providerInWords(e)} responded`,
  token: ({ identity }) => (identity ? `from ${identity.credential}` : 'there is one'),
  identity: identityInWords,
  'resource-manager': ({ facts }) => `${new URL(facts.cloud.resourceManager).hostname} responded`,
  subscription: (e) => [e.list?.subscriptionName, subscriptionOf(e)].filter(Boolean).join(' ') || 'one is visible',
  'resource-groups': ({ list }) =>
    `${list?.resourceGroups ?? 0} resource group${list?.resourceGroups === 1 ? '' : 's'}`,
};

function identityInWords(e: Evidence): string {
  const { identity, facts } = e;
  if (isNodeIdentity(identity, facts)) return nodeIdentityInWords(e);
  // The client id in a user's token is that of the program that the user signed in with.
  if (identity?.type === 'user') return `user ${shown(identity.objectId, 'without an id')}`;
  return `${identity?.type ?? 'identity'} ${shown(identity?.clientId ?? identity?.objectId, 'without an id')}`;
}

/** What the check saw that failed. */
function failed(e: Evidence, name: CheckName): string {
  const finding = e.resourceManager ?? decisive(e);
  if (!finding) return 'no credential is configured';
  const { host = 'no host', phase = 'response', tookMs } = finding;
  const skew = clockSkew(finding);
  if (skew !== undefined) return `the clocks differ by ${Math.abs(skew)} s`;
  if (name === 'configuration') return configurationInWords(e, false);
  if (name === 'subscription' && finding.errorCode === undefined) return 'none is visible to this identity';
  if (name === 'identity' && isNodeIdentity(e.identity, e.facts))
    return `${nodeIdentityInWords(e)}, which has no role here`;
  if (finding.responder === 'none') {
    const seconds = tookMs === undefined ? '' : ` after ${Math.round(tookMs / 100) / 10} s`;
    return `${host}: ${finding.networkCode ?? `${PHASES[phase]}${seconds}`}`;
  }
  return `${host}: ${codeOf(finding)}`;
}

function nodeIdentityInWords(e: Evidence): string {
  return `the node's identity ${managedName(e)}`;
}

/** What a request still waited for. */
const PHASES = {
  lookup: 'name not resolved',
  connect: 'no connection',
  tls: 'TLS handshake not finished',
  response: 'no response',
};

function placeInWords({ facts: { place, pod, app, windows } }: Evidence): string {
  const system = windows ? ' (Windows)' : '';
  if (place !== 'kubernetes') return `${PLACES[place]}${app ? ` ${app}` : ''}${system}`;
  const name = [pod?.namespace, pod?.name].filter(Boolean).join('/');
  const account = pod?.serviceAccount ? `, service account ${pod.serviceAccount}` : '';
  const node = pod?.node ? `, node ${pod.node}` : '';
  return `pod ${name}${account}${node}`.replace('pod ,', 'pod').trim();
}

const PLACES: Record<Exclude<Place, 'kubernetes'>, string> = {
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

const IN_VARIABLES = {
  'client-secret': 'client secret',
  'client-certificate': 'client certificate',
  'user-password': 'user name and password',
};

/** The credential that is configured for this place. */
function configurationInWords(e: Evidence, isRight: boolean): string {
  const { facts, identity } = e;
  const clientId = clientIdOf(e);
  const id = clientId === undefined ? '' : ` for ${clientId}`;
  const variables = environmentCredential(facts);
  if (variables) return `${IN_VARIABLES[variables]}${id}`;
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
