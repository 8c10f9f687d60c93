// `npm run mutants [-- SEED [COUNT]]`: changes src/explain/ at random places, one at a time, and runs the tests of test/explain/
// and test/reports/. A mutant that no test notices survives: its place is not tested.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';

const [seed = '1', count = '60'] = process.argv.slice(2);

interface Mutant {
  file: string;
  /** Where the changed text begins and ends. */
  start: number;
  end: number;
  text: string;
  kind: string;
}

/** Mulberry32, so that a seed gives the same mutants everywhere. */
function createRandom(state: number): () => number {
  let next = state;
  return () => {
    next = (next + 0x6d2b79f5) | 0;
    let t = Math.imul(next ^ (next >>> 15), 1 | next);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The comments of a text, where nothing can be wrong. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, ' '));
}

type Change = (match: RegExpExecArray) => [offset: number, length: number, text: string] | undefined;

/** The kinds of change, each with the places where it applies. */
const CHANGES: Record<string, [RegExp, Change]> = {
  'a sentence is empty': [
    /(?:problem|hint): \([^)]*\) =>\s+(['`])((?:(?!\1)[^\\]){12,})\1/g,
    ([match, quote = '', words = '']) => [match.lastIndexOf(quote + words), words.length + 2, "''"],
  ],
  'a predicate is always true': [
    /\(([\w{},: ]+)\) => ((?:[^(),;\n]|\([^()\n]*\)){4,})(?=[,)])/g,
    // A type is no predicate.
    ([match, , body = '']) =>
      /^(['`{]|(boolean|string)$)/.test(body) ? undefined : [match.length - body.length, body.length, 'true'],
  ],
  'an alternative of a pattern is gone': [
    /\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[gimsu]*/g,
    ([match]) => {
      const bars = [...match.matchAll(/(?<![\\[])\|(?=[\w\\. ']{3,}[|/)])/g)].map(({ index }) => index);
      const at = bars[Math.floor(bars.length / 2)];
      if (at === undefined) return undefined;
      const end = match.slice(at + 1).search(/[|/)]/);
      return [at, end + 1, ''];
    },
  ],
  'a number is another': [
    /(?<![\w.{,-])\d[\d_]*(?![\w.}])/g,
    ([match]) => [0, match.length, String(Number(match.replaceAll('_', '')) + 7)],
  ],
  'a condition is negated': [
    / (===|!==|<=|>=) /g,
    ([, operator = '']) => [1, operator.length, NEGATED[operator] ?? ''],
  ],
  'and is or': [/ (&&) (?!\{)/g, () => [1, 2, '||']],
  'a row is gone': [/^ {2}\{\n {4}\.\.\.[\s\S]*?^ {2}\},\n/gm, ([match]) => [0, match.length, '']],
  'two rows are swapped': [
    /^( {2}\{\n {4}\.\.\.[\s\S]*?^ {2}\},\n)( {2}\{\n {4}\.\.\.[\s\S]*?^ {2}\},\n)/gm,
    ([match, one = '', other = '']) => [0, match.length, other + one],
  ],
  'a command is gone': [/^ {6}(bash`[^`]*`),\n/gm, ([match]) => [0, match.length, '']],
};

const NEGATED: Record<string, string> = { '===': '!==', '!==': '===', '<=': '>', '>=': '<' };

/** Chooses mutants: first a kind, then a place, so that each kind has its share. */
function choose(random: () => number): Mutant[] {
  const files = globSync('src/explain/**/*.ts').sort();
  const byKind = Object.entries(CHANGES).map(([kind, [pattern, change]]) =>
    files.flatMap((file) => {
      const text = withoutComments(readFileSync(file, 'utf8'));
      return [...text.matchAll(pattern)].flatMap((match) => {
        const changed = change(match);
        if (!changed) return [];
        const start = match.index + changed[0];
        return [{ file, kind, start, end: start + changed[1], text: changed[2] }];
      });
    }),
  );
  const chosen: Mutant[] = [];
  for (let i = 0; chosen.length < Number(count) && i < 10_000; i++) {
    const places = byKind[Math.floor(random() * byKind.length)] ?? [];
    const [mutant] = places.splice(Math.floor(random() * places.length), 1);
    if (mutant) chosen.push(mutant);
  }
  return chosen;
}

/** A copy of the project in which one mutant at a time lives. */
function createCopy(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rg-api-mutants-'));
  for (const path of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
    cpSync(path, join(folder, path), { recursive: true });
  }
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

async function survives(folder: string, { file, start, end, text }: Mutant): Promise<boolean> {
  const whole = readFileSync(file, 'utf8');
  writeFileSync(join(folder, file), whole.slice(0, start) + text + whole.slice(end));
  // The cases kill most mutants, and take two seconds.
  const isAlive =
    (await passes(folder, 'test/explain/cases.test.ts')) &&
    (await passes(folder, 'test/explain')) &&
    (await passes(folder, 'test/reports'));
  writeFileSync(join(folder, file), whole);
  return isAlive;
}

async function passes(folder: string, tests: string): Promise<boolean> {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', '--bail', '1', tests];
  const env = { ...process.env, CI: 'yes' };
  const [code]: (number | null)[] = await once(
    spawn(process.execPath, vitest, { cwd: folder, stdio: 'ignore', env }),
    'exit',
  );
  return code === 0;
}

function shown({ file, start, end, text, kind }: Mutant): string {
  const whole = readFileSync(file, 'utf8');
  const line = whole.slice(0, start).split('\n').length;
  const short = (words: string) => words.replace(/\s+/g, ' ').slice(0, 100);
  return `${file}:${line}: ${kind}: ${short(whole.slice(start, end))} → ${short(text)}`;
}

const mutants = choose(createRandom(Number(seed)));
const survivors: Mutant[] = [];
const queue = [...mutants];
await Promise.all(
  Array.from({ length: Math.max(1, Math.min(2, availableParallelism())) }, async () => {
    const folder = createCopy();
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      if (!(await survives(folder, mutant))) continue;
      survivors.push(mutant);
      process.stdout.write(`survived: ${shown(mutant)}\n`);
    }
    rmSync(folder, { recursive: true });
  }),
);
process.stdout.write(`${mutants.length - survivors.length} of ${mutants.length} mutants killed (seed ${seed})\n`);
process.exitCode = survivors.length > mutants.length / 10 ? 1 : 0;
