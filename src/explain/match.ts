import type { AadstsClass } from './aadsts.ts';
import { type CredentialKind, type Evidence, type Finding, tokenFinding } from './evidence.ts';
import type { Problem } from './read-text.ts';
import { type ResourceManagerClass, resourceManagerClass } from './resource-manager-codes.ts';

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

/** Whether this is a developer tool. Its errors are about a person's login, not about the variables of this process. */
export function isTool({ credential }: Pick<Finding, 'credential'>): boolean {
  return credential === 'azure-cli' || credential === 'powershell' || credential === 'azd';
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

/** Matches that refusal if its number belongs to one of these classes. */
export function entraMeans(...classes: AadstsClass[]): When {
  return only(entraRefusal, (_, { aadstsClass }) => aadstsClass !== undefined && classes.includes(aadstsClass));
}

/** Matches an error of Resource Manager with one of these codes. */
export function resourceManagerSays(...codes: string[]): When {
  return ({ resourceManager }) =>
    resourceManager?.errorCode && codes.includes(resourceManager.errorCode) ? resourceManager : undefined;
}

/** Matches an error of Resource Manager of one of these classes. Other rows handle a refused token. */
export function resourceManagerMeans(...classes: ResourceManagerClass[]): When {
  return ({ failure, resourceManager }) => {
    if (!resourceManager || !failure || !['not-authorized', 'broken', 'no-subscription'].includes(failure.kind)) {
      return undefined;
    }
    const { errorCode, summary, responder } = resourceManager;
    if (errorCode === undefined || responder !== 'resource-manager') return undefined;
    const found = resourceManagerClass(errorCode, summary);
    return found && classes.includes(found) ? resourceManager : undefined;
  };
}

/** Matches a failure of Resource Manager of one of these kinds. */
export function ofKind(...kinds: NonNullable<Evidence['failure']>['kind'][]): When {
  return ({ failure, resourceManager }) => (failure && kinds.includes(failure.kind) ? resourceManager : undefined);
}

/** The finding of the host that was not reached: Microsoft Entra ID if there is no token, otherwise Resource Manager. */
export function unreached({ findings, resourceManager }: Evidence): Finding | undefined {
  const candidates = [...findings.filter((finding) => !isTool(finding)), ...findings.filter(isTool)];
  return [resourceManager, ...candidates].find(
    (finding) => finding && finding.credential !== 'managed-identity' && isUnreached(finding),
  );
}

function isUnreached(finding: Finding): boolean {
  const { responder, networkCode, phase, text } = finding;
  // For a managed identity, a tool does not ask Microsoft Entra ID.
  if (isTool(finding) && (text.problem === 'identity-endpoint-failed' || text.login === 'managed-identity'))
    return false;
  if (responder === 'http-proxy') return true;
  if (responder !== 'none') return false;
  // Still before the response at the deadline: that phase is what failed.
  return networkCode !== undefined || (phase !== undefined && phase !== 'response');
}

/** The credential that has not responded yet, or not before its time limit. */
export function unanswered({ findings }: Evidence): Finding | undefined {
  return findings.find(
    ({ outcome, message, responder }) =>
      outcome === 'pending' || (responder === 'none' && /^No (answer|response|token) within/.test(message)),
  );
}

/** Matches a token for which the condition holds: as a warning, or as the failure if it only lacks a role. */
export function token(condition: (evidence: Evidence) => boolean): When {
  return (e) => {
    if (!e.identity || !condition(e)) return undefined;
    return e.failure ? ofKind('no-subscription', 'not-authorized')(e) : tokenFinding(e.identity, e.facts);
  };
}

/** How many seconds the server's clock is ahead of ours, if that is enough to matter. */
export function clockSkew(finding: Finding | undefined): number | undefined {
  const seconds = finding && (dateSkew(finding) ?? assertionSkew(finding));
  return seconds !== undefined && Math.abs(seconds) >= SKEW_SECONDS ? seconds : undefined;
}

function dateSkew({ serverAheadSeconds }: Finding): number | undefined {
  return serverAheadSeconds !== undefined && Math.abs(serverAheadSeconds) >= SKEW_SECONDS
    ? serverAheadSeconds
    : undefined;
}

/** An assertion that this process signs is valid from now on by our clock. Entra's refusal also has Entra's time. */
function assertionSkew({ credential, text }: Finding): number | undefined {
  if (credential !== 'client-certificate' || !text.assertionTimes) return undefined;
  const { now, from } = text.assertionTimes;
  return Math.round((now - from) / 1000);
}
