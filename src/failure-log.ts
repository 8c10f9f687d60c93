import type { Logger } from 'pino';
import type { Diagnosis } from './azure/diagnosis.ts';

/** How long a failure that lasts is not mentioned again. */
const REMINDER_MS = 60_000;

/** Logs a failure that may repeat at every request. */
export interface FailureLog {
  /** One line when its reason changes, then at most one a minute. */
  failed(failure: Error, diagnosis: Diagnosis): void;
  /** One line when it has healed. */
  succeeded(): void;
}

export function createFailureLog(log: Logger, healed: string): FailureLog {
  let lasting: { reason: string; loggedAtMs: number; unlogged: number } | undefined;
  return {
    failed(failure, { reason, hint, original, attempts }) {
      const nowMs = performance.now();
      const lasts = lasting?.reason === reason ? lasting : undefined;
      if (lasts && nowMs - lasts.loggedAtMs < REMINDER_MS) {
        lasts.unlogged += 1;
        return;
      }
      lasting = { reason, loggedAtMs: nowMs, unlogged: 0 };
      log.warn(
        {
          reason,
          hint,
          original,
          ...(attempts.length > 0 && { attempts }),
          ...(lasts && { timesSinceLastLine: lasts.unlogged + 1 }),
          ...(reason === 'unknown' && { stack: stackOf(failure) }),
        },
        failure.message,
      );
    },
    succeeded() {
      if (lasting) log.info({ reason: lasting.reason }, healed);
      lasting = undefined;
    },
  };
}

function stackOf({ cause, stack }: Error): string | undefined {
  return cause instanceof Error ? cause.stack : stack;
}
