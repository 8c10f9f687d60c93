import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { explain } from '../../src/explain/explain.ts';
import { FAMILIES, readCases } from '../explain/outcome-files.ts';
import { simpleCommands } from './simple-commands.ts';

/** Every command that the service prints for a recorded outcome. */
const LINES = [
  ...new Set(
    FAMILIES.flatMap(readCases)
      .map(({ outcome }) => explain(outcome))
      .flatMap(({ failure, warnings }) => [...(failure ? [failure] : []), ...warnings])
      .flatMap(({ commands }) => commands),
  ),
].sort();

/** The real ones. Neither needs a login or a cluster to refuse arguments. AZ may name an az that is not on the PATH. */
const AZ = process.env['AZ'] || 'az';
const KUBECTL = process.env['KUBECTL'] || 'kubectl';

const home = mkdtempSync(join(tmpdir(), 'rg-api-commands-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const kubeconfig = join(home, 'kubeconfig');
// Nothing listens there.
const cluster = { name: 'none', cluster: { server: 'http://127.0.0.1:1' } };
const context = { name: 'none', context: { cluster: 'none', user: 'none' } };
writeFileSync(
  kubeconfig,
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [cluster],
    contexts: [context],
    'current-context': 'none',
  }),
);
const environment = {
  PATH: process.env['PATH'],
  HOME: home,
  KUBECONFIG: kubeconfig,
  AZURE_CORE_COLLECT_TELEMETRY: 'no',
  AZURE_EXTENSION_USE_DYNAMIC_INSTALL: 'no',
};

/** What az only takes with the extension aks-preview, which another command adds, or in a newer version, which prints it itself. */
const NEWER = /^az aks identity-binding |--claims-challenge /;

/** One command of each shape: the same words and flags are parsed the same way. */
const shapes = new Map(
  LINES.flatMap((line) => simpleCommands(line, ['az', 'kubectl']))
    .map((command) => words(command))
    .map((each) => [each.map((word, index) => (index < 4 || word.startsWith('-') ? word : '…')).join(' '), each]),
);
const ofTool = (tool: string) => [...shapes].filter(([, [first]]) => first === tool);

/** The words that bash makes of a command, with a value in each variable and positional parameter. */
function words(command: string): string[] {
  const names = [...command.replaceAll(/'[^']*'/g, '').matchAll(/\$\{?([A-Za-z_]\w*)/g)].map(([, name = '']) => name);
  const values = Object.fromEntries(names.map((name) => [name, 'made-up']));
  const { stdout } = spawnSync(
    'bash',
    ['--noprofile', '--norc', '-c', `set -f; printf '%s\\0' ${command}`, 'bash', 'made-up', 'made-up'],
    {
      env: { ...values, PATH: process.env['PATH'], HOME: home },
      encoding: 'utf8',
    },
  );
  return stdout.split('\0').slice(0, -1);
}

test('bash accepts each line', () => {
  expect(LINES.length).toBeGreaterThan(100);
  const refused = LINES.filter((line) => spawnSync('bash', ['-n', '-c', line]).status !== 0);
  expect(refused).toEqual([]);
});

describe.skipIf(spawnSync(KUBECTL, ['version', '--client']).status !== 0)('kubectl takes the arguments of', () => {
  test.each(ofTool('kubectl'))('%s', (_, [, ...args]) => {
    const input = 'apiVersion: v1\nkind: List\nitems: []\n';
    const { stdout, stderr } = spawnSync(KUBECTL, args, { env: environment, input, encoding: 'utf8', timeout: 50_000 });
    // What it says once it has taken them: that it reaches no cluster, or has nothing to do.
    expect(`${stdout}${stderr}`).not.toMatch(
      /unknown (shorthand )?(flag|command)|flag needs|accepts \d|required|must specify|invalid|you must|cannot be used|expected/i,
    );
  });
});

describe.skipIf(spawnSync(AZ, ['version']).status !== 0)('az takes the arguments of', () => {
  test.each(ofTool('az').filter(([shape]) => !NEWER.test(shape)))('%s', (_, [, ...args]) => {
    const { stderr } = spawnSync(AZ, args, { env: environment, encoding: 'utf8', timeout: 110_000 });
    // Without a login it says so, once it has taken them.
    expect(stderr).not.toMatch(
      /unrecognized arguments|misspelled or not recognized|arguments are required|invalid choice|expected (one|at least one) argument|usage error|invalid jmespath/i,
    );
  });
});
