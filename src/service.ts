import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import { createApp, routesOf } from './app.ts';
import { type Azure, type AzureOptions, createAzure } from './azure/azure.ts';
import { createRefreshAheadCache } from './azure/refresh-ahead-cache.ts';
import type { Config } from './config.ts';
import { FALLBACK_REASONS } from './explain/catalogue.ts';
import { isAllowedHost } from './http/allowed-host.ts';
import { prepareProblem } from './http/prepared-response.ts';
import { createHttpServer } from './http/server.ts';
import { reasonOf, type Snapshot } from './snapshot.ts';
import { createFailureLog } from './telemetry/failure-log.ts';
import { createMetrics, OTHER } from './telemetry/metrics.ts';
import { traceContextOf, traceField } from './telemetry/trace-context.ts';
import { createViews, type Instance } from './view.ts';

/** Wires everything together. It does not listen yet, and sends no request to Azure. */
export function createService(options: {
  config: Config;
  azureOptions: AzureOptions;
  /** The version, and when the process started. */
  process: Pick<Instance, 'version' | 'startedAt'>;
  log: Logger;
}) {
  const { config, log } = options;
  const { version } = options.process;

  let latest: Snapshot | undefined;
  const metrics = createMetrics({
    version,
    tokenExpiresOn: () => azure.credential.latestToken()?.expiresOnTimestamp,
    answerAgeMs: () => snapshots.ageMs(),
    fallbackReasons: FALLBACK_REASONS,
    reason: () => latest && reasonOf(latest),
  });

  const azure: Azure = createAzure(options.azureOptions, metrics.recordAzureCall);
  const { look, viewOf } = createViews(azure, config.deadlineMs, options.process);
  const logVerdict = createFailureLog(log, 'the resource groups are listed again');
  const snapshots = createRefreshAheadCache(async (headers?: IncomingHttpHeaders) => {
    const trace = headers && traceContextOf(headers);
    const snapshot = await look(trace?.headers);
    latest = snapshot;
    logVerdict(snapshot, trace?.traceId);
    return snapshot;
  }, config.answerMaxAgeMs);

  /** The last Host that was allowed; nearly all requests have the same one. */
  let allowedHost: string | undefined;
  const logsRequests = log.isLevelEnabled('debug');
  const server = createHttpServer({
    refuse({ headers: { host }, httpVersion }) {
      if (httpVersion === '1.1' && host === undefined) return withoutHost;
      if (config.kubernetes || host === allowedHost) return undefined;
      if (!isAllowedHost(host, config.allowedHosts)) return misdirected;
      allowedHost = host;
      return undefined;
    },
    onResponse({ method = '', url = '', headers }, status, durationMs) {
      const query = url.indexOf('?');
      const path = query === -1 ? url : url.slice(0, query);
      const route = routes.has(path) ? path : OTHER;
      metrics.recordRequest(route, method === 'GET' || method === 'HEAD' ? method : OTHER, status, durationMs);
      if (logsRequests) {
        const trace = traceContextOf(headers);
        log.debug({ method, path, status, durationMs: Math.round(durationMs), ...traceField(trace) }, 'request');
      }
    },
  });
  const withoutHost = prepareProblem(400, 'An HTTP/1.1 request needs a Host header');
  const misdirected = prepareProblem(
    421,
    'This service does not accept this Host. Use localhost or an IP address, or add the host to ALLOWED_HOSTS',
  );

  const app = createApp({
    version,
    snapshots,
    viewOf,
    scrapes: createRefreshAheadCache(() => metrics.scrape(), config.answerMaxAgeMs),
    isDraining: server.isDraining,
    pageBadge: config.pageBadge,
    metrics,
    log,
  });
  const routes = routesOf(app);

  return { azure, snapshots, viewOf, metrics, server, app };
}

export type Service = ReturnType<typeof createService>;
