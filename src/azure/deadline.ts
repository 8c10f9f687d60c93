import { AzureFailure, originalError } from './errors.ts';

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
export interface Deadline {
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
 * @throws {AzureFailure} the work's own
 * @throws {AzureFailure} the work's own; `timeout` or `token-timeout`, which says what was being waited for; `unexpected` for any other error
 */
export async function withinDeadline<T>(
  deadlineMs: number,
  work: (deadline: Deadline) => Promise<T>,
  headers: Record<string, string> = {},
): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), deadlineMs);
  const { signal } = controller;
  const deadline: Deadline = { signal, deadlineAtMs: performance.now() + deadlineMs, headers, waitingFor: 'a token' };
  try {
    return await untilAborted(work(deadline), signal);
  } catch (cause) {
    if (!signal.aborted) {
      if (cause instanceof AzureFailure) throw cause;
      throw new AzureFailure('unexpected', `Nobody foresaw this error: ${originalError(cause).message}`, { cause });
    }
    const kind = deadline.waitingFor === 'a token' ? 'token-timeout' : 'timeout';
    throw new AzureFailure(kind, `Still waiting for ${deadline.waitingFor} after ${deadlineMs} ms`);
  } finally {
    clearTimeout(timer);
  }
}
