import { spawnSync } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { CHECK_NAMES } from '../src/explain/checks.ts';
import { MAIN, startDemo, startProcess } from './process.ts';

const check = (scenario: string, ...args: string[]) => startDemo(scenario, {}, '--check', ...args).end();

/** Skips the demo's own lines at the beginning of the output. */
const reportOf = (stdout: string[]) =>
  stdout.slice(stdout.findIndex((line) => /^(OK|NOT OK|\{)/.test(line))).join('\n');

/** Skips the two lines with which the demo announces itself on stderr. */
const ownLines = (stderr: string) =>
  stderr
    .split('\n')
    .slice(2)
    .filter((line) => !line.startsWith('demo: '))
    .join('\n');

test('if everything works, the report says who and what, and the exit code is 0', async () => {
  const { code, stdout, stderr } = await check('all-well');
  const report = reportOf(stdout);
  expect(report).toMatch(/^OK: 12 resource groups\n/);
  expect(report).toMatch(/✓ token +from WorkloadIdentityCredential/);
  expect(report).toMatch(/✓ subscription +Contoso Production [0-9a-f-]{36}/);
  expect(report.match(/^ {2}✓ /gm)).toHaveLength(CHECK_NAMES.length);
  expect([code, ownLines(stderr)]).toEqual([0, '']);
});

test('without a token the report has reason and hint, and the exit code is 1', async () => {
  const { code, stdout, stderr } = await check('wrong-subject');
  const report = reportOf(stdout);
  expect(report).toMatch(/^NOT OK: No federated credential for this subject\n/);
  expect(report).toMatch(/✗ token +login\.microsoftonline\.com: AADSTS700213$/m);
  const after = CHECK_NAMES.slice(CHECK_NAMES.indexOf('token') + 1);
  expect(report.match(/^ {2}– \S+ +not reached$/gm)).toHaveLength(after.length);
  expect(report).toContain('system:serviceaccount:rgapi:rgapi');
  expect(report).toMatch(/^ {2}\$ /m);
  expect(code).toBe(1);
  expect(ownLines(stderr)).toBe('');
});

test.each(['node-identity', 'no-role', 'throttled', 'broken'])('%s fails the check: exit code 1', async (scenario) => {
  const { code, stdout } = await check(scenario);
  expect(reportOf(stdout)).toMatch(/^NOT OK: /);
  expect(code).toBe(1);
});

test('--json prints the document of /whoami and the number of resource groups', async () => {
  const healthy = await check('all-well', '--json');
  expect(JSON.parse(reportOf(healthy.stdout))).toMatchObject({
    resourceGroups: 12,
    identity: { type: 'app' },
    subscription: { name: 'Contoso Production' },
    warnings: [],
    instance: { version: packageJson.version },
  });
  const failing = await check('wrong-subject', '--json');
  expect(JSON.parse(reportOf(failing.stdout))).toMatchObject({
    resourceGroups: null,
    status: 503,
    ok: false,
    reason: 'federated-credential-subject',
    title: expect.any(String),
    hint: expect.any(String),
  });
  expect([healthy.code, failing.code]).toEqual([0, 1]);
  // `kubectl logs` shows both streams: the document is all there is.
  expect([healthy.stderr, failing.stderr].map(ownLines)).toEqual(['', '']);
});

test('it loads nothing of a server, which would cost a fifth of its time', async () => {
  const hook = `
    import { registerHooks } from 'node:module';
    const load = (url, context, next) => (console.log('loaded ' + url), next(url, context));
    registerHooks({ load });`;
  const imports = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`];
  const env = { AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential' };
  const { stdout } = await startProcess([...imports, MAIN, '--check'], env).end();
  expect(stdout).toContainEqual(expect.stringMatching(/^loaded .*@azure\/identity/));
  expect(stdout.filter((line) => /^loaded .*node_modules\/(@?hono|prom-client)\//.test(line))).toEqual([]);
});

test('--wait asks again until all is well, however long clients may share a response', async () => {
  const env = { ANSWER_MAX_AGE_MS: '3600000', RECOVERY_SECONDS: '10' };
  const { code, stdout, stderr } = await startDemo('recovers', env, '--check', '--wait', '120').end();
  expect(reportOf(stdout)).toMatch(/^OK: 12 resource groups\n/);
  expect(ownLines(stderr)).toBe('rg-api: not yet: federated-credential-missing\n');
  expect(code).toBe(0);
});

test('--wait gives up when the time is up', async () => {
  const { code, stdout } = await check('no-role', '--wait', '2');
  expect(reportOf(stdout)).toMatch(/^NOT OK: /);
  expect(code).toBe(1);
});

test('--version and --help print and exit with 0, even with an invalid variable', async () => {
  const env = { PORT: 'eighty' };
  const version = await startProcess([MAIN, '--version'], env).end();
  expect(version).toEqual({ code: 0, stdout: [packageJson.version], stderr: '' });
  const { code, stdout, stderr } = await startProcess([MAIN, '--help'], env).end();
  expect([code, stderr]).toEqual([0, '']);
  for (const argument of ['--check', '--wait SECONDS', '--json']) expect(stdout.join('\n')).toContain(argument);
});

test.skipIf(!existsSync('/dev/full'))('output that cannot be written ends the process with 1 and one line', () => {
  const args = ['--disable-warning=ExperimentalWarning', MAIN, '--version'];
  const { status, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
  });
  expect([status, stderr]).toEqual([1, 'rg-api: stdout cannot be written (ENOSPC)\n']);
});

test('a reader that has left does not change the exit code', async () => {
  const { child, end } = startProcess([MAIN, '--help']);
  child.stdout.destroy();
  expect(await end()).toEqual({ code: 0, stdout: [], stderr: '' });
});

test('an unknown argument ends the process with 64 and one line', async () => {
  const { code, stdout, stderr } = await startProcess([MAIN, '--chekc']).end();
  expect([code, stdout]).toEqual([64, []]);
  expect(stderr).toMatch(/^rg-api: .*--chekc.*\n$/);
});
