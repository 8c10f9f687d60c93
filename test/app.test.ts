import { expect, test, vi } from 'vitest';
import { identityNotFound, imds } from './fake-azure/identity.ts';
import { groups, permissions, resourceManager, subscriptionId, subscriptions } from './fake-azure/resource-manager.ts';
import { asUsual, drops, hangs, html, inTurn, refuses, throttles, when } from './fake-azure/responses.ts';
import { DISCOVERY, LISTING, startService } from './service.ts';

const healthy = [imds(), subscriptions(['One']), groups(3)];

test('GET / returns the names as a JSON array', async () => {
  const response = await startService(healthy).get();
  expect(response.status).toBe(200);
  expect(await response.text()).toBe('["rg-1","rg-2","rg-3"]\n');
  expect(Object.fromEntries(response.headers)).toEqual({
    'content-type': 'application/json',
    'content-length': '23',
    'cache-control': 'no-store',
    'cross-origin-resource-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    vary: 'Accept',
    connection: 'keep-alive',
    'keep-alive': 'timeout=5',
    date: expect.any(String),
  });
});

test.each(['*/*', 'application/json', 'text/plain', 'nonsense;;q=x', ''])(
  'GET / with Accept: %s returns JSON',
  async (accept) => {
    const response = await startService(healthy).get('/', { headers: { Accept: accept } });
    expect(await response.json()).toHaveLength(3);
  },
);

test('control characters and direction marks of names are escaped, and the parsed names are unchanged', async () => {
  const names = ['rg-\u009b31m', 'rg-\u202egpj'];
  const response = await startService([imds(), subscriptions(['One']), groups(names)]).get();
  const body = await response.text();
  expect(body).toBe('["rg-\\u009b31m","rg-\\u202egpj"]\n');
  expect(JSON.parse(body)).toEqual(names);
});

test('the page is complete even if a secret equals one of our own words', async () => {
  const { get } = startService(healthy, { AZURE_CLIENT_SECRET: 'listed' });
  const response = await get('/', { headers: { Accept: 'text/html' } });
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('<h1>3 resource groups</h1>');
});

test('HEAD works where GET does', async () => {
  const { get } = startService(healthy);
  for (const path of ['/', '/healthz', '/readyz']) {
    const response = await get(path, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  }
});

test.each([
  ['no identity', [imds({ answer: identityNotFound })], 'identity-not-found', 'Identity not found'],
  ['no role', [imds(), subscriptions([])], 'no-subscription', 'no role in any subscription'],
  [
    'a role that is gone',
    [imds(), resourceManager(refuses(403, 'AuthorizationFailed', 'may not'))],
    'not-authorized',
    'may not',
  ],
  ['a refused token', [imds(), resourceManager(refuses(401, 'InvalidToken', 'wrong'))], 'token-rejected', 'wrong'],
])('with %s GET / returns [], and header and log say why', async (_, handlers, reason, message) => {
  const { get, log } = startService(handlers);
  const response = await get();
  expect(response.status).toBe(200);
  expect(await response.text()).toBe('[]\n');
  expect(response.headers.get('Fallback-Reason')).toBe(reason);
  expect(response.headers.get('Vary')).toBe('Accept');
  expect(log()).toEqual([
    expect.objectContaining({
      level: 'warn',
      reason,
      original: expect.objectContaining({ name: expect.any(String), message: expect.stringContaining(message) }),
    }),
  ]);
});

test('the warning has the name, code and status of the original error', async () => {
  const { get, log } = startService([imds(), resourceManager(refuses(403, 'AuthorizationFailed', 'may not'))]);
  await get();
  expect(log()[0].original).toEqual({
    name: 'ResourceManagerError',
    code: 'AuthorizationFailed',
    status: 403,
    message: 'Resource Manager answered 403 AuthorizationFailed: may not',
  });
});

test('an empty subscription is an empty list without a Fallback-Reason', async () => {
  const response = await startService([imds(), subscriptions(['One']), groups(0), permissions()]).get();
  expect(await response.text()).toBe('[]\n');
  expect(response.headers.has('Fallback-Reason')).toBe(false);
});

test.each([
  ['throttles', throttles(30), 503, 'throttled'],
  ['answers nonsense', html, 502, 'broken'],
  ['breaks the connection', drops, 502, 'connection-broken'],
  ['does not even connect', hangs, 504, 'egress-blocked'],
])('when Resource Manager %s, GET / returns a problem document', async (_, answer, status, reason) => {
  const { get, log } = startService([imds(), resourceManager(answer)], { AZURE_DEADLINE_MS: '2000' });
  const response = await get();
  expect(response.status).toBe(status);
  expect(response.headers.get('Content-Type')).toBe('application/problem+json');
  expect(response.headers.get('Retry-After')).toBe(status === 503 ? '30' : null);
  expect(response.headers.has('Fallback-Reason')).toBe(false);
  const { commands, ...document } = JSON.parse(await response.text());
  expect(commands ?? []).toBeInstanceOf(Array);
  expect(document).toMatchObject({
    type: `urn:rg-api:${reason}`,
    title: expect.any(String),
    status,
    reason,
    problem: expect.any(String),
    hint: expect.any(String),
    detail: expect.any(String),
  });
  expect(log()).toMatchObject([{ level: 'warn', reason }]);
});

test('an unexpected error is a complete document, never a 500', async () => {
  const { get, credential, log } = startService(healthy);
  vi.spyOn(credential, 'getToken').mockRejectedValue(new TypeError('made-up bug'));
  const list = await get();
  expect(list.status).toBe(502);
  expect(await list.json()).toMatchObject({ reason: 'unknown', detail: expect.stringContaining('made-up bug') });
  const who = await get('/whoami');
  expect(who.status).toBe(503);
  expect(await who.json()).toMatchObject({
    type: 'urn:rg-api:unknown',
    reason: 'unknown',
    hint: expect.any(String),
    detail: expect.stringContaining('made-up bug'),
    attempts: [],
    facts: { kubernetes: false },
  });
  expect(log()).toEqual([expect.objectContaining({ reason: 'unknown' })]);
});

test('a failing listing is logged once for all requests that share it', async () => {
  const { get, log } = startService([imds(), subscriptions([])]);
  await Promise.all([get(), get(), get()]);
  await get();
  expect(log()).toHaveLength(1);
});

test('a lasting failure is logged once, and so is the recovery', async () => {
  const { get, log, azure } = startService([imds(), subscriptions([])], { ANSWER_MAX_AGE_MS: '0' });
  for (let i = 0; i < 5; i++) await get();
  expect(log()).toHaveLength(1);
  azure.use(subscriptions(['One']), groups(1));
  for (let i = 0; i < 5; i++) await get();
  expect(log()).toMatchObject([
    { level: 'warn', reason: 'no-subscription' },
    { level: 'info', reasons: ['no-subscription'], msg: expect.stringContaining('recovered') },
  ]);
});

test('a client that disconnects does not cancel the response to others', async () => {
  const { promise: moment, resolve } = Promise.withResolvers<void>();
  const { get, count } = startService([
    imds(),
    subscriptions(['One']),
    groups(3, { onPage: { 1: when(moment, asUsual) } }),
  ]);
  const leaving = new AbortController();
  const first = get('/', { signal: leaving.signal });
  const second = get();
  leaving.abort();
  await expect(first).rejects.toThrow();
  resolve();
  expect(await (await second).json()).toHaveLength(3);
  expect(count(LISTING)).toBe(1);
});

test('the next listing recovers from a failure', async () => {
  const { get } = startService(
    [
      imds(),
      subscriptions(['One']),
      groups(3, { onPage: { 1: inTurn(refuses(403, 'AuthorizationFailed'), asUsual) } }),
    ],
    { ANSWER_MAX_AGE_MS: '0' },
  );
  expect(await (await get()).json()).toEqual([]);
  expect(await (await get()).json()).toHaveLength(3);
});

test('health and readiness never call Azure', async () => {
  const { get, azure, service } = startService([]);
  expect((await get('/healthz')).status).toBe(200);
  expect((await get('/readyz')).status).toBe(200);
  void service.server.drain(60_000);
  expect((await get('/healthz')).status).toBe(200);
  const draining = await get('/readyz');
  expect(draining.status).toBe(503);
  expect(draining.headers.get('Content-Type')).toBe('application/problem+json');
  expect(azure.requests).toEqual([]);
});

test('an unknown path is a 404 problem document', async () => {
  const response = await startService([]).get('/nix');
  expect(response.status).toBe(404);
  expect(response.headers.get('Content-Type')).toBe('application/problem+json');
  expect(await response.json()).toMatchObject({ type: 'about:blank', title: 'Not Found', status: 404 });
});

test.each(['/', '/whoami', '/healthz', '/readyz'])(
  'another method on %s is a 405 problem document with Allow',
  async (path) => {
    const { get } = startService([]);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const response = await get(path, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('Allow')).toBe('GET, HEAD');
      expect(await response.json()).toMatchObject({ type: 'about:blank', title: 'Method Not Allowed', status: 405 });
    }
  },
);

test('a successful request is logged at debug only', async () => {
  const quiet = startService(healthy);
  await quiet.get();
  expect(quiet.log()).toEqual([]);
});

test('at debug a request is logged as one line', async () => {
  const { get, log } = startService(healthy, { LOG_LEVEL: 'debug' });
  await get();
  expect(log()).toMatchObject([
    { level: 'debug', method: 'GET', path: '/', status: 200, durationMs: expect.any(Number) },
  ]);
});

test.each([
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html; charset=UTF-8'],
  ['text/html', 'text/html; charset=UTF-8'],
  ['text/html;q=0.9, application/json;q=0.8', 'text/html; charset=UTF-8'],
  ['text/html;q=0.8, application/json;q=0.9', 'application/json'],
  ['application/json, text/html', 'application/json'],
  ['text/html;q=0', 'application/json'],
  ['*/*', 'application/json'],
  ['text/html;q=0.5, */*', 'application/json'],
  ['text/html, */*', 'text/html; charset=UTF-8'],
  ['text/*, */*;q=0.1', 'application/json'],
  ['text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2', 'application/json'],
  ['TEXT/HTML', 'text/html; charset=UTF-8'],
])('GET / with Accept: %s returns %s', async (accept, type) => {
  const response = await startService(healthy).get('/', { headers: { Accept: accept } });
  expect(response.headers.get('Content-Type')).toBe(type);
  expect(response.headers.get('Vary')).toBe('Accept');
  expect(response.headers.has('Content-Security-Policy')).toBe(type.startsWith('text/html'));
});

test.each([
  ['no identity', [imds({ answer: identityNotFound })]],
  ['a throttling Resource Manager', [imds(), resourceManager(throttles(30))]],
])('with %s the page has the status and headers of the JSON', async (_, handlers) => {
  const { get } = startService(handlers);
  const json = await get();
  const page = await get('/', { headers: { Accept: 'text/html' } });
  expect(page.status).toBe(json.status);
  for (const name of ['Fallback-Reason', 'Retry-After', 'Cache-Control', 'Vary']) {
    expect(page.headers.get(name)).toBe(json.headers.get(name));
  }
});

test.each(['/whoami', '/healthz', '/readyz', '/metrics', '/docs', '/openapi.json'])(
  '%s with a trailing slash redirects to the path without it',
  async (path) => {
    const { get } = startService([]);
    const response = await get(`${path}/?a=1`);
    expect(response.status).toBe(301);
    // Relative, because a proxy may serve all routes under a prefix.
    expect(response.headers.get('Location')).toBe(`..${path}?a=1`);
    expect((await get(`${path}/`, { method: 'HEAD' })).status).toBe(301);
  },
);

test.each([
  ['if all is well', healthy, null],
  ['of an identity without a role', [imds(), subscriptions([])], 'no-subscription'],
  [
    'of another client id',
    [imds({ claims: { appid: 'made-up' } }), subscriptions(['One']), groups(3)],
    'other-client-id',
  ],
  ['without a token', [imds({ answer: identityNotFound })], null],
])('Identity-Warning %s has the reasons of the warnings of /whoami', async (_, handlers, warning) => {
  const { get, log } = startService(handlers);
  const response = await get();
  expect(response.headers.get('Identity-Warning')).toBe(warning);
  const { warnings = [] } = JSON.parse(await (await get('/whoami')).text());
  expect(warnings.map(({ reason }: { reason: string }) => reason).join(', ') || null).toBe(warning);
  const page = await get('/', { headers: { Accept: 'text/html' } });
  expect(page.headers.get('Identity-Warning')).toBe(warning);
  expect(log().filter(({ msg }) => msg.includes('recovered'))).toEqual([]);
});

test('100 callers of /whoami share one snapshot, including the name of a configured subscription', async () => {
  const env = { AZURE_SUBSCRIPTION_ID: subscriptionId('Hidden'), ANSWER_MAX_AGE_MS: '60000' };
  const { get, count } = startService([imds(), subscriptions(['One']), groups(3)], env);
  await Promise.all(Array.from({ length: 100 }, () => get('/whoami')));
  expect([count(DISCOVERY), count(LISTING)]).toEqual([1, 1]);
});

test('a subscription without a name is not looked up again', async () => {
  const env = { AZURE_SUBSCRIPTION_ID: subscriptionId('Hidden'), ANSWER_MAX_AGE_MS: '0' };
  const { get, count } = startService([imds(), subscriptions(['One']), groups(3)], env);
  for (let i = 0; i < 3; i++) await get('/whoami');
  expect([count(DISCOVERY), count(LISTING)]).toEqual([1, 3]);
});
