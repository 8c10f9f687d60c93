import { readFileSync, writeFileSync } from 'node:fs';
import type { Facts } from '../../src/explain/facts.ts';
import type { Outcome } from '../../src/explain/outcome.ts';
import { FAMILIES as REPORTED } from '../azure/reported-failures/reported-failure.ts';

/** One outcome of the real SDK, kept as data, and what is right about it. */
export interface RecordedCase {
  /** What was wrong. */
  case: string;
  /** The issue (owner/repository#number) or page that it comes from. */
  source?: string;
  /** The solution in the thread or guide. */
  solution?: string;
  /** The right reasons, as far as a name is prescribed. */
  expected?: readonly string[];
  /** Misleading reasons. */
  never?: readonly string[];
  /** Regular expressions that title, problem, hint and commands must match, so that they lead to the solution. */
  says?: readonly string[];
  outcome: Outcome;
}

/** Who recorded them: our own reported failures, then the failures and demos of test/, then reports and guides of elsewhere. */
export const FAMILIES = [...REPORTED, 'failures', 'demo', 'variants', 'issues', 'guides'] as const;

export type Family = (typeof FAMILIES)[number];

/** The time of all outcomes. */
export const NOW = '2026-01-15T12:00:00.000Z';

/** The facts of a machine with nothing special about it. The files leave out what equals them. */
export const MACHINE: Facts = {
  now: NOW,
  cloud: { authorityHost: 'https://login.microsoftonline.com', resourceManager: 'https://management.azure.com' },
  metadataService: '169.254.169.254',
  kubernetes: false,
  container: false,
  place: 'machine',
  variables: {},
  proxy: { variables: [], hosts: [] },
};

const NOTHING: Omit<Outcome, 'facts'> = { attempts: [], identity: null, list: null, failure: null, renewal: null };

const fileOf = (family: Family) => new URL(`outcomes/${family}.jsonl`, import.meta.url);

/** Reads the outcomes of a family, one a line. */
export function readCases(family: Family): RecordedCase[] {
  return readFileSync(fileOf(family), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const { outcome, ...about } = JSON.parse(line);
      // Its own members come first, so that writing it again keeps their order.
      const facts = { ...outcome.facts, ...MACHINE, ...outcome.facts };
      return { ...about, outcome: { ...NOTHING, ...outcome, facts } };
    });
}

export function writeCases(family: Family, cases: readonly RecordedCase[]): void {
  const lines = cases.map(({ outcome: { facts, ...outcome }, ...about }) =>
    JSON.stringify({ ...about, outcome: { facts: difference(facts, MACHINE), ...difference(outcome, NOTHING) } }),
  );
  writeFileSync(fileOf(family), `${lines.join('\n')}\n`);
}

/** The members of one that differ from those of the other. */
function difference(one: object, other: object): object {
  const same = new Map(Object.entries(other).map(([name, value]) => [name, JSON.stringify(value)]));
  return Object.fromEntries(Object.entries(one).filter(([name, value]) => same.get(name) !== JSON.stringify(value)));
}
