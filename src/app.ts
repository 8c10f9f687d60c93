import type { Context } from 'hono';
import { Hono } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import { AzureFailure, type AzureReason, IdentityFailure, originalError } from './azure/failure.ts';
import type { ListResourceGroups } from './azure/resource-groups.ts';
import { shareAnswer } from './shared-answer.ts';

const STATUS_OF: Record<AzureReason, 502 | 503 | 504> = {
  broken: 502,
  unreachable: 502,
  throttled: 503,
  timeout: 504,
};

const TITLE_OF: Record<AzureReason, string> = {
  broken: 'Azure Resource Manager is broken',
  unreachable: 'Azure Resource Manager cannot be reached',
  throttled: 'Azure Resource Manager throttles',
  timeout: 'Azure did not answer in time',
};

/** The routes. Nothing here listens, and nothing here ends the process. */
export function createApp(deps: {
  listResourceGroups: ListResourceGroups;
  /** Milliseconds. */
  answerMaxAgeMs: number;
  /** True from the moment the process drains. */
  isDraining: () => boolean;
  log: Logger;
}): Hono {
  const { log } = deps;
  const app = new Hono();

  /** One listing for all who ask together, and one line in the log for each that fails. */
  const resourceGroups = shareAnswer(async () => {
    try {
      return await deps.listResourceGroups();
    } catch (error) {
      if (error instanceof IdentityFailure || error instanceof AzureFailure) {
        log.warn({ reason: error.reason, original: originalError(error.cause ?? error) }, error.message);
      }
      throw error;
    }
  }, deps.answerMaxAgeMs);

  app.use(async (c, next) => {
    const startedAtMs = performance.now();
    await next();
    // An answer tells of one moment: the next one may differ.
    c.header('Cache-Control', 'no-store');
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

  app.get('/', async (c) => {
    c.header('Vary', 'Accept');
    try {
      return c.json(await resourceGroups());
    } catch (error) {
      if (error instanceof IdentityFailure) {
        c.header('Fallback-Reason', error.reason);
        return c.json([]);
      }
      if (error instanceof AzureFailure) {
        if (error.retryAfterSeconds !== undefined) c.header('Retry-After', String(error.retryAfterSeconds));
        return problem(c, STATUS_OF[error.reason], TITLE_OF[error.reason], {
          type: `urn:rg-api:${error.reason}`,
          reason: error.reason,
          detail: error.message,
        });
      }
      throw error;
    }
  });

  app.get('/healthz', (c) => c.json({ status: 'ok' }));

  app.get('/readyz', (c) =>
    deps.isDraining()
      ? problem(c, 503, 'Service Unavailable', { detail: 'The process is shutting down' })
      : c.json({ status: 'ok' }),
  );

  app.notFound((c) => problem(c, 404, 'Not Found', { detail: 'No such route; GET / lists the resource groups' }));

  app.onError((error, c) => {
    log.error({ error: originalError(error), stack: error.stack }, 'a bug: an error that nobody foresaw');
    return problem(c, 500, 'Internal Server Error', { detail: 'A bug in rg-api; its log has the details' });
  });

  return app;
}

/** A problem document (RFC 9457). Where its type is about:blank, its title is that of the HTTP status. */
function problem(
  c: Context,
  status: ContentfulStatusCode,
  title: string,
  members: { type?: string; detail: string; reason?: string },
): Response {
  const document = { type: 'about:blank', title, status, ...members };
  return c.body(JSON.stringify(document), status, { 'Content-Type': 'application/problem+json' });
}
