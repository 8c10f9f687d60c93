import { writeFileSync } from 'node:fs';
import { HttpResponse, http } from 'msw';
import { afterEach, expect, test, vi } from 'vitest';
import { entra, imds } from '../../fake-azure/identity.ts';
import { groups, subscriptions } from '../../fake-azure/resource-manager.ts';
import type { Answer } from '../../fake-azure/responses.ts';
import { temporaryFile, workloadIdentity } from '../../fake-azure/workload-identity.ts';
import { EXCHANGE, PROBE_OR_TOKEN, startService, stopServices } from '../../service.ts';

const read = async (response: Response) => JSON.parse(await response.text());
const healthy = [subscriptions(['One']), groups(1)];

afterEach(() => {
  vi.useRealTimers();
});

test('with a projected token the managed identity does not repeat the exchange', async () => {
  const { get, count } = startService(
    [entra({ answer: () => new Response('{"error":"invalid_client"}', { status: 400 }) })],
    workloadIdentity(),
  );
  const { attempts } = await read(await get('/whoami'));
  expect(attempts.at(-1)).toMatchObject({
    name: 'ManagedIdentityCredential',
    outcome: 'unavailable',
    message: expect.stringContaining('WorkloadIdentityCredential makes the same token exchange'),
  });
  expect([count(EXCHANGE), count(PROBE_OR_TOKEN)]).toEqual([1, 0]);
});

test('if only the managed identity is chosen, it makes the exchange itself', async () => {
  const { get } = startService([entra(), ...healthy], {
    ...workloadIdentity(),
    AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential',
  });
  expect(await read(await get('/whoami'))).toMatchObject({ credential: 'ManagedIdentityCredential', warnings: [] });
});

test('with a projected token but no client id the metadata service is asked', async () => {
  const { get } = startService([imds(), ...healthy], { ...workloadIdentity(), AZURE_CLIENT_ID: '' });
  expect((await read(await get('/whoami'))).credential).toBe('ManagedIdentityCredential');
});

test.each([
  ['an endless device', '/dev/zero', 'is not a file'],
  ['a file that is too large', temporaryFile('token', 'x'.repeat(70_000)), 'is larger than 65536 bytes'],
])('%s is not opened as a projected token', async (_, file, problem) => {
  const { get } = startService([], { ...workloadIdentity(), AZURE_FEDERATED_TOKEN_FILE: file });
  const document = await read(await get('/whoami'));
  expect(document).toMatchObject({ reason: 'token-file-unreadable', detail: expect.stringContaining(problem) });
});

test('a token file that is rotated is read anew for the next exchange', async () => {
  const assertions: (string | null)[] = [];
  const record: Answer = async (request) => {
    assertions.push(new URLSearchParams(await request.text()).get('client_assertion'));
    return undefined;
  };
  const env = workloadIdentity();
  const { credential } = startService([entra({ answer: record })], env);
  await credential.getToken();
  writeFileSync(env.AZURE_FEDERATED_TOKEN_FILE, 'made.up.assertion');
  await credential.getToken('{"access_token":{"nbf":{"essential":true}}}');
  expect(assertions[1]).toBe('made.up.assertion');
});

test('an empty token file is reported, and nothing is sent', async () => {
  const { get, count } = startService([], workloadIdentity(''));
  expect(await read(await get('/whoami'))).toMatchObject({ reason: 'token-file-malformed' });
  expect(count(EXCHANGE)).toBe(0);
});

test('a metadata service that answers its probe after two seconds is used', { timeout: 30_000 }, async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const probed = Promise.withResolvers<void>();
  const moment = Promise.withResolvers<void>();
  const slow = http.get(
    'http://169.254.169.254/*',
    async () => {
      probed.resolve();
      await moment.promise;
      return HttpResponse.json({ error: 'invalid_request' }, { status: 400 });
    },
    { once: true },
  );
  const { credential } = startService([slow, imds()]);
  const token = credential.getToken();
  await probed.promise;
  vi.advanceTimersByTime(2000);
  vi.useRealTimers();
  moment.resolve();
  expect((await token).credential).toBe('ManagedIdentityCredential');
});

test.each([5, {}, [], true, null])(
  'an access token that is %j is a failure of the identity, and the next one counts',
  async (token) => {
    const answer = () => HttpResponse.json({ access_token: token, expires_in: 3600, expires_on: '4102444800' });
    const sources: [(options: object) => ReturnType<typeof imds>, NodeJS.ProcessEnv, string][] = [
      [imds, {}, 'imds-refused'],
      [entra, { ...workloadIdentity(), AZURE_CLIENT_SECRET: 'made-up-secret' }, 'entra-broken'],
    ];
    for (const [source, env, reason] of sources) {
      const { get, azure } = startService([source({ answer }), ...healthy], { ...env, ANSWER_MAX_AGE_MS: '0' });
      const response = await get();
      expect([response.status, response.headers.get('Fallback-Reason')]).toEqual([200, reason]);
      const { detail } = await read(await get('/whoami'));
      expect(detail).toContain('answered with an access token that is not a text');
      azure.use(source({}));
      expect(await read(await get())).toEqual(['rg-1']);
      stopServices();
    }
  },
);
