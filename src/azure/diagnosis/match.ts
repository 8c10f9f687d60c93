import { type AzureFailure, errorChain, originalError } from '../errors.ts';
import type { Attempt, Exchange } from '../identity/attempt.ts';
import type { Identity } from '../identity/claims.ts';
import { ResourceManagerError } from '../resource-manager/response-error.ts';
import type { Facts, ProjectedToken } from './facts.ts';

/** What a diagnosis is made from. */
export interface Evidence {
  failure: AzureFailure;
  attempts: readonly Attempt[];
  facts: Facts;
  /** Who the latest token says we are, if there was one. */
  identity: Identity | undefined;
}

/** What one who failed said: an attempt, or an error. */
export type Clue = Attempt | Error;

/** From here on a clock is off, however much a server tolerates: Microsoft Entra ID five minutes, others less. */
const SKEW_SECONDS = 60;

/** A clue for one kind of failure, with a condition where there is one. */
export function ofKind(kind: Evidence['failure']['kind'], condition: (e: Evidence) => boolean = () => true) {
  return (e: Evidence) => (e.failure.kind === kind && condition(e) ? e.failure : undefined);
}

/** The first credential that was asked and of which this is true, where there is no token. */
export function attempted(e: Evidence, matches: (attempt: Attempt) => boolean): Attempt | undefined {
  if (!hasNoToken(e.failure)) return undefined;
  return e.attempts.find((attempt) => attempt.outcome !== 'not-tried' && matches(attempt));
}

export function hasNoToken({ kind }: Evidence['failure']): boolean {
  return kind === 'no-token' || kind === 'token-timeout';
}

export function said(e: Evidence, text: RegExp): Attempt | undefined {
  return attempted(e, ({ message }) => text.test(message));
}

/** The credential whose last request went to the metadata service of the node, or to NMI before it. */
export function askedImds(e: Evidence, matches: (exchange: Exchange) => boolean): Attempt | undefined {
  return attempted(e, ({ exchange }) => exchange?.host === e.facts.metadataService && matches(exchange));
}

/** The credential whose last request went to Microsoft Entra ID. */
export function askedEntra(e: Evidence, matches: (exchange: Exchange) => boolean): Attempt | undefined {
  const { metadataService } = e.facts;
  return attempted(
    e,
    ({ exchange }) => exchange !== undefined && exchange.host !== metadataService && matches(exchange),
  );
}

export function binding(e: Evidence, matches: (attempt: Attempt) => boolean): Attempt | undefined {
  return attempted(
    e,
    (attempt) => /identity binding/.test(attempt.name) && attempt.outcome !== 'pending' && matches(attempt),
  );
}

/** The credential that uses the projected token; that of managed identities does so, too. */
export function workloadIdentity(e: Evidence): Attempt | undefined {
  const names = ['WorkloadIdentityCredential', ...(e.facts.projectedToken ? ['ManagedIdentityCredential'] : [])];
  return attempted(e, ({ name }) => names.includes(name));
}

/** Workload ID in a pod that the webhook has given nothing. */
export function notInjected(e: Evidence): Attempt | undefined {
  return e.facts.kubernetes && !e.facts.projectedToken ? workloadIdentity(e) : undefined;
}

/** What the Azure CLI said, outside of Kubernetes: no pod has it. */
export function azureCli(e: Evidence, text: RegExp, unlike?: RegExp): Attempt | undefined {
  if (e.facts.kubernetes) return undefined;
  return attempted(
    e,
    ({ name, message }) => name === 'AzureCliCredential' && text.test(message) && !unlike?.test(message),
  );
}

export function tokenFile(...problems: string[]) {
  return (e: Evidence) => (problems.includes(e.facts.projectedToken?.problem ?? '') ? workloadIdentity(e) : undefined);
}

/** Whether the pod carries the label of Workload ID, as the webhook wants it; undefined where its labels are not known. */
export function isLabelled({ facts }: Evidence): boolean | undefined {
  return facts.podLabels && facts.podLabels['azure.workload.identity/use'] === 'true';
}

/** The first that Microsoft Entra ID refused, if it was with one of these numbers; those that follow may fail for reasons of their own. */
export function entraSays(...numbers: number[]) {
  return (e: Evidence) => {
    const refused = attempted(e, (attempt) => entraNumber(attempt) !== undefined && !isDeveloperTool(attempt));
    return refused && numbers.includes(entraNumber(refused) ?? 0) ? refused : undefined;
  };
}

/** Their errors are about the login of a person, not about the variables of this process. */
function isDeveloperTool({ name }: Attempt): boolean {
  return /Cli|PowerShell/.test(name);
}

/** The number of the error of Microsoft Entra ID. MSAL keeps it, some credentials only the text. */
export function entraNumber(clue: Clue): number | undefined {
  for (const error of errorChain(clue instanceof Error ? clue : clue.error)) {
    const number = Number(Reflect.get(error, 'errorNo') ?? /\bAADSTS(\d+)/.exec(error.message)?.[1]);
    if (number > 0) return number;
  }
  return undefined;
}

/** The Azure CLI, while it has not answered. */
export function pendingAzureCli(e: Evidence): Attempt | undefined {
  return attempted(e, ({ name, outcome }) => name === 'AzureCliCredential' && outcome === 'pending');
}

/** A managed identity that is waited for at the metadata service; with a projected token it is Microsoft Entra ID that is asked. */
export function pendingManagedIdentity(e: Evidence): Attempt | undefined {
  if (e.facts.projectedToken) return undefined;
  return attempted(e, ({ name, outcome }) => name === 'ManagedIdentityCredential' && outcome === 'pending');
}

/** The credential that has not answered, or had not when it was given up. */
export function silent(e: Evidence): Attempt | undefined {
  return attempted(e, ({ outcome, message }) => outcome === 'pending' || message.startsWith('No answer within'));
}

/** Whether a metadata service is there, even if it lets us wait. */
export function imdsAnswers(e: Evidence): boolean {
  return (askedImds(e, ({ status }) => status !== undefined) ?? pendingManagedIdentity(e)) !== undefined;
}

const ENTRA_ERRORS = 'https://learn.microsoft.com/entra/identity-platform/reference-error-codes';

/** The documentation of an error of Microsoft Entra ID. */
export function aboutNumber(clue: Clue): string {
  const number = entraNumber(clue);
  return number === undefined ? ENTRA_ERRORS : `https://login.microsoftonline.com/error?code=${number}`;
}

/** The failure, where Resource Manager gave it this error code. */
export function resourceManagerSays(e: Evidence, ...codes: string[]): Error | undefined {
  return codes.includes(resourceManagerError(e)?.code ?? '') ? e.failure : undefined;
}

function resourceManagerError({ failure }: Evidence): ResourceManagerError | undefined {
  return failure.cause instanceof ResourceManagerError ? failure.cause : undefined;
}

/** Statuses with which a proxy answers in its own name. */
const PROXY_STATUSES = [403, 407, 502, 503, 504];

/** The clue for a host that matters and was not reached: Microsoft Entra ID, where there is no token, else Resource Manager. */
export function unreachable(e: Evidence, matches: (exchange: Exchange) => boolean): Clue | undefined {
  const isUnreached = (exchange: Exchange) =>
    (exchange.status === undefined || isProxys(exchange)) && matches(exchange);
  const exchange = resourceManagerExchange(e);
  if (exchange) return isUnreached(exchange) ? e.failure : undefined;
  return askedEntra(e, isUnreached);
}

function isProxys({ status, body }: Exchange): boolean {
  return PROXY_STATUSES.includes(status ?? 0) && !body?.trimStart().startsWith('{');
}

export function hasCode(pattern: RegExp) {
  return ({ code }: Exchange) => code !== undefined && pattern.test(code);
}

function resourceManagerExchange(e: Evidence): Exchange | undefined {
  const host = hostOf(e.facts.cloud.resourceManager);
  if (e.failure.kind === 'unreachable') {
    const { code } = originalError(e.failure.cause);
    return { host, ...(code !== undefined && { code: String(code) }) };
  }
  const error = resourceManagerError(e);
  // With a code of its own it was Resource Manager that answered.
  return error && error.code === undefined ? { host, status: error.statusCode } : undefined;
}

function exchangeOf(e: Evidence, clue: Clue): Exchange | undefined {
  return clue instanceof Error ? resourceManagerExchange(e) : clue.exchange;
}

export function placeOf(e: Evidence, clue: Clue): string {
  return exchangeOf(e, clue)?.host ?? 'Azure';
}

export function symptomOf(e: Evidence, clue: Clue): string {
  const { code, status } = exchangeOf(e, clue) ?? {};
  return String(code ?? status ?? 'no error code');
}

/** The clue, where the clock of the server that refused a token is not ours. */
export function skewed(e: Evidence, clue: Clue | undefined): Clue | undefined {
  return clue && Math.abs(skewSeconds(e, clue)) >= SKEW_SECONDS ? clue : undefined;
}

function skewSeconds(e: Evidence, clue: Clue): number {
  const { serverAheadSeconds = 0 } = (clue instanceof Error ? resourceManagerError(e) : clue.exchange) ?? {};
  return serverAheadSeconds;
}

/** How far our clock is `behind` or `ahead of` the server's. */
export function skewOf(e: Evidence, clue: Clue): string {
  const minutes = Math.round(skewSeconds(e, clue) / 60);
  return `${Math.abs(minutes)} min ${minutes > 0 ? 'behind' : 'ahead of'}`;
}

export function projected(e: Evidence): Partial<ProjectedToken> {
  return e.facts.projectedToken ?? {};
}

/** The pod's service account, by the subject of its token. */
export function serviceAccount(e: Evidence): [namespace: string, name: string] {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(shown(projected(e).sub)) ?? [];
  return [namespace ?? '<namespace>', name ?? '<service-account>'];
}

/** The command that annotates it. */
export function annotate(e: Evidence, annotation: string): string {
  const [namespace, name] = serviceAccount(e);
  return `kubectl annotate serviceaccount ${name} -n ${namespace} azure.workload.identity/${annotation}=<${annotation}>`;
}

/** The command that gives the identity the role that it needs. */
export function assignReader({ failure, identity }: Evidence): string {
  return (
    `az role assignment create --role Reader --assignee-object-id ${identity?.objectId ?? '<object-id>'} ` +
    `--assignee-principal-type ${identity?.type === 'user' ? 'User' : 'ServicePrincipal'} ` +
    `--scope /subscriptions/${failure.subscriptionId ?? '<subscription-id>'}`
  );
}

export function isSet(e: Evidence, variable: string): boolean {
  return e.facts.variables[variable] !== undefined;
}

export function clientId(e: Evidence): string {
  return shown(e.facts.variables['AZURE_CLIENT_ID']);
}

export function tenantId(e: Evidence): string {
  return shown(e.facts.variables['AZURE_TENANT_ID']);
}

/** The variable that names the proxy in use: the first one wins. */
export function proxyVariable(e: Evidence): string {
  return shown(e.facts.proxy.variables[0]);
}

export function hostOf(url: string): string {
  return new URL(url).hostname;
}

export function shown(value: unknown): string {
  if (value === undefined || value === null || value === '') return '(unknown)';
  return Array.isArray(value) ? value.join(', ') : String(value);
}
