import { type AadstsClass, aadstsClass } from './aadsts.ts';
import { type Facts, type IdentityEndpoint, isLoopback } from './facts.ts';
import type { Attempt, Exchange, Failure, Listed, Outcome, TokenIdentity } from './outcome.ts';
import { readText, type TextFields } from './read-text.ts';
import { bodySummary, sdkSummary, toolSummary, withoutNoise } from './summary.ts';

/** What rows match and speak about: an outcome, read. */
export interface Evidence {
  facts: Facts;
  /** Undefined if there is a list, for a row that warns. */
  failure: Failure | undefined;
  /** Who the latest token says we are, if there was one. */
  identity: TokenIdentity | undefined;
  list: Listed | undefined;
  /** The outcome of each credential that was asked, in the order of the chain; empty if there is a token. */
  findings: readonly Finding[];
  /** The failure of Resource Manager or on the way to it; undefined if there is no token. */
  resourceManager: Finding | undefined;
}

/** The evidence together with the finding that decided the match of a row. */
export interface Case extends Evidence {
  finding: Finding;
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

/**
 * Who responded. `none`: no response; `not-asked`: no request; `gateway`: a mesh or gateway in place of the metadata service;
 * `unknown`: something else that should not be there.
 */
export type Responder =
  | 'entra'
  | 'imds'
  | 'nmi'
  | IdentityEndpoint
  | 'token-proxy'
  | 'http-proxy'
  | 'gateway'
  | 'resource-manager'
  | 'unknown'
  | 'none'
  | 'not-asked';

type Content = 'json' | 'text' | 'page' | 'nothing';

/**
 * One failure as fields, whether it comes from the SDK, the text of a tool, a local endpoint or Resource Manager; that has no name of
 * a credential.
 */
export interface Finding
  extends Pick<Exchange, 'phase' | 'address' | 'tookMs' | 'server' | 'serverAheadSeconds'>,
    Pick<Attempt, 'name' | 'outcome' | 'message'> {
  credential?: CredentialKind | undefined;
  responder: Responder;
  /** The host that was asked. */
  host?: string | undefined;
  aadsts?: number | undefined;
  aadstsClass?: AadstsClass | undefined;
  /** HTTP status of the response. */
  status?: number | undefined;
  /** The kind of body, if the response is not a token. */
  content?: Content | undefined;
  /** The error code of OAuth 2.0, of Resource Manager or of MSAL. */
  errorCode?: string | undefined;
  /** The system or TLS error code, if there was no response. */
  networkCode?: string | undefined;
  /** The WWW-Authenticate header of a refusal, which says what is missing. */
  wwwAuthenticate?: string | undefined;
  /** The part of the message that is meant for people, without the SDK's additions. */
  summary: string;
  /** The fields that the message and the body contain. */
  text: TextFields;
  /** The name of the original error. */
  errorName?: string | undefined;
}

/** Whether this is a developer tool. Its errors are about a person's login, not about the variables of this process. */
export function isTool({ credential }: Pick<Finding, 'credential'>): boolean {
  return credential === 'azure-cli' || credential === 'powershell' || credential === 'azd';
}

/** Reads the failure of an outcome, or of another failure such as that of a renewal. */
export function gatherEvidence(outcome: Outcome, failure = outcome.failure ?? undefined): Evidence {
  const { facts, attempts, identity, list } = outcome;
  const isWithoutToken = failure !== undefined && hasNoToken(failure);
  return {
    facts,
    failure,
    identity: identity ?? undefined,
    list: list ?? undefined,
    findings: isWithoutToken
      ? attempts.filter(({ outcome: result }) => result !== 'not-tried').map((attempt) => findingOf(attempt, facts))
      : [],
    resourceManager: failure === undefined || isWithoutToken ? undefined : resourceManagerFinding(failure, facts),
  };
}

export function hasNoToken({ kind }: Pick<Failure, 'kind'>): boolean {
  return kind === 'no-token' || kind === 'token-timeout';
}

/** The finding of a token that works, for rows that warn about it. */
export function tokenFinding({ credential }: Pick<TokenIdentity, 'credential'>, facts: Facts): Finding {
  return findingOf({ name: credential, outcome: 'succeeded', message: '' }, facts);
}

function findingOf(attempt: Attempt, facts: Facts): Finding {
  const { name, outcome, message, exchange } = attempt;
  const credential = credentialKind(name, facts);
  // The body of a refusal says more than the SDK's message.
  const text = readText(`${message}\n${exchange?.body ?? ''}`);
  const aadsts = text.aadsts ?? attempt.aadsts;
  const isOfTool = isTool({ credential });
  return {
    ...exchange,
    credential,
    name,
    outcome,
    responder: isOfTool ? responderBehindTool(text) : responderOf(credential, attempt, aadsts, facts),
    host: exchange?.host ?? text.host ?? (isOfTool ? new URL(facts.cloud.authorityHost).hostname : undefined),
    aadsts,
    aadstsClass: aadstsClass(aadsts),
    status: isOnlyProbe(exchange, facts) ? undefined : (exchange?.status ?? text.status),
    content: exchange?.status === undefined ? undefined : contentOf(exchange),
    errorCode: errorCodeIn(exchange) ?? attempt.code,
    networkCode: isOfTool ? text.networkCode : exchange?.code,
    message,
    summary: isOfTool ? toolSummary(message) : ((exchange && bodySummary(exchange)) ?? sdkSummary(message)),
    text,
    errorName: attempt.errorName,
  };
}

const KINDS: Readonly<Record<string, CredentialKind>> = {
  WorkloadIdentityCredential: 'projected-token',
  AzureCliCredential: 'azure-cli',
  AzurePowerShellCredential: 'powershell',
  AzureDeveloperCliCredential: 'azd',
};

function credentialKind(name: string, facts: Facts): CredentialKind {
  if (name.includes('identity binding')) return 'identity-binding';
  if (name === 'EnvironmentCredential') return environmentCredential(facts) ?? 'other';
  if (name !== 'ManagedIdentityCredential') return KINDS[name] ?? 'other';
  // It makes a token exchange if all variables for one are set.
  const { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: tenantId } = facts.variables;
  return facts.projectedToken && clientId && tenantId ? 'projected-token' : 'managed-identity';
}

/** What EnvironmentCredential finds in the variables: the first of these. */
export function environmentCredential({
  variables,
}: Pick<Facts, 'variables'>): 'client-secret' | 'client-certificate' | 'user-password' | undefined {
  if (variables['AZURE_CLIENT_SECRET']) return 'client-secret';
  if (variables['AZURE_CLIENT_CERTIFICATE_PATH']) return 'client-certificate';
  return variables['AZURE_USERNAME'] && variables['AZURE_PASSWORD'] ? 'user-password' : undefined;
}

/** Only the message of a tool shows who responded to it. */
function responderBehindTool({ aadsts, isProxyFailure, networkCode, status, problem, login }: TextFields): Responder {
  if (aadsts !== undefined) return 'entra';
  // For a managed identity, a tool does not ask Microsoft Entra ID.
  if (problem === 'identity-endpoint-failed' || login === 'managed-identity') return 'not-asked';
  if (isProxyFailure) return 'http-proxy';
  if (networkCode !== undefined) return 'none';
  return status === undefined ? 'not-asked' : 'entra';
}

function responderOf(
  credential: CredentialKind,
  { outcome, exchange }: Attempt,
  aadsts: number | undefined,
  facts: Facts,
): Responder {
  if (exchange === undefined) {
    // Only Microsoft Entra ID numbers its refusals. A plain error has no request, but it has the number.
    if (aadsts !== undefined && credential !== 'managed-identity') return 'entra';
    return outcome === 'pending' ? 'none' : 'not-asked';
  }
  const { host, status } = exchange;
  if (status === undefined) return 'none';
  if (credential === 'managed-identity') {
    return host === facts.metadataService
      ? responderAtMetadataService(exchange, status, facts)
      : responderAtEndpoint(exchange, facts);
  }
  if (credential === 'identity-binding' && aadsts === undefined) return 'token-proxy';
  return aadsts !== undefined || contentOf(exchange) === 'json' ? 'entra' : proxyOrUnknown(host, status, facts);
}

function responderAtEndpoint(exchange: Exchange, { proxy, identityEndpoint }: Facts): Responder {
  const { host } = exchange;
  if (proxy.hosts.includes(host) && contentOf(exchange) !== 'json') return 'http-proxy';
  const isEndpoint = identityEndpoint?.host === host || (isLoopback(identityEndpoint?.host ?? '') && isLoopback(host));
  // MSAL also finds the Azure Arc agent by its installed program, without any variable.
  return identityEndpoint && isEndpoint ? identityEndpoint.kind : 'arc';
}

function responderAtMetadataService(exchange: Exchange, status: number, facts: Facts): Responder {
  const { host, server = '', body = '' } = exchange;
  const content = contentOf(exchange);
  if (OTHER_CLOUDS.test(body)) return 'unknown';
  // A mesh that passes a response on names itself, too.
  if (content === 'json') return 'imds';
  if (facts.proxy.hosts.includes(host)) return 'http-proxy';
  // The metadata service itself is behind nothing, so it has no 502 and no 504.
  if (MESH.test(server) || status === 502 || status === 504) return 'gateway';
  if (DOCKER_DESKTOP.test(body)) return 'unknown';
  if (facts.kubernetes && content === 'text') return 'nmi';
  if (content === 'text' && status >= 500 && RELAY.test(body)) return 'imds';
  // A fault of the service may have no body. A refusal without one comes from something else.
  const isFault = [404, 408, 410, 429].includes(status) || status >= 500;
  return content === 'nothing' && isFault ? 'imds' : 'unknown';
}

/** The metadata services of other clouds answer at the same address. */
const OTHER_CLOUDS =
  /Metadata-Flavor|computeMetadata|metadata\.google|\bEC2\b|\baws\b|latest\/meta-data|openstack|oracle ?cloud|\/opc\/|aliyun|hetzner/i;

/** The Server headers of meshes, proxies and gateways that answer in place of the metadata service. */
const MESH = /envoy|istio|linkerd|squid|zscaler|bluecoat|haproxy|traefik/i;

/** Docker Desktop's network answers in place of an address that it cannot reach, in the language of the system. */
const DOCKER_DESKTOP = /connecting to 169\.254\.169\.254/i;

/** A container group has a relay in place of the metadata service, which names the request that it could not pass on. */
const RELAY = /\/metadata\/identity\//;

/** Only the metadata service is probed; other endpoints have the same path, and there the first request is the real one. */
function isOnlyProbe(exchange: Exchange | undefined, { metadataService }: Facts): boolean {
  return exchange?.isProbe === true && exchange.host === metadataService;
}

/** Classifies a body by its content and type: NMI sends plain text, all Azure services send JSON; anything else is a page. */
function contentOf({ body, contentType = '' }: Exchange): Content {
  const isJson = /json/i.test(contentType);
  if (body === undefined) return isJson ? 'json' : 'page';
  if (body.trim() === '') return 'nothing';
  if (/^\s{0,50}</.test(body)) return 'page';
  if (isJson || /^\s{0,50}\{/.test(body)) return 'json';
  return /^text\/plain/i.test(contentType) ? 'text' : 'page';
}

/**
 * A refusal that is not Azure's comes from the proxy, if there is one. A page with a success is a sign-in page of whatever network this
 * is. A server's own fault, or its throttling, passes through a proxy: that has 502 to 504 for its faults.
 */
function proxyOrUnknown(host: string, status: number, { proxy }: Facts): Responder {
  const isRefusal = status >= 400 && status !== 429 && status !== 500;
  return proxy.hosts.includes(host) && isRefusal ? 'http-proxy' : 'unknown';
}

/** The error code of a JSON body, in the forms of OAuth 2.0, Resource Manager and its providers. */
function errorCodeIn(exchange: Exchange | undefined): string | undefined {
  return /"(?:error|code|Code)"\s{0,5}:\s{0,5}"([^"]{1,100})"/.exec(exchange?.body ?? '')?.[1];
}

function resourceManagerFinding(failure: Failure, facts: Facts): Finding {
  const { message, code, status, exchange } = failure;
  const text = readText(message);
  const networkCode = exchange?.code ?? (failure.kind === 'unreachable' ? code : undefined);
  return {
    ...exchange,
    name: '',
    outcome: 'failed',
    responder: resourceManagerResponder(failure, facts),
    host: exchange?.host ?? new URL(facts.cloud.resourceManager).hostname,
    aadsts: text.aadsts,
    aadstsClass: aadstsClass(text.aadsts),
    status,
    errorCode: failure.kind === 'unreachable' ? undefined : code,
    networkCode,
    wwwAuthenticate: failure.wwwAuthenticate,
    message,
    summary: withoutNoise(failure.said ?? message),
    text,
    errorName: failure.errorName,
  };
}

function resourceManagerResponder({ kind, status, isAzureError }: Failure, facts: Facts): Responder {
  if (kind === 'unreachable' || kind === 'timeout') return 'none';
  if (status === undefined || isAzureError || status === 401) return 'resource-manager';
  return proxyOrUnknown(new URL(facts.cloud.resourceManager).hostname, status, facts);
}
