import type { Logger } from 'pino';
import type { Azure } from './azure/azure.ts';
import type { Diagnosis } from './azure/diagnosis/diagnose.ts';
import { AzureFailure } from './azure/errors.ts';
import { createRefreshAheadCache, type RefreshAheadCache } from './azure/refresh-ahead-cache.ts';
import type { ResourceGroups } from './azure/resource-manager/resource-groups.ts';
import { createFailureLog } from './telemetry/failure-log.ts';
import type { TraceContext } from './telemetry/trace-context.ts';

/** A failure and why. */
export interface Diagnosed {
  failure: AzureFailure;
  diagnosis: Diagnosis;
}

/** The resource groups or why there are none, shared by all who ask; a call of Azure belongs to the trace of the one that began it. */
export type Listing = RefreshAheadCache<ResourceGroups | Diagnosed, () => TraceContext | undefined>;

/** Lists the resource groups, once for many, and logs when that fails and when it has recovered. */
export function createListing(deps: {
  azure: Azure;
  /** Milliseconds. */
  answerMaxAgeMs: number;
  log: Logger;
}): Listing {
  const { azure } = deps;
  const failureLog = createFailureLog(deps.log, 'the resource groups are listed again');
  return createRefreshAheadCache(async (traceContext) => {
    const trace = traceContext?.();
    try {
      const resourceGroups = await azure.listResourceGroups(trace?.headers);
      failureLog.succeeded();
      return resourceGroups;
    } catch (error) {
      const outcome = await diagnosed(azure, error);
      failureLog.failed(outcome.failure, outcome.diagnosis, trace?.traceId);
      return outcome;
    }
  }, deps.answerMaxAgeMs);
}

/**
 * Finds out why something failed.
 *
 * @throws whatever is neither failure: a bug
 */
export async function diagnosed(azure: Azure, error: unknown): Promise<Diagnosed> {
  if (!(error instanceof AzureFailure)) throw error;
  return { failure: error, diagnosis: await azure.diagnose(error) };
}
