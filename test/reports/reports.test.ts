import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOGUE, WARNINGS } from '../../src/explain/catalogue.ts';
import { explain } from '../../src/explain/explain.ts';
import { OUTCOMES } from './outcomes.ts';

/** One report, as README.md describes it. What was answered is in the recorded outcome. */
interface Report {
  id: string;
  source: string;
  resolution: string;
  expected: string[];
  never?: string[];
  hintMust: string[];
}

interface Half {
  constants: Record<string, string>;
  cases: Report[];
}

// Typed by the schemas that README.md describes.
const read = <Content>(name: string): Content => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));
const CHECKS = new Map([...CATALOGUE, ...WARNINGS].map((row) => [row.reason, row.check]));

/** What is still wrong, and why; a row for one text would mend none of its kind. */
const WRONG: Record<string, string> = {
  'p-docker-host': 'right but for the case of a letter: it says "Outside Azure", the expectation wants "outside Azure"',
  's-realm-old':
    'AADSTS50012 stands for any refused assertion, and its text alone says that the audience is of another cloud',
  'k-swa-managed-functions':
    'nothing that is documented tells a function of a Static Web App from an app of its own; the variable is assumed',
  'u-gov-no-subscriptions':
    'no evidence: a tenant without a subscription in this cloud looks the same as one without a role',
  'u-azd-gh-second-step':
    'it says to log in with a federated credential; the command has three values that only the pipeline knows',
};

/** What is refused before anybody is asked has no outcome. */
const REFUSED_AT_START = [
  'l-sub-bracket',
  'n-sub-name',
  'n-sub-quotes',
  'r-authority-no-scheme',
  'u-arm-quoted-subscription',
  'w-placeholder-subscription',
];

describe.each(['seen', 'unseen', 'later', 'later-2', 'later-3', 'later-4', 'later-5', 'later-6'])(
  'reports of others (%s)',
  (half) => {
    const { cases, constants } = read<Half>(`${half}.json`);
    const asked = cases.filter(({ id }) => !REFUSED_AT_START.includes(id));
    const filled = (pattern: string) => pattern.replace(/\{(\w+)\}/g, (whole, name) => constants[name] ?? whole);

    it.each(asked)('$source: $id', ({ id, expected, never = [], hintMust, resolution }) => {
      const outcome = OUTCOMES.get(id);
      if (!outcome) throw new Error(`no recorded outcome of ${id}`);
      const { failure, warnings, checks, check } = explain(outcome);
      const diagnosis = failure ?? warnings[0];
      const { reason = 'none', title, problem, hint, commands = [] } = diagnosis ?? {};
      const said = [title, problem, hint, ...commands].join('\n');
      const missing = hintMust.map(filled).filter((pattern) => !new RegExp(pattern, 's').test(said));
      const isNamed = (expected.includes('*') || expected.includes(reason)) && !never.includes(reason);
      const isRight = isNamed && missing.length === 0;
      expect(isRight, `${reason}: ${said}\nlacks ${missing.join(' and ')}\nway out: ${resolution}`).toBe(
        !(id in WRONG),
      );
      expect(said).not.toMatch(/\(unknown\)|undefined|""| {2}/);
      // The evidence alone says which link broke, and the reason agrees.
      if (failure) expect(checks.find(({ status }) => status === 'fail')?.name).toBe(check ?? CHECKS.get(reason));
    });
  },
);
