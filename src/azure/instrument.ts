import type { FailureKind } from '../explain/outcome.ts';
import { AzureFailure } from './errors.ts';

export type AzureOperation = 'acquire-token' | 'list-subscriptions' | 'list-resource-groups' | 'list-permissions';

/** One call to Azure, with all its pages and retries. */
export interface AzureCall {
  operation: AzureOperation;
  outcome: 'succeeded' | FailureKind;
  durationMs: number;
}

export type OnCall = (call: AzureCall) => void;

/** Runs a call to Azure and reports its outcome, which is `timeout` if the signal aborted it. */
export async function instrument<T>(
  onCall: OnCall,
  operation: AzureOperation,
  call: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const startedAtMs = performance.now();
  let outcome: AzureCall['outcome'] = 'unexpected';
  try {
    const result = await call();
    outcome = 'succeeded';
    return result;
  } catch (error) {
    if (error instanceof AzureFailure) outcome = error.kind;
    else if (signal?.aborted) outcome = 'timeout';
    throw error;
  } finally {
    onCall({ operation, outcome, durationMs: performance.now() - startedAtMs });
  }
}
