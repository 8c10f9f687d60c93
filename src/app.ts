import type { Context } from 'hono';
import { Hono } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import { getPath } from 'hono/utils/url';
import type { Logger } from 'pino';
import type { Azure } from './azure/azure.ts';
import type { Diagnosis } from './azure/diagnosis.ts';
import { type AzureFailureKind, IdentityFailure, originalError } from './azure/failure.ts';
import type { ResourceGroups } from './azure/resource-groups.ts';
import { warningOf } from './azure/whoami.ts';
import { type Diagnosed, diagnosed, type Listing } from './listing.ts';
import type { Metrics } from './metrics.ts';
import { openApi } from './openapi.ts';
import { CONTENT_SECURITY_POLICY, page } from './page.ts';
import { prefersHtml } from './prefers-html.ts';
import { traceContextOf } from './trace-context.ts';

const STATUS_OF: Record<AzureFailureKind, 502 | 503 | 504> = {
  broken: 502,
  unreachable: 502,
  unforeseen: 502,
  throttled: 503,
  timeout: 504,
  'token-timeout': 504,
};

const TITLE_OF: Record<AzureFailureKind, string> = {
  broken: 'Azure Resource Manager is broken',
  unreachable: 'Azure Resource Manager cannot be reached',
  unforeseen: 'No list, for a reason that nobody foresaw',
  throttled: 'Azure Resource Manager throttles',
  timeout: 'Azure Resource Manager did not answer in time',
  'token-timeout': 'No access token in time',
};

/** An answer tells of one moment: the next one may differ. */
const ALWAYS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };

const METHODS = ['GET', 'HEAD'];

/** A label for whatever else a client may send. */
const OTHER = '_OTHER';

type Outcome = ResourceGroups | Diagnosed;

/** What is longer is encoded once; what is shorter costs less as a string, which leaves in one piece with its headers. */
const LONGEST_STRING_BYTES = 4096;

/** A response before it is made, which may be made many times. */
interface Answer {
  body: string | Uint8Array<ArrayBuffer>;
  init: { status: number; headers: Record<string, string> };
}

/** The routes. Nothing here listens, and nothing here ends the process. */
export function createApp(deps: {
  version: string;
  azure: Azure;
  listing: Listing;
  /** Milliseconds. */
  deadlineMs: number;
  /** Takes secrets out of a text. */
  redact: (text: string) => string;
  /** True from the moment the process drains. */
  isDraining: () => boolean;
  metrics: Metrics;
  log: Logger;
}): Hono {
  const { azure, listing, log, metrics, redact } = deps;
  const app = new Hono();

  app.get('/', (c): Response | Promise<Response> => {
    if (prefersHtml(c)) return securePage(c);
    // At once where the answer is at hand: a promise, and Hono's own way to make a response, would cost a third of the throughput.
    const outcome = listing.get(c.req.raw);
    return outcome instanceof Promise ? outcome.then(answerList) : answerList(outcome);
  });

  function answerList(outcome: Outcome): Response {
    if ('failure' in outcome && outcome.failure instanceof IdentityFailure) metrics.fellBack(outcome.diagnosis.reason);
    if (latest?.outcome !== outcome) latest = { outcome, answer: answerOf(outcome) };
    return response(latest.answer);
  }

  /** What GET / answers, made once for all who share an outcome. */
  let latest: { outcome: Outcome; answer: Answer } | undefined;

  function answerOf(outcome: Outcome): Answer {
    const Vary = 'Accept';
    if ('names' in outcome) return answer(JSON.stringify(outcome.names), 'application/json', 200, { Vary });
    const { failure, diagnosis } = outcome;
    const headers = { Vary, ...headersOf(outcome) };
    if (failure instanceof IdentityFailure) return answer('[]', 'application/json', 200, headers);
    return problem(STATUS_OF[failure.kind], TITLE_OF[failure.kind], explained(diagnosis), headers);
  }

  /** The same for a browser: same status, same headers. */
  async function answerPage(c: Context): Promise<Response> {
    const { listed, ...picture } = await wholePicture(c);
    let status = 200;
    if ('failure' in listed) {
      if (listed.failure instanceof IdentityFailure) metrics.fellBack(listed.diagnosis.reason);
      else status = STATUS_OF[listed.failure.kind];
    }
    const headers = { Vary: 'Accept', ...('failure' in listed && headersOf(listed)) };
    const links = ['/whoami', '/metrics', '/openapi.json'].filter((path) => routes.has(path));
    const html = redact(String(await page({ ...picture, listed, links })));
    return response(answer(html, 'text/html; charset=UTF-8', status, headers));
  }

  /** With the headers that protect a page; an answer for curl needs none of them. */
  async function securePage(c: Context): Promise<Response> {
    await secured(c, async () => {
      c.res = await answerPage(c);
    });
    return c.res;
  }

  app.get('/whoami', async (c) => {
    const { identified, listed, subscription } = await wholePicture(c);
    if ('failure' in identified) {
      const { facts, attempts } = identified.diagnosis;
      return response(problem(503, 'No access token', { facts, attempts, ...explained(identified.diagnosis) }));
    }
    const { identity, credential, expiresOn, warnings } = identified;
    const whoAmI = {
      identity,
      credential,
      expiresOn,
      subscription,
      warnings: 'names' in listed ? warnings : [...warnings, warningOf(listed.diagnosis)],
    };
    return response(document(whoAmI));
  });

  /** Who we are and what we see, within one deadline. */
  async function wholePicture(c: Context) {
    const startedAtMs = performance.now();
    const who = azure.whoAmI().catch((error) => diagnosed(azure, error));
    const [identified, listed] = await Promise.all([who, listing.get(c.req.raw)]);
    const { id, name } =
      'names' in listed ? listed.subscription : { id: listed.failure.subscriptionId, name: undefined };
    if ('failure' in identified || id === undefined) return { identified, listed, subscription: null };
    const restMs = Math.max(1, deps.deadlineMs - (performance.now() - startedAtMs));
    const found = name ?? (await azure.nameSubscription(id, restMs, traceContextOf(c.req.raw)?.headers)) ?? null;
    return { identified, listed, subscription: { id, name: found } };
  }

  app.get('/healthz', () => response(answer('{"status":"ok"}', 'application/json')));

  app.get('/readyz', () =>
    deps.isDraining()
      ? response(problem(503, 'Service Unavailable', { detail: 'The process is shutting down' }))
      : response(answer('{"status":"ok"}', 'application/json')),
  );

  app.get('/metrics', async () => response(answer(await metrics.scrape(), metrics.contentType)));

  /** Made when somebody asks for it: hardly anybody does. */
  let described: Answer | undefined;
  app.get('/openapi.json', () => {
    described ??= document(openApi(deps.version));
    return response(described);
  });

  const routes = new Set(app.routes.map(({ path }) => path));

  app.notFound((c) => {
    const { path } = c.req;
    if (routes.has(path)) {
      const detail = `${path} answers ${METHODS.join(' and ')}`;
      return response(problem(405, 'Method Not Allowed', { detail }, { Allow: METHODS.join(', ') }));
    }
    const detail = 'No such route; GET / lists the resource groups, GET /whoami says who we are';
    return response(problem(404, 'Not Found', { detail }));
  });

  app.onError((error, c) => {
    const fields = { error: originalError(error), stack: error.stack, ...traceField(c.req.raw) };
    log.error(fields, 'a bug: an error that nobody foresaw');
    return response(problem(500, 'Internal Server Error', { detail: 'A bug in rg-api; its log has the details' }));
  });

  // Around Hono instead of a middleware, which would make every handler asynchronous.
  const { fetch } = app;
  const logsRequests = log.isLevelEnabled('debug');
  app.fetch = (request, env, context) => {
    const startedAtMs = performance.now();
    const answered = fetch(request, env, context);
    if (answered instanceof Promise) return answered.then((response) => observed(request, response, startedAtMs));
    return observed(request, answered, startedAtMs);
  };

  function observed(request: Request, response: Response, startedAtMs: number): Response {
    const durationMs = performance.now() - startedAtMs;
    const path = getPath(request);
    const { method } = request;
    const { status } = response;
    // What the client makes up is no label.
    const route = routes.has(path) ? path : OTHER;
    metrics.requestAnswered(route, METHODS.includes(method) ? method : OTHER, status, durationMs / 1000);
    if (logsRequests) {
      log.debug({ method, path, status, durationMs: Math.round(durationMs), ...traceField(request) }, 'request');
    }
    return response;
  }

  /** A problem document (RFC 9457). Where its type is about:blank, its title is that of the HTTP status. */
  function problem(
    status: number,
    title: string,
    { type = 'about:blank', ...members }: { type?: string; detail: string; attempts?: object; facts?: object },
    headers?: Record<string, string>,
  ): Answer {
    return document({ type, title, status, ...members }, 'application/problem+json', status, headers);
  }

  /** A JSON document for a person in a terminal: one member a line. */
  function document(body: object, type = 'application/json', status = 200, headers?: Record<string, string>): Answer {
    return answer(redact(`${JSON.stringify(body, null, 2)}\n`), type, status, headers);
  }

  return app;
}

const secured = secureHeaders({
  contentSecurityPolicy: CONTENT_SECURITY_POLICY,
  referrerPolicy: 'no-referrer',
  xFrameOptions: 'DENY',
  // Over plain http it means nothing, and on localhost it would outlast this service.
  strictTransportSecurity: false,
});

/** Headers that say in short what came of Azure. */
function headersOf({ failure, diagnosis }: Diagnosed): Record<string, string> {
  if (failure instanceof IdentityFailure) return { 'Fallback-Reason': diagnosis.reason };
  return failure.retryAfterSeconds === undefined ? {} : { 'Retry-After': String(failure.retryAfterSeconds) };
}

function answer(body: string, type: string, status = 200, headers?: Record<string, string>): Answer {
  const bytes = Buffer.from(body);
  // With its length, or Node would look for it in every response that is made of this.
  const length = { 'Content-Length': String(bytes.length) };
  const init = { status, headers: { 'Content-Type': type, ...length, ...ALWAYS, ...headers } };
  return { body: bytes.length > LONGEST_STRING_BYTES ? bytes : body, init };
}

function response({ body, init }: Answer): Response {
  return new Response(body, init);
}

/** As OpenTelemetry names it in logs. */
function traceField(request: Request) {
  const trace = traceContextOf(request);
  return trace && { trace_id: trace.traceId };
}

/** The members of a problem document that explain a failure; what to do comes last, where a terminal leaves the eye. */
function explained({ reason, hint, documentation, detail }: Diagnosis) {
  return { type: `urn:rg-api:${reason}`, detail, documentation, reason, hint };
}
