import type { Logger } from 'pino';
import type { Diagnosis } from '../azure/diagnosis/diagnose.ts';
import { toSafeJson } from './safe-json.ts';

/** How long a failure that lasts is not mentioned again. */
const REMINDER_MS = 60_000;

/** The longest line at info and warn; a terminal shows a longer one as a wall. */
const MAX_LINE_BYTES = 1000;

/** What level, time and names of fields take of that. */
const FRAME_BYTES = 100;

/** What is left of it to the words of Azure, however long the hint is. */
const MIN_DETAIL_BYTES = 120;

/** What works but smells, as /whoami has it. */
interface Warning {
  reason: string;
  hint: string;
}

interface Details {
  trace_id?: string;
  original?: object;
  /** Fields with the words of Azure, in so many bytes. */
  words?: (maxBytes: number) => object;
}

/** Logs a failure that may repeat at every request; with the trace of the one that met it, under the name that OpenTelemetry gives it. */
export interface FailureLog {
  /** One line when its reason changes, then at most one a minute, and for reasons that take turns one a minute each; the details at debug. */
  failed(failure: Error, diagnosis: Diagnosis, traceId?: string): void;
  /** One line for each warning that stands beside the success, repeated like failures; without any, one line when it has recovered. */
  succeeded(warnings?: readonly Warning[], traceId?: string): void;
}

/** `recovered` is what works again, for the line that says so. */
export function createFailureLog(log: Logger, recovered: string): FailureLog {
  /** The reasons since all was well. */
  const lasting = new Map<string, { loggedAtMs: number; unlogged: number }>();

  /** Logs one line, or counts it where there was one lately. */
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

/** Cuts a text to so many bytes of JSON. */
function cut(text: string, maxBytes: number): string {
  if (bytesOf(text.slice(0, maxBytes)) <= maxBytes && text.length <= maxBytes) return text;
  let kept = text.slice(0, Math.max(0, maxBytes));
  while (kept !== '' && bytesOf(`${kept} …`) > maxBytes) kept = kept.slice(0, -Math.ceil(kept.length / 10));
  return `${kept} …`;
}

/** Where an error came from. Without its message, which the stack repeats with all that libraries append to it. */
export function framesOf({ cause, stack: own = '' }: Error): string {
  const stack = (cause instanceof Error ? cause.stack : undefined) ?? own;
  const begin = stack.indexOf('\n    at ');
  return begin < 0 ? '' : stack.slice(begin).trim();
}
