import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { PreparedResponse } from './responses.ts';

/** The server of node:http with its limits, its connections and its shutdown. */
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

/** Each connection costs memory before its first byte. A small container can hold some thousands, and a pod has no more clients. */
const MAX_CONNECTIONS = 4000;

/** Pipelined requests that wait for the response to the previous request. Each costs some kilobytes. */
const MAX_QUEUED_REQUESTS = 4000;

/** A client that has not read its response after this time never will. */
const WRITE_TIMEOUT_MS = 30_000;
const WRITE_CHECK_INTERVAL_MS = 1000;

/**
 * While draining, an idle connection stays open for this long, at most half of the grace period: a request may be on its way. A
 * response that has not been read by then is given up as well.
 */
const DRAIN_WINDOW_MS = 2000;
const DRAIN_CHECK_INTERVAL_MS = 50;

interface Connection {
  /** The response that is being made or read. */
  response: ServerResponse | undefined;
  /** When it was complete, in milliseconds of the monotonic clock; undefined while it is being made. */
  completeAtMs: number | undefined;
  /** Start the requests that wait for it, in order. */
  queue: (() => void)[];
}

/** Creates the server; it does not listen yet. */
export function createHttpServer(options: {
  /** A response instead of the app's, for a request that must not reach it. */
  refuse: (request: IncomingMessage) => PreparedResponse | undefined;
  /** Problem details for a request that Node cannot read. */
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
    // A request without a body arrives at once or never. A slow one must not hold a connection.
    headersTimeout: 10_000,
    requestTimeout: 15_000,
    connectionsCheckingInterval: 1000,
    // Browsers and proxies send a few kilobytes; more is refused with 431.
    maxHeaderSize: 16_384,
    // Node would refuse a request without Host with an empty body.
    requireHostHeader: false,
    // Creates no stream for a request without a body.
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
    // A pipelined request waits until the previous response has been read. So does everything that the client sends after it.
    if (queuedRequests >= MAX_QUEUED_REQUESTS) {
      socket.destroy();
      ignoreRest(socket);
      return;
    }
    queuedRequests += 1;
    connection.queue.push(() => respond(connection, request, response));
    // Node resumes the socket right after this event.
    queueMicrotask(() => {
      if (connection.queue.length > 0) socket.pause();
    });
  });

  /** One listener for all responses. A closure for each would cost more than its work. */
  function onResponseClose(this: ServerResponse): void {
    const { socket } = this.req;
    const connection = connections.get(socket);
    if (connection?.response !== this) return;
    // Also lets the garbage collector free it while the connection is idle.
    connection.response = undefined;
    // After a response with `Connection: close`, Node sends no other.
    const begin = socket.writable ? connection.queue.shift() : undefined;
    if (!begin) {
      onProgress();
      return;
    }
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
    // Most responses are complete by now, and a promise would cost them another turn of the event loop.
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

  /** Not every request that Node accepts is valid for fetch: its URL may be `*`, or its Host nonsense. */
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
      // The host name for a request without one.
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
      // The port stays open until then, so that a probe gets a 503 and not a refused connection.
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
 * Makes Node ignore the requests that it has read together with the current one. A chunk of 64 KiB may contain two thousand, and
 * Node would keep all of them until the connection has closed. `parser` is not documented; without it, they are kept.
 */
function ignoreRest(socket: Socket): void {
  const parser: unknown = Reflect.get(socket, 'parser');
  if (typeof parser === 'object' && parser !== null) Reflect.set(parser, 'onIncoming', () => 0);
}

function send(response: ServerResponse, { body, init }: PreparedResponse): void {
  response.writeHead(init.status, init.headers);
  response.end(body);
}

/** Whether a complete response has not been read within this many milliseconds. */
function isUnread({ response, completeAtMs }: Connection, withinMs: number): boolean {
  return response !== undefined && completeAtMs !== undefined && performance.now() - completeAtMs >= withinMs;
}
