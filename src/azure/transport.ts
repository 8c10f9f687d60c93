import { AsyncLocalStorage } from 'node:async_hooks';
import http, { type Agent } from 'node:http';
import https from 'node:https';
import { isIP, Socket } from 'node:net';
import { type PipelineRequest, type PipelineResponse, RestError, type SendRequest } from '@azure/core-rest-pipeline';
import type { Exchange } from '../explain/outcome.ts';
import { fromOutside } from '../redaction.ts';
import { hasMoreElements } from './bounded-json.ts';
import { serverAheadSeconds } from './clock-skew.ts';
import { tameRetryAfter } from './retry-after.ts';

/** Long enough for a content type, and for the name of a server. */
const MAX_HEADER_LENGTH = 100;

/** The code of the error for a response beyond the limits. */
export const RESPONSE_TOO_LARGE = 'ERR_RESPONSE_TOO_LARGE';

/** Where requests are recorded. */
export interface ExchangeRecord {
  /** The request that has no response yet. */
  pending?: Exchange | undefined;
  /** The last completed request. */
  exchange?: Exchange | undefined;
}

/** The largest response to read, decompressed, and the most values in its JSON. */
interface ResponseLimits {
  maxBytes: number;
  maxElements: number;
}

/**
 * Sends a request of the SDK and records it: how far it has come while it is pending, then its outcome. A request that timed out
 * fails like one whose connection did, so that the SDK retries it. A response beyond the limits fails before anything parses it.
 */
export async function recordExchange(
  request: PipelineRequest,
  send: SendRequest,
  record: ExchangeRecord,
  limits: ResponseLimits,
): Promise<PipelineResponse> {
  const { hostname: host, protocol } = new URL(request.url);
  const startedAtMs = performance.now();
  const common = { host, ...(isProbe(request) && { isProbe: true as const }) };
  const pending: Exchange = {
    ...common,
    get tookMs() {
      return Math.round(performance.now() - startedAtMs);
    },
  };
  record.pending = pending;
  // A proxy and a private certificate authority have their own agents, whose sockets nobody can watch.
  if (!request.agent && !request.tlsSettings) {
    request.agent = agentFor(protocol);
    pending.phase = isIP(host.replace(/[[\]]/g, '')) ? 'connect' : 'lookup';
  }
  let excess: string | undefined;
  request.onDownloadProgress = ({ loadedBytes }) => {
    if (loadedBytes > limits.maxBytes) excess = `${limits.maxBytes} bytes`;
    if (excess !== undefined) throw new Error('the response is too large');
  };
  try {
    const response = await watching.run(pending, () => send(request));
    if (hasMoreElements(response.bodyAsText ?? '', limits.maxElements)) {
      excess = `${limits.maxElements} elements`;
      throw new Error('the response has too many elements');
    }
    const { phase, ...answered } = pending;
    record.exchange = { ...answered, ...describe(response) };
    tameRetryAfter(response);
    return response;
  } catch (error) {
    const failure = translate(error);
    record.exchange = { ...pending, ...codeOf(failure) };
    throw failure;
  } finally {
    if (record.pending === pending) record.pending = undefined;
  }

  function translate(error: unknown): unknown {
    if (excess !== undefined) {
      return new RestError(`${host} answered with more than ${excess}`, { code: RESPONSE_TOO_LARGE, request });
    }
    if (!isTimeout(error, request)) return error;
    return new RestError(`No response from ${host} within ${request.timeout / 1000} s`, { code: 'ETIMEDOUT', request });
  }
}

/**
 * Whether a request only asks if there is a metadata service: the SDK leaves out the header on purpose. Other endpoints of managed
 * identities have the same path, and headers of their own.
 */
function isProbe({ url, headers }: PipelineRequest): boolean {
  const isToken = ['Metadata', 'Secret', 'X-IDENTITY-HEADER'].some((name) => headers.has(name));
  return new URL(url).pathname.startsWith('/metadata/identity/') && !isToken;
}

function describe(response: PipelineResponse): Partial<Exchange> {
  const { status, bodyAsText, headers } = response;
  const contentType = headers.get('content-type');
  const server = headers.get('server');
  const aheadSeconds = serverAheadSeconds(response);
  return {
    status,
    ...(contentType && { contentType: fromOutside(contentType, MAX_HEADER_LENGTH) }),
    ...(server && { server: fromOutside(server, MAX_HEADER_LENGTH) }),
    ...(status !== 200 && { body: fromOutside(bodyAsText ?? '') }),
    ...(aheadSeconds !== undefined && { serverAheadSeconds: aheadSeconds }),
  };
}

/** The SDK ends a request at its timeout with the error of an abort. */
function isTimeout(error: unknown, { timeout, abortSignal }: PipelineRequest): boolean {
  return error instanceof Error && error.name === 'AbortError' && timeout > 0 && !abortSignal?.aborted;
}

/** The system error code. */
function codeOf(error: unknown): { code?: string } {
  const code: unknown = Reflect.get(Object(error), 'code');
  return typeof code === 'string' ? { code } : {};
}

/** The request that a new or reused socket is for. Agents create and assign sockets in the context of the request. */
const watching = new AsyncLocalStorage<Exchange>();

const agents = new Map<string, Agent>();

/** One agent for each protocol, as in the SDK's own client, but with sockets that say how far they are. */
function agentFor(protocol: string): Agent {
  const known = agents.get(protocol);
  if (known) return known;
  const agent = protocol === 'https:' ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true });
  const { createConnection, reuseSocket } = agent;
  agent.createConnection = (...args) => {
    const socket = createConnection.apply(agent, args);
    const exchange = watching.getStore();
    if (exchange && socket instanceof Socket) follow(socket, exchange, protocol === 'https:');
    return socket;
  };
  agent.reuseSocket = (socket, request) => {
    const exchange = watching.getStore();
    if (exchange && socket instanceof Socket) arrived(exchange, 'response', socket);
    reuseSocket.call(agent, socket, request);
  };
  agents.set(protocol, agent);
  return agent;
}

function follow(socket: Socket, exchange: Exchange, isSecure: boolean): void {
  socket.on('connectionAttempt', (address) => {
    exchange.phase = 'connect';
    exchange.address = address;
  });
  socket.once('connect', () => arrived(exchange, isSecure ? 'tls' : 'response', socket));
  socket.once('secureConnect', () => arrived(exchange, 'response', socket));
}

function arrived(exchange: Exchange, phase: NonNullable<Exchange['phase']>, { remoteAddress }: Socket): void {
  exchange.phase = phase;
  if (remoteAddress !== undefined) exchange.address = remoteAddress;
}

/** Says what a pending request waits for. */
export function waitOf({ host, phase, address }: Exchange): string {
  const server = address === undefined || address === host ? host : `${host} (${address})`;
  switch (phase) {
    case 'lookup':
      return `looking up ${host}`;
    case 'connect':
      return `connecting to ${server}`;
    case 'tls':
      return `in the TLS handshake with ${server}`;
    default:
      return `no response from ${server}`;
  }
}
