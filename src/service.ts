import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import { createApp, routesOf } from './app.ts';
import { createAzure } from './azure/azure.ts';
import type { Cloud } from './azure/cloud.ts';
import { REASONS } from './azure/diagnosis/catalogue.ts';
import { createRefreshAheadCache } from './azure/refresh-ahead-cache.ts';
import { type Snapshot, takeSnapshot } from './azure/snapshot.ts';
import type { Config } from './config.ts';
import { createHistory } from './history.ts';
import { isAllowedHost } from './http/allowed-host.ts';
import { createDocuments, problemDetails } from './http/responses.ts';
import { createHttpServer } from './http/server.ts';
import { memoizeLast } from './memoize.ts';
import { redactValue } from './redaction.ts';
import { createFailureLog } from './telemetry/failure-log.ts';
import { createMetrics, OTHER } from './telemetry/metrics.ts';
import { toSafeJson } from './telemetry/safe-json.ts';
import { traceContextOf, traceField } from './telemetry/trace-context.ts';
import { changeOf, createView } from './view.ts';

/** Wires everything together. It does not listen yet, and sends no request to Azure. */
export function createService(options: {
  config: Config;
  cloud: Cloud;
  version: string;
  env: NodeJS.ProcessEnv;
  /** The file with the labels of the pod from the Downward API; it may be missing. */
  podLabelsFile: string;
  log: Logger;
}) {
  const { config, version, env, log } = options;
  const startedAt = new Date().toISOString();

  const metrics = createMetrics({
    version,
    tokenExpiresOn: () => azure.credential.latestToken()?.expiresOnTimestamp,
    answerAgeMs: () => snapshots.ageMs(),
    fallbackReasons: REASONS,
  });

  const azure = createAzure({
    ...config,
    cloud: options.cloud,
    userAgentPrefix: `rg-api/${version}`,
    env,
    podLabelsFile: options.podLabelsFile,
    onCall: metrics.recordAzureCall,
    onWarning: (message) => log.warn(message),
  });

  const history = createHistory();
  const listingLog = createFailureLog(log, 'the resource groups are listed again');
  const snapshots = createRefreshAheadCache(async (headers?: IncomingHttpHeaders) => {
    const trace = headers && traceContextOf(headers);
    const snapshot = await takeSnapshot(azure, trace?.headers);
    const { listing } = snapshot;
    history.record(changeOf(snapshot));
    if (listing.kind === 'listed') listingLog.succeeded(snapshot.warnings, trace?.traceId);
    else listingLog.failed(listing.failure, listing.diagnosis, trace?.traceId);
    return snapshot;
  }, config.answerMaxAgeMs);
  const viewOf = memoizeLast((snapshot: Snapshot) =>
    createView(snapshot, { azure, deadlineMs: config.deadlineMs, history, process: { version, startedAt } }),
  );

  const documents = createDocuments((value) => `${toSafeJson(redactValue(value), 2)}\n`);
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
    problem: (status, title) =>
      documents.problem(problemDetails(status, title, { detail: 'The server cannot read this request' })),
    onAnswered({ method = '', url = '', headers }, status, durationMs) {
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
  const withoutHost = documents.problem(
    problemDetails(400, 'Bad Request', { detail: 'An HTTP/1.1 request needs a Host header' }),
  );
  const misdirected = documents.problem(
    problemDetails(421, 'Misdirected Request', {
      detail:
        'This service does not accept this Host. Use localhost or an IP address, or add the host to ALLOWED_HOSTS',
    }),
  );

  const app = createApp({
    version,
    snapshots,
    viewOf,
    scrapes: createRefreshAheadCache(() => metrics.scrape(), config.answerMaxAgeMs),
    documents,
    isDraining: server.isDraining,
    pageBadge: config.pageBadge,
    metrics,
    log,
  });
  const routes = routesOf(app);

  return { azure, snapshots, viewOf, metrics, server, app };
}
