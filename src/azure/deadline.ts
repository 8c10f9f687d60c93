import type { Exchange } from '../explain/outcome.ts';
import { AzureFailure, errorMessage } from './errors.ts';
import { waitOf } from './transport.ts';

/**
 * Waits for work that cannot be cancelled, but no longer than this. Then it rejects with that error while the work continues. It
 * handles a later rejection of the work, which would otherwise end the process.
 */
export function withTimeout<T>(work: Promise<T>, timeoutMs: number, errorAtEnd: () => Error): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(errorAtEnd()), timeoutMs);
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
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
  const deadline: Deadline = {
    signal: controller.signal,
    deadlineAtMs: performance.now() + deadlineMs,
    headers,
    waitingFor: 'a token',
  };
  try {
    return await withTimeout(work(deadline), deadlineMs, () => {
      const failure = failureAtEnd(deadline, deadlineMs);
      controller.abort();
      return failure;
    });
  } catch (error) {
    const failure = asFailure(error);
    failure.subscriptionId ??= deadline.subscriptionId;
    throw failure;
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
