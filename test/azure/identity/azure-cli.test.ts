import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { azureCliCredential } from '../../../src/azure/identity/azure-cli.ts';
import { temporaryFile } from '../../fake-azure/workload-identity.ts';

const SCOPE = 'https://management.azure.com/.default';
const realPath = process.env['PATH'];

afterEach(() => {
  vi.useRealTimers();
  process.env['PATH'] = realPath;
});

/** Puts an `az` with this script on the PATH. */
function installAz(script: string): void {
  const file = temporaryFile('az', `#!/bin/sh\n${script}\n`, 0o755);
  process.env['PATH'] = `${file.slice(0, -'/az'.length)}:/usr/bin:/bin`;
}

async function failureOf(options?: { claims: string }): Promise<Error> {
  return azureCliCredential()
    .getToken(SCOPE, options)
    .then(
      () => expect.fail('there was a token'),
      (error) => error,
    );
}

test('az is asked for a token for the resource, and its output is read', async () => {
  installAz(
    `[ "$*" = 'account get-access-token --output json --resource https://management.azure.com' ] || exit 1
    echo '{"accessToken":"made-up","expires_on":1700000000,"expiresOn":"2001-01-01 00:00:00.000000"}'`,
  );
  expect(await azureCliCredential().getToken(SCOPE)).toMatchObject({
    token: 'made-up',
    expiresOnTimestamp: 1_700_000_000_000,
  });
});

test('the output of an az that has only local times is read', async () => {
  installAz(`echo '{"accessToken":"made-up","expiresOn":"2030-01-01 00:00:00.000000"}'`);
  expect(await azureCliCredential().getToken(SCOPE)).toMatchObject({
    expiresOnTimestamp: new Date('2030-01-01 00:00:00').getTime(),
  });
});

test('the error message of az stays unchanged', async () => {
  installAz(`echo "ERROR: AADSTS50005: made up. To re-authenticate, please run: az login" >&2; exit 1`);
  expect((await failureOf()).message).toBe('ERROR: AADSTS50005: made up. To re-authenticate, please run: az login');
});

test('an az that fails without a message is reported with its exit code', async () => {
  installAz('exit 7');
  expect((await failureOf()).message).toBe('az ended with code 7 and said nothing');
});

test('no error contains the stdout of az', async () => {
  installAz(`echo '{"accessToken":"made-up-token"}'; echo 'a warning' >&2`);
  const error = await failureOf();
  expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain('made-up-token');
});

test('a missing az is reported', async () => {
  process.env['PATH'] = '/nonexistent';
  expect((await failureOf()).message).toBe('Azure CLI could not be found');
});

test('an az that cannot be started because the process has no descriptors left is a refusal', () => {
  const script = fileURLToPath(new URL('./exhausted-descriptors.ts', import.meta.url));
  const output = execFileSync('/bin/sh', ['-c', `ulimit -n 64; exec '${process.execPath}' '${script}'`], {
    encoding: 'utf8',
    env: { ...process.env, PATH: '/nonexistent', NODE_OPTIONS: '' },
  });
  const outcomes = output.trim().split('\n');
  expect(outcomes).toHaveLength(13);
  expect(outcomes[1]).toBe('CredentialUnavailableError: az cannot be started: spawn az EMFILE');
  for (const outcome of outcomes) {
    expect(outcome).toMatch(
      /^CredentialUnavailableError: (az cannot be started: spawn az E|Azure CLI could not be found)/,
    );
  }
});

test.each([
  ['deep nesting', `printf '%060000d' 0 | tr 0 '['`],
  ['tens of thousands of empty objects', `printf '['; printf '%020000d' 0 | sed 's/0/{},/g'`],
])('an output of %s is refused before it is parsed', async (_, script) => {
  installAz(script);
  const parse = vi.spyOn(JSON, 'parse');
  expect((await failureOf()).message).toBe('az succeeded, but its output holds no token with an expiry');
  const calls = parse.mock.calls.length;
  parse.mockRestore();
  expect(calls).toBe(0);
});

test('a claims challenge is refused, because az cannot answer it; an empty one asks az again', async () => {
  installAz(`echo '{"accessToken":"made-up","expires_on":1700000000}'`);
  expect((await failureOf({ claims: '{"access_token":{"nbf":{"essential":true}}}' })).message).toContain(
    '--claims-challenge',
  );
  expect(await azureCliCredential().getToken(SCOPE, { claims: '{"access_token":{}}' })).toMatchObject({
    token: 'made-up',
  });
});

test('an az that hangs is ended with all its processes', { timeout: 60_000 }, async () => {
  const pids = temporaryFile('pids', '');
  installAz(`sleep 600 &\necho $! >> '${pids}'\necho $$ >> '${pids}'\nwait`);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const failed = failureOf();
  await vi.waitFor(() => expect(readFileSync(pids, 'utf8').trim().split('\n')).toHaveLength(2), { timeout: 30_000 });
  vi.runAllTimers();
  expect((await failed).message).toBe('No answer from az within 30 s');
  vi.useRealTimers();
  for (const pid of readFileSync(pids, 'utf8').trim().split('\n').map(Number)) {
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { timeout: 30_000 });
  }
});

/** Whether the process is running. A zombie is not. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
