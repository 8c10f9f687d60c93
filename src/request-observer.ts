import type { Logger } from 'pino';
import type { Metrics } from './telemetry/metrics.ts';
import { type TraceContext, traceField } from './telemetry/trace-context.ts';

/** A request that has been answered. */
interface ObservedRequest {
  /** The path of a route, or OTHER. */
  route: string;
  method: string;
  path: string;
  status: number;
  /** In milliseconds of the monotonic clock. */
  startedAtMs: number;
  trace: TraceContext | undefined;
}

export type RequestObserver = (request: ObservedRequest) => void;

/** A label for whatever else a client may send. */
export const OTHER = '_OTHER';

/** Notes requests in the metrics, and at debug in the log. */
export function createRequestObserver(metrics: Metrics, log: Logger): RequestObserver {
  const isLogged = log.isLevelEnabled('debug');
  return ({ route, method, path, status, startedAtMs, trace }) => {
    const durationMs = performance.now() - startedAtMs;
    const methodLabel = method === 'GET' || method === 'HEAD' ? method : OTHER;
    metrics.recordRequest(route, methodLabel, status, durationMs / 1000);
    if (isLogged)
      log.debug({ method, path, status, durationMs: Math.round(durationMs), ...traceField(trace) }, 'request');
  };
}
