import type { Case, Evidence, Finding } from './evidence.ts';
import { PADDED_SECRET, type ProjectedToken, SECRET, SHORT_SECRET } from './facts.ts';

/** What is known even if nothing fails. */
type WithFacts = Pick<Evidence, 'facts'>;

/** Notes that stand for values that may be secret. */
const NOTES: readonly unknown[] = [SECRET, PADDED_SECRET, SHORT_SECRET];

/** Whether a value is known and may be shown. */
export function hasValue(value: string | null | undefined): value is string {
  return value !== undefined && value !== null && value !== '' && !NOTES.includes(value);
}

/** The same words at the beginning of a sentence. */
export function capitalized(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

/** A value for a sentence, short and without control characters or backticks; for one that is not known, the other words. */
export function shown(value: string | null | undefined, otherwise: string): string {
  if (!hasValue(value)) return otherwise;
  const printable = value.slice(0, 300).replace(/[\p{Cc}`]/gu, ' ');
  return printable.trim() || otherwise;
}

export function isSet({ facts }: WithFacts, variable: string): boolean {
  return facts.variables[variable] !== undefined;
}

/** Whether the variable is set to an empty value. */
export function isEmpty({ facts }: WithFacts, variable: string): boolean {
  return facts.emptyVariables?.includes(variable) ?? false;
}

export function isPadded({ facts }: WithFacts, variable: string): boolean {
  return facts.variables[variable] === PADDED_SECRET;
}

export function isTooShort({ facts }: WithFacts, variable: string): boolean {
  return facts.variables[variable] === SHORT_SECRET;
}

/** The value of a variable, if it may be shown. */
function variableOf({ facts }: WithFacts, variable: string): string | undefined {
  const value = facts.variables[variable];
  return hasValue(value) ? value : undefined;
}

export function clientIdOf(e: WithFacts): string | undefined {
  return variableOf(e, 'AZURE_CLIENT_ID');
}

export function tenantIdOf(e: WithFacts): string | undefined {
  return variableOf(e, 'AZURE_TENANT_ID');
}

/** The subscription that was listed or that is configured. */
export function subscriptionOf(e: Evidence): string | undefined {
  return e.list?.subscriptionId ?? e.failure?.subscriptionId ?? variableOf(e, 'AZURE_SUBSCRIPTION_ID');
}

/** The subscription that the managed identity itself belongs to. */
export function subscriptionOfIdentity({ identity }: Pick<Evidence, 'identity'>): string | undefined {
  return /^\/subscriptions\/([^/]+)/i.exec(identity?.managedIdentityResourceId ?? '')?.[1];
}

export function projectedToken({ facts }: WithFacts): Partial<ProjectedToken> {
  return facts.projectedToken ?? {};
}

/** "the identity 1111…", or "this identity" where its client id is not known. */
export function identityInWords(e: WithFacts): string {
  const clientId = clientIdOf(e);
  return clientId === undefined ? 'this identity' : `the identity ${shown(clientId, '')}`;
}

/** "the service account shop/orders", as far as it is known. */
export function serviceAccountInWords({ facts: { pod } }: WithFacts): string {
  if (pod?.serviceAccount === undefined) return 'the service account of this pod';
  return `the service account ${[pod.namespace, pod.serviceAccount].filter(Boolean).join('/')}`;
}

/** The name of the resource that the managed identity belongs to, or its own name if it is user-assigned. */
export function managedName({ identity }: Pick<Evidence, 'identity'>): string | undefined {
  return identity?.managedIdentityResourceId?.split('/').at(-1);
}

/** "the identity aks-agentpool of its node"; `isNodeIdentity` requires the resource id. */
export function nodeIdentityInWords(e: Pick<Evidence, 'identity'>): string {
  return `the identity ${shown(managedName(e), '')} of its node`;
}

/** "node aks-1", or "this pod's node". */
export function nodeInWords({ facts: { pod } }: WithFacts): string {
  return pod?.node === undefined ? "this pod's node" : `node ${pod.node}`;
}

/** Whether the pod has the label of Workload ID as the webhook expects it; undefined if its labels are not visible. */
export function isLabelled({ facts }: WithFacts): boolean | undefined {
  return facts.podLabels && facts.podLabels['azure.workload.identity/use'] === 'true';
}

/** The value of the label of Workload ID, if the pod has one that is visible. */
export function labelOf({ facts }: WithFacts): string | undefined {
  return shown(facts.podLabels?.['azure.workload.identity/use'], '') || undefined;
}

/** Whether the pod has the label of pod identity. If so, NMI should answer in place of the metadata service. */
export function usesPodIdentity({ facts }: WithFacts): boolean {
  return Boolean(facts.podLabels?.aadpodidbinding);
}

/** The variable that names the proxy in use: the first one wins. */
export function proxyVariableOf({ facts }: WithFacts): string {
  return facts.proxy.variables.find((name) => name !== 'NO_PROXY') ?? 'HTTPS_PROXY';
}

/** The host that gives tokens in the cloud of this service. */
export function authorityHost({ facts }: WithFacts): string {
  return new URL(facts.cloud.authorityHost).hostname;
}

/** The host that gives tokens for a managed identity. */
export function managedIdentityHost({ facts }: WithFacts): string {
  return facts.identityEndpoint?.host ?? facts.metadataService;
}

/** The host that was asked. */
export function hostOf({ finding }: Pick<Case, 'finding'>): string {
  return finding.host ?? 'Azure';
}

/** The most informative code of a failed request, such as `HTTP 503`, `ECONNREFUSED` or `AADSTS700016`. */
export function codeOf({ networkCode, status, errorCode, text, aadsts }: Finding): string {
  if (aadsts !== undefined) return `AADSTS${aadsts}`;
  if (networkCode !== undefined) return networkCode;
  const httpStatus = status ?? text.proxyStatus;
  return httpStatus === undefined ? (errorCode ?? 'no response') : `HTTP ${httpStatus}`;
}

/** Status and error code of Resource Manager, such as `403 AuthorizationFailed`. */
export function statusAndCode({ status, errorCode }: Finding): string {
  return [status, errorCode].filter(Boolean).join(' ') || 'no code';
}

/** How far our clock is `behind` or `ahead of` another, in words. */
export function skewInWords(serverAheadSeconds: number): string {
  const minutes = Math.round(Math.abs(serverAheadSeconds) / 60);
  const amount = minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
  return `${amount} ${serverAheadSeconds > 0 ? 'behind' : 'ahead of'}`;
}

/** The variable that is set instead of this unset one: another tool's name for it, or a typo. */
export function misnamed({ facts }: WithFacts, variable: string): string | undefined {
  return Object.entries(facts.misnamed ?? {}).find(([, meant]) => meant === variable)?.[0];
}

/** Nobody reads a sentence with a longer quotation; `detail` has the whole message. */
const QUOTED_LENGTH = 160;

/** Quotes the beginning of a message, for a failure without its own row. */
export function quoted({ summary }: Pick<Finding, 'summary'>): string {
  const text = shown(summary.replaceAll('"', "'").replace(/\s{1,100}/g, ' '), 'nothing');
  if (text.length <= QUOTED_LENGTH) return `"${text.replace(/[.\s]{1,3}$/, '')}"`;
  return `"${text.slice(0, QUOTED_LENGTH).replace(/\s\S{0,30}$/, '')} …"`;
}
