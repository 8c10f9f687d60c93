import { AzureFailure, type FailureKind } from './errors.ts';

export type AzureOperation = 'acquire-token' | 'list-subscriptions' | 'list-resource-groups';

/** One call of Azure, with all its pages and tries. */
export interface AzureCall {
  operation: AzureOperation;
  outcome: 'succeeded' | FailureKind;
  durationMs: number;
}

export type OnCall = (call: AzureCall) => void;

/** Does a call of Azure and tells what came of it; one that its signal has aborted is a `timeout`. */
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
    if (signal?.aborted) outcome = 'timeout';
    else if (error instanceof AzureFailure) outcome = error.kind;
    throw error;
  } finally {
    onCall({ operation, outcome, durationMs: performance.now() - startedAtMs });
  }
}
