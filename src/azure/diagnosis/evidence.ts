import { fromOutside } from '../../redaction.ts';
import { type AzureFailure, errorChain, originalError } from '../errors.ts';
import type { Attempt, Exchange } from '../identity/attempt.ts';
import type { Identity } from '../identity/claims.ts';
import { ResourceManagerError } from '../resource-manager/response-error.ts';
import { type AadstsClass, aadstsClass } from './aadsts.ts';
import { type Facts, type IdentityEndpoint, isLoopback } from './facts.ts';
import { readText, type TextFields } from './read-text.ts';

/** What a diagnosis is made from. */
export interface Evidence {
  failure: AzureFailure;
  facts: Facts;
  /** Who the latest token says we are, if there was one. */
  identity: Identity | undefined;
  /** The outcome of each credential that was asked, in the order of the chain; empty if there is a token. */
  findings: readonly Finding[];
  /** The failure of Resource Manager or on the way to it; undefined if there is no token. */
  resourceManager: Finding | undefined;
}

/** The means of getting a token. */
export type CredentialKind =
  | 'client-secret'
  | 'client-certificate'
  | 'user-password'
  | 'projected-token'
  | 'identity-binding'
  | 'managed-identity'
  | 'azure-cli'
  | 'powershell'
  | 'azd'
  | 'other';

/** Who caused the failure. `nobody`: no response; `not-asked`: no request; `stranger`: a response from something else. */
type Party =
  | 'entra'
  | 'imds'
  | 'nmi'
  | IdentityEndpoint
  | 'token-proxy'
  | 'http-proxy'
  | 'resource-manager'
  | 'stranger'
  | 'nobody'
  | 'not-asked';

type Content = 'json' | 'text' | 'page' | 'nothing';

/** One failure as fields, whether it comes from the SDK, the text of a tool, a local endpoint or Resource Manager. */
export interface Finding {
  credential: CredentialKind | undefined;
  /** The class of the credential. */
  name: string;
  outcome: Attempt['outcome'];
  party: Party;
  /** The host that was asked. */
  host: string | undefined;
  aadsts: number | undefined;
  aadstsClass: AadstsClass | undefined;
  /** HTTP status of the response. */
  status: number | undefined;
  /** The kind of body, if the response is not a token. */
  content: Content | undefined;
  /** The error code of OAuth 2.0, of Resource Manager or of MSAL. */
  errorCode: string | undefined;
  /** The system or TLS error code, if there was no response. */
  networkCode: string | undefined;
  /** How many seconds the server's clock was ahead of ours. */
  serverAheadSeconds: number | undefined;
  /** The WWW-Authenticate header of a refusal, which says what is missing. */
  wwwAuthenticate: string | undefined;
  /** The original message, unchanged. */
  words: string;
  /** The part of the message that is meant for people, without the SDK's additions. */
  said: string;
  /** The fields that the message and the body contain. */
  text: TextFields;
  error: unknown;
}

export function gatherEvidence(evidence: {
  failure: AzureFailure;
  attempts: readonly Attempt[];
  facts: Facts;
  identity: Identity | undefined;
}): Evidence {
  const { failure, attempts, facts, identity } = evidence;
  const isWithoutToken = hasNoToken(failure);
  return {
    failure,
    facts,
    identity,
    findings: isWithoutToken
      ? attempts.filter(({ outcome }) => outcome !== 'not-tried').map((attempt) => findingOf(attempt, facts))
      : [],
    resourceManager: isWithoutToken ? undefined : resourceManagerFinding(failure, facts),
  };
}

export function hasNoToken({ kind }: AzureFailure): boolean {
  return kind === 'no-token' || kind === 'token-timeout';
}

function findingOf(attempt: Attempt, facts: Facts): Finding {
  const { name, outcome, message, error, exchange } = attempt;
  const credential = credentialKind(name, facts);
  // The body of a refusal says more than the SDK's message.
  const text = readText(`${message}\n${exchange?.body ?? ''}`);
  const aadsts = text.aadsts ?? msalNumber(error);
  const isTool = credential === 'azure-cli' || credential === 'powershell' || credential === 'azd';
  const networkCode = isTool ? text.networkCode : exchange?.code;
  return {
    credential,
    name,
    outcome,
    party: isTool ? partyBehindTool(text) : partyOf(credential, attempt, aadsts, facts),
    host: exchange?.host ?? text.host ?? (isTool ? new URL(facts.cloud.authorityHost).hostname : undefined),
    aadsts,
    aadstsClass: aadstsClass(aadsts),
    status: exchange?.isProbe ? undefined : (exchange?.status ?? text.status),
    content: exchange?.status === undefined ? undefined : contentOf(exchange),
    errorCode: errorCodeIn(exchange) ?? msalCode(error),
    networkCode,
    serverAheadSeconds: exchange?.serverAheadSeconds,
    wwwAuthenticate: undefined,
    words: message,
    said: isTool ? withoutNoise(toolSays(message)) : ((exchange && messageIn(exchange)) ?? sdkSays(message)),
    text,
    error,
  };
}

function credentialKind(name: string, { variables, projectedToken }: Facts): CredentialKind {
  if (name.includes('identity binding')) return 'identity-binding';
  switch (name) {
    case 'EnvironmentCredential':
      if (variables['AZURE_CLIENT_SECRET']) return 'client-secret';
      if (variables['AZURE_CLIENT_CERTIFICATE_PATH']) return 'client-certificate';
      return variables['AZURE_USERNAME'] && variables['AZURE_PASSWORD'] ? 'user-password' : 'other';
    case 'WorkloadIdentityCredential':
      return 'projected-token';
    case 'ManagedIdentityCredential':
      // It makes a token exchange if all variables for one are set.
      return projectedToken && variables['AZURE_CLIENT_ID'] && variables['AZURE_TENANT_ID']
        ? 'projected-token'
        : 'managed-identity';
    case 'AzureCliCredential':
      return 'azure-cli';
    case 'AzurePowerShellCredential':
      return 'powershell';
    case 'AzureDeveloperCliCredential':
      return 'azd';
    default:
      return 'other';
  }
}

/** Only the message of a tool shows who responded to it. */
function partyBehindTool({ aadsts, isProxyFailure, networkCode, status, problem }: TextFields): Party {
  if (aadsts !== undefined) return 'entra';
  if (problem === 'identity-endpoint-failed') return 'not-asked';
  if (isProxyFailure) return 'http-proxy';
  if (networkCode !== undefined) return 'nobody';
  return status === undefined ? 'not-asked' : 'entra';
}

function partyOf(
  credential: CredentialKind,
  { outcome, exchange }: Attempt,
  aadsts: number | undefined,
  facts: Facts,
): Party {
  if (exchange === undefined) return outcome === 'pending' ? 'nobody' : 'not-asked';
  if (exchange.status === undefined) return 'nobody';
  const { host } = exchange;
  const says = contentOf(exchange);
  if (credential === 'managed-identity') {
    if (host !== facts.metadataService) {
      if (facts.proxy.hosts.includes(host) && says !== 'json') return 'http-proxy';
      const endpoint = facts.identityEndpoint;
      const isEndpoint = endpoint && (endpoint.host === host || (isLoopback(endpoint.host) && isLoopback(host)));
      // MSAL also finds the Azure Arc agent by its installed program, without any variable.
      return isEndpoint ? endpoint.kind : 'arc';
    }
    if (OTHER_CLOUDS.test(exchange.body ?? '')) return 'stranger';
    if (says === 'json') return 'imds';
    if (facts.proxy.hosts.includes(host)) return 'http-proxy';
    if (facts.kubernetes && says === 'text') return 'nmi';
    // A fault of the service may have no body. A refusal without one comes from something else.
    return says === 'nothing' && isFault(exchange.status) ? 'imds' : 'stranger';
  }
  if (credential === 'identity-binding' && aadsts === undefined) return 'token-proxy';
  if (aadsts !== undefined || says === 'json') return 'entra';
  return facts.proxy.hosts.includes(host) && isProxyStatus(exchange.status) ? 'http-proxy' : 'stranger';
}

/** The metadata services of other clouds answer at the same address. */
const OTHER_CLOUDS =
  /Metadata-Flavor|computeMetadata|metadata\.google|\bEC2\b|\baws\b|latest\/meta-data|openstack|oracle ?cloud|\/opc\/|aliyun|hetzner/i;

function isFault(status: number): boolean {
  return [404, 408, 410, 429].includes(status) || status >= 500;
}

/** Classifies a body by its content and type: NMI sends plain text, all Azure services send JSON; anything else is a page. */
function contentOf({ body, contentType = '' }: Exchange): Content {
  if (body === undefined) return /json/i.test(contentType) ? 'json' : 'page';
  if (body.trim() === '') return 'nothing';
  if (/^\s{0,50}\{/.test(body) || (/json/i.test(contentType) && !/^\s{0,50}</.test(body))) return 'json';
  return /^text\/plain/i.test(contentType) && !/^\s{0,50}</.test(body) ? 'text' : 'page';
}

/** Statuses that a proxy may respond with itself. */
function isProxyStatus(status: number): boolean {
  return [403, 407, 502, 503, 504].includes(status);
}

/** MSAL's errors keep the number in a field; those of some credentials have it only in the text. */
function msalNumber(error: unknown): number | undefined {
  for (const member of errorChain(error)) {
    const number = Number(Reflect.get(member, 'errorNo'));
    if (number > 0) return number;
  }
  return undefined;
}

function msalCode(error: unknown): string | undefined {
  for (const member of errorChain(error)) {
    const code: unknown = Reflect.get(member, 'errorCode');
    if (typeof code === 'string' && code !== '') return fromOutside(code, 200);
  }
  return undefined;
}

/** The error code of a JSON body, in the forms of OAuth 2.0, Resource Manager and its providers. */
function errorCodeIn(exchange: Exchange | undefined): string | undefined {
  return /"(?:error|code|Code)"\s{0,5}:\s{0,5}"([^"]{1,100})"/.exec(exchange?.body ?? '')?.[1];
}

/** The message of a response: a JSON field, the text, or the title of a page. */
function messageIn({ body = '', contentType = '' }: Pick<Exchange, 'body' | 'contentType'>): string | undefined {
  const text = body.trim();
  if (text === '') return undefined;
  if (text.startsWith('<')) return /<(?:title|h1)[^>]{0,100}>([^<]{1,200})</i.exec(text)?.[1] ?? 'a page';
  if (!text.startsWith('{') && !/json/i.test(contentType)) return text;
  const field = /"(?:error_description|message|Message|detail)"\s{0,5}:\s{0,5}"((?:[^"\\]|\\.){1,900})/.exec(text)?.[1];
  return field ? withoutNoise(field.replace(/\\[nrt]/g, ' ').replace(/\\(.)/g, '$1')) : text;
}

/** Text that readers do not need: links to more documentation, and ids that `detail` has. */
const NOISE =
  /^EnvironmentCredential authentication failed\.|^ManagedIdentityCredential: Authentication failed\. Message |(?:To troubleshoot,? visit|To mitigate this issue,? .{0,80}? at|See the troubleshooting guide.{0,60}?:) https?:\S{1,200}|Status code: \d{3}$|More details:|\s(?:Trace|Correlation) ID: .{1,300}$/gms;

/** MSAL quotes a response that it does not understand after these words. */
const ANSWER = /Http status message: (.{1,1000}?)(?: - Correlation ID|$)/s;

function sdkSays(message: string): string {
  const start = message.slice(0, 2000);
  const answer = ANSWER.exec(start)?.[1];
  return (answer && messageIn({ body: answer })) ?? withoutNoise(start);
}

function withoutNoise(message: string): string {
  return message.replace(NOISE, ' ').trim();
}

/** The message of a tool: its ERROR line, or the end of a Python traceback. */
function toolSays(message: string): string {
  const lines = message
    .split('\n')
    .map((line) => line.trim())
    .filter(
      (line) =>
        line !== '' && !/^(WARNING|To re-authenticate|To check existing|Traceback|File ")|traceback:$/.test(line),
    );
  const isTraceback = /Traceback \(most recent call last\)/.test(message);
  const exception = isTraceback
    ? lines.findLast((line) => /^[\w.]{3,80}(Error|Exception|Exit|Interrupt)\b/.test(line))
    : undefined;
  return (exception ?? lines.find((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? message).replace(
    /^ERROR: /,
    '',
  );
}

function resourceManagerFinding(failure: AzureFailure, facts: Facts): Finding {
  const host = new URL(facts.cloud.resourceManager).hostname;
  const error = failure.cause instanceof ResourceManagerError ? failure.cause : undefined;
  const { code } = originalError(failure.cause);
  const networkCode = failure.kind === 'unreachable' && code !== undefined ? String(code) : undefined;
  const text = readText(failure.message);
  const wwwAuthenticate: unknown = error && Reflect.get(error, 'wwwAuthenticate');
  return {
    credential: undefined,
    name: '',
    outcome: 'failed',
    party: resourceManagerParty(failure, error, facts),
    host,
    aadsts: text.aadsts,
    aadstsClass: aadstsClass(text.aadsts),
    status: error?.statusCode,
    content: undefined,
    errorCode: error?.code,
    networkCode,
    serverAheadSeconds: error?.serverAheadSeconds,
    wwwAuthenticate: typeof wwwAuthenticate === 'string' ? wwwAuthenticate : undefined,
    words: failure.message,
    said: error?.message ?? failure.message,
    text,
    error: failure.cause,
  };
}

function resourceManagerParty(failure: AzureFailure, error: ResourceManagerError | undefined, facts: Facts): Party {
  if (failure.kind === 'unreachable' || failure.kind === 'timeout') return 'nobody';
  if (error === undefined || error.code !== undefined || error.statusCode === 401) return 'resource-manager';
  const isProxied = facts.proxy.hosts.includes(new URL(facts.cloud.resourceManager).hostname);
  return isProxied && isProxyStatus(error.statusCode) ? 'http-proxy' : 'stranger';
}
