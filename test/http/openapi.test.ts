import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, test, vi } from 'vitest';
import { REASONS } from '../../src/explain/catalogue.ts';
import { checkAgainstDocument, DOCUMENT, faultOf, headerOf, responseOf } from '../described.ts';
import { identityNotFound, imds } from '../fake-azure/identity.ts';
import { groups, resourceManager, subscriptions } from '../fake-azure/resource-manager.ts';
import { drops, hangs, throttles } from '../fake-azure/responses.ts';
import { askWithHost, startService } from '../service.ts';

const healthy = [imds(), subscriptions(['One']), groups(3)];

test('GET /openapi.json returns the document, with the version of the service', async () => {
  const document = await (await startService([]).get('/openapi.json')).json();
  expect(document).toEqual(DOCUMENT);
  expect(document).toMatchObject({ openapi: '3.1.1', info: { version: '0.0.0-test' } });
});

test('it passes a linter', async () => {
  const config = await createConfig({ extends: ['recommended'] });
  const source = await (await startService([]).get('/openapi.json')).text();
  const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
  expect(problems.map(({ ruleId, message }) => `${ruleId}: ${message}`)).toEqual([]);
});

test('it describes exactly the routes', () => {
  const { app } = startService([]);
  const paths = app.routes.filter(({ method }) => method === 'GET').map(({ path }) => path);
  expect(new Set(paths)).toEqual(new Set(Object.keys(DOCUMENT.paths)));
});

test('its reasons are those of the catalogue', () => {
  expect(DOCUMENT.components.schemas['Reason']?.enum).toEqual(REASONS.map(({ reason }) => reason));
});

test('a $ref has no siblings, which many tools ignore', () => {
  const withSiblings: string[] = [];
  JSON.stringify(DOCUMENT, (key, value) => {
    if (Object(value) === value && '$ref' in value && Object.keys(value).length > 1) withSiblings.push(key);
    return value;
  });
  expect(withSiblings).toEqual([]);
});

test('it works under any path prefix: its server is relative to the document', () => {
  expect(new URL(DOCUMENT.servers[0]?.url ?? '', 'https://proxy.example/prefix/openapi.json').href).toBe(
    'https://proxy.example/prefix/',
  );
});

/** Every response of a GET in the document. */
const RESPONSES = Object.entries(DOCUMENT.paths).flatMap(([path, { get }]) =>
  Object.entries(get.responses).map(([status, response]) => ({ path, status, ...responseOf(response) })),
);

test('its examples match their schemas', () => {
  const headers = RESPONSES.flatMap(({ headers = {} }) => Object.values(headers).map(headerOf)).filter(
    ({ example }) => example !== undefined,
  );
  const bodies = RESPONSES.flatMap(({ content = {} }) => Object.values(content));
  const examples = [
    ...headers.map(({ example, schema }) => ({ value: example, schema })),
    ...bodies.flatMap(({ examples, schema }) => Object.values(examples).map(({ value }) => ({ value, schema }))),
  ];
  expect(bodies.every((body) => Object.keys(body.examples).length > 0)).toBe(true);
  expect(examples.map(({ value, schema }) => faultOf(value, schema)).filter(Boolean)).toEqual([]);
});

test('the service can send every response that it describes', async () => {
  const seen: string[] = [];
  const ask = async (service: ReturnType<typeof startService>, path: string, init?: RequestInit) => {
    const { status, headers } = await service.get(path, init);
    seen.push(`${status === 404 ? '/' : path} ${status} ${headers.get('Content-Type')}`);
  };
  const service = startService(healthy);
  for (const path of Object.keys(DOCUMENT.paths)) {
    await ask(service, path);
    await ask(service, path, { method: 'POST' });
    const misdirected = await askWithHost(service, 'attacker.example', path);
    seen.push(`${path} ${misdirected.status} ${misdirected.headers.get('Content-Type')}`);
  }
  await ask(service, '/', { headers: { Accept: 'text/html' } });
  await ask(service, '/nix');
  void service.service.server.drain(60_000);
  await ask(service, '/readyz');
  for (const answer of [throttles(30), drops, hangs]) {
    const failing = startService([imds(), resourceManager(answer)], { AZURE_DEADLINE_MS: '2000' });
    await ask(failing, '/');
    await ask(failing, '/', { headers: { Accept: 'text/html' } });
  }
  await ask(startService([imds({ answer: identityNotFound })]), '/whoami');

  const described = RESPONSES.flatMap(({ path, status, content = {} }) =>
    Object.keys(content).map((type) => `${path} ${status} ${type}`),
  );
  // A bug can happen in any route.
  expect(seen.sort()).toEqual(described.filter((answer) => !answer.includes(' 500 ')).sort());
});

test('the response to a bug is as described', async () => {
  const { get, service, log } = startService(healthy);
  vi.spyOn(service.snapshots, 'get').mockRejectedValue(new TypeError('made-up bug'));
  expect((await get('/')).status).toBe(500);
  expect(log()).toMatchObject([
    { error: { message: 'made-up bug' }, stack: expect.stringContaining('openapi.test.ts') },
  ]);
});

const JSON_HEADERS = {
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
};
const LIST_HEADERS = { ...JSON_HEADERS, Vary: 'Accept' };
const PROBLEM_HEADERS = { ...JSON_HEADERS, 'Content-Type': 'application/problem+json' };
const NOT_FOUND = '{"type":"about:blank","title":"Not Found","status":404,"detail":"made-up"}';

test('a response that matches the document passes', () => {
  checkAgainstDocument('/', undefined, new Response('', { headers: LIST_HEADERS }), '["rg-1"]');
  checkAgainstDocument('/', { method: 'HEAD' }, new Response('', { headers: LIST_HEADERS }), '');
  checkAgainstDocument('/nix', undefined, new Response('', { status: 404, headers: PROBLEM_HEADERS }), NOT_FOUND);
});

test.each([
  ['another status', '/', 'GET', 418, LIST_HEADERS, '["rg-1"]', 'this status is not described'],
  ['404 from a route', '/', 'GET', 404, PROBLEM_HEADERS, NOT_FOUND, 'this status is not described'],
  ['200 from no route', '/nix', 'GET', 200, JSON_HEADERS, '{"status":"ok"}', 'this status is not described'],
  ['200 to another method', '/healthz', 'POST', 200, JSON_HEADERS, '{"status":"ok"}', 'this status is not described'],
  ['405 to GET', '/healthz', 'GET', 405, PROBLEM_HEADERS, NOT_FOUND, 'this status is not described'],
  ['a missing header', '/', 'GET', 200, JSON_HEADERS, '["rg-1"]', 'the header vary is missing'],
  ['an extra header', '/', 'GET', 200, { ...LIST_HEADERS, Server: 'x' }, '[]', 'the header server is not described'],
  ['another header value', '/', 'GET', 200, { ...LIST_HEADERS, Vary: '*' }, '[]', 'the header vary: it must be equal'],
  [
    'an unknown reason',
    '/',
    'GET',
    200,
    { ...LIST_HEADERS, 'Fallback-Reason': 'nix' },
    '[]',
    'fallback-reason: it must',
  ],
  [
    'another content type',
    '/',
    'GET',
    200,
    { ...LIST_HEADERS, 'Content-Type': 'text/plain' },
    '[]',
    'the type "text/plain"',
  ],
  ['a body to HEAD', '/', 'HEAD', 200, LIST_HEADERS, '["rg-1"]', 'there is a body'],
  ['half a list', '/', 'GET', 200, LIST_HEADERS, '["rg-1",null]', 'the body: it/1 must be string'],
  [
    'an extra member',
    '/healthz',
    'GET',
    200,
    JSON_HEADERS,
    '{"status":"ok","a":1}',
    'must NOT have additional properties',
  ],
  ['a missing member', '/healthz', 'GET', 200, JSON_HEADERS, '{}', "must have required property 'status'"],
  [
    'another status in its body',
    '/nix',
    'GET',
    404,
    PROBLEM_HEADERS,
    NOT_FOUND.replace('404', '405'),
    'it/status must be equal',
  ],
])('a response with %s does not pass', (_, path, method, status, headers, body, fault) => {
  expect(() => checkAgainstDocument(path, { method }, new Response('', { status, headers }), body)).toThrow(fault);
});
