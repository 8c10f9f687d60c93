import type { PipelineResponse } from '@azure/core-rest-pipeline';

/** The longest wait to pass on. Azure asks for a few hours at most. */
export const MAX_RETRY_AFTER_SECONDS = 86_400;

const IN_MS = ['retry-after-ms', 'x-ms-retry-after-ms'];

/**
 * The wait in milliseconds that a response asks for, in any header that the SDK's retry policy understands; undefined if it makes
 * no sense.
 */
export function retryAfterMs({ headers }: Pick<PipelineResponse, 'headers'>): number | undefined {
  const inMs = IN_MS.map((name) => headers.get(name)).find((value) => value && Number(value) >= 0);
  if (inMs) return within(Number(inMs));
  const value = headers.get('retry-after');
  if (!value) return undefined;
  const seconds = Number(value);
  // Date.parse also takes a negative number, as a year.
  const ms = Number.isNaN(seconds) ? Math.max(0, Date.parse(value) - Date.now()) : seconds * 1000;
  return ms >= 0 ? within(ms) : undefined;
}

function within(ms: number): number {
  return Math.min(ms, MAX_RETRY_AFTER_SECONDS * 1000);
}

/**
 * Rewrites the wait that a response asks for to a sensible one. The SDK and MSAL start a timer with any number: a negative one
 * makes Node print a warning, and one that is too large ends at once.
 */
export function tameRetryAfter(response: Pick<PipelineResponse, 'headers'>): void {
  const { headers } = response;
  const ms = retryAfterMs(response);
  for (const name of [...IN_MS, 'retry-after']) headers.delete(name);
  if (ms === undefined) return;
  headers.set('retry-after-ms', ms);
  headers.set('retry-after', Math.ceil(ms / 1000));
}
