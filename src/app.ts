import type { Context, MiddlewareHandler } from 'hono';
import { Hono } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { secureHeaders } from 'hono/secure-headers';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import type { Azure } from './azure/azure.ts';
import type { Diagnosis } from './azure/diagnosis.ts';
import { AzureFailure, type AzureFailureKind, IdentityFailure, originalError } from './azure/failure.ts';
import type { ResourceGroups } from './azure/resource-groups.ts';
import { warningOf } from './azure/whoami.ts';
import { createFailureLog } from './failure-log.ts';
import { CONTENT_SECURITY_POLICY, page } from './page.ts';
import { prefersHtml } from './prefers-html.ts';
import { shareAnswer } from './shared-answer.ts';

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

interface Diagnosed {
  failure: IdentityFailure | AzureFailure;
  diagnosis: Diagnosis;
}

/** The routes. Nothing here listens, and nothing here ends the process. */
export function createApp(deps: {
  azure: Azure;
  /** Milliseconds. */
  deadlineMs: number;
  /** Milliseconds. */
  answerMaxAgeMs: number;
  /** Takes secrets out of a text. */
  redact: (text: string) => string;
  /** True from the moment the process drains. */
  isDraining: () => boolean;
  log: Logger;
}): Hono {
  const { azure, log, redact } = deps;
  const app = new Hono();
  const failureLog = createFailureLog(log, 'healed: the resource groups are listed again');

  const listing = shareAnswer(async (): Promise<ResourceGroups | Diagnosed> => {
    try {
      const resourceGroups = await azure.listResourceGroups();
      failureLog.succeeded();
      return resourceGroups;
    } catch (error) {
      const outcome = await diagnosed(failureOf(error));
      failureLog.failed(outcome.failure, outcome.diagnosis);
      return outcome;
    }
  }, deps.answerMaxAgeMs);

  async function diagnosed(failure: Diagnosed['failure']): Promise<Diagnosed> {
    return { failure, diagnosis: await azure.diagnose(failure) };
  }

  app.use(async (c, next) => {
    const startedAtMs = performance.now();
    await next();
    // An answer tells of one moment: the next one may differ.
    c.header('Cache-Control', 'no-store');
    c.header('X-Content-Type-Options', 'nosniff');
    if (log.isLevelEnabled('debug')) {
      const durationMs = Math.round(performance.now() - startedAtMs);
      log.debug({ method: c.req.method, path: c.req.path, status: c.res.status, durationMs }, 'request');
    }
  });

  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        c.header('Allow', methods.join(', '));
        return problem(c, 405, 'Method Not Allowed', { detail: `${c.req.path} answers ${methods.join(' and ')}` });
      },
    }),
  );

  app.get('/', securePage, async (c) => {
    c.header('Vary', 'Accept');
    if (prefersHtml(c)) return answerPage(c);
    const outcome = await listing();
    if ('names' in outcome) return c.json(outcome.names);

    const { failure, diagnosis } = outcome;
    tellInHeaders(c, outcome);
    if (failure instanceof IdentityFailure) return c.json([]);
    return problem(c, STATUS_OF[failure.kind], TITLE_OF[failure.kind], explained(diagnosis));
  });

  /** The same for a browser: same status, same headers. */
  async function answerPage(c: Context) {
    const { listed, ...picture } = await wholePicture();
    if ('failure' in listed) {
      tellInHeaders(c, listed);
      if (listed.failure instanceof AzureFailure) c.status(STATUS_OF[listed.failure.kind]);
    }
    const links = ['/whoami', '/metrics', '/openapi.json'].filter((path) =>
      app.routes.some((route) => route.path === path),
    );
    return c.html(redact(String(await page({ ...picture, listed, links }))));
  }

  app.get('/whoami', async (c) => {
    const { identified, listed, subscription } = await wholePicture();
    if ('failure' in identified) {
      const { facts, attempts } = identified.diagnosis;
      return problem(c, 503, 'No access token', { facts, attempts, ...explained(identified.diagnosis) });
    }
    const { identity, credential, expiresOn, warnings } = identified;
    return document(c, {
      identity,
      credential,
      expiresOn,
      subscription,
      warnings: 'names' in listed ? warnings : [...warnings, warningOf(listed.diagnosis)],
    });
  });

  /** Who we are and what we see, within one deadline. */
  async function wholePicture() {
    const startedAtMs = performance.now();
    const who = azure.whoAmI().catch(async (error) => diagnosed(failureOf(error)));
    const [identified, listed] = await Promise.all([who, listing()]);
    const inUse = 'names' in listed ? listed.subscription : { id: listed.failure.subscriptionId };
    const restMs = Math.max(1, deps.deadlineMs - (performance.now() - startedAtMs));
    return { identified, listed, subscription: 'failure' in identified ? null : await named(inUse, restMs) };
  }

  async function named({ id, name }: { id: string | undefined; name?: string | undefined }, withinMs: number) {
    if (id === undefined) return null;
    return { id, name: name ?? (await azure.nameSubscription(id, withinMs)) ?? null };
  }

  app.get('/healthz', (c) => c.json({ status: 'ok' }));

  app.get('/readyz', (c) =>
    deps.isDraining()
      ? problem(c, 503, 'Service Unavailable', { detail: 'The process is shutting down' })
      : c.json({ status: 'ok' }),
  );

  app.notFound((c) =>
    problem(c, 404, 'Not Found', {
      detail: 'No such route; GET / lists the resource groups, GET /whoami says who we are',
    }),
  );

  app.onError((error, c) => {
    log.error({ error: originalError(error), stack: error.stack }, 'a bug: an error that nobody foresaw');
    return problem(c, 500, 'Internal Server Error', { detail: 'A bug in rg-api; its log has the details' });
  });

  /** A problem document (RFC 9457). Where its type is about:blank, its title is that of the HTTP status. */
  function problem(
    c: Context,
    status: ContentfulStatusCode,
    title: string,
    { type = 'about:blank', ...members }: { type?: string; detail: string; attempts?: object; facts?: object },
  ): Response {
    return document(c, { type, title, status, ...members }, status, 'application/problem+json');
  }

  /** A JSON document for a person in a terminal: one member a line. */
  function document(c: Context, body: object, status: ContentfulStatusCode = 200, type = 'application/json'): Response {
    return c.body(redact(`${JSON.stringify(body, null, 2)}\n`), status, { 'Content-Type': type });
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

/** The headers that protect a page; an answer for curl needs none of them. */
const securePage: MiddlewareHandler = (c, next) => (prefersHtml(c) ? secured(c, next) : next());

function tellInHeaders(c: Context, { failure, diagnosis }: Diagnosed): void {
  if (failure instanceof IdentityFailure) c.header('Fallback-Reason', diagnosis.reason);
  else if (failure.retryAfterSeconds !== undefined) c.header('Retry-After', String(failure.retryAfterSeconds));
}

/** Whatever else it is, it is a bug. */
function failureOf(error: unknown): Diagnosed['failure'] {
  if (error instanceof IdentityFailure || error instanceof AzureFailure) return error;
  throw error;
}

/** The members of a problem document that explain a failure; what to do comes last, where a terminal leaves the eye. */
function explained({ reason, hint, documentation, detail }: Diagnosis) {
  return { type: `urn:rg-api:${reason}`, detail, documentation, reason, hint };
}
