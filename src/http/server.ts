import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { PreparedResponse } from './responses.ts';

/** The one place that knows node:http: its limits, its connections, how it ends. */
export interface HttpServer {
  /**
   * Serves the app.
   *
   * @throws the system error, such as EADDRINUSE
   */
  listen(fetch: Parameters<typeof getRequestListener>[0], port: number, host: string): Promise<AddressInfo>;
  /** True from the moment `drain` was called. */
  isDraining(): boolean;
  /** Lets requests in flight finish, then closes. Resolves to false when `graceMs` milliseconds end before that. */
  drain(graceMs: number): Promise<boolean>;
  /** Ends all connections at once. */
  close(): void;
}

/** Each connection costs memory before its first byte. A small container holds some thousands, and a pod has no more clients. */
const MAX_CONNECTIONS = 4000;

/** Requests that clients have sent ahead (pipelined) and that wait for the answer to the one before. Each costs some kilobytes. */
const MAX_QUEUED_REQUESTS = 4000;

/** A client that has not read its response by then never will. */
const WRITE_TIMEOUT_MS = 30_000;
const WRITE_CHECK_INTERVAL_MS = 1000;

/**
 * While draining, an idle connection stays open for this long, at most half of the grace: a request may be on its way. A
 * response that has not been read by then is given up as well.
 */
const DRAIN_WINDOW_MS = 2000;
const DRAIN_CHECK_INTERVAL_MS = 50;

interface Connection {
  /** The response that is being made or read. */
  response: ServerResponse | undefined;
  /** When it was complete, in milliseconds of the monotonic clock; undefined while it is being made. */
  completeAtMs: number | undefined;
  /** Begins the requests that wait for it, in order. */
  queue: (() => void)[];
}

/** Creates the server; it does not listen yet. */
export function createHttpServer(options: {
  /** A response instead of the app's, for a request that must not reach it. */
  refuse: (request: IncomingMessage) => PreparedResponse | undefined;
  /** Problem details for what never becomes a request. */
  problem: (status: number, title: string) => PreparedResponse;
  onAnswered: (request: IncomingMessage, status: number, durationMs: number) => void;
}): HttpServer {
  const { refuse, problem, onAnswered } = options;
  const connections = new Map<Duplex, Connection>();
  let queuedRequests = 0;
  let listener: ReturnType<typeof getRequestListener> | undefined;
  let draining = false;
  /** Called while draining, when there may be nothing left to wait for. */
  let onProgress = () => {};

  const server = createServer({
    // A request without a body is here at once or never: slow ones must not hold a connection.
    headersTimeout: 10_000,
    requestTimeout: 15_000,
    connectionsCheckingInterval: 1000,
    // Browsers and proxies send a few kilobytes; more is refused with 431.
    maxHeaderSize: 16_384,
    // Node would refuse with an empty body.
    requireHostHeader: false,
    // Makes no stream for a body that the request has not.
    optimizeEmptyRequests: true,
  });
  server.maxConnections = MAX_CONNECTIONS;

  server.on('connection', (socket) => {
    connections.set(socket, { response: undefined, completeAtMs: undefined, queue: [] });
    socket.once('close', () => {
      queuedRequests -= connections.get(socket)?.queue.length ?? 0;
      connections.delete(socket);
      onProgress();
    });
  });

  server.on('request', (request, response) => {
    const { socket } = request;
    const connection = connections.get(socket);
    if (!connection) return;
    if (!connection.response) {
      respond(connection, request, response);
      return;
    }
    // A pipelined request waits until the response before it has been read, and with it all that the client may send.
    if (queuedRequests >= MAX_QUEUED_REQUESTS) {
      socket.destroy();
      ignoreRest(socket);
      return;
    }
    queuedRequests += 1;
    if (connection.queue.push(() => respond(connection, request, response)) === 1) socket.pause();
  });

  /** One listener for all responses: a closure for each would cost more than what it does. */
  function onResponseClose(this: ServerResponse): void {
    const { socket } = this.req;
    const connection = connections.get(socket);
    if (connection?.response !== this) return;
    // Also lets it be collected while the connection is idle.
    connection.response = undefined;
    onProgress();
    const begin = socket.destroyed ? undefined : connection.queue.shift();
    if (!begin) return;
    queuedRequests -= 1;
    begin();
    if (connection.queue.length === 0) socket.resume();
  }

  function respond(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    const startedAtMs = performance.now();
    connection.response = response;
    connection.completeAtMs = undefined;
    response.on('close', onResponseClose);
    if (draining) closeAfter(connection, response);
    const refusal = refuse(request);
    const handled = refusal ? send(response, refusal) : listener?.(request, response);
    // Most responses are complete by now, and a promise would cost them another turn.
    if (response.writableEnded) complete(connection, response, startedAtMs);
    else handled?.then(() => complete(connection, response, startedAtMs));
  }

  function complete(connection: Connection, response: ServerResponse, startedAtMs: number): void {
    connection.completeAtMs = performance.now();
    onAnswered(response.req, response.statusCode, connection.completeAtMs - startedAtMs);
  }

  /** Otherwise a keep-alive connection would bring the next request. */
  function closeAfter({ queue }: Connection, response: ServerResponse): void {
    if (!response.headersSent && queue.length === 0) response.setHeader('Connection', 'close');
  }

  server.on('checkExpectation', (_: IncomingMessage, response: ServerResponse) =>
    send(response, problem(417, 'Expectation Failed')),
  );

  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || connections.get(socket)?.response) {
      socket.destroy();
      return;
    }
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
    const title = STATUS_CODES[status] ?? '';
    const { body, init } = problem(status, title);
    const headers = Object.entries({ ...init.headers, Connection: 'close' }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    socket.end(`HTTP/1.1 ${status} ${title}\r\n${headers.join('')}\r\n${body}`);
  });

  /** Not every request that Node reads is one for fetch: its URL may be `*`, its Host nonsense. */
  function errorHandler(error: unknown): Response {
    if (!(error instanceof RequestError)) return new Response(null, { status: 500 });
    const { body, init } = problem(400, 'Bad Request');
    return new Response(body, init);
  }

  const writeCheck = setInterval(() => {
    for (const [socket, connection] of connections) {
      if (isUnread(connection, WRITE_TIMEOUT_MS)) socket.destroy();
    }
  }, WRITE_CHECK_INTERVAL_MS).unref();

  return {
    async listen(fetch, port, host) {
      // The name of a request that has none.
      listener = getRequestListener(fetch, { hostname: 'localhost', errorHandler });
      server.listen(port, host);
      await once(server, 'listening');
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('The server listens, but not on a port');
      return address;
    },
    isDraining: () => draining,
    async drain(graceMs) {
      draining = true;
      const windowMs = Math.min(DRAIN_WINDOW_MS, graceMs / 2);
      const windowEndsAtMs = performance.now() + windowMs;
      const isDone = () =>
        connections.size === 0 ||
        (performance.now() >= windowEndsAtMs &&
          [...connections.values()].every((connection) => !connection.response || isUnread(connection, windowMs)));
      const { promise, resolve } = Promise.withResolvers<boolean>();
      onProgress = () => {
        if (isDone()) resolve(true);
      };
      for (const connection of connections.values()) {
        if (connection.response) closeAfter(connection, connection.response);
      }
      const check = setInterval(onProgress, DRAIN_CHECK_INTERVAL_MS);
      const graceEnd = setTimeout(resolve, graceMs, false);
      onProgress();
      // The port stays open until then: a probe that asks is told 503, and not refused.
      const drained = await promise;
      clearInterval(check);
      clearTimeout(graceEnd);
      if (drained) close();
      return drained;
    },
    close,
  };

  function close(): void {
    clearInterval(writeCheck);
    server.close();
    server.closeAllConnections();
  }
}

/**
 * Makes Node make nothing of the requests that it has read with the one at hand. There may be two thousand in a piece of 64 KiB, and it
 * would keep all of them until the connection has closed. `parser` is no documented member; without it, they are kept.
 */
function ignoreRest(socket: Socket): void {
  const parser: unknown = Reflect.get(socket, 'parser');
  if (typeof parser === 'object' && parser !== null) Reflect.set(parser, 'onIncoming', () => 0);
}

function send(response: ServerResponse, { body, init }: PreparedResponse): void {
  response.writeHead(init.status, init.headers);
  response.end(body);
}

/** Whether a complete response has not been read within so many milliseconds. */
function isUnread({ response, completeAtMs }: Connection, withinMs: number): boolean {
  return response !== undefined && completeAtMs !== undefined && performance.now() - completeAtMs >= withinMs;
}
