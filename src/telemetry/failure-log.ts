import type { Logger } from 'pino';
import type { Diagnosis } from '../azure/diagnosis/diagnose.ts';

/** How long a failure that lasts is not mentioned again. */
const REMINDER_MS = 60_000;

/** Logs a failure that may repeat at every request; with the trace of the one that met it, under the name that OpenTelemetry gives it. */
export interface FailureLog {
  /** One line when its reason changes, then at most one a minute, and for reasons that take turns one a minute each. */
  failed(failure: Error, diagnosis: Diagnosis, traceId?: string): void;
  /** One line when it has healed. */
  succeeded(): void;
}

export function createFailureLog(log: Logger, healed: string): FailureLog {
  /** The reasons since it last went well; cleared by success. */
  const lasting = new Map<string, { loggedAtMs: number; unlogged: number }>();
  return {
    failed(failure, { reason, hint, original, attempts }, traceId) {
      const nowMs = performance.now();
      const lasts = lasting.get(reason);
      if (lasts && nowMs - lasts.loggedAtMs < REMINDER_MS) {
        lasts.unlogged += 1;
        return;
      }
      lasting.set(reason, { loggedAtMs: nowMs, unlogged: 0 });
      log.warn(
        {
          reason,
          hint,
          original,
          ...(attempts.length > 0 && { attempts }),
          ...(lasts && { timesSinceLastLine: lasts.unlogged + 1 }),
          ...(traceId !== undefined && { trace_id: traceId }),
          ...(reason === 'unknown' && { stack: stackOf(failure) }),
        },
        failure.message,
      );
    },
    succeeded() {
      if (lasting.size > 0) log.info({ reasons: [...lasting.keys()] }, healed);
      lasting.clear();
    },
  };
}

function stackOf({ cause, stack }: Error): string | undefined {
  return cause instanceof Error ? cause.stack : stack;
}
