import type { AadstsClass } from './aadsts.ts';
import type { CredentialKind, Evidence, Finding } from './evidence.ts';
import type { Problem } from './read-text.ts';
import { type ResourceManagerClass, resourceManagerClass } from './resource-manager-codes.ts';

/** From here on a clock is off, however much a server tolerates: Microsoft Entra ID five minutes, others less. */
const SKEW_SECONDS = 60;

/** The finding of one of these credentials of which this is true. */
export function findingOf(
  { findings }: Evidence,
  kinds: readonly CredentialKind[],
  isMeant: (finding: Finding) => boolean = () => true,
): Finding | undefined {
  return findings.find((finding) => finding.credential && kinds.includes(finding.credential) && isMeant(finding));
}

/** The tools of developers: their errors are about the login of a person, not about the variables of this process. */
export function isTool({ credential }: Finding): boolean {
  return credential === 'azure-cli' || credential === 'powershell' || credential === 'azd';
}

/** What the Azure CLI came to, outside of Kubernetes, where no pod has it. */
export function azureCli({ facts, findings }: Evidence): Finding | undefined {
  if (facts.kubernetes) return undefined;
  return findings.find(({ credential }) => credential === 'azure-cli');
}

export function azureCliHas(evidence: Evidence, ...problems: Problem[]): Finding | undefined {
  const finding = azureCli(evidence);
  return finding?.text.problem && problems.includes(finding.text.problem) ? finding : undefined;
}

/**
 * The refusal of Microsoft Entra ID that counts: that of a credential which was configured for this process, before that of a
 * login which is only there in case. Those that follow may fail for reasons of their own.
 */
export function entraRefusal({ findings }: Evidence): Finding | undefined {
  const refusals = findings.filter(({ aadsts }) => aadsts !== undefined);
  return refusals.find((finding) => !isTool(finding)) ?? refusals[0];
}

/** That refusal, where it has one of these numbers. */
export function entraSays(...numbers: number[]) {
  return (evidence: Evidence): Finding | undefined => {
    const refusal = entraRefusal(evidence);
    return refusal?.aadsts !== undefined && numbers.includes(refusal.aadsts) ? refusal : undefined;
  };
}

/** That refusal, where its number is of one of these classes. */
export function entraMeans(...classes: AadstsClass[]) {
  return (evidence: Evidence): Finding | undefined => {
    const refusal = entraRefusal(evidence);
    return refusal?.aadstsClass && classes.includes(refusal.aadstsClass) ? refusal : undefined;
  };
}

/** What Resource Manager said with one of these error codes. */
export function resourceManagerSays(...codes: string[]) {
  return ({ resourceManager }: Evidence): Finding | undefined =>
    resourceManager?.errorCode && codes.includes(resourceManager.errorCode) ? resourceManager : undefined;
}

/** What Resource Manager refused, where it is of one of these classes; not a token, of which other rules know. */
export function resourceManagerMeans(...classes: ResourceManagerClass[]) {
  return ({ failure, resourceManager }: Evidence): Finding | undefined => {
    if (!resourceManager || !['not-authorized', 'broken', 'no-subscription'].includes(failure.kind)) return undefined;
    const { errorCode, said, party } = resourceManager;
    if (errorCode === undefined || party !== 'resource-manager') return undefined;
    const found = resourceManagerClass(errorCode, said);
    return found && classes.includes(found) ? resourceManager : undefined;
  };
}

/** The failure of one of these kinds, as Resource Manager came to it. */
export function ofKind(...kinds: Evidence['failure']['kind'][]) {
  return ({ failure, resourceManager }: Evidence): Finding | undefined =>
    kinds.includes(failure.kind) ? resourceManager : undefined;
}

/** The host that matters and was not reached: Microsoft Entra ID, where there is no token, else Resource Manager. */
export function unreached({ failure, findings, resourceManager }: Evidence): Finding | undefined {
  if (failure.kind === 'timeout') return undefined;
  const candidates = [...findings.filter((finding) => !isTool(finding)), ...findings.filter(isTool)];
  return [resourceManager, ...candidates].find(
    (finding) => finding && finding.credential !== 'managed-identity' && isUnreached(finding),
  );
}

function isUnreached(finding: Finding): boolean {
  const { party, networkCode, text } = finding;
  // What a tool asks in the name of a managed identity is not Microsoft Entra ID.
  if (isTool(finding) && (text.problem === 'identity-endpoint-failed' || text.login === 'managed-identity'))
    return false;
  if (party === 'http-proxy') return true;
  return party === 'nobody' && (networkCode !== undefined || finding.outcome !== 'pending') && hasAsked(finding);
}

function hasAsked({ host, name }: Finding): boolean {
  return host !== undefined || name === '';
}

/** The credential that has not answered, or had not when it was given up. */
export function unanswered({ findings }: Evidence): Finding | undefined {
  return findings.find(({ outcome, words }) => outcome === 'pending' || words.startsWith('No answer within'));
}

/** By how many seconds the clock of the server is ahead of ours, where that is enough to matter. */
export function clockSkew(finding: Finding | undefined): number | undefined {
  const seconds = finding && (dateSkew(finding) ?? assertionSkew(finding));
  return seconds !== undefined && Math.abs(seconds) >= SKEW_SECONDS ? seconds : undefined;
}

function dateSkew({ serverAheadSeconds }: Finding): number | undefined {
  return serverAheadSeconds !== undefined && Math.abs(serverAheadSeconds) >= SKEW_SECONDS
    ? serverAheadSeconds
    : undefined;
}

/** An assertion that this process signs itself is valid from now on by our clock: what Entra thinks of that tells the difference. */
function assertionSkew({ credential, text }: Finding): number | undefined {
  if (credential !== 'client-certificate' || !text.assertionTimes) return undefined;
  const { now, from } = text.assertionTimes;
  return Math.round((now - from) / 1000);
}
