import type { Exchange } from '../explain/outcome.ts';
import { AzureFailure, errorMessage } from './errors.ts';
import { waitOf } from './transport.ts';

/**
 * Waits for work that cannot be cancelled, until the signal aborts. Then it rejects with the signal's reason while the work
 * continues. It handles a later rejection of the work, which would otherwise end the process.
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** The time limit of one response, and what a timeout message needs to know. */
export interface Deadline {
  /** Aborts at the deadline. */
  signal: AbortSignal;
  /** In milliseconds of the monotonic clock. */
  deadlineAtMs: number;
  /** Headers for every request to Resource Manager. */
  headers: Record<string, string>;
  waitingFor: 'a token' | 'the list of subscriptions' | 'the list of resource groups' | 'the list of permissions';
  /** The request that has no response yet, if there is one. */
  pendingExchange?: () => Exchange | undefined;
  /** The failure that made the SDK retry the current request. */
  lastFailure?: AzureFailure | undefined;
  /** The id of the subscription whose resource groups are listed. */
  subscriptionId?: string | undefined;
}

/**
 * Runs work with a deadline in milliseconds.
 *
 * @throws {AzureFailure} the work's own, `unexpected` for any other error; at the deadline the failure that the SDK was retrying
 *   after, or else `timeout` or `token-timeout`
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

function failureAtEnd({ lastFailure, waitingFor, pendingExchange }: Deadline, deadlineMs: number): AzureFailure {
  // Azure did respond, with this failure. That is the reason, not the timeout during a retry.
  if (lastFailure) return lastFailure;
  const kind = waitingFor === 'a token' ? 'token-timeout' : 'timeout';
  const pending = pendingExchange?.();
  const wait = pending ? `: ${waitOf(pending)}` : '';
  const failure = new AzureFailure(kind, `Still waiting for ${waitingFor} after ${deadlineMs} ms${wait}`);
  // A copy, because the request goes on.
  failure.exchange = pending && { ...pending };
  return failure;
}

function asFailure(error: unknown): AzureFailure {
  if (error instanceof AzureFailure) return error;
  return new AzureFailure('unexpected', `Unexpected error: ${errorMessage(error)}`, { cause: error });
}
