import { once } from 'node:events';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { http, passthrough } from 'msw';
import { afterEach, expect, test, vi } from 'vitest';
import { createFastPath } from '../src/fast-path.ts';
import { holdAgainstDocument } from './described.ts';
import { identityNotFound, imds } from './fake-azure/identity.ts';
import { groups, resourceManager, subscriptions } from './fake-azure/resource-manager.ts';
import { refuses, throttles } from './fake-azure/responses.ts';
import { LISTING, startService } from './service.ts';

let cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanUp) undo();
  cleanUp = [];
});

/** The service behind the fast path, on a socket; says of each request whether it went on to Hono. */
async function startServer(...[handlers, env]: Parameters<typeof startService>) {
  const { service, app, count, log } = startService(
    [http.all('http://127.0.0.1:*/*', () => passthrough()), ...handlers],
    env,
  );
  const others = vi.fn(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
  const server = createServer(createFastPath({ ...service, others })).listen(0, '127.0.0.1');
  cleanUp.push(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address?.port}`;
  async function get(path = '/', init?: RequestInit) {
    others.mockClear();
    const response = await fetch(`${url}${path}`, init);
    const body = await response.text();
    holdAgainstDocument(path, init, response, body);
    const headers = new Map([...response.headers].filter(([name]) => name !== 'date'));
    return { status: response.status, headers, body, byHono: others.mock.calls.length === 1 };
  }
  return { get, service, count, log };
}

const healthy = [imds(), subscriptions(['One']), groups(3)];
/** Through Hono, which has to weigh it. */
const WEIGHED = { headers: { Accept: 'application/json, */*;q=0.1' } };

test.each([
  ['a list', healthy],
  ['a long list', [imds(), subscriptions(['One']), groups(980)]],
  ['no identity', [imds({ answer: identityNotFound })]],
  ['a throttling Resource Manager', [imds(), resourceManager(throttles(30))]],
  ['a broken Resource Manager', [imds(), resourceManager(refuses(400, 'Odd'))]],
])('with %s the answer is that of Hono, header by header', async (_, handlers) => {
  const { get } = await startServer(handlers, { AZURE_DEADLINE_MS: '2000' });
  const first = await get();
  expect(first.byHono).toBe(false);
  // Now from memory.
  expect(await get()).toEqual(first);
  expect(await get('/', WEIGHED)).toEqual({ ...first, byHono: true });
});

test.each([
  ['/', { headers: { Accept: 'text/html' } }],
  ['/', { headers: { Accept: '*/*;q=0.5, text/html' } }],
  ['/', { method: 'HEAD' }],
  ['/', { method: 'POST' }],
  ['/?made=up', {}],
  ['/healthz', {}],
  ['/made-up', {}],
])('%s with %o is for Hono', async (path, init) => {
  const { get } = await startServer(healthy);
  expect((await get(path, init)).byHono).toBe(true);
});

test.each([undefined, '*/*', 'application/json'])('GET / with Accept: %s is not', async (accept) => {
  const { get } = await startServer(healthy);
  const answer = await get('/', { headers: accept === undefined ? {} : { Accept: accept } });
  expect(answer).toMatchObject({ byHono: false, status: 200, body: '["rg-1","rg-2","rg-3"]' });
});

test('its requests are in the metrics and at debug in the log, with their trace', async () => {
  const { get, log, count } = await startServer([imds({ answer: identityNotFound })], { LOG_LEVEL: 'debug' });
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  await get('/', { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } });
  await get();
  const { body } = await get('/metrics');
  expect(body).toContain('http_request_duration_seconds_count{route="/",method="GET",status="200"} 2');
  expect(body).toContain('rgapi_fallbacks_total{reason="identity-not-found"} 2');
  expect(log()).toMatchObject([
    { level: 40, trace_id: traceId },
    { level: 20, trace_id: traceId },
    { path: '/', status: 200, trace_id: traceId },
    { path: '/', status: 200 },
    { path: '/metrics', status: 200 },
  ]);
  expect(count(LISTING)).toBe(0);
});

test('a bug is a 500, not a connection that hangs', async () => {
  const { get, service, log } = await startServer(healthy);
  vi.spyOn(service.azure, 'listResourceGroups').mockRejectedValue(new Error('made-up'));
  vi.spyOn(service.azure, 'diagnose').mockRejectedValue(new TypeError('made-up bug'));
  const { status, byHono } = await get();
  expect([status, byHono]).toEqual([500, true]);
  expect(log()).toMatchObject([{ level: 50, error: { message: expect.stringContaining('made-up') } }]);
});
