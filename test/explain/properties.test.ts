import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { CATALOGUE, REASONS, WARNINGS } from '../../src/explain/catalogue.ts';
import { CHECK_NAMES } from '../../src/explain/checks.ts';
import { gatherEvidence, tokenFinding } from '../../src/explain/evidence.ts';
import { type Diagnosis, type Explanation, explain } from '../../src/explain/explain.ts';
import type { Facts } from '../../src/explain/facts.ts';
import { issuerKind } from '../../src/explain/issuer.ts';
import { isNodeIdentity } from '../../src/explain/node-identity.ts';
import type { Outcome } from '../../src/explain/outcome.ts';
import type { Row } from '../../src/explain/row.ts';
import { FAMILIES, readCases } from './outcome-files.ts';
import { at, PLACES } from './places.ts';

/** The reasons whose rows differ in this. */
function several(member: (row: Row) => string): [string, Set<string>][] {
  const found = new Map<string, Set<string>>();
  for (const row of [...CATALOGUE, ...WARNINGS]) {
    found.set(row.reason, (found.get(row.reason) ?? new Set()).add(member(row)));
  }
  return [...found].filter(([, values]) => values.size > 1);
}

interface Explained {
  where: string;
  outcome: Outcome;
  explanation: Explanation;
}

const RECORDED: Explained[] = FAMILIES.flatMap((family) =>
  readCases(family).map(({ case: title, outcome }) => ({
    where: `${family}: ${title}`,
    outcome,
    explanation: explain(outcome),
  })),
);

/** Every outcome at every place, whether that can happen or not: what we say must make sense anyway. */
const EVERYWHERE: Explained[] = [
  ...RECORDED,
  ...Object.entries(PLACES).flatMap(([place, facts]) =>
    RECORDED.map(({ where, outcome }) => {
      const moved = at(facts, outcome);
      return { where: `${where} (${place})`, outcome: moved, explanation: explain(moved) };
    }),
  ),
];

const diagnosesOf = ({ failure, warnings }: Explanation) => [...(failure ? [failure] : []), ...warnings];

/** The places where a diagnosis breaks a rule, each with what is wrong; the first of each text. */
function faults(check: (diagnosis: Diagnosis, explained: Explained) => string | undefined | false): string[] {
  const found = new Map<string, string>();
  for (const explained of EVERYWHERE) {
    for (const diagnosis of diagnosesOf(explained.explanation)) {
      const fault = check(diagnosis, explained);
      if (fault) found.set(fault, `${diagnosis.reason} at ${explained.where}: ${fault}`);
    }
  }
  return [...found.values()];
}

/** The text without what comes from the outcome: ids, hosts, paths, names, quotations. */
function withoutValues(text: string, outcome: Outcome): string {
  return valuesOf(outcome)
    .reduce((rest, value) => rest.replaceAll(value, ''), text.replace(/"[^"]*"/g, ''))
    .replace(/https?:\/\/\S+|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|(?<=\s|^)\/\S+|\b(\w[\w-]*\.){2,}\w+\b/g, '');
}

const values = new WeakMap<Outcome, string[]>();

function valuesOf(outcome: Outcome): string[] {
  const known = values.get(outcome);
  if (known) return known;
  const found = new Set<string>();
  JSON.stringify(outcome, (_, value) => {
    if (typeof value === 'string' && value.length > 5 && !/^[a-z-]+$/.test(value)) found.add(value);
    return value;
  });
  const longestFirst = [...found].toSorted((one, other) => other.length - one.length);
  values.set(outcome, longestFirst);
  return longestFirst;
}

describe('each row', () => {
  // Five million matches: 10 s alone, and more than a minute beside several other runs.
  test('can say what it has to say about any evidence', { timeout: 600_000 }, () => {
    const thrown = new Set<string>();
    for (const { where, outcome } of EVERYWHERE) {
      const evidence = gatherEvidence(outcome);
      const about = outcome.identity && { ...evidence, finding: tokenFinding(outcome.identity, outcome.facts) };
      for (const row of [...CATALOGUE, ...(about ? WARNINGS : [])]) {
        try {
          const finding = row.when(about && WARNINGS.includes(row) ? about : evidence);
          if (!finding) continue;
          const found = { ...evidence, finding };
          row.problem(found);
          row.hint(found);
          row.commands?.(found);
          if (typeof row.documentation === 'function') row.documentation(found);
        } catch (error) {
          thrown.add(`${row.reason} at ${where}: ${error}`);
        }
      }
    }
    expect([...thrown]).toEqual([]);
  });

  test('shares the title with all rows of its reason', () => {
    expect(several(({ title }) => title)).toEqual([]);
  });

  test('shares the check, too, unless the same can happen on the way to both services', () => {
    expect(several(({ check }) => check).map(([reason]) => reason)).toEqual([
      'proxy-failed',
      'dns-failure',
      'certificate-expired',
      'tls-intercepted',
      'connection-broken',
      'egress-blocked',
      // Without the Authorization header, the fault is on the way.
      'token-rejected',
      // A refusal of the list that is not about access.
      'broken',
    ]);
  });

  test('has a reason in kebab case and a short title without a full stop', () => {
    for (const { reason, title } of REASONS) {
      expect(reason).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(title).toMatch(/^[A-Z].{4,59}$/);
      expect(title).not.toMatch(/[.`$<>{}]$/);
    }
  });

  test('of every reason there is a case', () => {
    const seen = new Set(RECORDED.flatMap(({ explanation }) => diagnosesOf(explanation).map(({ reason }) => reason)));
    expect(REASONS.map(({ reason }) => reason).filter((reason) => !seen.has(reason))).toEqual([]);
  });

  test('never wins in vain: without a case, nobody knows what it says', () => {
    const seen = new Set<string>();
    for (const { explanation } of RECORDED)
      for (const { problem, hint } of diagnosesOf(explanation)) seen.add(problem + hint);
    expect(seen.size).toBeGreaterThan(CATALOGUE.length / 4);
  });
});

describe('the checks', () => {
  test('are always the same, in order', () => {
    for (const { explanation } of EVERYWHERE) expect(explanation.checks.map(({ name }) => name)).toEqual(CHECK_NAMES);
  });

  test('without a list exactly one fails, those before it are known, and those after it are skipped', () => {
    const wrong = EVERYWHERE.filter(({ outcome, explanation: { checks } }) => {
      const statuses = checks.map(({ status }) => status);
      const at = statuses.indexOf('fail');
      if (outcome.failure === null) return at !== -1;
      return (
        at === -1 ||
        statuses.slice(0, at).some((status) => status === 'fail' || status === 'skip') ||
        statuses.slice(at + 1).some((status) => status !== 'skip')
      );
    });
    expect(wrong.map(({ where }) => where)).toEqual([]);
  });

  test('agree with the reason', () => {
    const wrong = RECORDED.flatMap(({ where, explanation: { checks, check, failure } }) => {
      const failing = checks.find(({ status }) => status === 'fail');
      if (failing?.name === (check ?? undefined) && failing?.reason === failure?.reason) return [];
      return [`${where}: ${failure?.reason} belongs to ${check}, but ${failing?.name} fails`];
    });
    expect(wrong).toEqual([]);
  });

  test('say in at most 100 characters what they saw', () => {
    const wrong = EVERYWHERE.flatMap(({ where, explanation: { checks } }) =>
      checks
        .filter(({ summary }) => !/^(?! )(?!.* {2})[^`\n]{2,100}$/.test(summary) || EMPTY.test(summary))
        .map(({ summary }) => `${where}: ${summary}`),
    );
    expect(wrong).toEqual([]);
  });

  test('that warn have a warning, and every warning has a check that warns', () => {
    for (const { where, explanation } of EVERYWHERE) {
      const warned = explanation.checks.filter(({ status }) => status === 'warn');
      const reasons = new Set(explanation.warnings.map(({ reason }) => reason));
      expect(warned.filter(({ reason }) => !reasons.has(reason ?? '')).map(({ name }) => `${where} ${name}`)).toEqual(
        [],
      );
    }
  });
});

/** What a template leaves behind where a value is missing. */
const EMPTY = /\(unknown\)|undefined|\bnull\b|NaN|\[object|\(\)|''|""| {2}|\(set| [,.;:](?:\s|$)|\bof \.|\$\{/;

const COMMAND =
  /`|\bkubectl [a-z]+ [a-z-]|\baz (?:account|ad|aks|identity|role|webapp|vm|cloud|config|extension) |\s--\w/;

describe('a person reads', () => {
  test('a problem of one sentence, at most 160 characters long without the values', () => {
    expect(
      faults(({ problem }, { outcome }) => {
        const words = withoutValues(problem, outcome);
        return (
          (words.length > 160 && `${words.length}: ${problem}`) || (!/[.?]$/.test(problem) && `no end: ${problem}`)
        );
      }),
    ).toEqual([]);
  });

  test('a hint of at most 200 characters without the values', () => {
    expect(
      faults(({ hint }, { outcome }) => {
        const words = withoutValues(hint, outcome);
        return (words.length > 200 && `${words.length}: ${hint}`) || (!/[.?]$/.test(hint) && `no end: ${hint}`);
      }),
    ).toEqual([]);
  });

  test('no gap where a value is missing', () => {
    expect(faults(({ problem, hint }) => [problem, hint].find((text) => EMPTY.test(text)))).toEqual([]);
  });

  test('no command in a sentence', () => {
    expect(
      faults(({ title, problem, hint }) =>
        [title, problem, hint].find((text) => COMMAND.test(text.replace(/"[^"]*"/g, ''))),
      ),
    ).toEqual([]);
  });

  test('nothing about a variable that is not set, except that it is not', () => {
    const missing = /\bnot\b|missing|without|\bno\b|neither|lacks/i;
    expect(
      faults(({ problem }, { outcome: { facts } }) => {
        const set = new Set([
          ...Object.keys(facts.variables),
          ...(facts.emptyVariables ?? []),
          ...facts.proxy.variables,
          ...Object.keys(facts.misnamed ?? {}),
        ]);
        const named = problem.match(/\b(?:AZURE|IDENTITY|MSI|IMDS)_[A-Z_]+\b(?!\*)/g) ?? [];
        return named.some((name) => !set.has(name)) && !missing.test(problem) && problem;
      }),
    ).toEqual([]);
  });
});

/** Variables of the shell itself. */
const OWN = new Set(['HOME', 'PWD', 'PATH', 'IFS', 'USER']);

/** What the place tells as a rule, and when it does not: a pod without the Downward API, an app without its usual variables. */
const TOLD: Record<string, (facts: Facts) => boolean> = {
  NAMESPACE: ({ pod }) => pod?.namespace !== undefined,
  POD: ({ pod }) => pod?.name !== undefined,
  WORKLOAD: ({ pod }) => pod?.owner?.name !== undefined,
  NODE: ({ pod }) => pod?.node !== undefined,
  APP: ({ app }) => app !== undefined,
  LABEL: ({ podLabels }) => Boolean(podLabels?.aadpodidbinding),
};

describe('a command', () => {
  test('has no character that JSON escapes, and is one line', () => {
    expect(faults(({ commands }) => commands.find((line) => JSON.stringify(line) !== `"${line}"`))).toEqual([]);
  });

  test('are not there twice', () => {
    expect(faults(({ commands }) => commands.find((line, index) => commands.indexOf(line) !== index))).toEqual([]);
  });

  test('is valid bash', () => {
    const lines = new Set(EVERYWHERE.flatMap(({ explanation }) => diagnosesOf(explanation).flatMap((d) => d.commands)));
    const isValid = (text: string) => spawnSync('/bin/bash', ['-n'], { input: text }).status === 0;
    const wrap = (line: string) => `f() {\n${line}\n}\n`;
    const all = [...lines];
    expect(all.length).toBeGreaterThan(100);
    if (!isValid(all.map(wrap).join(''))) expect(all.filter((line) => !isValid(wrap(line)))).toEqual([]);
  });

  const capitals = (commands: readonly string[]) => [
    ...new Set((commands.join('\n').match(/(?<=\$\{?)[A-Z][A-Z_]+/g) ?? []).filter((name) => !OWN.has(name))),
  ];

  test('leaves no variable for what the place tells', () => {
    expect(
      faults(({ commands }, { outcome: { facts } }) => {
        const known = capitals(commands).filter((name) => TOLD[name]?.(facts));
        return known.length > 0 && `${known} | ${commands.join(' ; ')}`;
      }),
    ).toEqual([]);
  });

  test('leaves at most one other variable for a person to fill in', () => {
    expect(
      faults(({ commands }, { outcome: { facts } }) => {
        const isTold = (name: string) => name in TOLD || (name === 'SERVICE_ACCOUNT' && !facts.pod?.serviceAccount);
        const names = capitals(commands).filter((name) => !isTold(name));
        return names.length > 1 && `${names} | ${commands.join(' ; ')}`;
      }),
    ).toEqual([]);
  });

  test('gives no role to the identity of a node, and no federated credential to everybody', () => {
    expect(
      faults(({ commands }, { outcome: { facts, identity } }) => {
        const text = commands.join('\n');
        const { iss, sub = '' } = facts.projectedToken ?? {};
        const isShared = /:default$/.test(sub) || !['aks', 'hosted'].includes(issuerKind(iss));
        return (
          (isNodeIdentity(identity ?? undefined, facts) &&
            /role assignment create|federated-credential create/.test(text) &&
            text) ||
          (isShared && /federated-credential create/.test(text) && text)
        );
      }),
    ).toEqual([]);
  });

  test('destroys nothing', () => {
    expect(
      faults(({ commands }) =>
        // A credential that is appended leaves the others, and a setting of an app is removed where it is what is wrong.
        commands.find((line) =>
          /\bdelete\b(?!.*--setting-names)|(?<!-)\brm\b|\blogout\b|\bclear\b|\breset\b(?!.*--append)|purge|--force/.test(
            line,
          ),
        ),
      ),
    ).toEqual([]);
  });
});
