import type { AadstsClass } from './aadsts.ts';
import type { CredentialKind, Evidence, Finding } from './evidence.ts';
import type { Problem } from './read-text.ts';
import { type ResourceManagerClass, resourceManagerClass } from './resource-manager-codes.ts';

/** A clock that is off by this much is wrong. Microsoft Entra ID tolerates five minutes, other servers less. */
const SKEW_SECONDS = 60;

/** The first finding of one of these credentials that meets the condition. */
export function findingOf(
  { findings }: Evidence,
  kinds: readonly CredentialKind[],
  isMeant: (finding: Finding) => boolean = () => true,
): Finding | undefined {
  return findings.find((finding) => finding.credential && kinds.includes(finding.credential) && isMeant(finding));
}

/** Whether this is a developer tool. Its errors are about a person's login, not about the variables of this process. */
export function isTool({ credential }: Finding): boolean {
  return credential === 'azure-cli' || credential === 'powershell' || credential === 'azd';
}

/** The finding of the Azure CLI; undefined in Kubernetes, because no pod has it. */
export function azureCli({ facts, findings }: Evidence): Finding | undefined {
  if (facts.kubernetes) return undefined;
  return findings.find(({ credential }) => credential === 'azure-cli');
}

export function azureCliHas(evidence: Evidence, ...problems: Problem[]): Finding | undefined {
  const finding = azureCli(evidence);
  return finding?.text.problem && problems.includes(finding.text.problem) ? finding : undefined;
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
export function entraSays(...numbers: number[]) {
  return (evidence: Evidence): Finding | undefined => {
    const refusal = entraRefusal(evidence);
    return refusal?.aadsts !== undefined && numbers.includes(refusal.aadsts) ? refusal : undefined;
  };
}

/** Matches that refusal if its number belongs to one of these classes. */
export function entraMeans(...classes: AadstsClass[]) {
  return (evidence: Evidence): Finding | undefined => {
    const refusal = entraRefusal(evidence);
    return refusal?.aadstsClass && classes.includes(refusal.aadstsClass) ? refusal : undefined;
  };
}

/** Matches an error of Resource Manager with one of these codes. */
export function resourceManagerSays(...codes: string[]) {
  return ({ resourceManager }: Evidence): Finding | undefined =>
    resourceManager?.errorCode && codes.includes(resourceManager.errorCode) ? resourceManager : undefined;
}

/** Matches an error of Resource Manager of one of these classes. Other rules handle a refused token. */
export function resourceManagerMeans(...classes: ResourceManagerClass[]) {
  return ({ failure, resourceManager }: Evidence): Finding | undefined => {
    if (!resourceManager || !['not-authorized', 'broken', 'no-subscription'].includes(failure.kind)) return undefined;
    const { errorCode, said, party } = resourceManager;
    if (errorCode === undefined || party !== 'resource-manager') return undefined;
    const found = resourceManagerClass(errorCode, said);
    return found && classes.includes(found) ? resourceManager : undefined;
  };
}

/** Matches a failure of Resource Manager of one of these kinds. */
export function ofKind(...kinds: Evidence['failure']['kind'][]) {
  return ({ failure, resourceManager }: Evidence): Finding | undefined =>
    kinds.includes(failure.kind) ? resourceManager : undefined;
}

/** The finding of the host that was not reached: Microsoft Entra ID if there is no token, otherwise Resource Manager. */
export function unreached({ failure, findings, resourceManager }: Evidence): Finding | undefined {
  if (failure.kind === 'timeout') return undefined;
  const candidates = [...findings.filter((finding) => !isTool(finding)), ...findings.filter(isTool)];
  return [resourceManager, ...candidates].find(
    (finding) => finding && finding.credential !== 'managed-identity' && isUnreached(finding),
  );
}

function isUnreached(finding: Finding): boolean {
  const { party, networkCode, text } = finding;
  // For a managed identity, a tool does not ask Microsoft Entra ID.
  if (isTool(finding) && (text.problem === 'identity-endpoint-failed' || text.login === 'managed-identity'))
    return false;
  if (party === 'http-proxy') return true;
  return party === 'nobody' && (networkCode !== undefined || finding.outcome !== 'pending') && hasAsked(finding);
}

function hasAsked({ host, name }: Finding): boolean {
  return host !== undefined || name === '';
}

/** The credential that has not answered yet, or not before its time limit. */
export function unanswered({ findings }: Evidence): Finding | undefined {
  return findings.find(({ outcome, words }) => outcome === 'pending' || words.startsWith('No answer within'));
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
