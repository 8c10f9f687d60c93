import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpResponse } from 'msw';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cloudOf } from '../../../src/azure/cloud.ts';
import { defaultChain } from '../../../src/azure/identity/chain.ts';
import { canReplaceToken, createTokenCache } from '../../../src/azure/identity/token-cache.ts';
import { aadsts, entra, identityNotFound, imds, noImds, tokenProxy } from '../../fake-azure/identity.ts';
import { groups, RESOURCE_MANAGER, resourceManager, subscriptions } from '../../fake-azure/resource-manager.ts';
import { type Answer, asUsual, drops, hangs, inTurn, refuses, says, when } from '../../fake-azure/responses.ts';
import { IDENTITY, madeUpToken } from '../../fake-azure/tokens.ts';
import { identityBinding, temporaryFile, workloadIdentity } from '../../fake-azure/workload-identity.ts';
import { DISCOVERY, EXCHANGE, eventually, PROBE_OR_TOKEN, startService, TOKEN } from '../../service.ts';

const directory = mkdtempSync(join(tmpdir(), 'rg-api-'));
afterAll(() => rmSync(directory, { recursive: true }));

// The clocks move when a test moves them; timers are real.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});
/** Time passes: both clocks move. */
const pass = (seconds: number) => vi.advanceTimersByTime(seconds * 1000);
/** Somebody sets the wall clock; the monotonic clock stays. */
const setClock = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

test('ten callers at once cause one acquisition', async () => {
  const { credential, count } = startService([imds()]);
  const tokens = await Promise.all(Array.from({ length: 10 }, () => credential.getToken()));
  expect(new Set(tokens.map(({ token }) => token)).size).toBe(1);
  // The probe and the token request. MSAL alone would avoid further token requests, but not further probes.
  expect(count(PROBE_OR_TOKEN)).toBe(2);
});

test('200 requests on a cold process cause one acquisition, one discovery and one listing', async () => {
  const { get, count } = startService([imds(), subscriptions(['One']), groups(3)], { ANSWER_MAX_AGE_MS: '60000' });
  const answers = await Promise.all(Array.from({ length: 200 }, async () => (await get()).text()));
  expect(new Set(answers)).toEqual(new Set(['["rg-1","rg-2","rg-3"]\n']));
  expect([count(TOKEN), count(DISCOVERY), count('/resourcegroups?')]).toEqual([1, 1, 1]);
});

test('a cached token is used without the probe that the default chain sends each time', async () => {
  const { credential, count } = startService([imds()]);
  await credential.getToken();
  const before = count(PROBE_OR_TOKEN);
  await credential.getToken();
  expect(count(PROBE_OR_TOKEN)).toBe(before);
});

test('a token is renewed in the background before it expires', async () => {
  const { credential, count } = startService([imds({ expiresIn: 3600 })]);
  const first = await credential.getToken();
  pass(3600 - 269);
  expect(await credential.getToken()).toBe(first);
  await eventually(async () => expect((await credential.getToken()).token).not.toBe(first.token));
  expect(count(TOKEN)).toBe(2);
});

test('a token that lives a minute is renewed after half of it', async () => {
  const { credential, count } = startService([imds({ expiresIn: 60 })]);
  const first = await credential.getToken();
  pass(29);
  await credential.getToken();
  expect(count(TOKEN)).toBe(1);
  pass(2);
  await credential.getToken();
  await eventually(async () => expect((await credential.getToken()).token).not.toBe(first.token));
});

test('a token that lives a day is renewed when Azure says so, although MSAL returns the old one first', async () => {
  const { credential, count } = startService([imds({ expiresIn: 86_400 })]);
  const first = await credential.getToken();
  pass(43_300);
  expect((await credential.getToken()).token).toBe(first.token);
  await eventually(() => expect(count(TOKEN)).toBe(2));
  pass(31);
  await eventually(async () => expect((await credential.getToken()).token).not.toBe(first.token));
  expect(count(TOKEN)).toBe(2);
});

/** A source that returns these tokens and errors in turn, then repeats the last one, and counts its calls. */
function scripted(...outcomes: ({ expiresInSeconds: number; refreshInSeconds?: number } | Error)[]) {
  const getToken = vi.fn(async () => {
    const turn = getToken.mock.calls.length - 1;
    const outcome = outcomes[Math.min(turn, outcomes.length - 1)];
    if (!outcome || outcome instanceof Error) throw outcome;
    const { expiresInSeconds, refreshInSeconds } = outcome;
    return {
      token: `made-up-${turn}`,
      expiresOnTimestamp: Date.now() + expiresInSeconds * 1000,
      ...(refreshInSeconds !== undefined && { refreshAfterTimestamp: Date.now() + refreshInSeconds * 1000 }),
    };
  });
  return { getToken, acquire: () => ({ attempts: [], token: getToken() }) };
}

test('after a failed renewal the token stays in use until it expires, and only some callers retry', async () => {
  const source = scripted({ expiresInSeconds: 3600 }, new Error('made-up refusal'));
  const credential = createTokenCache(source.acquire, 'made-up-scope');
  const first = await credential.getToken();
  pass(3400);
  for (let i = 0; i < 10; i++) expect(await credential.getToken()).toBe(first);
  expect(source.getToken).toHaveBeenCalledTimes(2);
  expect(credential.renewalFailure()?.cause).toEqual(new Error('made-up refusal'));
  pass(31);
  for (let i = 0; i < 10; i++) expect(await credential.getToken()).toBe(first);
  expect(source.getToken).toHaveBeenCalledTimes(3);
  pass(200);
  await expect(credential.getToken()).rejects.toMatchObject({ kind: 'no-token' });
});

test('a token is not renewed more than five minutes before its expiry, while MSAL returns its cached one', async () => {
  const source = scripted({ expiresInSeconds: 3600 });
  const credential = createTokenCache(source.acquire, 'made-up-scope');
  await credential.getToken();
  pass(3600 - 300);
  await credential.getToken();
  expect(source.getToken).toHaveBeenCalledTimes(1);
  pass(31);
  await credential.getToken();
  expect(source.getToken).toHaveBeenCalledTimes(2);
});

test('a source whose tokens are always due for renewal is not called for every caller', async () => {
  const source = scripted({ expiresInSeconds: 3600, refreshInSeconds: -1 });
  const credential = createTokenCache(source.acquire, 'made-up-scope');
  for (let i = 0; i < 10; i++) await credential.getToken();
  expect(source.getToken).toHaveBeenCalledTimes(1);
  pass(31);
  for (let i = 0; i < 10; i++) await credential.getToken();
  expect(source.getToken).toHaveBeenCalledTimes(2);
});

test('when the identity refuses near the expiry of a token, the process survives, reports it and recovers', async () => {
  // Here the SDK's own token cycler would renew in the background, every three seconds until the token has expired. Nothing would
  // handle its last rejection, which would end the process and fail this run.
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
  const { get, azure } = startService(
    [imds({ expiresIn: 6, answer: inTurn(asUsual, identityNotFound) }), subscriptions(['One']), groups(1)],
    { ANSWER_MAX_AGE_MS: '0' },
  );
  expect(await (await get()).json()).toEqual(['rg-1']);
  pass(4);
  expect(await (await get()).json()).toEqual(['rg-1']);
  pass(4);
  expect((await get()).headers.get('Fallback-Reason')).toBe('identity-not-found');
  await vi.advanceTimersByTimeAsync(4000);
  azure.use(imds());
  pass(4);
  expect(await (await get()).json()).toEqual(['rg-1']);
});

test('a caller gives up at its deadline while the acquisition continues for the next one', async () => {
  const { promise: assigned, resolve } = Promise.withResolvers<void>();
  const { get, credential, count } = startService([imds({ answer: when(assigned, asUsual) })], {
    AZURE_DEADLINE_MS: '100',
  });
  const response = await get();
  expect(response.status).toBe(504);
  expect(await response.json()).toMatchObject({
    detail: expect.stringMatching(/^Still waiting for a token after 100 ms: .+ 169\.254\.169\.254$/),
  });
  const next = credential.getToken();
  resolve();
  expect(await next).toMatchObject({ tokenType: 'Bearer' });
  expect(count(TOKEN)).toBe(1);
});

test('a failed acquisition is not repeated for a second, then it is', async () => {
  const { credential, count } = startService([imds({ answer: identityNotFound })]);
  const failure = await credential.getToken().catch((error) => error);
  expect(await credential.getToken().catch((error) => error)).toBe(failure);
  expect(count(TOKEN)).toBe(1);
  pass(1);
  await expect(credential.getToken()).rejects.toThrow();
  expect(count(TOKEN)).toBe(2);
});

test('a refusal is cached for as long as the options say, and not at all with 0', async () => {
  const source = scripted(new Error('made-up refusal'));
  const credential = createTokenCache(source.acquire, 'made-up-scope', { refusalTtlMs: 0 });
  for (let i = 0; i < 3; i++) await expect(credential.getToken()).rejects.toThrow();
  expect(source.getToken).toHaveBeenCalledTimes(3);
});

test.each([120, 10 * 365 * 86_400])(
  'a refusal is not kept when a clock that was %i s ahead is corrected',
  async (ahead) => {
    setClock(ahead);
    const { get, azure } = startService([imds({ answer: identityNotFound }), subscriptions(['One']), groups(1)], {
      ANSWER_MAX_AGE_MS: '0',
    });
    expect(await (await get()).json()).toEqual([]);
    azure.use(imds());
    setClock(-ahead);
    pass(1);
    expect(await (await get()).json()).toEqual(['rg-1']);
  },
);

test('a token that MSAL would keep for years after the clock was corrected is renewed at once', async () => {
  const tenYears = 10 * 365 * 86_400;
  setClock(tenYears);
  // Entra says how long a token lives, and MSAL adds that to the wrong time.
  const { credential, count } = startService([entra()], workloadIdentity());
  const first = await credential.getToken();
  setClock(-tenYears);
  expect((await credential.getToken()).token).toBe(first.token);
  await eventually(async () => expect((await credential.getToken()).token).not.toBe(first.token));
  expect(count(EXCHANGE)).toBe(2);
  pass(3600 - 200);
  await credential.getToken();
  await eventually(() => expect(count(EXCHANGE)).toBe(3));
});

test('a throttling that MSAL would remember for years ends when the clock is corrected', async () => {
  const tenYears = 10 * 365 * 86_400;
  setClock(tenYears);
  const throttles: Answer = () => HttpResponse.json({ error: 'x' }, { status: 429, headers: { 'Retry-After': '3' } });
  const { credential, azure } = startService([entra({ answer: throttles })], {
    ...workloadIdentity(),
    AZURE_TOKEN_CREDENTIALS: 'WorkloadIdentityCredential',
  });
  await expect(credential.getToken()).rejects.toThrow();
  azure.use(entra());
  setClock(-tenYears);
  pass(2);
  expect(await credential.getToken()).toMatchObject({ tokenType: 'Bearer' });
});

test('a token that seems to live for years is used for 28 hours', async () => {
  const source = scripted({ expiresInSeconds: 10 * 365 * 86_400 });
  const credential = createTokenCache(source.acquire, 'made-up-scope');
  const first = await credential.getToken();
  pass(28 * 3600 - 2);
  expect(await credential.getToken()).toBe(first);
  pass(2);
  expect(await credential.getToken()).not.toBe(first);
});

test('after a clock that was behind is corrected, a token does not outlive its expiry', async () => {
  setClock(-600);
  const source = scripted({ expiresInSeconds: 4200 }, { expiresInSeconds: 3600 });
  const credential = createTokenCache(source.acquire, 'made-up-scope');
  const first = await credential.getToken();
  setClock(600);
  expect(await credential.getToken()).toBe(first);
  await eventually(async () => expect(await credential.getToken()).not.toBe(first));
  expect(source.getToken).toHaveBeenCalledTimes(2);
});

test('after a sleep, during which only the wall clock went on, a token that has expired is not used', async () => {
  const source = scripted({ expiresInSeconds: 3600 });
  const credential = createTokenCache(source.acquire, 'made-up-scope');
  const first = await credential.getToken();
  setClock(7200);
  expect(await credential.getToken()).not.toBe(first);
});

test('a clock that is set for good costs one renewal, even if that fails', async () => {
  const source = scripted({ expiresInSeconds: 3600 }, new Error('made-up refusal'));
  const credential = createTokenCache(source.acquire, 'made-up-scope');
  await credential.getToken();
  setClock(-86_400);
  for (let i = 0; i < 10; i++) await credential.getToken();
  expect(source.getToken).toHaveBeenCalledTimes(2);
});

test('a refused token is replaced although the clock was set back after the last replacement', async () => {
  setClock(86_400);
  const { used, handler } = refusing(() => true);
  const { get } = startService([handler, entra()], { ...workloadIdentity(), ANSWER_MAX_AGE_MS: '0' });
  await get();
  await get();
  setClock(-86_400);
  await get();
  pass(5);
  await get();
  expect(used.at(-1)).not.toBe(used.at(-2));
});

test("a managed identity's token that Resource Manager refused is asked for anew, past MSAL's cache", async () => {
  const { used, handler } = refusing((turn) => turn === 1);
  const { get, count } = startService([handler, imds(), subscriptions(['One']), groups(1)], { ANSWER_MAX_AGE_MS: '0' });
  await get();
  expect(await (await get()).json()).toEqual(['rg-1']);
  expect(used[1]).not.toBe(used[0]);
  expect(count(TOKEN)).toBe(2);
});

test('an identity that arrives late is found without a restart', async () => {
  const { get, azure } = startService([imds({ answer: identityNotFound }), subscriptions(['One']), groups(1)], {
    ANSWER_MAX_AGE_MS: '0',
  });
  expect(await (await get()).json()).toEqual([]);
  azure.use(imds());
  pass(1);
  expect(await (await get()).json()).toEqual(['rg-1']);
});

test.each([404, 500])('an IMDS that responds %i is called twice, not for 20 seconds', async (status) => {
  const { credential, count } = startService([imds({ answer: () => new HttpResponse('no', { status }) })]);
  await expect(credential.getToken()).rejects.toMatchObject({
    name: 'AzureFailure',
    category: 'identity',
    kind: 'no-token',
  });
  expect(count(TOKEN)).toBe(2);
});

test('a single failure of IMDS is retried', async () => {
  const { credential } = startService([
    imds({ answer: inTurn(() => new HttpResponse(null, { status: 500 }), asUsual) }),
  ]);
  expect(await credential.getToken()).toMatchObject({ tokenType: 'Bearer' });
});

test('a token that has expired on arrival does not cause an acquisition per request to Resource Manager', async () => {
  const { get, count } = startService([imds({ expiresIn: -60 }), subscriptions(['One']), groups(1)]);
  expect((await get()).headers.get('Fallback-Reason')).toBe('token-rejected');
  expect(count(TOKEN)).toBe(1);
});

test.each<[string, Answer]>([
  ['more than 64 KiB', says(' '.repeat(65 * 1024 + 1))],
  ['deep nesting', says('['.repeat(60_000))],
  ['thousands of empty objects', says(`[${'{},'.repeat(20_000)}{}]`)],
])('a response of the metadata service or Entra with %s is refused before it is parsed', async (_, answer) => {
  for (const [handler, env] of [
    [imds({ answer }), { AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential' }],
    [entra({ answer }), { ...workloadIdentity(), AZURE_TOKEN_CREDENTIALS: 'WorkloadIdentityCredential' }],
  ] as const) {
    const { credential } = startService([handler], env);
    const parse = vi.spyOn(JSON, 'parse');
    await expect(credential.getToken()).rejects.toMatchObject({ kind: 'no-token' });
    const parsed = parse.mock.calls.filter(([text]) => /^[ [].{10000}/.test(text)).length;
    parse.mockRestore();
    expect(parsed).toBe(0);
    const { exchange } = credential.attempts().at(-1) ?? {};
    expect(exchange).toMatchObject({ code: 'ERR_RESPONSE_TOO_LARGE' });
    expect(exchange).not.toHaveProperty('status');
  }
});

test('a lost answer of the metadata service costs seconds, and its retry gets the token', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
  const { credential, count } = startService([imds({ answer: inTurn(hangs, asUsual) })]);
  const token = credential.getToken();
  await eventually(() => expect(count(TOKEN)).toBe(1));
  expect(credential.attempts().at(-1)).toMatchObject({
    outcome: 'pending',
    pending: { host: '169.254.169.254', phase: expect.stringMatching(/connect|response/) },
  });
  await vi.advanceTimersByTimeAsync(8500);
  expect((await token).credential).toBe('ManagedIdentityCredential');
  expect(count(TOKEN)).toBe(2);
});

test('a metadata service that answers no request is a refusal after 17 seconds, and heals', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
  const { credential, azure, count } = startService([imds({ answer: hangs })]);
  const failure = credential.getToken().catch((error) => error);
  await eventually(() => expect(count(TOKEN)).toBe(1));
  await vi.advanceTimersByTimeAsync(8500);
  await eventually(() => expect(count(TOKEN)).toBe(2));
  await vi.advanceTimersByTimeAsync(8500);
  expect(await failure).toMatchObject({ kind: 'no-token' });
  expect(credential.attempts().at(-1)).toMatchObject({
    outcome: 'unavailable',
    exchange: { host: '169.254.169.254', code: 'ETIMEDOUT', tookMs: 8000 },
    pending: undefined,
  });
  azure.use(imds());
  await vi.advanceTimersByTimeAsync(1000);
  expect(await credential.getToken()).toMatchObject({ tokenType: 'Bearer' });
});

test('NMI may wait for an identity: in a pod with its label, an acquisition is given up after two minutes', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
  const { credential, azure, count } = startService([imds({ answer: hangs })], {
    POD_LABELS_FILE: temporaryFile('labels', 'aadpodidbinding="rgapi"\n'),
  });
  const failure = credential.getToken().catch((error) => error);
  await eventually(() => expect(count(TOKEN)).toBe(1));
  await vi.advanceTimersByTimeAsync(120_000);
  expect(await failure).toMatchObject({
    kind: 'no-token',
    cause: { message: expect.stringContaining('120 s') },
  });
  azure.use(imds());
  await vi.advanceTimersByTimeAsync(1000);
  expect(await credential.getToken()).toMatchObject({ tokenType: 'Bearer' });
});

test('after a credential that gets no response from Microsoft Entra ID, the chain tries the others', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
  const { credential, count } = startService([entra({ answer: hangs }), noImds()], workloadIdentity());
  const failure = credential.getToken().catch((error) => error);
  await eventually(() => expect(count(EXCHANGE)).toBe(1));
  await vi.advanceTimersByTimeAsync(15_000);
  expect(await failure).toMatchObject({ kind: 'no-token' });
  expect(
    credential
      .attempts()
      .map(({ message }) => message)
      .slice(1),
  ).toEqual(['No answer within 15 s', 'Left out: WorkloadIdentityCredential makes the same token exchange']);
});

test('after another az login a token that Resource Manager refused is not used again', async () => {
  // The real AzureCliCredential runs the `az` that it finds on the PATH.
  const az = join(directory, 'az');
  const loginAs = (token: string) => {
    const answer = JSON.stringify({
      accessToken: token,
      expires_on: Math.floor(Date.now() / 1000) + 3600,
      tokenType: 'Bearer',
    });
    writeFileSync(az, `#!/bin/sh\necho '${answer}'\n`, { mode: 0o755 });
  };
  const used: (string | null)[] = [];
  const record: Answer = (request) => {
    used.push(request.headers.get('Authorization'));
    return undefined;
  };
  const { get } = startService(
    [
      resourceManager(record),
      subscriptions(['One'], { onPage: { 1: inTurn(refuses(401, 'InvalidAuthenticationTokenTenant'), asUsual) } }),
      groups(1),
    ],
    {
      AZURE_TOKEN_CREDENTIALS: 'AzureCliCredential',
      PATH: `${directory}:${process.env['PATH']}`,
      ANSWER_MAX_AGE_MS: '0',
    },
  );
  const [wrong, right] = [madeUpToken(RESOURCE_MANAGER, 3600), madeUpToken(RESOURCE_MANAGER, 3600)];
  loginAs(wrong);
  expect((await get()).headers.get('Fallback-Reason')).toBe('wrong-tenant');
  loginAs(right);
  expect(await (await get()).json()).toEqual(['rg-1']);
  expect(used).toEqual([`Bearer ${wrong}`, `Bearer ${right}`, `Bearer ${right}`]);
});

/** Records the tokens that Resource Manager gets, and refuses those of the turns that `isRefused` selects. */
function refusing(isRefused: (turn: number) => boolean) {
  const used: (string | null)[] = [];
  const handler = resourceManager((request) => {
    used.push(request.headers.get('Authorization'));
    return isRefused(used.length) ? refuses(401, 'InvalidAuthenticationToken')(request) : undefined;
  });
  return { used, handler };
}

const clientSecret = {
  AZURE_CLIENT_ID: IDENTITY.clientId,
  AZURE_TENANT_ID: IDENTITY.tenantId,
  AZURE_CLIENT_SECRET: 'made-up-secret',
};

test.each([
  ['Workload ID', workloadIdentity(), []],
  ['a client secret', clientSecret, []],
  [
    'an identity binding',
    identityBinding(),
    [
      tokenProxy(() =>
        HttpResponse.json({
          token_type: 'Bearer',
          expires_in: 3600,
          access_token: madeUpToken(RESOURCE_MANAGER, 3600),
        }),
      ),
    ],
  ],
])('a token of %s that Resource Manager refused is replaced past the cache of MSAL', async (_, env, more) => {
  const { used, handler } = refusing((turn) => turn === 1);
  const { get } = startService([...more, handler, entra(), noImds(), subscriptions(['One']), groups(1)], {
    ...env,
    ANSWER_MAX_AGE_MS: '0',
  });
  expect((await get()).headers.get('Fallback-Reason')).not.toBeNull();
  expect(await (await get()).json()).toEqual(['rg-1']);
  expect(used[1]).not.toBe(used[0]);
  expect(used[2]).toBe(used[1]);
});

test('if Resource Manager refuses every token, a new one is requested every five seconds, not for every caller', async () => {
  const { used, handler } = refusing(() => true);
  const { get, count } = startService([handler, entra()], { ...workloadIdentity(), ANSWER_MAX_AGE_MS: '0' });
  for (let i = 0; i < 10; i++) await get();
  expect(count(EXCHANGE)).toBe(2);
  pass(5);
  for (let i = 0; i < 10; i++) await get();
  expect(count(EXCHANGE)).toBe(3);
  expect(new Set(used).size).toBe(3);
});

test.each([
  ['WorkloadIdentityCredential', true],
  ['WorkloadIdentityCredential (identity binding)', true],
  ['EnvironmentCredential', true],
  ['ManagedIdentityCredential', false],
  ['AzureCliCredential', false],
  ['DefaultAzureCredential', false],
])('whether a refused token of %s can be replaced: %s', (name, expected) => {
  expect(canReplaceToken(name)).toBe(expected);
});

/** A cache on the real chain that rechecks its token, with timers that run when a test says so. */
function startRecheck(shouldRecheck: () => boolean) {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setInterval', 'clearInterval'] });
  const cloud = cloudOf();
  if (!cloud) throw new Error('no public cloud');
  const chain = defaultChain({
    cloud,
    identityBinding: false,
    selection: process.env['AZURE_TOKEN_CREDENTIALS'],
    clientId: process.env['AZURE_CLIENT_ID'],
    userAgentPrefix: 'test',
  });
  return createTokenCache(chain, cloud.scope, { shouldRecheck });
}

test("a recheck requests a new token of a managed identity every minute and bypasses MSAL's cache", async () => {
  const { azure, count } = startService([imds({ claims: { appid: 'made-up-node' } })]);
  const credential = startRecheck(() => true);
  const first = await credential.getToken();
  vi.advanceTimersByTime(59_000);
  expect(count(TOKEN)).toBe(1);
  azure.use(imds({ claims: { appid: 'made-up-pod' } }));
  vi.advanceTimersByTime(1000);
  await eventually(() => expect(credential.latestToken()?.token).not.toBe(first.token));
  expect(await credential.getToken()).toBe(credential.latestToken());
  expect(count(TOKEN)).toBe(2);
});

test('a failed recheck changes nothing', async () => {
  const { azure, count } = startService([imds()]);
  const credential = startRecheck(() => true);
  const first = await credential.getToken();
  azure.use(imds({ answer: identityNotFound }));
  vi.advanceTimersByTime(60_000);
  await eventually(() => expect(count(TOKEN)).toBe(2));
  azure.use(noImds());
  for (let i = 0; i < 3; i++) {
    vi.advanceTimersByTime(60_000);
    await new Promise(setImmediate);
  }
  expect((await credential.getToken()).token).toBe(first.token);
  expect(credential.renewalFailure()).toBeUndefined();
  expect(credential.attempts().at(-1)).toMatchObject({ outcome: 'succeeded' });
});

test('a failed recheck is not a failed renewal', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setInterval', 'clearInterval'] });
  const source = scripted({ expiresInSeconds: 3600 }, new Error('made-up refusal'));
  const credential = createTokenCache(source.acquire, 'made-up-scope', { shouldRecheck: () => true });
  const first = await credential.getToken();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(source.getToken).toHaveBeenCalledTimes(2);
  expect(await credential.getToken()).toBe(first);
  expect(credential.renewalFailure()).toBeUndefined();
});

test('a token that needs no recheck gets none', async () => {
  const { count } = startService([imds()]);
  const credential = startRecheck(() => false);
  await credential.getToken();
  await vi.advanceTimersByTimeAsync(180_000);
  expect(count(PROBE_OR_TOKEN)).toBe(2);
});

test('the deadline also covers the token for a claims challenge', async () => {
  const claims = Buffer.from('{"access_token":{}}').toString('base64');
  const headers = { 'WWW-Authenticate': `Bearer error="insufficient_claims", claims="${claims}"` };
  const challenges: Answer = () => HttpResponse.json({}, { status: 401, headers });
  const { get } = startService([entra({ answer: inTurn(asUsual, hangs) }), resourceManager(challenges)], {
    ...workloadIdentity(),
    AZURE_DEADLINE_MS: '2000',
  });
  expect((await get()).status).toBe(504);
});

test('claims bypass the cached token', async () => {
  const claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
  const seen: string[] = [];
  const answer: Answer = async (request) => {
    seen.push(new URLSearchParams(await request.text()).get('claims') ?? '');
    return undefined;
  };
  const { credential } = startService([entra({ answer })], workloadIdentity());
  const first = await credential.getToken();
  const second = await credential.getToken(claims);
  expect(second.token).not.toBe(first.token);
  expect(await credential.getToken()).toBe(second);
  // "cp1" tells Entra that this client understands claims challenges.
  expect(seen[0]).toContain('cp1');
  expect(seen[1]).toContain('"essential":true');
});

test('without any credential, the failure names every credential that was tried', async () => {
  const { credential } = startService([noImds()], { AZURE_TOKEN_CREDENTIALS: '', PATH: '' });
  const failure = await credential.getToken().catch((error) => error);
  expect(failure).toMatchObject({ kind: 'no-token' });
  for (const name of ['Environment', 'IMDS', 'Visual Studio Code', 'Azure CLI', 'PowerShell', 'Azure Developer CLI']) {
    expect(failure.cause.message).toContain(name);
  }
});

test('a refusal of Microsoft Entra ID keeps its message', async () => {
  const answer = aadsts(
    700213,
    "No matching federated identity record found for presented assertion subject 'made-up'.",
  );
  const { credential } = startService([entra({ answer }), noImds()], workloadIdentity());
  await expect(credential.getToken()).rejects.toMatchObject({
    kind: 'no-token',
    cause: { message: expect.stringContaining('AADSTS700213: No matching federated identity record') },
  });
});

test('a refused client secret ends the chain', async () => {
  const { credential } = startService([entra({ answer: aadsts(7000215, 'Invalid client secret provided.') })], {
    AZURE_CLIENT_ID: IDENTITY.clientId,
    AZURE_TENANT_ID: IDENTITY.tenantId,
    AZURE_CLIENT_SECRET: 'made-up-secret',
  });
  await expect(credential.getToken()).rejects.toMatchObject({ kind: 'no-token' });
});

test('workload identity gets a token from the authority host of the environment, in any cloud', async () => {
  const { credential, count } = startService([entra({ authorityHost: 'https://login.microsoftonline.us' })], {
    ...workloadIdentity(),
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.us/',
  });
  expect(await credential.getToken()).toMatchObject({ tokenType: 'Bearer' });
  expect(count(`https://login.microsoftonline.us/${IDENTITY.tenantId}${EXCHANGE}`)).toBe(1);
});

test('an empty AZURE_AUTHORITY_HOST means the public cloud, also for the SDK, which expects a URL', async () => {
  const { credential } = startService([imds()], { AZURE_AUTHORITY_HOST: '' });
  expect(await credential.getToken()).toMatchObject({ tokenType: 'Bearer' });
});

test('with AKS identity bindings the token comes through their proxy', async () => {
  const { credential, azure } = startService(
    [tokenProxy(() => HttpResponse.json({ token_type: 'Bearer', expires_in: 3600, access_token: 'made-up-token' }))],
    identityBinding(),
  );
  expect(await credential.getToken()).toMatchObject({ token: 'made-up-token' });
  expect(azure.requests.every((request) => request.includes('token-proxy.example'))).toBe(true);
});

test('if the proxy of identity bindings refuses, the failure has its reason and those of the rest of the chain', async () => {
  const { credential } = startService(
    [
      tokenProxy(() => HttpResponse.json({ error: 'made-up refusal of the proxy' }, { status: 403 })),
      entra({ answer: drops }),
      noImds(),
    ],
    identityBinding(),
  );
  const failure = await credential.getToken().catch((error) => error);
  expect(failure.cause.message).toContain('made-up refusal of the proxy');
  expect(failure.cause.message).toContain('EnvironmentCredential');
});

test('a wrong setup of identity bindings keeps the chain and reports the reason', async () => {
  const { credential } = startService([imds({ answer: identityNotFound })], {
    AZURE_KUBERNETES_TOKEN_PROXY: 'http://not-https.example',
    ...workloadIdentity(),
    AZURE_FEDERATED_TOKEN_FILE: '',
  });
  const failure = await credential.getToken().catch((error) => error);
  expect(credential.attempts()[0]).toMatchObject({
    name: 'WorkloadIdentityCredential (identity binding)',
    outcome: 'unavailable',
    message: expect.stringContaining('federatedTokenFilePath is a required parameter'),
  });
  expect(failure.cause.message).toContain('Identity not found');
});
