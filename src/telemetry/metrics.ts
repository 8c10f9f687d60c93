import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** The label for unknown paths and methods, which clients can choose freely. */
export const OTHER = '_OTHER';

/** The metrics of this process. Every label has a bounded set of values. */
export interface Metrics {
  /** Records a request. `route` is the path of a route or OTHER, never a path that a client chose; `method` likewise. */
  recordRequest(route: string, method: string, status: number, durationMs: number): void;
  /** Counts a `[]` because authentication or authorization failed. */
  recordFallback(reason: string): void;
  recordAzureCall(call: { operation: string; outcome: string; durationMs: number }): void;
  /** Adds prom-client's default metrics: CPU, memory, event loop, garbage collection. */
  addProcessMetrics(): void;
  /** The text of one scrape, and its media type. */
  scrape(): Promise<string>;
  contentType: string;
}

/** From half a millisecond (a response from memory) to ten seconds (the default deadline). */
const DURATION_BUCKETS_SECONDS = [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counting one duration takes a tenth of the time of a response from memory. In a batch, each takes much less. */
const REQUEST_BATCH = 500;

interface WaitingRequests {
  series: Pick<Histogram.Internal<string>, 'observe'>;
  durationsMs: number[];
}

function observe({ series, durationsMs }: WaitingRequests): void {
  for (const durationMs of durationsMs) series.observe(durationMs / 1000);
  durationsMs.length = 0;
}

/**
 * Creates the metrics in their own registry. Names and units follow the conventions of Prometheus.
 *
 * @see https://prometheus.io/docs/practices/naming/
 */
export function createMetrics(options: {
  version: string;
  /** When the current token expires, in milliseconds since the epoch; undefined while there is none. */
  tokenExpiresOn: () => number | undefined;
  /** All reasons for a fallback. Each series starts at 0, because increase() would miss the first fallback otherwise. */
  fallbackReasons: readonly string[];
  /** The age of the shared snapshot in milliseconds; undefined before the first. */
  answerAgeMs: () => number | undefined;
  /** The reason of the latest snapshot; null if everything works, undefined before the first. */
  reason: () => string | null | undefined;
}): Metrics {
  const registry = new Registry();
  const registers = [registry];

  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'How long requests took, by route, method and status.',
    labelNames: ['route', 'method', 'status'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  /** Durations by series, not yet in the histogram. */
  const waitingRequests = new Map<string, WaitingRequests>();
  const azureCalls = new Histogram({
    name: 'rgapi_azure_call_duration_seconds',
    help: 'How long calls to Azure took, with all pages and retries, by operation and outcome.',
    labelNames: ['operation', 'outcome'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  const fallbacks = new Counter({
    name: 'rgapi_fallbacks_total',
    help: 'Responses that were [] because authentication or authorization failed, by reason.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of options.fallbackReasons) fallbacks.inc({ reason }, 0);
  gauge(
    'rgapi_shared_answer_age_seconds',
    'The age of the data from Azure that requests share; absent before the first.',
    () => inSeconds(options.answerAgeMs()),
  );
  gauge(
    'rgapi_token_expiry_timestamp_seconds',
    'When the current access token expires, in seconds since the epoch; absent while there is none.',
    () => inSeconds(options.tokenExpiresOn()),
  );
  gauge('rgapi_identity_ok', '1: a list and no warning; 0: not; absent before the first verdict.', () => {
    const reason = options.reason();
    return reason === undefined ? undefined : Number(reason === null);
  });
  new Gauge({
    name: 'rgapi_identity_reason',
    help: '1 for the reason why there is no list, or else of the first warning; otherwise absent.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      const reason = options.reason();
      if (typeof reason === 'string') this.set({ reason }, 1);
    },
  });
  new Gauge({
    name: 'rgapi_build_info',
    help: 'Always 1; the label is the running version.',
    labelNames: ['version'],
    registers,
  }).set({ version: options.version }, 1);

  /** Creates a gauge that is read for each scrape, and has no sample while the value is undefined. */
  function gauge(name: string, help: string, read: () => number | undefined): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const value = read();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });
  }

  return {
    recordRequest(route, method, status, durationMs) {
      const key = `${route} ${method} ${status}`;
      let waiting = waitingRequests.get(key);
      if (!waiting) {
        waiting = { series: requests.labels({ route, method, status }), durationsMs: [] };
        waitingRequests.set(key, waiting);
      }
      if (waiting.durationsMs.push(durationMs) >= REQUEST_BATCH) observe(waiting);
    },
    recordFallback: (reason) => fallbacks.inc({ reason }),
    recordAzureCall: ({ operation, outcome, durationMs }) =>
      azureCalls.observe({ operation, outcome }, durationMs / 1000),
    addProcessMetrics() {
      collectDefaultMetrics({ register: registry });
      // Remove gauges with the suffix of a counter, which the conventions forbid. Other gauges report the same by type.
      for (const kind of ['handles', 'requests', 'resources']) {
        registry.removeSingleMetric(`nodejs_active_${kind}_total`);
      }
    },
    scrape() {
      for (const waiting of waitingRequests.values()) observe(waiting);
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}

function inSeconds(ms: number | undefined): number | undefined {
  return ms === undefined || !Number.isFinite(ms) ? undefined : ms / 1000;
}
