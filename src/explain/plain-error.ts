import type { Facts } from './facts.ts';
import type { Attempt, Failure, FailureKind, Outcome } from './outcome.ts';

/**
 * Makes an outcome from an error that a credential of @azure/identity or an ARM client threw, for apps that have nothing else. The
 * requests behind it are not known then, so fewer rows match. Errors are recognized by their fields, not by their classes.
 */
export function outcomeOf(error: unknown, facts: Facts): Outcome {
  const chain = [...errorChain(error)];
  const response = chain.find((member) => isResponse(member));
  const attempts = response ? [] : attemptsOf(error);
  const failure = response ? refusal(response) : failureOf(error, attempts);
  return { facts, attempts, identity: null, list: null, failure, renewal: null };
}

/** Yields an error, the errors that it aggregates (a chain has one per credential) and their causes, outermost first. */
function* errorChain(error: unknown, depth = 0): Generator<object> {
  // Real chains of causes are short. The limit is for one that loops.
  if (typeof error !== 'object' || error === null || depth > 10) return;
  yield error;
  for (const member of [field(error, 'errors') ?? []].flat()) yield* errorChain(member, depth + 1);
  yield* errorChain(field(error, 'cause'), depth + 1);
}

/** A RestError of the ARM clients: it has a status, or the code of a failed connection. */
function isResponse(error: object): boolean {
  return textOf(error, 'name') === 'RestError';
}

/** Errors of credentials, by the names that @azure/identity gives them. */
const CREDENTIAL_ERROR = /^(Aggregate)?Authentication(Required)?Error$|^CredentialUnavailableError$/;

function attemptsOf(error: unknown): Attempt[] {
  const members = [field(error, 'errors') ?? error].flat().filter((member) => typeof member === 'object');
  return members.flatMap((member) => (member !== null && isOfCredential(member) ? [attemptOf(member)] : []));
}

function isOfCredential(error: object): boolean {
  return CREDENTIAL_ERROR.test(textOf(error, 'name') ?? '');
}

function attemptOf(error: object): Attempt {
  const message = textOf(error, 'message') ?? '';
  const errorName = textOf(error, 'name') ?? 'Error';
  const chain = [...errorChain(error)];
  const code = chain.map((member) => textOf(member, 'errorCode') ?? textOf(member, 'code')).find(Boolean);
  const numbers = chain.flatMap((member) => [
    field(member, 'errorNo'),
    field(field(member, 'errorResponse'), 'errorCodes'),
  ]);
  const aadsts = numbers
    .flat()
    .map(Number)
    .find((number) => number > 0);
  return {
    name: credentialOf(message),
    outcome: errorName === 'CredentialUnavailableError' ? 'unavailable' : 'failed',
    message,
    errorName,
    ...(code !== undefined && { code }),
    ...(aadsts !== undefined && { aadsts }),
  };
}

/** What the messages of the credentials begin with or mention, in the order of the chain. */
const CREDENTIALS: readonly [RegExp, string][] = [
  [/WorkloadIdentityCredential|workload identity/i, 'WorkloadIdentityCredential'],
  [/ManagedIdentityCredential|IMDS endpoint|managed identity/i, 'ManagedIdentityCredential'],
  [/EnvironmentCredential/, 'EnvironmentCredential'],
  [/PowerShell/, 'AzurePowerShellCredential'],
  [/Azure Developer CLI|\bazd\b/, 'AzureDeveloperCliCredential'],
  [/Azure CLI|\baz\b/, 'AzureCliCredential'],
  [/Visual Studio Code/, 'VisualStudioCodeCredential'],
];

function credentialOf(message: string): string {
  const own = /^(\w{1,60}Credential)\b/.exec(message)?.[1];
  // A bare refusal of Microsoft Entra ID comes from a token exchange or a secret.
  return own ?? CREDENTIALS.find(([form]) => form.test(message))?.[1] ?? 'WorkloadIdentityCredential';
}

const KINDS: Record<number, FailureKind> = { 401: 'token-rejected', 403: 'not-authorized', 429: 'throttled' };

function refusal(error: object): Failure {
  const status = Number(field(error, 'statusCode')) || undefined;
  const code = textOf(error, 'code');
  const message = textOf(error, 'message') ?? '';
  const isUnknown = status === 404 && code === 'SubscriptionNotFound';
  const kind = status === undefined ? 'unreachable' : isUnknown ? 'no-subscription' : (KINDS[status] ?? 'broken');
  return {
    kind,
    message,
    errorName: 'RestError',
    ...(code !== undefined && { code }),
    ...(status !== undefined && { status, said: message, isAzureError: code !== undefined }),
  };
}

function failureOf(error: unknown, attempts: readonly Attempt[]): Failure {
  const message = textOf(error, 'message') ?? String(error);
  const errorName = textOf(error, 'name');
  return { kind: attempts.length > 0 ? 'no-token' : 'unexpected', message, ...(errorName && { errorName }) };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function textOf(value: unknown, name: string): string | undefined {
  const text = field(value, name);
  return typeof text === 'string' && text !== '' ? text : undefined;
}
