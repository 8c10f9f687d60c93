import type { RequestListener } from 'node:http';
import type { Answers } from './http/responses.ts';
import type { Listing } from './listing.ts';
import type { RequestObserver } from './request-observer.ts';
import { traceContextOf } from './telemetry/trace-context.ts';

/** What programs send that do not ask for HTML. */
const PLAIN = new Set([undefined, '*/*', 'application/json']);

/**
 * Answers GET / as Hono's route does, but straight to the socket, for clients that cannot mean the page; everything else is for
 * `others`. On the way through Hono, a Request and a Response cost more than an answer from memory does, and to load them takes
 * a third of the start: docs/performance.md.
 */
export function createFastPath(deps: {
  listing: Listing;
  answers: Answers;
  observed: RequestObserver;
  others: RequestListener;
}): RequestListener {
  const { listing, answers, observed, others } = deps;
  return (request, response) => {
    const { method, url, headers } = request;
    if (method !== 'GET' || url !== '/' || !PLAIN.has(headers.accept)) {
      others(request, response);
      return;
    }
    const startedAtMs = performance.now();
    const trace = traceContextOf(headers);
    const send = (outcome: Parameters<Answers['list']>[0]) => {
      const { body, init } = answers.list(outcome);
      response.writeHead(init.status, init.headers);
      response.end(body);
      observed({ route: '/', method, path: '/', status: init.status, startedAtMs, trace });
    };
    const outcome = listing.get(() => trace);
    if (!(outcome instanceof Promise)) send(outcome);
    // Only a bug rejects; that has an answer there.
    else outcome.then(send, () => others(request, response));
  };
}
