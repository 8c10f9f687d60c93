import type { IncomingHttpHeaders } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import type { Logger } from 'pino';
import { originalError } from './azure/errors.ts';
import type { RefreshAheadCache } from './azure/refresh-ahead-cache.ts';
import { REASONS } from './explain/catalogue.ts';
import { CHECK_NAMES } from './explain/checks.ts';
import { acceptsHtml } from './http/accepts-html.ts';
import { docsPage } from './http/docs-page.ts';
import { openApi } from './http/openapi.ts';
import { PAGE_HEADERS, page } from './http/page.ts';
import { type PreparedResponse, prepare, prepareJson, prepareProblem } from './http/prepared-response.ts';
import { lazy, memoizeLast } from './memoize.ts';
import { redactValue } from './redaction.ts';
import { isFallback, listResponse, statusAndHeaders, whoAmIResponse } from './responses.ts';
import { findings, type Snapshot } from './snapshot.ts';
import { framesOf } from './telemetry/failure-log.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { traceContextOf, traceField } from './telemetry/trace-context.ts';
import type { View } from './view.ts';

export type App = Hono<{ Bindings: HttpBindings }>;

const METHODS = ['GET', 'HEAD'];

/** A scrape starts a new look at Azure if the last one is older, so that a canary that nobody asks notices, too. */
const IDLE_LOOK_MS = 30_000;

/** Creates the routes. There is no middleware, because Hono calls the only handler of a path directly, which is faster. */
export function createApp(deps: {
  version: string;
  snapshots: RefreshAheadCache<Snapshot, IncomingHttpHeaders>;
  viewOf: (snapshot: Snapshot) => Promise<View>;
  scrapes: RefreshAheadCache<string, undefined>;
  /** Whether the process has started to shut down. */
  isDraining: () => boolean;
  /** A remark at the top of the page. */
  pageBadge: string | undefined;
  metrics: Metrics;
  log: Logger;
}): App {
  const { snapshots, viewOf, scrapes, metrics, log } = deps;
  const app: App = new Hono();

  app.get('/', (c) => {
    const { headers } = c.env.incoming;
    return respond(snapshots.get(headers), acceptsHtml(headers.accept) ? renderPage : renderList);
  });

  /** Renders a snapshot for a response, and counts the responses without a list because authentication or authorization failed. */
  function counted<Rendered>(render: (snapshot: Snapshot) => Rendered): (snapshot: Snapshot) => Rendered {
    return (snapshot) => {
      if (snapshot.failure && isFallback(snapshot)) metrics.recordFallback(snapshot.failure.reason);
      return render(snapshot);
    };
  }

  const renderList = counted(memoizeLast(listResponse));

  const renderPage = counted(
    memoizeLast(async (snapshot: Snapshot) => {
      const { status, headers } = statusAndHeaders(snapshot);
      const view = await viewOf(snapshot);
      const shown = { ...view.outcome, ...view, findings: findings(view), badge: deps.pageBadge, links: PAGE_LINKS };
      const html = String(await page(redactValue(shown)));
      return prepare(html, 'text/html; charset=UTF-8', status, { ...headers, ...PAGE_HEADERS });
    }),
  );

  app.get('/whoami', (c) => respond(snapshots.get(c.env.incoming.headers), renderWhoAmI));

  const renderWhoAmI = memoizeLast(async (snapshot: Snapshot) => whoAmIResponse(await viewOf(snapshot)));

  app.get('/healthz', () => toResponse(healthy));

  app.get('/readyz', () => toResponse(deps.isDraining() ? draining : healthy));

  const healthy = prepare('{"status":"ok"}\n', 'application/json');
  const draining = prepareProblem(503, 'The process is shutting down');

  app.get('/metrics', () => {
    // A scrape does not wait for Azure. The look logs and counts its own failures.
    if ((snapshots.ageMs() ?? 0) > IDLE_LOOK_MS) Promise.resolve(snapshots.get()).catch(() => {});
    return respond(scrapes.get(), (text) => prepare(text, metrics.contentType));
  });

  app.get('/openapi.json', () => toResponse(openApiDocument()));

  const document = lazy(() => openApi(deps.version, REASONS, CHECK_NAMES));
  const openApiDocument = lazy(() => prepareJson(document()));

  app.get('/docs', async () => toResponse(await docs()));

  const docs = lazy(async () =>
    prepare(String(await docsPage(document())), 'text/html; charset=UTF-8', 200, PAGE_HEADERS),
  );

  const routes = routesOf(app);

  app.notFound((c) => {
    const { path } = c.req;
    if (routes.has(path)) {
      const detail = `${path} supports ${METHODS.join(' and ')}`;
      return toResponse(prepareProblem(405, detail, { Allow: METHODS.join(', ') }));
    }
    const withoutSlash = path.replace(/\/$/, '');
    if (routes.has(withoutSlash) && METHODS.includes(c.req.method)) {
      const Location = `..${withoutSlash}${new URL(c.req.url).search}`;
      return toResponse(prepare('', 'text/plain; charset=UTF-8', 301, { Location }));
    }
    const detail = 'No such route; GET / lists the resource groups, GET /whoami says who we are';
    return toResponse(prepareProblem(404, detail));
  });

  app.onError((error, c) => {
    log.error(
      { error: originalError(error), stack: framesOf(error), ...traceField(traceContextOf(c.env.incoming.headers)) },
      'unexpected error; please report it',
    );
    const detail = 'An unexpected error in rg-api; its log has the details';
    return toResponse(prepareProblem(500, detail));
  });

  return app;
}

const PAGE_LINKS = ['whoami', 'metrics', 'docs', 'openapi.json'];

/** The paths of the routes, the only ones that may become a metric's label. */
export function routesOf(app: App): ReadonlySet<string> {
  return new Set(app.routes.filter(({ method }) => method === 'GET').map(({ path }) => path));
}

/** Responds synchronously if the value is available: a promise would cost a turn of the event loop and a listener. */
function respond<T>(
  value: T | Promise<T>,
  render: (value: T) => PreparedResponse | Promise<PreparedResponse>,
): Response | Promise<Response> {
  if (value instanceof Promise) return value.then(render).then(toResponse);
  const rendered = render(value);
  return rendered instanceof Promise ? rendered.then(toResponse) : toResponse(rendered);
}

function toResponse({ body, init }: PreparedResponse): Response {
  return new Response(body, init);
}
