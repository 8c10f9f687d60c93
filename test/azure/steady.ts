import type { Exchange, Outcome } from '../../src/explain/outcome.ts';
import { NOW } from '../explain/outcome-files.ts';

/** A request that never gets a response takes this long. */
const WAITED_MS = 2000;

/**
 * Replaces what is different in each run: times, paths, ports, ids, and how far a request came that got no response, because fake
 * sockets connect to nothing. `stuckAt` says it for one that never ends.
 */
export function steady(outcome: Outcome, stuckAt: Exchange['phase'] = 'response'): Outcome {
  const shiftMs = Date.parse(NOW) - Date.parse(outcome.facts.now);
  return JSON.parse(JSON.stringify(outcome), (key, value) => {
    if (key === 'now') return NOW;
    if ((key === 'exp' || key === 'nbf') && isNear(value, outcome.facts.now)) {
      return new Date(Math.round((Date.parse(value) + shiftMs) / 60_000) * 60_000).toISOString();
    }
    if (key === 'serverAheadSeconds') return roundSkew(value);
    if (key === 'exchange') return steadyExchange(value, stuckAt);
    return typeof value === 'string' ? withoutAccidents(value, stuckAt) : value;
  });
}

function steadyExchange({ address: _, tookMs, phase, ...exchange }: Exchange, stuckAt: Exchange['phase']): Exchange {
  const { status, code } = exchange;
  if (status !== undefined || phase === undefined) return exchange;
  return code === undefined
    ? { ...exchange, ...(stuckAt && { phase: stuckAt }), ...(tookMs !== undefined && { tookMs: WAITED_MS }) }
    : { ...exchange, phase: phaseOf(code) };
}

/** Where real sockets fail with this error code. */
function phaseOf(code: string): NonNullable<Exchange['phase']> {
  if (/^(EAI_AGAIN|ENOTFOUND)$/.test(code)) return 'lookup';
  if (/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/.test(code)) return 'connect';
  return /CERT|SIGNATURE|TLS/.test(code) ? 'tls' : 'response';
}

/** The claims of a token that was made for a test, not those that a report prescribes. */
function isNear(time: string, now: string): boolean {
  return Math.abs(Date.parse(time) - Date.parse(now)) < 7 * 86_400_000;
}

/** A header has whole seconds, and a clock goes on while a test runs. */
function roundSkew(seconds: number): number {
  const unit = Math.abs(seconds) < 86_400 ? 10 : 86_400;
  return Math.round(seconds / unit) * unit;
}

function withoutAccidents(text: string, stuckAt: Exchange['phase']): string {
  const wait = stuckAt === 'connect' ? 'connecting to' : 'no response from';
  return text
    .replace(/(?:connecting to|no response from) (\S+) \([\d.]+\)$/, `${wait} $1`)
    .replace(/\/tmp\/rg-api-\w+\/[^/\s"']+\//g, '/tmp/rg-api/')
    .replace(/\/proc\/sys\/vm\/compact_memory/g, '/tmp/rg-api/token')
    .replace(/\b127\.0\.0\.1:(?!4[01]\d{3})\d{4,5}\b/g, '127.0.0.1:3128')
    .replace(
      /((?:correlation|client-request)[ _-]?id"?(?::|=) ?"?)[0-9a-f-]{36}/gi,
      '$100000000-0000-4000-8000-000000000000',
    );
}
