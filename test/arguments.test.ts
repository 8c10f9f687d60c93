import { expect, test } from 'vitest';
import { readArguments, UsageError } from '../src/arguments.ts';

test.each([
  [[], { kind: 'serve' }],
  [['--help'], { kind: 'help' }],
  [['-h'], { kind: 'help' }],
  [['--help', '--check'], { kind: 'help' }],
  [['--version'], { kind: 'version' }],
  [['--check'], { kind: 'check', waitMs: 0, json: false }],
  [['--check', '--wait', '90'], { kind: 'check', waitMs: 90_000, json: false }],
  [['--wait=90', '--json', '--check'], { kind: 'check', waitMs: 90_000, json: true }],
])('%j is accepted', (args, command) => {
  expect(readArguments(args)).toEqual(command);
});

test.each([
  [['--chekc'], '--chekc'],
  [['check'], 'check'],
  [['-x'], '-x'],
  [['--check', '--wait'], '--wait'],
  [['--check', '--wait', 'long'], '--wait takes a whole number of seconds from 0 to 86400'],
  [['--check', '--wait', '-1'], '--wait'],
  [['--check', '--wait', '1.5'], '--wait'],
  [['--check', '--wait', '86401'], '--wait'],
  [['--check=yes'], '--check'],
  [['--json'], '--wait, --json and --scope go with --check'],
  [['--wait', '3'], '--wait, --json and --scope go with --check'],
])('%j is refused in one line that names the argument', (args, named) => {
  const read = () => readArguments(args);
  expect(read).toThrow(UsageError);
  expect(read).toThrow(named);
  expect(read).toThrow(/^.{1,300}$/);
});

test('a --check that npm took for itself is noticed, and one behind -- is not affected', () => {
  expect(() => readArguments([], { npm_config_check: 'true' })).toThrow(
    new UsageError('npm took --check for itself: write npm start -- --check'),
  );
  expect(readArguments(['--check'], { npm_config_check: 'true' })).toMatchObject({ kind: 'check' });
});
