import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { HttpResponse } from 'msw';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { aadsts, dated, entra, identityNotFound, imds, nmiNotReady } from '../fake-azure/identity.ts';
import { resourceManager } from '../fake-azure/resource-manager.ts';
import { type Answer, after, asUsual, drops, hangs, refuses, until } from '../fake-azure/responses.ts';
import { serviceAccountToken, workloadIdentity } from '../fake-azure/workload-identity.ts';
import { get, recovered, startAzure, startService, WHOLE_LIST } from './rig.ts';
import { expectAnswer, printTable, report } from './table.ts';

const status =
  (code: number, text = 'made-up'): Answer =>
  () =>
    new HttpResponse(text, { status: code });

describe('identity', () => {
  let azure: Awaited<ReturnType<typeof startAzure>>;
  let service: Awaited<ReturnType<typeof startService>> | undefined;
  beforeAll(async () => {
    azure = await startAzure();
  });
  afterEach(async () => {
    azure.answer();
    await service?.end();
    service = undefined;
  });
  afterAll(() => azure.close());
  printTable();

  const inPod = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };

  test.each<[string, Answer, { status: number; reason: string }, number?]>([
    [
      'IMDS breaks the connection',
      drops,
      { status: 200, reason: 'imds-refused|imds-unreachable|webhook-missed' },
      6000,
    ],
    ['IMDS 400', identityNotFound, { status: 200, reason: 'identity-not-found' }],
    ['NMI 404', nmiNotReady, { status: 200, reason: 'identity-pending' }],
    ['IMDS 410', status(410), { status: 200, reason: 'imds-refused' }, 6000],
    ['IMDS 429', status(429), { status: 200, reason: 'imds-refused' }],
    ['IMDS 500', status(500), { status: 200, reason: 'imds-refused' }, 3000],
    ['IMDS hangs', hangs, { status: 504, reason: 'identity-pending' }],
    ['IMDS answers garbage', status(200, 'garbage'), { status: 200, reason: 'imds-refused' }],
  ])('%s, then works', async (fault, answer, expected, deadlineMs = 1500) => {
    service = await startService(azure.certificate, { ...inPod, AZURE_DEADLINE_MS: String(deadlineMs) });
    azure.answer(imds({ answer }));
    await expectAnswer(fault, await get(), expected, deadlineMs);
    expect((await get('/whoami')).status).toBe(503);
    azure.answer();
    // The service gives up a hanging request after two minutes, because NMI may need that long.
    if (answer !== hangs) await recovered();
    expect(service.child.exitCode).toBe(null);
  });

  test('IMDS 404 for five seconds, then fine: the service recovers without a restart', async () => {
    service = await startService(azure.certificate, inPod);
    azure.answer(imds({ answer: until(Date.now() + 5000, nmiNotReady) }));
    await expectAnswer('IMDS 404 for 5 s', await get(), { status: 200, reason: 'identity-pending' });
    report('… then fine', 'whole list', Math.round(await recovered()));
    const { log } = service;
    await vi.waitFor(() => expect(log().at(-1)).toMatchObject({ level: 'info', reasons: ['identity-pending'] }));
    expect(log().filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  test('IMDS is slow: the deadline holds, and the next request gets the token', async () => {
    service = await startService(azure.certificate, inPod);
    azure.answer(imds({ answer: after(5000, asUsual) }));
    await expectAnswer('IMDS takes 5 s', await get(), { status: 504, reason: 'identity-pending' });
    report('… then answers', 'whole list', Math.round(await recovered()));
  });

  test('a token that has expired on arrival', async () => {
    service = await startService(azure.certificate, inPod);
    azure.answer(imds({ expiresIn: -60 }));
    await expectAnswer('token already expired', await get(), { status: 200, reason: 'token-rejected' });
    azure.answer();
    await recovered();
  });

  test('a token that lives twelve seconds is renewed under load without a failed request', async () => {
    service = await startService(azure.certificate, { ...inPod, ANSWER_MAX_AGE_MS: '20' });
    azure.answer(imds({ expiresIn: 12 }));
    const startedAtMs = performance.now();
    let failed = 0;
    let answered = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (performance.now() - startedAtMs < 30_000) {
          const { body } = await get();
          answered += 1;
          if (JSON.stringify(body) !== JSON.stringify(WHOLE_LIST)) failed += 1;
        }
      }),
    );
    const tokens = azure.requests.filter((request) => request.includes('/oauth2/token?')).length;
    report('tokens of 12 s for 30 s under load', `${answered} answers, ${failed} failed, ${tokens} tokens`, 30_000);
    expect(failed).toBe(0);
    expect(tokens).toBeGreaterThan(3);
  });

  test('an identity that refuses when the token expires does not end the process', async () => {
    service = await startService(azure.certificate, inPod);
    azure.answer(imds({ expiresIn: 4 }));
    await recovered();
    azure.answer(imds({ answer: identityNotFound }));
    await setTimeout(6000);
    await expectAnswer('refused after its token expired', await get(), { status: 200, reason: 'identity-not-found' });
    expect(service.child.exitCode).toBe(null);
    azure.answer();
    await recovered();
  });

  test('a wrong clock', async () => {
    service = await startService(azure.certificate, inPod);
    azure.answer(resourceManager(dated(-600, refuses(401, 'ExpiredAuthenticationToken'))));
    await expectAnswer('clock ten minutes ahead', await get(), { status: 200, reason: 'clock-skew' });
    azure.answer();
    await recovered();
  });

  test.each([
    [70021, 'federated-credential-missing'],
    [70025, 'federated-credential-missing'],
    [700211, 'federated-credential-issuer'],
    [700212, 'federated-credential-audience'],
    [700213, 'federated-credential-subject'],
    [7002138, 'federated-credential-case'],
    [700016, 'client-id-unknown'],
    [90002, 'tenant-unknown'],
    [700024, 'assertion-expired'],
    [90061, 'issuer-unreachable'],
    [900023, 'tenant-unknown'],
    [900382, 'wrong-cloud'],
    [900432, 'wrong-cloud'],
    [900439, 'wrong-cloud'],
    [500011, 'wrong-cloud'],
    [53003, 'blocked-by-policy'],
  ])('Entra refuses with AADSTS%i', async (errorNo, reason) => {
    service = await startService(azure.certificate, workloadIdentity());
    azure.answer(entra({ answer: aadsts(errorNo, 'made-up') }));
    await expectAnswer(`AADSTS${errorNo}`, await get(), { status: 200, reason });
    azure.answer(entra());
    await recovered();
  });

  test.each([7000215, 7000222])('Entra refuses a client secret with AADSTS%i', async (errorNo) => {
    const { AZURE_CLIENT_ID, AZURE_TENANT_ID } = workloadIdentity();
    const secret = { AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_CLIENT_SECRET: 'made-up~secret' };
    service = await startService(azure.certificate, secret);
    azure.answer(entra({ answer: aadsts(errorNo, 'made-up') }));
    await expectAnswer(`AADSTS${errorNo}`, await get(), { status: 200, reason: 'client-secret-refused' });
    azure.answer(entra());
    await recovered();
    expect(service.output()).not.toContain('made-up~secret');
  });

  test('Entra throttles, and MSAL remembers it', async () => {
    service = await startService(azure.certificate, { ...workloadIdentity(), AZURE_DEADLINE_MS: '1000' });
    const throttle: Answer = () =>
      HttpResponse.json(
        { error: 'x', error_description: 'AADSTS90055' },
        { status: 429, headers: { 'Retry-After': '3' } },
      );
    azure.answer(entra({ answer: throttle }));
    await expectAnswer('Entra 429, Retry-After 3', await get(), { status: 504, reason: 'entra-throttled' }, 1000);
    azure.answer(entra());
    report('… then fine', 'whole list', Math.round(await recovered(15_000)));
  });

  test('Entra hangs', async () => {
    service = await startService(azure.certificate, workloadIdentity());
    azure.answer(entra({ answer: hangs }));
    await expectAnswer('Entra hangs', await get(), { status: 504, reason: 'token-timeout' });
    azure.answer(entra());
    report('… then fine', 'whole list', Math.round(await recovered(45_000)));
  });

  test.each<[string, (file: string) => void, string]>([
    ['missing', (file) => rmSync(file), 'token-file-missing'],
    ['empty', (file) => writeFileSync(file, ''), 'token-file-malformed'],
    ['not a token', (file) => writeFileSync(file, 'made-up'), 'token-file-malformed'],
  ])('a token file that is %s, then valid', async (title, spoil, reason) => {
    const env = workloadIdentity();
    const file = env.AZURE_FEDERATED_TOKEN_FILE;
    spoil(file);
    service = await startService(azure.certificate, env);
    azure.answer(
      entra({ answer: (request) => (title === 'not a token' ? aadsts(50027, 'Invalid JWT')(request) : undefined) }),
    );
    await expectAnswer(`token file ${title}`, await get(), { status: 200, reason });
    writeFileSync(file, serviceAccountToken());
    chmodSync(file, 0o644);
    azure.answer(entra());
    if (title !== 'not a token') await recovered();
  });

  test('a token file that is rotated while the service runs', async () => {
    const env = workloadIdentity();
    service = await startService(azure.certificate, env);
    azure.answer(entra({ expiresIn: 3 }));
    await recovered();
    writeFileSync(env.AZURE_FEDERATED_TOKEN_FILE, serviceAccountToken({ jti: 'made-up-rotated' }));
    await setTimeout(4000);
    const answer = await get();
    report('token file rotated', `${answer.status} ${answer.body.length} names`, answer.ms);
    expect(answer.body).toEqual(WHOLE_LIST);
  });

  test.each<[string, (file: string) => void]>([
    ['a named pipe', (file) => execFileSync('mkfifo', [file])],
    ['/dev/zero', (file) => symlinkSync('/dev/zero', file)],
  ])('a token file that is %s blocks nothing, however often it is read', async (title, make) => {
    const env = workloadIdentity();
    const file = env.AZURE_FEDERATED_TOKEN_FILE;
    azure.answer(entra());
    rmSync(file);
    make(file);
    service = await startService(azure.certificate, env);
    const first = await get();
    await expectAnswer(`token file is ${title}`, first, { status: 200, reason: 'token-file-.*' });
    // More reads than Node has threads.
    const answers = [];
    for (let i = 0; i < 8; i++) {
      answers.push(...(await Promise.all(['/', '/whoami', '/'].map((path) => get(path)))));
      await setTimeout(500);
    }
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(2500);
    expect(service.memoryMiB('VmHWM')).toBeLessThan(128);
    rmSync(file);
    writeFileSync(file, serviceAccountToken());
    report('… then a file', 'whole list', Math.round(await recovered()));
  });

  test('a token that Resource Manager refuses with a plain 401 is replaced within ten seconds', async () => {
    azure.answer(entra());
    service = await startService(azure.certificate, workloadIdentity());
    await recovered();
    const refused = new Set<string | null>();
    const refusesFirst: Answer = (request) => {
      const token = request.headers.get('Authorization');
      if (refused.size === 0) refused.add(token);
      return refused.has(token) ? refuses(401, 'InvalidAuthenticationToken')(request) : undefined;
    };
    azure.answer(resourceManager(refusesFirst), entra());
    const ms = await recovered(12_000);
    // The look that the refusal meets may be that of the start, which goes on beside the first request.
    expect(JSON.stringify((await get('/whoami')).body)).toContain('"reason":"token-rejected"');
    report('one token refused with a plain 401, then replaced', 'whole list', Math.round(ms));
    expect(ms).toBeLessThan(10_000);
    expect(refused.size).toBe(1);
  });
});
