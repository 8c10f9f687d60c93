import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CATALOGUE, WARNINGS } from '../../src/explain/catalogue.ts';
import { type Evidence, gatherEvidence } from '../../src/explain/evidence.ts';
import type { Outcome } from '../../src/explain/outcome.ts';
import type { Row } from '../../src/explain/row.ts';
import { OUTCOMES as REPORTED } from '../reports/outcomes.ts';
import { FAMILIES, readCases } from './outcome-files.ts';

/** The rows that match the evidence first: of the catalogue, and of each reason that warns. */
function* deciding(rows: readonly Row[], evidence: Evidence): Generator<Row> {
  const said = new Set<string>();
  for (const row of rows) {
    if (said.has(row.reason) || !isMatch(row, evidence)) continue;
    said.add(row.reason);
    yield row;
  }
}

function isMatch(row: Row, evidence: Evidence): boolean {
  try {
    return row.when(evidence) !== undefined;
  } catch {
    return false;
  }
}

function decidingRows(outcome: Outcome): Row[] {
  const { failure, renewal } = outcome;
  const failures = [failure, renewal].filter((found) => found !== null);
  const diagnosed = failures.flatMap((found) => {
    const evidence = gatherEvidence(outcome, found);
    return CATALOGUE.find((row) => isMatch(row, evidence)) ?? [];
  });
  if (outcome.identity === null) return diagnosed;
  const about = { ...gatherEvidence(outcome), failure: undefined, resourceManager: undefined };
  return [...diagnosed, ...deciding(WARNINGS, about)];
}

/** Each row with its file and its place there. */
async function rowsByFile(): Promise<Map<Row, string>> {
  const directory = new URL('../../src/explain/catalogue/', import.meta.url);
  const found = new Map<Row, string>();
  for (const file of readdirSync(directory)) {
    const exports: Record<string, unknown> = await import(new URL(file, directory).href);
    for (const [name, rows] of Object.entries(exports)) {
      if (!Array.isArray(rows)) continue;
      for (const [index, row] of rows.entries()) if (!found.has(row)) found.set(row, `${file} ${name}[${index}]`);
    }
  }
  return found;
}

test('each row is the diagnosis of a recorded outcome: what no case needs is not there', async () => {
  const outcomes = [...FAMILIES.flatMap(readCases).map(({ outcome }) => outcome), ...REPORTED.values()];
  const used = new Set(outcomes.flatMap(decidingRows));
  const places = await rowsByFile();
  const unused = [...new Set([...CATALOGUE, ...WARNINGS])].filter((row) => !used.has(row));
  expect(unused.map((row) => `${places.get(row)}: ${row.reason}: ${row.problem}`)).toEqual([]);
});
