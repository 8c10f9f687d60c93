import type { RequestHandler } from 'msw';
import { HttpNetworkFrame } from 'msw/experimental';
import { setupServer } from 'msw/node';
import { BrokenConnection } from './responses.ts';

/**
 * Starts the fake Azure. While it runs, no request of this process leaves the machine. A request without a handler fails, and
 * `strays` records it, because a service that turns errors into `[]` would hide it.
 */
export function startFakeAzure(...handlers: RequestHandler[]) {
  // msw prints every error that a handler throws, although throwing is the way to break a connection with a system error code.
  const { error: printError } = console;
  Object.assign(console, {
    error(...args: unknown[]) {
      if (!(args[0] instanceof BrokenConnection) && !String(args[0]).startsWith('[MSW] Encountered')) {
        printError(...args);
      }
    },
  });
  /** The requests so far, as `METHOD URL`. */
  const requests: string[] = [];
  const strays: string[] = [];
  const server = setupServer(...handlers);
  server.listen({
    onUnhandledFrame({ frame }) {
      const what =
        frame instanceof HttpNetworkFrame ? `${frame.data.request.method} ${frame.data.request.url}` : frame.protocol;
      strays.push(what);
      throw new Error(`the fake Azure does not know ${what}`);
    },
  });
  server.events.on('request:start', ({ request }) => {
    // Skip the requests that the test itself sends to the service.
    if (!request.url.startsWith('http://127.0.0.1:')) requests.push(`${request.method} ${request.url}`);
  });
  return {
    requests,
    strays,
    use: (...more: RequestHandler[]) => server.use(...more),
    reset: () => {
      server.resetHandlers();
      requests.length = 0;
      strays.length = 0;
    },
    close: () => {
      server.close();
      Object.assign(console, { error: printError });
    },
  };
}
