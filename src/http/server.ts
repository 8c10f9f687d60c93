import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Ends a server in good order. */
export interface Shutdown {
  /** True from the moment `drain` was called. */
  isDraining: () => boolean;
  /**
   * Lets requests in flight finish, then stops listening. Resolves to true when all have been answered, to false when
   * `graceMs` milliseconds end before that.
   */
  drain: (graceMs: number) => Promise<boolean>;
}

/** Watches the requests of a server from now on; to be called before it listens. */
export function createShutdown(server: Server): Shutdown {
  /** The latest response of each connection; those before it have been sent. To listen for the end of each would cost more than to answer. */
  const latest = new Map<Socket, ServerResponse>();
  let draining = false;

  server.on('connection', (socket) => socket.once('close', () => latest.delete(socket)));

  // Before the server's own listener, which may have sent the headers when it returns.
  server.prependListener('request', (request, response) => {
    latest.set(request.socket, response);
    if (draining) endConnectionAfter(response);
  });

  function inFlight(): ServerResponse[] {
    return [...latest.values()].filter((response) => !response.closed);
  }

  function endConnectionAfter(response: ServerResponse): void {
    // Otherwise a keep-alive connection would bring the next request.
    if (!response.headersSent) response.setHeader('Connection', 'close');
  }

  async function finish(): Promise<true> {
    // While these finish the port stays open: a probe that asks in between is told 503, and not refused.
    await Promise.all(inFlight().map(closed));
    server.close();
    // Now only those can be left that came meanwhile, and no more of them come than there are connections.
    while (inFlight().length > 0) await Promise.all(inFlight().map(closed));
    return true;
  }

  return {
    isDraining: () => draining,
    async drain(graceMs) {
      draining = true;
      for (const response of inFlight()) endConnectionAfter(response);
      const { promise: graceEnds, resolve } = Promise.withResolvers<false>();
      const timer = setTimeout(resolve, graceMs, false);
      const isDone = await Promise.race([finish(), graceEnds]);
      clearTimeout(timer);
      return isDone;
    },
  };
}

function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.closed) resolve();
    else response.once('close', () => resolve());
  });
}
