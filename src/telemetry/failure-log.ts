import type { Logger } from 'pino';
import { toSafeJson } from './safe-json.ts';

/** The pause between two lines about the same failure. */
const REMINDER_MS = 60_000;

/** The longest line at info and warn. A longer one is unreadable in a terminal. */
const MAX_LINE_BYTES = 1000;

/** The share of the line for level, time and field names. */
const FRAME_BYTES = 100;

/** The share that is reserved for the message of Azure, however long the hint is. */
const MIN_DETAIL_BYTES = 120;

/** What is wrong, for people. */
interface Finding {
  reason: string;
  title: string;
  problem: string;
  hint: string;
}

/** A verdict about the identity. */
export interface Verdict {
  /** Why there is no list. */
  failure: Finding | null;
  /** What works but smells. */
  warnings: readonly Finding[];
  /** The error behind the failure. */
  original: { name: string; message: string; code?: string | number; status?: number } | null;
}

/**
 * Creates a log of verdicts, which may be the same for every request. It has one line when the reason changes, then at most one per
 * reason and minute, the details at debug, and one line when neither a failure nor a warning is left.
 *
 * @param recovered the text of that last line
 * @returns logs a verdict; `traceId` is the trace of the request that brought it
 */
export function createFailureLog(log: Logger, recovered: string): (verdict: Verdict, traceId?: string) => void {
  /** The reasons since everything worked last. */
  const lasting = new Map<string, { loggedAtMs: number; suppressed: number }>();

  /** Logs one line, with the original error if there is one; or counts it if there was one within the last minute. */
  function warn(finding: Finding, trace: object, original: Verdict['original']): void {
    const { reason, title, problem, hint } = finding;
    const nowMs = performance.now();
    const lasts = lasting.get(reason);
    if (lasts && nowMs - lasts.loggedAtMs < REMINDER_MS) {
      lasts.suppressed += 1;
      return;
    }
    lasting.set(reason, { loggedAtMs: nowMs, suppressed: 0 });
    const { message = '', ...codes } = original ?? {};
    const known = { reason, ...(lasts && { suppressed: lasts.suppressed }), ...trace };
    const restBytes = MAX_LINE_BYTES - FRAME_BYTES - bytesOf({ ...known, original: codes });
    const msg = cut(`${title}. ${problem} ${hint}`, restBytes - (original ? MIN_DETAIL_BYTES : 0));
    const cutOriginal = { ...codes, message: cut(message, restBytes - bytesOf(msg)) };
    log.warn({ ...known, ...(original && { original: cutOriginal }) }, msg);
    if (original) log.debug({ reason, original, ...trace }, message);
  }

  return ({ failure, warnings, original }, traceId) => {
    const trace = traceId === undefined ? {} : { trace_id: traceId };
    if (failure) warn(failure, trace, original);
    for (const warning of warnings) warn(warning, trace, null);
    if (failure || warnings.length > 0 || lasting.size === 0) return;
    log.info({ reasons: [...lasting.keys()] }, `recovered: ${recovered}`);
    lasting.clear();
  };
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(toSafeJson(value));
}

/** Cuts a text to a number of bytes in JSON. */
function cut(text: string, maxBytes: number): string {
  if (bytesOf(text.slice(0, maxBytes)) <= maxBytes && text.length <= maxBytes) return text;
  let kept = text.slice(0, Math.max(0, maxBytes));
  while (kept !== '' && bytesOf(`${kept} …`) > maxBytes) kept = kept.slice(0, -Math.ceil(kept.length / 10));
  return `${kept} …`;
}

/** The stack frames of an error, without its message, to which libraries may have appended secrets. */
export function framesOf({ cause, stack: own = '' }: Error): string {
  const stack = (cause instanceof Error ? cause.stack : undefined) ?? own;
  const begin = stack.indexOf('\n    at ');
  return begin < 0 ? '' : stack.slice(begin).trim();
}
