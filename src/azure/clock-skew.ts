import type { PipelineResponse } from '@azure/core-rest-pipeline';

/** How many seconds the server's clock is ahead of ours, from the Date header; undefined without one. */
export function serverAheadSeconds({ headers }: Pick<PipelineResponse, 'headers'>): number | undefined {
  const dateMs = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(dateMs) ? undefined : Math.round((dateMs - Date.now()) / 1000);
}
