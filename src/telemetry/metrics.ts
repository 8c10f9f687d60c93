import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { AzureCall } from '../azure/instrument.ts';

/** The label of anything that a client makes up. */
export const OTHER = '_OTHER';

/** What the process tells Prometheus; every label has a bounded set of values. */
export interface Metrics {
  /** `route` is the path of a route or OTHER, never a path that a client made up; the same holds for `method`. */
  recordRequest(labels: { route: string; method: string; status: number }, durationMs: number): void;
  /** A list was answered with `[]` because authentication or authorization failed. */
  recordFallback(reason: string): void;
  recordAzureCall(call: AzureCall): void;
  /** Adds what prom-client measures of any process: CPU, memory, event loop, garbage collection. */
  addProcessMetrics(): void;
  /** The text of one scrape, and its media type. */
  scrape(): Promise<string>;
  contentType: string;
}

/** Half a millisecond, which an answer from memory takes, to ten seconds, the deadline by default. */
const DURATION_BUCKETS_SECONDS = [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * Makes the instruments, in a registry of their own. Names and units follow the conventions of Prometheus.
 *
 * @see https://prometheus.io/docs/practices/naming/
 */
export function createMetrics(options: {
  version: string;
  /** When the token at hand expires, in milliseconds since the epoch; undefined while there is none. */
  tokenExpiresOn: () => number | undefined;
  /** All reasons of a fallback: each series begins at 0, or increase() would miss the first fallback. */
  fallbackReasons: readonly string[];
  /** The age of the answer that is shared, in milliseconds; undefined before the first. */
  answerAgeMs: () => number | undefined;
}): Metrics {
  const registry = new Registry();
  const registers = [registry];

  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'How long requests took to answer, by route, method and status.',
    labelNames: ['route', 'method', 'status'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  const requestSeries = new Map<string, ReturnType<typeof requests.labels>>();
  const azureCalls = new Histogram({
    name: 'rgapi_azure_call_duration_seconds',
    help: 'How long calls of Azure took, with all their pages and retries, by operation and outcome.',
    labelNames: ['operation', 'outcome'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  const fallbacks = new Counter({
    name: 'rgapi_fallbacks_total',
    help: 'Answers that were [] because authentication or authorization failed, by reason.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of options.fallbackReasons) fallbacks.inc({ reason }, 0);
  gauge(
    'rgapi_shared_answer_age_seconds',
    'The age of the answer of Azure that requests share; absent before the first.',
    () => inSeconds(options.answerAgeMs()),
  );
  gauge(
    'rgapi_token_expiry_timestamp_seconds',
    'When the access token at hand expires, in seconds since the epoch; absent while there is none.',
    () => inSeconds(options.tokenExpiresOn()),
  );
  new Gauge({
    name: 'rgapi_build_info',
    help: 'Always 1; the label is the version that runs.',
    labelNames: ['version'],
    registers,
  }).set({ version: options.version }, 1);

  /** A gauge that is read when it is scraped, and has no sample while there is nothing to read. */
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
    recordRequest(labels, durationMs) {
      // To find a series by its labels takes as long as to count in it.
      const key = `${labels.route} ${labels.method} ${labels.status}`;
      let series = requestSeries.get(key);
      if (!series) {
        series = requests.labels(labels);
        requestSeries.set(key, series);
      }
      series.observe(durationMs / 1000);
    },
    recordFallback: (reason) => fallbacks.inc({ reason }),
    recordAzureCall: ({ operation, outcome, durationMs }) =>
      azureCalls.observe({ operation, outcome }, durationMs / 1000),
    addProcessMetrics() {
      collectDefaultMetrics({ register: registry });
      // Gauges whose names end like a counter's, which the conventions forbid; each is there by its type as well.
      for (const kind of ['handles', 'requests', 'resources']) {
        registry.removeSingleMetric(`nodejs_active_${kind}_total`);
      }
    },
    scrape: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function inSeconds(ms: number | undefined): number | undefined {
  return ms === undefined || !Number.isFinite(ms) ? undefined : ms / 1000;
}
