import type { Logger } from 'pino';
import type { Diagnosis } from '../azure/diagnosis/diagnose.ts';
import { fromOutside } from '../redaction.ts';
import { toSafeJson } from './safe-json.ts';

/** The pause between two lines about the same failure. */
const REMINDER_MS = 60_000;

/** The longest line at info and warn. A longer one is unreadable in a terminal. */
const MAX_LINE_BYTES = 1000;

/** The share of the line for level, time and field names. */
const FRAME_BYTES = 100;

/** The share that is reserved for the message of Azure, however long the hint is. */
const MIN_DETAIL_BYTES = 120;

/** A warning of /whoami. */
interface Warning {
  reason: string;
  hint: string;
}

interface Details {
  trace_id?: string;
  original?: object;
  /** Fields with the message of Azure, cut to this length. */
  words?: (maxBytes: number) => object;
}

/** Logs a failure that may repeat with every request. `traceId` is the trace of the request that hit it. */
export interface FailureLog {
  /** Logs one line when the reason changes, then at most one per reason and minute; the details at debug. */
  failed(failure: Error, diagnosis: Diagnosis, traceId?: string): void;
  /** Logs each warning like a failure. Without a warning, it logs one line after a failure. */
  succeeded(warnings?: readonly Warning[], traceId?: string): void;
}

/** Creates the log of one kind of failure. `recovered` is the text of the line that ends it. */
export function createFailureLog(log: Logger, recovered: string): FailureLog {
  /** The reasons since everything worked last. */
  const lasting = new Map<string, { loggedAtMs: number; unlogged: number }>();

  /** Logs one line, or counts it if there was one within the last minute. */
  function warn({ reason, hint }: Warning, { words, ...fields }: Details): boolean {
    const nowMs = performance.now();
    const lasts = lasting.get(reason);
    if (lasts && nowMs - lasts.loggedAtMs < REMINDER_MS) {
      lasts.unlogged += 1;
      return false;
    }
    lasting.set(reason, { loggedAtMs: nowMs, unlogged: 0 });
    const known = { reason, ...(lasts && { timesSinceLastLine: lasts.unlogged + 1 }), ...fields };
    const restBytes = MAX_LINE_BYTES - FRAME_BYTES - Buffer.byteLength(toSafeJson(known));
    const msg = cut(`${reason}: ${hint}`, restBytes - (words ? MIN_DETAIL_BYTES : 0));
    log.warn({ ...known, ...words?.(restBytes - bytesOf(msg)) }, msg);
    return true;
  }

  return {
    failed(failure, diagnosis, traceId) {
      const { reason, original, attempts } = diagnosis;
      const { message, ...codes } = original;
      const trace = traceId === undefined ? {} : { trace_id: traceId };
      const stack = reason === 'unknown' ? framesOf(failure) : undefined;
      const words = (maxBytes: number) =>
        stack !== undefined
          ? { original: { ...codes, message: cut(message, maxBytes / 2) }, stack: cut(stack, maxBytes / 2) }
          : { original: { ...codes, message: cut(message, maxBytes) } };
      if (!warn(diagnosis, { ...trace, original: codes, words })) return;
      log.debug({ reason, original, attempts, stack, ...trace }, failure.message);
    },
    succeeded(warnings = [], traceId) {
      for (const warning of warnings) warn(warning, traceId === undefined ? {} : { trace_id: traceId });
      if (warnings.length > 0 || lasting.size === 0) return;
      log.info({ reasons: [...lasting.keys()] }, `recovered: ${recovered}`);
      lasting.clear();
    },
  };
}

function bytesOf(text: string): number {
  return Buffer.byteLength(toSafeJson(text));
}

/** Cuts a text to a number of bytes in JSON. */
function cut(text: string, maxBytes: number): string {
  if (bytesOf(text.slice(0, maxBytes)) <= maxBytes && text.length <= maxBytes) return text;
  let kept = text.slice(0, Math.max(0, maxBytes));
  while (kept !== '' && bytesOf(`${kept} …`) > maxBytes) kept = kept.slice(0, -Math.ceil(kept.length / 10));
  return `${kept} …`;
}

/** More than the ten frames that an error has. */
const MAX_STACK_LENGTH = 8000;

/** The stack frames of an error, without its message, to which libraries may have appended secrets. */
export function framesOf({ cause, stack: own = '' }: Error): string {
  const stack = (cause instanceof Error ? cause.stack : undefined) ?? own;
  const begin = stack.indexOf('\n    at ');
  return begin < 0 ? '' : fromOutside(stack.slice(begin).trim(), MAX_STACK_LENGTH);
}
