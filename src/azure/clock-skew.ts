import type { PipelineResponse } from '@azure/core-rest-pipeline';

/** By how many seconds the clock of the server that sent this was ahead of ours. */
export function serverAheadSeconds({ headers }: Pick<PipelineResponse, 'headers'>): number | undefined {
  const dateMs = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(dateMs) ? undefined : Math.round((dateMs - Date.now()) / 1000);
}
