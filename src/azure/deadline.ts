import { AzureFailure, errorMessage } from './errors.ts';

/**
 * Settles as the work does, unless the signal aborts first: then rejects with its reason, and the work goes on unwatched.
 * For work that cannot be cancelled. An error that it throws later is caught, because it would end the process.
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** The time limit of one answer, and what a failure at its end has to say. */
export interface Deadline {
  /** Aborts at the deadline. */
  signal: AbortSignal;
  /** In milliseconds of the monotonic clock. */
  deadlineAtMs: number;
  /** Headers that every request to Resource Manager carries along. */
  headers: Record<string, string>;
  waitingFor: 'a token' | 'the list of subscriptions' | 'the list of resource groups';
  /** The failure that the SDK is trying to overcome by repeating a request. */
  lastFailure?: AzureFailure | undefined;
  /** The id of the subscription that is listed. */
  subscriptionId?: string | undefined;
}

/**
 * Does some work within so many milliseconds.
 *
 * @throws {AzureFailure} the work's own, `unexpected` for any other error; at the deadline the failure that the SDK was trying
 *   to overcome, or else `timeout` or `token-timeout`, which says what was being waited for
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
  } catch (error) {
    const failure = signal.aborted ? failureAtEnd(deadline, deadlineMs) : asFailure(error);
    failure.subscriptionId ??= deadline.subscriptionId;
    throw failure;
  } finally {
    clearTimeout(timer);
  }
}

function failureAtEnd({ lastFailure, waitingFor }: Deadline, deadlineMs: number): AzureFailure {
  // Azure did answer, with this; that time ran out while the SDK tried again is not the reason.
  if (lastFailure) return lastFailure;
  const kind = waitingFor === 'a token' ? 'token-timeout' : 'timeout';
  return new AzureFailure(kind, `Still waiting for ${waitingFor} after ${deadlineMs} ms`);
}

function asFailure(error: unknown): AzureFailure {
  if (error instanceof AzureFailure) return error;
  return new AzureFailure('unexpected', `Unexpected error: ${errorMessage(error)}`, { cause: error });
}
