import type { Evidence, Finding } from './evidence.ts';
import { PADDED_SECRET, type ProjectedToken, SECRET } from './facts.ts';

/** What is known even if nothing fails. */
type WithFacts = Pick<Evidence, 'facts'>;

/** A value for a sentence: short, without control characters or backticks. */
export function orUnknown(value: unknown): string {
  if (value === SECRET || value === PADDED_SECRET) return '(not shown)';
  const text = Array.isArray(value) ? value.join(', ') : String(value ?? '');
  return (
    text
      .slice(0, 300)
      .replace(/[\p{Cc}`]/gu, ' ')
      .trim() || '(unknown)'
  );
}

export function hasValue(value: string | null | undefined): value is string {
  return value !== undefined && value !== null && value !== '' && value !== SECRET && value !== PADDED_SECRET;
}

export function isSet({ facts }: WithFacts, variable: string): boolean {
  return facts.variables[variable] !== undefined;
}

export function isPadded({ facts }: WithFacts, variable: string): boolean {
  return facts.variables[variable] === PADDED_SECRET;
}

export function clientIdOf({ facts }: WithFacts): string | undefined {
  return facts.variables['AZURE_CLIENT_ID'];
}

export function tenantIdOf({ facts }: WithFacts): string | undefined {
  return facts.variables['AZURE_TENANT_ID'];
}

/** The subscription that was listed or that is configured. */
export function subscriptionOf({ failure, facts }: Evidence): string | undefined {
  return failure.subscriptionId ?? facts.variables['AZURE_SUBSCRIPTION_ID'];
}

export function projectedToken({ facts }: WithFacts): Partial<ProjectedToken> {
  return facts.projectedToken ?? {};
}

/** The pod's service account, from the subject of its token or else from the Downward API. */
export function serviceAccountOf(evidence: WithFacts): string | undefined {
  return subjectOf(evidence)[1] ?? evidence.facts.pod?.serviceAccount;
}

export function namespaceOf(evidence: WithFacts): string | undefined {
  return subjectOf(evidence)[0] ?? evidence.facts.pod?.namespace;
}

function subjectOf(evidence: WithFacts): string[] {
  const found = /^system:serviceaccount:([^:]{1,253}):([^:]{1,253})$/.exec(projectedToken(evidence).sub ?? '');
  return found?.slice(1) ?? [];
}

/** Whether the pod has the label of Workload ID as the webhook expects it; undefined if its labels are unknown. */
export function isLabelled({ facts }: WithFacts): boolean | undefined {
  return facts.podLabels && facts.podLabels['azure.workload.identity/use'] === 'true';
}

/** Whether the pod has the label of pod identity. If so, NMI should answer in place of the metadata service. */
export function usesPodIdentity({ facts }: WithFacts): boolean {
  return Boolean(facts.podLabels?.aadpodidbinding);
}

/** The variable that names the proxy in use: the first one wins. */
export function proxyVariableOf({ facts }: WithFacts): string {
  return facts.proxy.variables.find((name) => name !== 'NO_PROXY') ?? 'HTTPS_PROXY';
}

export function hostOf({ host }: Finding): string {
  return host ?? 'Azure';
}

/** The most telling code of a failed request. */
export function errorCodeOf({ networkCode, status, errorCode, text }: Finding): string {
  return String(networkCode ?? status ?? text.proxyStatus ?? errorCode ?? 'no error code');
}

/** How far our clock is `behind` or `ahead of` another, in words. */
export function skewInWords(serverAheadSeconds: number): string {
  const minutes = Math.round(Math.abs(serverAheadSeconds) / 60);
  const amount = minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
  return `${amount} ${serverAheadSeconds > 0 ? 'behind' : 'ahead of'}`;
}

/** The variable that is set instead of this unset one: another tool's name for it, or a typo. */
export function misnamed({ facts }: WithFacts, variable: string): string | undefined {
  return Object.entries(facts.misnamed ?? {}).find(([, meant]) => meant === variable)?.[0];
}

/** Nobody reads a hint with a longer quotation; `detail` has the whole message. */
const QUOTED_LENGTH = 160;

/** Quotes the beginning of a message, for a hint about a failure without its own rule. */
export function quoted({ said }: Finding): string {
  const text = orUnknown(
    said
      .slice(0, 1000)
      .replaceAll('"', "'")
      .replace(/\s{1,100}/g, ' '),
  );
  return text.length <= QUOTED_LENGTH
    ? `"${text.replace(/[.\s]{1,3}$/, '')}"`
    : `"${text.slice(0, QUOTED_LENGTH).replace(/\s\S{0,30}$/, '')} …"`;
}
