import { readFileSync } from 'node:fs';
import type { Outcome } from '../../src/explain/outcome.ts';

/** What the service saw in each report, by the id of the report. */
export const OUTCOMES: ReadonlyMap<string, Outcome> = new Map(
  readFileSync(new URL('outcomes.jsonl', import.meta.url), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const { id, outcome } = JSON.parse(line);
      return [id, outcome];
    }),
);
