import { type Facts, NO_FACTS, SECRET } from './facts.ts';
import type { Attempt, Exchange, Failure, FailureKind, Outcome } from './outcome.ts';
import { authorityHost, managedIdentityHost } from './words.ts';

/**
 * Makes an outcome from an error that a credential of @azure/identity or an ARM client threw, for apps that have nothing else. Of
 * the requests behind it, only what the messages repeat is known, so fewer rows match. Errors are recognized by their fields, not
 * by their classes.
 */
export function outcomeOf(error: unknown, known: Facts): Outcome {
  const chain = [...errorChain(error)];
  // A RestError of the ARM clients has a status, or the code of a failed connection.
  const response = chain.find((member) => textOf(member, 'name') === 'RestError');
  const facts = known === NO_FACTS ? factsIn(chain.map((member) => textOf(member, 'message') ?? '')) : known;
  const attempts = response ? [] : attemptsOf(error, facts);
  const failure: Failure = response
    ? refusal(response)
    : {
        kind: attempts.length > 0 ? 'no-token' : 'unexpected',
        message: textOf(error, 'message') ?? String(error),
        errorName: textOf(error, 'name') ?? 'Error',
      };
  return { facts, attempts, identity: null, list: null, failure, renewal: null };
}

/** Yields an error, the errors that it aggregates (a chain has one per credential) and their causes, outermost first. */
export function* errorChain(error: unknown, depth = 0): Generator<object> {
  // Real chains of causes are short. The limit is for one that loops.
  if (typeof error !== 'object' || error === null || depth > 10) return;
  yield error;
  for (const member of [field(error, 'errors') ?? []].flat()) yield* errorChain(member, depth + 1);
  yield* errorChain(field(error, 'cause'), depth + 1);
}

/** Errors of credentials, by the names that @azure/identity gives them. */
const CREDENTIAL_ERROR = /^(Aggregate)?Authentication(Required)?Error$|^CredentialUnavailableError$/;

function attemptsOf(error: unknown, facts: Facts): Attempt[] {
  const members = [field(error, 'errors') ?? error].flat();
  return members
    .filter((member) => CREDENTIAL_ERROR.test(textOf(member, 'name') ?? ''))
    .map((member) => attemptOf(member, facts));
}

function attemptOf(error: unknown, facts: Facts): Attempt {
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
  const name = credentialOf(message, errorName);
  const exchange = exchangeIn(message, name, facts);
  return {
    name,
    // The SDK also calls a credential unavailable that asked in vain. The network stopped it, not its configuration.
    outcome: errorName === 'CredentialUnavailableError' && !ENTRA_NOT_REACHED.test(message) ? 'unavailable' : 'failed',
    message,
    errorName,
    ...(code !== undefined && { code }),
    ...(aadsts !== undefined && { aadsts }),
    ...(exchange && { exchange }),
  };
}

/** How MSAL reports a response: an error code, and either the description in its JSON or its status and text. */
const MSAL_RESPONSE =
  /(?:Message |More details:\s{1,5}|^)(?<code>\w{0,60}): Error\(s\): [\w ,]{1,60} - Timestamp: [\w :-]{1,40} - Description: (?<description>.*?)(?: - Correlation ID: |$)/s;
const MSAL_STATUS =
  /^An? \w{1,20} error occured\.\s{1,5}Http status code: (?<status>\d{3})\s{1,5}Http status message: (?<text>.*)$/s;

/** MSAL leaves out why a host could not be reached. */
const NOT_REACHED = /\b(?:network_error|endpoints_resolution_error):/;
const ENTRA_NOT_REACHED = /^(?:network_error|endpoints_resolution_error):/;

/** The request that MSAL reports in the text of its error, as far as it can be told from that. */
function exchangeIn(message: string, credential: string, facts: Facts): Exchange | undefined {
  const isManaged = credential === 'ManagedIdentityCredential';
  const host = isManaged ? managedIdentityHost({ facts }) : authorityHost({ facts });
  if (isManaged && /IMDS endpoint/.test(message)) return { host, isProbe: true };
  if (NOT_REACHED.test(message)) return { host };
  // The agent of Azure Arc answers with the path of a secret file.
  if (/unable_to_read_secret_file|www_authenticate_header_missing/.test(message))
    return { host: '127.0.0.1', status: 401 };
  const { code = '', description = '' } = MSAL_RESPONSE.exec(message)?.groups ?? {};
  const { status, text = '' } = MSAL_STATUS.exec(description)?.groups ?? {};
  if (status !== undefined) {
    const body = text === 'Unknown' ? '' : text;
    return { host, status: Number(status), contentType: /^\s{0,50}<|^$/.test(body) ? 'text/html' : 'text/plain', body };
  }
  if (description === '' || !isManaged) return undefined;
  // Of a JSON body, MSAL does not say the status. These codes have one of their own.
  const body = JSON.stringify({ error: code, error_description: description });
  return { host, status: STATUSES[code] ?? 400, contentType: 'application/json', body };
}

const STATUSES: Record<string, number> = {
  not_found: 404,
  gone: 410,
  too_many_requests: 429,
  server_error: 500,
  unknown: 500,
  InternalServerError: 500,
};

/** The texts of NMI, which exists in Kubernetes alone. */
const NMI =
  /assigned identit|AzureAssignedIdentity|azure identity found for request|for pod:|matching pods:|pod list is empty|match pod IP|failed to refresh token/;

/** The texts of the identity endpoint of App Service and Functions. */
const APP_SERVICE =
  /No User Assigned or Delegated Managed Identity|Unable to load the proper Managed Identity|while fetching the AAD Token/;

/** How Node says that the projected token cannot be read. */
const TOKEN_FILE =
  /^(?:The projected token \S{1,300}: )?(?<problem>ENOENT|EACCES|EISDIR): [\w ,-]{1,80}(?: '(?<file>[^']{1,300})')?$/m;

/** What the errors themselves tell about the place and the configuration, for who has no facts. */
function factsIn(messages: readonly string[]): Facts {
  const text = messages.join('\n');
  const environment = messages.find((message) => message.startsWith('EnvironmentCredential authentication failed'));
  const secret = /certificate|\bPEM\b|PrivateKey|bad decrypt|AADSTS70002[1347]\b|\.(?:pem|pfx)\b/i.test(
    environment ?? '',
  )
    ? 'AZURE_CLIENT_CERTIFICATE_PATH'
    : 'AZURE_CLIENT_SECRET';
  const { problem, file } = messages.map((message) => TOKEN_FILE.exec(message)?.groups).find(Boolean) ?? {};
  return {
    ...NO_FACTS,
    ...(NMI.test(text) && { kubernetes: true, container: true, place: 'kubernetes' as const }),
    ...(APP_SERVICE.test(text) && {
      place: 'app-service' as const,
      identityEndpoint: { kind: 'app-service' as const, host: '127.0.0.1' },
    }),
    ...(environment !== undefined && {
      variables: { AZURE_CLIENT_ID: SECRET, AZURE_TENANT_ID: SECRET, [secret]: SECRET },
    }),
    ...(problem !== undefined && file !== undefined && { projectedToken: { file, problem } }),
  };
}

/** What the messages of the credentials begin with or mention. */
const CREDENTIALS: readonly [RegExp, string][] = [
  [/WorkloadIdentityCredential|workload identity/i, 'WorkloadIdentityCredential'],
  [/PowerShell/, 'AzurePowerShellCredential'],
  [/Azure Developer CLI|\bazd\b/, 'AzureDeveloperCliCredential'],
  [/Visual Studio Code/, 'VisualStudioCodeCredential'],
];

function credentialOf(message: string, errorName: string): string {
  const own = /^(\w{1,60}Credential)\b/.exec(message)?.[1];
  // A bare refusal of Microsoft Entra ID comes from a token exchange. A tool is unavailable whatever it says, and the Azure CLI is
  // the one whose own words the SDK passes on without a name.
  const nameless =
    errorName === 'CredentialUnavailableError' && ![TOKEN_FILE, NOT_REACHED].some((form) => form.test(message))
      ? 'AzureCliCredential'
      : 'WorkloadIdentityCredential';
  return own ?? CREDENTIALS.find(([form]) => form.test(message.slice(0, 300)))?.[1] ?? nameless;
}

const KINDS: Record<number, FailureKind> = { 401: 'token-rejected', 403: 'not-authorized', 429: 'throttled' };

function refusal(error: object): Failure {
  const status = Number(field(error, 'statusCode')) || undefined;
  const code = textOf(error, 'code');
  const message = textOf(error, 'message') ?? '';
  const kind = status === undefined ? 'unreachable' : (KINDS[status] ?? 'broken');
  return {
    kind,
    message,
    errorName: 'RestError',
    ...(code !== undefined && { code }),
    ...(status !== undefined && { status, said: message, isAzureError: code !== undefined }),
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function textOf(value: unknown, name: string): string | undefined {
  const text = field(value, name);
  return typeof text === 'string' && text !== '' ? text : undefined;
}
