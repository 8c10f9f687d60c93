import { AzureFailure, IdentityFailure, originalError } from './errors.ts';

/**
 * Settles as the work does, unless the signal aborts first: then rejects with its reason, and the work goes on unwatched.
 * For work that cannot be cancelled; whatever becomes of it later is observed, so that it cannot end the process.
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** The time limit of one answer, and what it is waiting for, to say so when that does not come in time. */
export interface Budget {
  /** Aborts at the deadline. */
  signal: AbortSignal;
  /** In milliseconds of the monotonic clock. */
  deadlineAtMs: number;
  /** Headers that every request to Resource Manager carries along. */
  headers: Record<string, string>;
  waitingFor: 'a token' | 'the list of subscriptions' | 'the list of resource groups';
}

/**
 * Does some work within so many milliseconds.
 *
 * @throws {IdentityFailure} the work's own
 * @throws {AzureFailure} the work's own; `timeout` or `token-timeout`, which says what was being waited for; `unforeseen` for any other error
 */
export async function withinDeadline<T>(
  deadlineMs: number,
  work: (budget: Budget) => Promise<T>,
  headers: Record<string, string> = {},
): Promise<T> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), deadlineMs);
  const { signal } = deadline;
  const budget: Budget = { signal, deadlineAtMs: performance.now() + deadlineMs, headers, waitingFor: 'a token' };
  try {
    return await untilAborted(work(budget), signal);
  } catch (cause) {
    if (!signal.aborted) {
      if (cause instanceof IdentityFailure || cause instanceof AzureFailure) throw cause;
      throw new AzureFailure('unforeseen', `Nobody foresaw this error: ${originalError(cause).message}`, { cause });
    }
    const kind = budget.waitingFor === 'a token' ? 'token-timeout' : 'timeout';
    throw new AzureFailure(kind, `Still waiting for ${budget.waitingFor} after ${deadlineMs} ms`);
  } finally {
    clearTimeout(timer);
  }
}
