import type { Context, MiddlewareHandler } from 'hono';
import { Hono } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { Logger } from 'pino';
import type { Azure } from './azure/azure.ts';
import { originalError } from './azure/errors.ts';
import { warningOf, withListing } from './azure/whoami.ts';
import { prefersHtml } from './http/accepts-html.ts';
import { openApi } from './http/openapi.ts';
import { CONTENT_SECURITY_POLICY, page } from './http/page.ts';
import { type Answer, type Answers, answer, explained, headOf } from './http/responses.ts';
import { diagnosed, type Listing } from './listing.ts';
import { OTHER, type RequestObserver } from './request-observer.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { type TraceContext, traceContextOf, traceField } from './telemetry/trace-context.ts';

const METHODS = ['GET', 'HEAD'];

/** The routes. Nothing here listens, and nothing here ends the process. */
export function createApp(deps: {
  version: string;
  azure: Azure;
  listing: Listing;
  answers: Answers;
  /** Milliseconds. */
  deadlineMs: number;
  /** Takes secrets out of a text. */
  redact: (text: string) => string;
  /** True from the moment the process drains. */
  isDraining: () => boolean;
  metrics: Metrics;
  observed: RequestObserver;
  log: Logger;
}): Hono {
  const { answers, azure, listing, log, metrics, observed, redact } = deps;
  const app = new Hono();

  app.use(async (c, next) => {
    const startedAtMs = performance.now();
    await next();
    const { method, path } = c.req;
    // What the client makes up is no label.
    const route = routes.has(path) ? path : OTHER;
    observed({ route, method, path, status: c.res.status, startedAtMs, trace: traceOf(c) });
  });

  // Most of its clients are answered before they come here: fast-path.ts.
  app.get('/', securePage, async (c) => {
    if (prefersHtml(c)) return answerPage(c);
    return response(answers.list(await listing.get(() => traceOf(c))));
  });

  /** The same for a browser: same status, same headers. */
  async function answerPage(c: Context): Promise<Response> {
    const { listed, ...picture } = await wholePicture(c);
    const { status, headers } = headOf(listed);
    if ('failure' in listed && listed.failure.category === 'identity') metrics.recordFallback(listed.diagnosis.reason);
    const links = ['/whoami', '/metrics', '/openapi.json'].filter((path) => routes.has(path));
    const html = redact(String(await page({ ...picture, listed, links })));
    return response(answer(html, 'text/html; charset=UTF-8', status, headers));
  }

  app.get('/whoami', async (c) => {
    const { identified, listed, subscription } = await wholePicture(c);
    if ('failure' in identified) {
      const { facts, attempts } = identified.diagnosis;
      return response(answers.problem(503, 'No access token', { facts, attempts, ...explained(identified.diagnosis) }));
    }
    const { identity, credential, expiresOn, warnings } = identified;
    const whoAmI = {
      identity,
      credential,
      expiresOn,
      subscription,
      warnings: ('names' in listed ? warnings : withListing(warnings, warningOf(listed.diagnosis))).map(
        ({ commands, ...warning }) => ({ ...warning, ...(commands.length > 0 && { commands }) }),
      ),
    };
    return response(answers.document(whoAmI));
  });

  /** Who we are and what we see, within one deadline. */
  async function wholePicture(c: Context) {
    const startedAtMs = performance.now();
    const trace = traceOf(c);
    const who = azure.whoAmI().catch((error) => diagnosed(azure, error));
    const [identified, listed] = await Promise.all([who, listing.get(() => trace)]);
    const { id, name } =
      'names' in listed ? listed.subscription : { id: listed.failure.subscriptionId, name: undefined };
    if ('failure' in identified || id === undefined) return { identified, listed, subscription: null };
    const restMs = Math.max(1, deps.deadlineMs - (performance.now() - startedAtMs));
    const found = name ?? (await azure.nameSubscription(id, restMs, trace?.headers)) ?? null;
    return { identified, listed, subscription: { id, name: found } };
  }

  app.get('/healthz', () => response(answer('{"status":"ok"}', 'application/json')));

  app.get('/readyz', () =>
    deps.isDraining()
      ? response(answers.problem(503, 'Service Unavailable', { detail: 'The process is shutting down' }))
      : response(answer('{"status":"ok"}', 'application/json')),
  );

  app.get('/metrics', async () => response(answer(await metrics.scrape(), metrics.contentType)));

  /** Made when somebody asks for it: hardly anybody does. */
  let described: Answer | undefined;
  app.get('/openapi.json', () => {
    described ??= answers.document(openApi(deps.version));
    return response(described);
  });

  const routes = new Set(app.routes.filter(({ method }) => method === 'GET').map(({ path }) => path));

  app.notFound((c) => {
    const { path } = c.req;
    if (routes.has(path)) {
      const detail = `${path} answers ${METHODS.join(' and ')}`;
      return response(answers.problem(405, 'Method Not Allowed', { detail }, { Allow: METHODS.join(', ') }));
    }
    const detail = 'No such route; GET / lists the resource groups, GET /whoami says who we are';
    return response(answers.problem(404, 'Not Found', { detail }));
  });

  app.onError((error, c) => {
    const fields = { error: originalError(error), stack: error.stack, ...traceField(traceOf(c)) };
    log.error(fields, 'a bug: an error that nobody foresaw');
    return response(
      answers.problem(500, 'Internal Server Error', { detail: 'A bug in rg-api; its log has the details' }),
    );
  });

  return app;
}

const secured = secureHeaders({
  contentSecurityPolicy: CONTENT_SECURITY_POLICY,
  referrerPolicy: 'no-referrer',
  xFrameOptions: 'DENY',
  // Over plain http it means nothing, and on localhost it would outlast this service.
  strictTransportSecurity: false,
});

/** The headers that protect a page; an answer for curl needs none of them. */
const securePage: MiddlewareHandler = (c, next) => (prefersHtml(c) ? secured(c, next) : next());

function traceOf(c: Context): TraceContext | undefined {
  return traceContextOf({ traceparent: c.req.header('traceparent'), tracestate: c.req.header('tracestate') });
}

function response({ body, init }: Answer): Response {
  return new Response(body, init);
}
