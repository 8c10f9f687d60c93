import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { getRequestListener, RequestError } from '@hono/node-server';
import { type PreparedResponse, prepareProblem } from './prepared-response.ts';

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

/** The rest is for Azure, its names and files: else idle connections could keep the process from asking Azure at all. */
const SHARE_OF_DESCRIPTORS = 0.5;

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
  hasAsked: boolean;
  /** The response that is being made or read. */
  response: ServerResponse | undefined;
  /** Since when the client could have read all of a response, in milliseconds of the monotonic clock; undefined if it has. */
  unreadSinceMs: number | undefined;
  /** Start the requests that wait for it, in order. */
  queue: (() => void)[];
}

/** Creates the server; it does not listen yet. */
export function createHttpServer(options: {
  /** A response instead of the app's, for a request that must not reach it. */
  refuse: (request: IncomingMessage) => PreparedResponse | undefined;
  onResponse: (request: IncomingMessage, status: number, durationMs: number) => void;
}): HttpServer {
  const { refuse, onResponse } = options;
  /** All open connections, oldest first. */
  const connections = new Map<Duplex, Connection>();
  /** Connections that wait for their turn to be read. */
  const heldBack: Duplex[] = [];
  const maxConnections = Math.min(MAX_CONNECTIONS, descriptorLimit() * SHARE_OF_DESCRIPTORS);
  let queuedRequests = 0;
  let listener: ReturnType<typeof getRequestListener> | undefined;
  let draining = false;

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

  // Without descriptors, accepting a connection fails. Without a listener, that would end the process.
  server.on('error', () => {});

  server.on('connection', (socket) => {
    if (connections.size >= maxConnections) makeRoom();
    connections.set(socket, { hasAsked: false, response: undefined, unreadSinceMs: undefined, queue: [] });
    socket.once('close', () => forget(socket));
  });

  function forget(socket: Duplex): void {
    queuedRequests -= connections.get(socket)?.queue.length ?? 0;
    connections.delete(socket);
  }

  function giveUp(socket: Duplex): void {
    forget(socket);
    socket.destroy();
  }

  /**
   * Makes room for a new connection, so that a probe is answered however many connections others keep open: gives up the oldest that
   * has never asked, else the oldest idle one, else the oldest.
   */
  function makeRoom(): void {
    const oldest = (isCandidate: (connection: Connection) => boolean) =>
      connections.entries().find(([, connection]) => isCandidate(connection))?.[0];
    const socket = oldest(({ hasAsked }) => !hasAsked) ?? oldest(({ response }) => !response) ?? oldest(() => true);
    if (socket) giveUp(socket);
  }

  server.on('request', (request, response) => accept(response, refuse(request)));

  server.on('checkExpectation', (_: IncomingMessage, response: ServerResponse) => accept(response, unreadable(417)));

  /** Answers a request, unless it is pipelined: then it waits until the response to the previous request has been flushed. */
  function accept(response: ServerResponse, refusal: PreparedResponse | undefined): void {
    const { socket } = response.req;
    const connection = connections.get(socket);
    if (!connection) return;
    connection.hasAsked = true;
    if (!connection.response) {
      respond(connection, response, refusal);
      if (response.writableEnded) return;
    } else if (queuedRequests < MAX_QUEUED_REQUESTS) {
      queuedRequests += 1;
      connection.queue.push(() => respond(connection, response, refusal));
    } else {
      giveUp(socket);
      readInTurn();
      return;
    }
    // Nothing more is read until the response is flushed: neither further requests, nor that the client has ended its side, after
    // which Node would not send the response any more. Node itself resumes the socket right after this event.
    queueMicrotask(() => readOn(socket, connection));
  }

  function readOn(socket: Duplex, { response, queue }: Connection): void {
    if (queue.length > 0 || (response && !response.writableEnded)) socket.pause();
    else socket.resume();
  }

  /**
   * Reads the other connections one after the other, one in each turn of the event loop, newest first: it may be a probe. A chunk of
   * 64 KiB may contain thousands of requests, which Node keeps until the connection has closed: those of many connections at once
   * would not fit in memory.
   */
  function readInTurn(): void {
    if (heldBack.length === 0) setImmediate(readNext);
    for (const socket of connections.keys()) {
      if (!socket.isPaused()) heldBack.push(socket.pause());
    }
  }

  function readNext(): void {
    const socket = heldBack.pop();
    const connection = socket && connections.get(socket);
    if (connection) readOn(socket, connection);
    if (heldBack.length > 0) setImmediate(readNext);
  }

  /** One listener for all responses. A closure for each would cost more than its work. */
  function onResponseClose(this: ServerResponse): void {
    const { socket } = this.req;
    const connection = connections.get(socket);
    if (connection?.response !== this) return;
    // Also lets the garbage collector free it while the connection is idle.
    connection.response = undefined;
    connection.unreadSinceMs = undefined;
    // After a response with `Connection: close`, Node sends no other.
    if (!socket.writable) return;
    const begin = connection.queue.shift();
    if (begin) {
      queuedRequests -= 1;
      begin();
    }
    if (socket.isPaused()) readOn(socket, connection);
  }

  function respond(connection: Connection, response: ServerResponse, refusal: PreparedResponse | undefined): void {
    const startedAtMs = performance.now();
    connection.response = response;
    response.on('close', onResponseClose);
    if (draining) closeAfter(connection, response);
    const handled = refusal ? send(response, refusal) : listener?.(response.req, response);
    // Most responses are complete by now, and a promise would cost them another turn of the event loop.
    if (response.writableEnded) {
      complete(connection, response, startedAtMs);
      return;
    }
    const done = () => complete(connection, response, startedAtMs);
    handled?.then(done, done);
  }

  function complete(connection: Connection, response: ServerResponse, startedAtMs: number): void {
    const nowMs = performance.now();
    if (connection.response === response) connection.unreadSinceMs = nowMs;
    onResponse(response.req, response.statusCode, nowMs - startedAtMs);
  }

  /** Otherwise a keep-alive connection would bring the next request. */
  function closeAfter({ queue }: Connection, response: ServerResponse): void {
    if (!response.headersSent && queue.length === 0) response.setHeader('Connection', 'close');
  }

  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const connection = connections.get(socket);
    if (!connection || connection.response || !socket.writable) {
      socket.destroy();
      return;
    }
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
    const { body, init } = unreadable(status);
    const headers = Object.entries({ ...init.headers, Connection: 'close' }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    connection.unreadSinceMs = performance.now();
    // Ending only our side would leave the connection open until the client ends its side.
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers.join('')}\r\n${body}`, () => socket.destroy());
  });

  /** Not every request that Node accepts is valid for fetch: its URL may be `*`, or its Host nonsense. */
  function errorHandler(error: unknown): Response {
    if (!(error instanceof RequestError)) return new Response(null, { status: 500 });
    const { body, init } = unreadable(400);
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
      for (const connection of connections.values()) {
        if (connection.response) closeAfter(connection, connection.response);
      }
      const startedAtMs = performance.now();
      const windowMs = Math.min(DRAIN_WINDOW_MS, graceMs / 2);
      const isFinished = (connection: Connection) => !connection.response || isUnread(connection, windowMs);
      // The port stays open until then, so that a probe gets a 503 and not a refused connection.
      for (;;) {
        const elapsedMs = performance.now() - startedAtMs;
        const isDone = connections.size === 0 || (elapsedMs >= windowMs && connections.values().every(isFinished));
        if (isDone) close();
        if (isDone || elapsedMs >= graceMs) return isDone;
        await setTimeout(Math.min(DRAIN_CHECK_INTERVAL_MS, graceMs - elapsedMs));
      }
    },
    close,
  };

  function close(): void {
    clearInterval(writeCheck);
    server.close();
    server.closeAllConnections();
  }
}

/** Problem details for a request that Node cannot read. */
function unreadable(status: number): PreparedResponse {
  return prepareProblem(status, 'The server cannot read this request');
}

/** How many files and sockets this process may open; no limit where the system does not tell. */
function descriptorLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function send(response: ServerResponse, { body, init }: PreparedResponse): void {
  response.writeHead(init.status, init.headers);
  response.end(body);
}

/** Whether a client has had a complete response for this many milliseconds, and has not read it. */
function isUnread({ unreadSinceMs }: Connection, forMs: number): boolean {
  return unreadSinceMs !== undefined && performance.now() - unreadSinceMs >= forMs;
}
