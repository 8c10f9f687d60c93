import { getResponse, HttpResponse } from 'msw';
import { afterEach, expect, test, vi } from 'vitest';
import { entra, exchange, imds } from '../../fake-azure/identity.ts';
import {
  groups,
  pageWithNextLink,
  permissions,
  RESOURCE_MANAGER,
  resourceManager,
  subscriptionId,
  subscriptions,
} from '../../fake-azure/resource-manager.ts';
import {
  type Answer,
  asUsual,
  drops,
  hangs,
  html,
  inTurn,
  refuses,
  says,
  stalls,
  throttles,
  truncated,
  unreachable,
} from '../../fake-azure/responses.ts';
import { workloadIdentity } from '../../fake-azure/workload-identity.ts';
import { DISCOVERY, LISTING, startService, TOKEN } from '../../service.ts';

afterEach(() => {
  vi.useRealTimers();
});

const rg = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `rg-${from + i}`);

test('lists the groups of the first subscription in the order of Resource Manager', async () => {
  const { listResourceGroups } = startService([
    imds(),
    subscriptions(['Beta', 'Alpha']),
    groups(['zebra', 'Aardvark', 'mule'], { subscription: 'Beta' }),
  ]);
  expect(await listResourceGroups()).toEqual(['zebra', 'Aardvark', 'mule']);
});

test('reads all pages, including empty ones with a nextLink', async () => {
  const { listResourceGroups, count } = startService([
    imds(),
    subscriptions(['One', 'Two', 'Three'], { pageSize: 1, emptyPages: true }),
    groups(980, { pageSize: 98, emptyPages: true }),
  ]);
  expect(await listResourceGroups()).toEqual(rg(1, 980));
  expect(count(LISTING)).toBe(20);
  expect(count(DISCOVERY)).toBe(2);
});

test('a subscription without groups is an empty list, not a failure', async () => {
  const { listResourceGroups } = startService([imds(), subscriptions(['One']), groups(0), permissions()]);
  expect(await listResourceGroups()).toEqual([]);
});

test('with AZURE_SUBSCRIPTION_ID there is no discovery', async () => {
  const { listResourceGroups, count } = startService([imds(), groups(3, { subscription: 'Mine' })], {
    AZURE_SUBSCRIPTION_ID: subscriptionId('Mine'),
  });
  expect(await listResourceGroups()).toEqual(rg(1, 3));
  expect(count(DISCOVERY)).toBe(0);
});

test('the first subscription is discovered once', async () => {
  const { listResourceGroups, count } = startService([imds(), subscriptions(['One']), groups(3)]);
  await listResourceGroups();
  await listResourceGroups();
  expect(count(DISCOVERY)).toBe(1);
  expect(count(LISTING)).toBe(2);
  expect(count(TOKEN)).toBe(1);
});

test.each([
  ['is gone', refuses(404, 'SubscriptionNotFound')],
  ['may not be read any more', refuses(403, 'AuthorizationFailed')],
])('a remembered subscription that %s is replaced within the same call', async (_, answer) => {
  const { listResourceGroups, azure } = startService([imds(), subscriptions(['Old']), groups(1)]);
  await listResourceGroups();
  azure.use(subscriptions(['New']), groups(1, { subscription: 'Old', onPage: { 1: answer } }), groups(['new']));
  azure.use(groups(['new'], { subscription: 'New' }));
  expect(await listResourceGroups()).toEqual(['new']);
});

test('a subscription whose listing failed is not remembered', async () => {
  const { listResourceGroups, count } = startService([
    imds(),
    subscriptions(['One']),
    groups(2, { onPage: { 1: inTurn(refuses(400, 'Odd'), asUsual) } }),
  ]);
  await expect(listResourceGroups()).rejects.toThrow('Odd');
  expect(await listResourceGroups()).toEqual(rg(1, 2));
  expect(count(DISCOVERY)).toBe(2);
});

test.each([
  ['public', 'https://login.microsoftonline.com', 'https://management.azure.com'],
  ['US Government', 'https://login.microsoftonline.us/', 'https://management.usgovcloudapi.net'],
  ['China', 'https://login.chinacloudapi.cn/', 'https://management.chinacloudapi.cn'],
])('the %s cloud has its own endpoint and a token for its own scope', async (_, authorityHost, resourceManager) => {
  // The fake Azure refuses a token for another audience than the endpoint.
  const { listResourceGroups, azure } = startService(
    [imds(), subscriptions(['One'], { resourceManager }), groups(2, { resourceManager })],
    { AZURE_AUTHORITY_HOST: authorityHost },
  );
  expect(await listResourceGroups()).toEqual(rg(1, 2));
  expect(azure.requests.at(-1)).toContain(resourceManager);
});

test.each([
  ['401', refuses(401, 'ExpiredAuthenticationToken', 'too old'), 'token-rejected', 'too old'],
  ['403', refuses(403, 'AuthorizationFailed', 'no role on it'), 'not-authorized', 'no role on it'],
  ['404 SubscriptionNotFound', refuses(404, 'SubscriptionNotFound', 'not there'), 'no-subscription', 'not there'],
])(
  '%s on a page is a failure of the identity with the message of Resource Manager',
  async (_, answer, kind, message) => {
    for (const place of ['discovery', 'page 1', 'page 3']) {
      const { listResourceGroups } = startService(
        place === 'discovery'
          ? [imds(), subscriptions(['One'], { onPage: { 1: answer } })]
          : [imds(), subscriptions(['One']), groups(4, { pageSize: 1, onPage: { [place.slice(-1)]: answer } })],
      );
      await expect(listResourceGroups()).rejects.toMatchObject({
        name: 'AzureFailure',
        category: 'identity',
        kind,
        message: expect.stringContaining(message),
        cause: { name: 'ResourceManagerError', message },
      });
    }
  },
);

test('an identity that sees no subscription is a failure of the identity', async () => {
  const { listResourceGroups } = startService([imds(), subscriptions([])]);
  await expect(listResourceGroups()).rejects.toMatchObject({
    name: 'AzureFailure',
    category: 'identity',
    kind: 'no-subscription',
  });
});

const broken: [string, Answer][] = [
  ['truncated JSON', truncated],
  ['HTML with 200', html],
  ['an empty body', says('')],
  ['null', says('null')],
  ['a page without value', says('{"items":[]}')],
  ['a value that is not a list', says('{"value":{"0":"rg"}}')],
  ['null among the groups', says('{"value":[null]}')],
  ['a group without a name', says('{"value":[{"id":"/made-up","name":null}]}')],
  ['a name that is a number', says('{"value":[{"id":"/made-up","name":7}]}')],
  ['a name longer than Azure allows', says(JSON.stringify({ value: [{ name: 'x'.repeat(91) }] }))],
  ['a nextLink that is a number', says('{"value":[],"nextLink":7}')],
  ['a huge nextLink', says(JSON.stringify({ value: [], nextLink: `${RESOURCE_MANAGER}/${'x'.repeat(10_000)}` }))],
  ['501', refuses(501, 'NotImplemented')],
  ['404 of something else', refuses(404, 'ResourceNotFound')],
  ['a redirect to another host', () => HttpResponse.redirect('https://elsewhere.example/', 307)],
];

test.each(broken)('%s on a later page is an AzureFailure, never half a list', async (_, answer) => {
  const { listResourceGroups } = startService([
    imds(),
    subscriptions(['One']),
    groups(6, { pageSize: 2, onPage: { 2: answer } }),
  ]);
  await expect(listResourceGroups()).rejects.toMatchObject({ name: 'AzureFailure', kind: 'broken' });
});

test.each(broken.slice(0, 6))('%s instead of the subscriptions is an AzureFailure', async (_, answer) => {
  const { listResourceGroups } = startService([imds(), subscriptions(['One'], { onPage: { 1: answer } })]);
  await expect(listResourceGroups()).rejects.toMatchObject({ name: 'AzureFailure', kind: 'broken' });
});

test('a subscription id that is not a GUID is an AzureFailure', async () => {
  const body = '{"value":[{"subscriptionId":"../made-up"}]}';
  const { listResourceGroups } = startService([imds(), subscriptions(['One'], { onPage: { 1: says(body) } })]);
  await expect(listResourceGroups()).rejects.toMatchObject({ kind: 'broken' });
});

test('more groups than a subscription can have are an AzureFailure', async () => {
  const { listResourceGroups } = startService([imds(), subscriptions(['One']), groups(9801)]);
  await expect(listResourceGroups()).rejects.toMatchObject({
    kind: 'broken',
    message: expect.stringContaining('9800'),
  });
});

test('a page of 980 groups with 15 long tags each is read', async () => {
  const tags = Object.fromEntries(
    Array.from({ length: 15 }, (_, i) => [`tag-${i}-${'k'.repeat(60)}`, 'v'.repeat(160)]),
  );
  const value = rg(1, 980).map((name) => ({ id: '/made-up', name, location: 'westeurope', tags }));
  const body = JSON.stringify({ value });
  expect(body.length).toBeGreaterThan(3.3 * 2 ** 20);
  const { listResourceGroups } = startService([
    imds(),
    subscriptions(['One']),
    groups(1, { onPage: { 1: says(body) } }),
  ]);
  expect(await listResourceGroups()).toEqual(rg(1, 980));
});

test.each([
  ['two megabytes of empty objects', `{"value":[${'{},'.repeat(700_000)}{}]}`],
  ['deep nesting', `{"value":[${'['.repeat(700_000)}`],
  ['empty objects beside the list', `{"value":[],"more":[${'{},'.repeat(700_000)}{}]}`],
])('%s: refused before anything is parsed', async (_, body) => {
  const { listResourceGroups } = startService([imds(), subscriptions(['One'], { onPage: { 1: says(body) } })]);
  const parse = vi.spyOn(JSON, 'parse');
  await expect(listResourceGroups()).rejects.toMatchObject({
    kind: 'broken',
    message: 'management.azure.com answered with more than 100000 elements',
  });
  expect(parse.mock.calls.filter(([text]) => text.length > 100_000)).toEqual([]);
  parse.mockRestore();
});

test('a large page is parsed once, and only the needed fields go to the SDK', async () => {
  const value = [{ id: '/made-up', name: 'rg-1', tags: { made: 'x'.repeat(200_000) } }];
  const { listResourceGroups } = startService([
    imds(),
    subscriptions(['One']),
    groups(1, { onPage: { 1: says(JSON.stringify({ value })) } }),
  ]);
  const parse = vi.spyOn(JSON, 'parse');
  expect(await listResourceGroups()).toEqual(['rg-1']);
  expect(parse.mock.calls.filter(([text]) => text.length > 100_000)).toHaveLength(1);
  parse.mockRestore();
});

test('a response that is too large is aborted, and no more of it is read', async () => {
  const { answer, sentBytes } = counted(64 * 2 ** 20);
  const { listResourceGroups } = startService([imds(), subscriptions(['One'], { onPage: { 1: answer } })]);
  await expect(listResourceGroups()).rejects.toMatchObject({
    name: 'AzureFailure',
    kind: 'broken',
    message: `management.azure.com answered with more than ${4 * 2 ** 20} bytes`,
  });
  expect(sentBytes()).toBeLessThan(8 * 2 ** 20);
});

/** Sends this many bytes, if they are read, and counts them. */
function counted(bytes: number) {
  let sent = 0;
  const answer: Answer = () => {
    const piece = new TextEncoder().encode(' '.repeat(64 * 1024));
    const body = new ReadableStream({
      pull(stream) {
        if (sent >= bytes) return stream.close();
        sent += piece.length;
        stream.enqueue(piece);
      },
    });
    return new HttpResponse(body, { headers: { 'Content-Type': 'application/json' } });
  };
  return { answer, sentBytes: () => sent };
}

test('a very long display name is cut', async () => {
  const { service } = startService([imds(), subscriptions(['x'.repeat(100_000)]), groups(1)]);
  const { subscription } = await service.azure.listResourceGroups();
  expect(subscription.name).toMatch(/^x{256}$/);
});

test('a subscription id without a name is not looked up again for a minute', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const { service, count } = startService([imds(), subscriptions(['Other'])]);
  const { nameSubscription } = service.azure;
  for (let i = 0; i < 3; i++) expect(await nameSubscription(subscriptionId('Mine'), 5000)).toBeUndefined();
  expect(count(DISCOVERY)).toBe(1);
  vi.advanceTimersByTime(60_000);
  await nameSubscription(subscriptionId('Mine'), 5000);
  expect(count(DISCOVERY)).toBe(2);
});

test('for HTML with 200, the error says what came instead of a list', async () => {
  const { listResourceGroups } = startService([imds(), subscriptions(['One'], { onPage: { 1: html } })]);
  await expect(listResourceGroups()).rejects.toThrow(/200.*text\/html.*Sign in to the network/);
});

test('a broken connection is an AzureFailure that names the host', async () => {
  const { listResourceGroups } = startService([imds(), subscriptions(['One'], { onPage: { 1: drops } })]);
  await expect(listResourceGroups()).rejects.toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining(RESOURCE_MANAGER),
  });
});

test('a server error is retried, and the list is complete', async () => {
  const { listResourceGroups } = startService([
    imds(),
    subscriptions(['One']),
    groups(4, { pageSize: 2, onPage: { 2: inTurn(refuses(500, 'InternalServerError'), asUsual) } }),
  ]);
  expect(await listResourceGroups()).toEqual(rg(1, 4));
});

test.each(['-5', '1e99', 'NaN', 'Wed, 21 Oct 2015 07:28:00 GMT'])(
  'Retry-After: %s, from Resource Manager or the metadata service, starts no timer that Node warns about',
  async (value) => {
    const warnings: string[] = [];
    const collect = ({ name }: Error) => warnings.push(name);
    process.on('warning', collect);
    const busy: Answer = () => new HttpResponse('{}', { status: 503, headers: { 'Retry-After': value } });
    const once = inTurn(busy, asUsual);
    const { get } = startService([imds({ answer: once }), subscriptions(['One'], { onPage: { 1: once } }), groups(1)]);
    await get();
    // Node emits a warning in the next tick.
    await new Promise(setImmediate);
    process.off('warning', collect);
    expect(warnings).toEqual([]);
  },
);

test('the SDK waits for a short Retry-After', async () => {
  const { listResourceGroups } = startService([
    imds(),
    subscriptions(['One']),
    groups(4, { pageSize: 2, onPage: { 2: inTurn(throttles(0), asUsual) } }),
  ]);
  expect(await listResourceGroups()).toEqual(rg(1, 4));
});

test.each([
  ['seconds', throttles(3600), 3600],
  ['a date', (request: Request) => throttles(new Date(Date.now() + 3600_000).toUTCString())(request), 3600],
  ['more milliseconds than a timer accepts', throttles(2 ** 31), 86_400],
  ['nothing', throttles(), 5],
])('the SDK does not wait for a Retry-After beyond the deadline, given as %s', async (_, answer, seconds) => {
  const { listResourceGroups, count } = startService([
    imds(),
    subscriptions(['One']),
    groups(4, { pageSize: 2, onPage: { 2: answer } }),
  ]);
  const failure = await listResourceGroups().catch((error) => error);
  expect(failure).toMatchObject({ name: 'AzureFailure', kind: 'throttled' });
  expect(Math.abs(failure.retryAfterSeconds - seconds)).toBeLessThanOrEqual(2);
  expect(count(LISTING)).toBe(2);
});

test.each([
  ['never answers', hangs],
  ['stops in the body', stalls],
])('the deadline holds if a later page %s, and the error says what the wait was for', async (_, answer) => {
  const { listResourceGroups, azure } = startService(
    [imds(), subscriptions(['One']), groups(4, { pageSize: 2, onPage: { 2: answer } })],
    { AZURE_DEADLINE_MS: '2000' },
  );
  await expect(listResourceGroups()).rejects.toMatchObject({
    name: 'AzureFailure',
    kind: 'timeout',
    message: expect.stringMatching(/list of resource groups after 2000 ms: .+ management\.azure\.com/),
    exchange: { host: 'management.azure.com', phase: expect.any(String), tookMs: expect.any(Number) },
  });
  azure.use(groups(1));
  expect(await listResourceGroups()).toEqual(['rg-1']);
});

/** Asks for an immediate retry. Closes the connection because of msw, as in fake-azure/resource-manager.ts. */
const throttledOnce: Answer = () =>
  HttpResponse.json(
    { error: { code: 'TooManyRequests', message: 'made up' } },
    { status: 429, headers: { 'Retry-After': '0', Connection: 'close' } },
  );

test.each([
  ['always answers 500', refuses(500, 'InternalServerError'), 'broken', 'answered 500 InternalServerError'],
  [
    'throttles, then hangs',
    inTurn(throttledOnce, hangs, throttledOnce, hangs),
    'throttled',
    'answered 429 TooManyRequests',
  ],
  ['cannot be reached', unreachable('ECONNREFUSED'), 'unreachable', 'cannot be reached'],
])(
  'if a page %s and the retries reach the deadline, the failure is the last one seen',
  { timeout: 30_000 },
  async (_, answer, kind, message) => {
    const { listResourceGroups, service, get } = startService(
      [imds(), subscriptions(['One']), groups(4, { pageSize: 2, onPage: { 2: answer } })],
      { AZURE_DEADLINE_MS: '2000' },
    );
    await expect(listResourceGroups()).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(message),
      subscriptionId: subscriptionId('One'),
    });
    await vi.waitFor(async () => expect(await service.metrics.scrape()).toContain(`outcome="${kind}"`));
    expect((await get()).status).toBe(kind === 'throttled' ? 503 : 502);
  },
);

test('a failure that a retry overcame is not the reason for a later timeout', async () => {
  const overcome = inTurn(throttledOnce, asUsual);
  const { listResourceGroups } = startService(
    [imds(), subscriptions(['One'], { onPage: { 1: overcome } }), groups(1, { onPage: { 1: hangs } })],
    { AZURE_DEADLINE_MS: '2000' },
  );
  await expect(listResourceGroups()).rejects.toMatchObject({ kind: 'timeout' });
});

test('after the deadline the abandoned request is aborted', async () => {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const answer: Answer = (request) => {
    request.signal.addEventListener('abort', () => resolve());
    return hangs(request);
  };
  const { listResourceGroups } = startService(
    [imds(), subscriptions(['One']), groups(4, { pageSize: 2, onPage: { 2: answer } })],
    { AZURE_DEADLINE_MS: '2000' },
  );
  await expect(listResourceGroups()).rejects.toThrow();
  await aborted;
});

test.each([
  ['another host', 'https://elsewhere.example/subscriptions/1/resourcegroups?page=2'],
  ['another port', `${RESOURCE_MANAGER}:8443/subscriptions?page=2`],
  ['plain http', 'http://management.azure.com/subscriptions?page=2'],
  ['a host that begins alike', 'https://management.azure.com.elsewhere.example/?page=2'],
  ['user info before another host', 'https://management.azure.com@elsewhere.example/?page=2'],
])('a nextLink to %s is not followed', async (_, nextLink) => {
  const { listResourceGroups, azure } = startService([
    imds(),
    subscriptions(['One']),
    groups(4, { onPage: { 1: pageWithNextLink(nextLink) } }),
  ]);
  await expect(listResourceGroups()).rejects.toMatchObject({ name: 'AzureFailure', kind: 'broken' });
  expect(azure.requests.filter((request) => request.includes('page=2'))).toEqual([]);
});

test('a nextLink that leads back to its own page ends in an error', async () => {
  const { listResourceGroups, count } = startService([
    imds(),
    subscriptions(['One']),
    groups(4, { onPage: { 1: pageWithNextLink((request) => request.url) } }),
  ]);
  await expect(listResourceGroups()).rejects.toMatchObject({ name: 'AzureFailure', kind: 'broken' });
  expect(count(LISTING)).toBe(1);
});

test('endless nextLinks end in an error', { timeout: 60_000 }, async () => {
  let page = 1;
  const endless = pageWithNextLink(({ url }) => `${url.split('&page')[0]}&page=${++page}`);
  const { listResourceGroups, count } = startService(
    [imds(), subscriptions(['One']), groups(1, { onPage: { 1: endless } })],
    { AZURE_DEADLINE_MS: '60000' },
  );
  await expect(listResourceGroups()).rejects.toMatchObject({ kind: 'broken', message: 'No end after 1000 pages' });
  expect(count(LISTING)).toBe(1000);
});

/** Asks for another token (Continuous Access Evaluation). */
const challenges: Answer = () => {
  const claims = Buffer.from('{"access_token":{"nbf":{"essential":true,"value":"1"}}}').toString('base64');
  const challenge = `Bearer authorization_uri="https://login.microsoftonline.com/", error="insufficient_claims", claims="${claims}"`;
  return HttpResponse.json(
    { error: { code: 'InvalidAuthenticationToken' } },
    { status: 401, headers: { 'WWW-Authenticate': challenge } },
  );
};

/** Resource Manager shows each identity its own subscription, and two groups on two pages. */
function ownSubscriptions(identities: Record<string, string>, onPage: Record<number, Answer> = {}) {
  const nameOf = (request: Request) => identities[objectIdOf(request)] ?? 'nothing';
  const listOf: Answer = (request) => getResponse([subscriptions([nameOf(request)])], request);
  return [
    resourceManager((request) => (new URL(request.url).pathname === '/subscriptions' ? listOf(request) : undefined)),
    ...Object.values(identities).map((name) =>
      groups([`${name}-1`, `${name}-2`], { subscription: name, pageSize: 1, onPage }),
    ),
  ];
}

function objectIdOf(request: Request): string {
  const payload = request.headers.get('Authorization')?.split('.')[1] ?? '';
  return JSON.parse(Buffer.from(payload, 'base64url').toString()).oid;
}

/** Entra gives a token of the next of these identities for each exchange, and of the last one from then on. */
function entraAs(...oids: [string, ...string[]]) {
  let turn = 0;
  return entra({ answer: (request) => exchange(3600, { oid: oids[Math.min(turn++, oids.length - 1)] })(request) });
}

test('a list whose token is replaced by one of another identity is begun anew, with its own subscription', async () => {
  const { get, service } = startService(
    [
      entraAs('first', 'second'),
      ...ownSubscriptions({ first: 'One', second: 'Two' }, { 2: inTurn(challenges, asUsual) }),
    ],
    workloadIdentity(),
  );
  expect(await (await get()).json()).toEqual(['Two-1', 'Two-2']);
  const whoami = await (await get('/whoami')).json();
  expect(whoami).toMatchObject({ identity: { objectId: 'second' }, subscription: { name: 'Two' } });
  expect(service.azure.credential.latestToken()?.identity.objectId).toBe('second');
});

test('an identity that changes with every page is a failure, not a list of several identities', async () => {
  const { listResourceGroups } = startService(
    [
      entraAs('a', 'b', 'c', 'd'),
      ...ownSubscriptions({ a: 'One', b: 'Two', c: 'Three', d: 'Four' }, { 2: challenges }),
    ],
    workloadIdentity(),
  );
  await expect(listResourceGroups()).rejects.toMatchObject({
    kind: 'broken',
    message: 'The identity changed while its list was read',
  });
});

test('when a token of another identity comes, such as that of a late NMI, the subscription is discovered anew', async () => {
  const { listResourceGroups, credential, count } = startService(
    [entraAs('node', 'pod'), ...ownSubscriptions({ node: 'Node', pod: 'Pod' })],
    workloadIdentity(),
  );
  expect(await listResourceGroups()).toEqual(['Node-1', 'Node-2']);
  await credential.getToken('{"access_token":{"nbf":{"essential":true}}}');
  expect(await listResourceGroups()).toEqual(['Pod-1', 'Pod-2']);
  expect(count(DISCOVERY)).toBe(2);
});

test('an answer is about the identity whose list it is, even if that changes while /whoami waits', async () => {
  const { get } = startService(
    [
      entraAs('first', 'second'),
      ...ownSubscriptions({ first: 'One', second: 'Two' }, { 1: inTurn(challenges, asUsual) }),
    ],
    workloadIdentity(),
  );
  expect(await (await get('/whoami')).json()).toMatchObject({
    identity: { objectId: 'second' },
    subscription: { name: 'Two' },
  });
});

test('a claims challenge is answered with a new token', async () => {
  const { listResourceGroups, credential } = startService([
    imds(),
    subscriptions(['One']),
    groups(2, { onPage: { 1: inTurn(challenges, asUsual) } }),
  ]);
  const getToken = vi.spyOn(credential, 'getToken');
  expect(await listResourceGroups()).toEqual(rg(1, 2));
  expect(getToken.mock.calls.flat()).toContainEqual(expect.stringContaining('essential'));
});

test('a token that Resource Manager refused is not used again', async () => {
  const { listResourceGroups, credential } = startService([
    imds(),
    subscriptions(['One'], { onPage: { 1: inTurn(refuses(401, 'AuthenticationFailed'), asUsual) } }),
    groups(1),
  ]);
  const forgetToken = vi.spyOn(credential, 'forgetToken');
  await expect(listResourceGroups()).rejects.toMatchObject({ kind: 'token-rejected' });
  expect(forgetToken).toHaveBeenCalledOnce();
  expect(await listResourceGroups()).toEqual(['rg-1']);
});
