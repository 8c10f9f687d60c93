import { type AadstsClass, isWithin } from './aadsts.ts';
import { type CredentialKind, type Evidence, type Finding, isTool, tokenFinding } from './evidence.ts';
import type { FailureKind } from './outcome.ts';
import { isPipeline, isPod } from './place.ts';
import { classOf, type ResourceManagerClass } from './resource-manager-codes.ts';
import type { Problem } from './text-forms.ts';
import { authorityHost, isEmpty, isLabelled, isSet, misnamed, usesPodIdentity } from './words.ts';

/** The predicates that rows are made of. Each takes the evidence and returns the finding that decides, or undefined. */
export type When = (evidence: Evidence) => Finding | undefined;

/** A clock that is off by this much is wrong. Microsoft Entra ID tolerates five minutes, other servers less. */
const SKEW_SECONDS = 60;

/** Matches if the predicate does and the condition holds. */
export function only(when: When, condition: (evidence: Evidence, finding: Finding) => boolean): When {
  return (e) => {
    const finding = when(e);
    return finding && condition(e, finding) ? finding : undefined;
  };
}

/** The same in a pod. */
export function inPod(when: When): When {
  return only(when, isPod);
}

/** The same if a pod's own token was exchanged. */
export function ofPodToken(when: When): When {
  return only(when, (_, finding) => isProjected(finding));
}

/** The same if it is about the login of a developer tool. */
export function ofTool(when: When): When {
  return only(when, (_, finding) => isTool(finding));
}

export function ofAzureCli(when: When): When {
  return only(when, (_, { credential }) => credential === 'azure-cli');
}

/** Matches the Azure CLI of a pipeline, where nobody can log in. */
export function ofAzureCliInPipeline(when: When): When {
  return only(ofAzureCli(when), isPipeline);
}

/** Matches if one of these does; the first decides. */
export function either(...predicates: When[]): When {
  return (e) => {
    for (const when of predicates) {
      const finding = when(e);
      if (finding) return finding;
    }
    return undefined;
  };
}

/** The first finding of one of these credentials that meets the condition. */
export function findingOf(
  { findings }: Evidence,
  kinds: readonly CredentialKind[],
  predicate: (finding: Finding) => boolean = () => true,
): Finding | undefined {
  return findings.find((finding) => finding.credential && kinds.includes(finding.credential) && predicate(finding));
}

/** Matches the first finding of one of these credentials that meets the condition. */
export function credential(kinds: readonly CredentialKind[], predicate?: (finding: Finding) => boolean): When {
  return (e) => findingOf(e, kinds, predicate);
}

/** Whether a pod's own token was exchanged. */
export function isProjected({ credential }: Pick<Finding, 'credential'>): boolean {
  return credential === 'projected-token' || credential === 'identity-binding';
}

/** Whether the API server forbids the identity of a binding. A response other than JSON comes from something on the way. */
export function isRefusalOfTokenProxy({ responder, status, content }: Finding): boolean {
  return responder === 'token-proxy' && status === 403 && content === 'json';
}

/** The finding of the Azure CLI; undefined in Kubernetes, because no pod has it. */
export function azureCli({ facts, findings }: Evidence): Finding | undefined {
  if (facts.kubernetes) return undefined;
  return findings.find(({ credential }) => credential === 'azure-cli');
}

/** Matches the Azure CLI if it has one of these problems. */
export function azureCliHas(...problems: Problem[]): When {
  return only(azureCli, (_, { text }) => text.problem !== undefined && problems.includes(text.problem));
}

/**
 * The refusal of Microsoft Entra ID that counts. A credential that is configured for this process comes before a developer's
 * login, which may fail for unrelated reasons.
 */
export function entraRefusal({ findings }: Evidence): Finding | undefined {
  const refusals = findings.filter(({ aadsts }) => aadsts !== undefined);
  return refusals.find((finding) => !isTool(finding)) ?? refusals[0];
}

/** Matches that refusal if it has one of these numbers. */
export function entraSays(...numbers: number[]): When {
  return only(entraRefusal, (_, { aadsts }) => aadsts !== undefined && numbers.includes(aadsts));
}

/** Matches that refusal if its number belongs to one of these classes, or to one within them. */
export function entraMeans(...classes: AadstsClass[]): When {
  return only(entraRefusal, (_, { aadstsClass }) => classes.some((name) => isWithin(aadstsClass, name)));
}

/** Matches an error of Resource Manager with one of these codes. */
export function resourceManagerSays(...codes: string[]): When {
  return ({ resourceManager }) =>
    resourceManager?.errorCode && codes.includes(resourceManager.errorCode) ? resourceManager : undefined;
}

/** Matches an error of Resource Manager of one of these classes. Other rows handle a refused token. */
export function resourceManagerMeans(...classes: ResourceManagerClass[]): When {
  return ({ failure, resourceManager }) => {
    if (!failure || !['not-authorized', 'broken', 'no-subscription'].includes(failure.kind)) return undefined;
    if (resourceManager?.errorCode === undefined || resourceManager.responder !== 'resource-manager') return undefined;
    const found = classOf(resourceManager);
    return found && classes.includes(found) ? resourceManager : undefined;
  };
}

/** Matches a failure of Resource Manager of one of these kinds. */
export function ofKind(...kinds: FailureKind[]): When {
  return ({ failure, resourceManager }) => (failure && kinds.includes(failure.kind) ? resourceManager : undefined);
}

/** The finding of the host that was not reached: Microsoft Entra ID if there is no token, otherwise Resource Manager. */
export function unreached({ findings, resourceManager }: Evidence): Finding | undefined {
  const found = [...(resourceManager ? [resourceManager] : []), ...findings].filter(isUnreached);
  return found.find((finding) => !isTool(finding)) ?? found[0];
}

function isUnreached({ credential, responder, networkCode, phase }: Finding): boolean {
  if (credential === 'managed-identity') return false;
  if (responder !== 'none') return responder === 'http-proxy';
  // Still before the response at the deadline: that phase is what failed.
  return networkCode !== undefined || (phase !== undefined && phase !== 'response');
}

/** Matches the host that was not reached if its error code has this form. */
export function unreachedWith(codes: RegExp): When {
  return only(unreached, (_, { networkCode }) => networkCode !== undefined && codes.test(networkCode));
}

/** Matches the host that was not reached if the request was still in this phase, without an error. */
export function stillIn(phase: NonNullable<Finding['phase']>): When {
  return only(unreached, (_, finding) => finding.networkCode === undefined && finding.phase === phase);
}

/** The credential that has not responded yet, or not before its time limit. */
export function unanswered({ findings }: Evidence): Finding | undefined {
  return findings.find(
    ({ outcome, message, responder }) =>
      outcome === 'pending' || (responder === 'none' && /^No answer within/.test(message)),
  );
}

/** Whether a service for managed identities was reached, and holds the request. NMI does so until the pod has an identity. */
export function isWaitedFor({ credential, outcome, status, phase, responder }: Finding): boolean {
  if (credential !== 'managed-identity' || outcome !== 'pending') return false;
  return responder === 'none' ? phase === 'response' : status === undefined;
}

/** Whether a pod for which nothing is configured asked its node, whose metadata service would have answered, but has a fault. */
export function isFaultOfNode(e: Evidence): boolean {
  const isFault = ({ responder, status = 0 }: Finding) =>
    responder === 'imds' && (status === 410 || status === 429 || status >= 500);
  const isConfigured = isLabelled(e) === true || isSet(e, 'AZURE_CLIENT_ID');
  return !isConfigured && findingOf(e, ['managed-identity'], isFault) !== undefined;
}

const IDS = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID'];

/** The variables that make a credential together with the two ids. */
const CREDENTIAL_VARIABLES = ['AZURE_CLIENT_SECRET', 'AZURE_CLIENT_CERTIFICATE_PATH', 'AZURE_FEDERATED_TOKEN_FILE'];

/** What is missing of a service principal of which the other half is set. */
export function missingVariables(e: Pick<Evidence, 'facts'>): string[] {
  const hasCredential = isSet(e, 'AZURE_CLIENT_SECRET') || isSet(e, 'AZURE_CLIENT_CERTIFICATE_PATH');
  const hasUser = isSet(e, 'AZURE_USERNAME') || isSet(e, 'AZURE_PASSWORD');
  const needed = hasCredential ? IDS : hasUser ? [...IDS, 'AZURE_USERNAME', 'AZURE_PASSWORD'] : [];
  return needed.filter((name) => !isSet(e, name));
}

/** Matches a service principal of which a half is missing, if no token of a service account was tried. */
export function halfConfigured(e: Evidence): Finding | undefined {
  if (missingVariables(e).length === 0) return undefined;
  if (e.findings.some((finding) => isProjected(finding) && finding.responder !== 'not-asked')) return undefined;
  return e.findings.find(
    ({ name, responder, outcome }) =>
      name === 'EnvironmentCredential' && responder === 'not-asked' && outcome !== 'pending',
  );
}

/** Matches a service principal whose secret is set, but empty, if nobody else answered or said more. */
export function emptySecret(e: Evidence): Finding | undefined {
  const isEmptied = isEmpty(e, 'AZURE_CLIENT_SECRET') && IDS.every((name) => isSet(e, name));
  if (!isEmptied || e.facts.projectedToken || e.findings.some(({ status }) => status !== undefined)) return undefined;
  return isMoreKnown(e) ? undefined : e.findings.find(({ name }) => name === 'EnvironmentCredential');
}

/** Matches if a credential is set under names that nothing reads, and no other is configured or said more. */
export function misnamedCredential(e: Evidence): Finding | undefined {
  const isMisnamed = CREDENTIAL_VARIABLES.some((variable) => misnamed(e, variable) !== undefined);
  if (!isMisnamed || e.facts.projectedToken || e.facts.identityEndpoint || usesPodIdentity(e)) return undefined;
  return isMoreKnown(e) ? undefined : e.findings[0];
}

/** Whether Microsoft Entra ID refused, or a tool said more than that it is not set up. */
function isMoreKnown({ findings }: Evidence): boolean {
  return findings.some((finding) => {
    const { problem = 'not-installed', networkCode, status } = finding.text;
    const isSaid = !ABSENT.includes(problem) || networkCode !== undefined || status !== undefined;
    return finding.aadsts !== undefined || (isTool(finding) && isSaid);
  });
}

const ABSENT: readonly Problem[] = [
  'not-installed',
  'not-logged-in',
  'module-missing',
  'account-not-in-cache',
  'no-subscription',
];

/** Matches a token for which the condition holds: as a warning, or as the failure if it only lacks a role. */
export function token(condition: (evidence: Evidence) => boolean): When {
  return (e) => {
    if (!e.identity || !condition(e)) return undefined;
    return e.failure ? ofKind('no-subscription', 'not-authorized')(e) : tokenFinding(e.identity, e.facts);
  };
}

/** How many seconds the server's clock is ahead of ours, if that is enough to matter. */
export function clockSkew(finding: Finding | undefined): number | undefined {
  if (!finding) return undefined;
  return [finding.serverAheadSeconds, assertionSkew(finding)].find(
    (seconds) => seconds !== undefined && Math.abs(seconds) >= SKEW_SECONDS,
  );
}

/** MSAL signs assertions for this long. */
const ASSERTION_LIVES_MS = 10 * 60 * 1000;

/** An assertion that this process signs is valid from now on by our clock. Entra's refusal also has Entra's time. */
function assertionSkew({ credential, text }: Finding): number | undefined {
  if (credential !== 'client-certificate' || !text.assertionTimes) return undefined;
  const { now, from, to } = text.assertionTimes;
  // Some libraries leave out when it begins; then Entra quotes the year 1970.
  return Math.round((now - (from > 0 ? from : to - ASSERTION_LIVES_MS)) / 1000);
}

/** The sign-in hosts of the clouds, by the names that the Azure CLI has for them. The German cloud was closed in 2021. */
const CLOUDS: [string, RegExp][] = [
  ['AzureCloud', /^(login\.microsoftonline\.com|login\.windows\.net|login\.microsoft\.com|sts\.windows\.net)$/],
  ['AzureUSGovernment', /^(login\.microsoftonline\.us|login-us\.microsoftonline\.com)$/],
  ['AzureChinaCloud', /^login\.(partner\.microsoftonline|chinacloudapi)\.cn$/],
  ['AzureGermanCloud', /^login\.microsoftonline\.de$/],
];

function cloudWith(host = ''): string | undefined {
  return CLOUDS.find(([, hosts]) => hosts.test(host))?.[0];
}

/** The name of this service's cloud, as the Azure CLI knows it. */
export function cloudName(e: Pick<Evidence, 'facts'>): string | undefined {
  return cloudWith(authorityHost(e));
}

/** The other cloud that a tool asked for a token; undefined if it asked in the cloud of this service. */
export function otherCloud(e: Pick<Evidence, 'facts'>, finding: Finding): string | undefined {
  const cloud = isTool(finding) ? cloudWith(finding.host) : undefined;
  return cloud === cloudName(e) ? undefined : cloud;
}
