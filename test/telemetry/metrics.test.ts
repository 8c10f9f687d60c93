import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { identityNotFound, imds } from '../fake-azure/identity.ts';
import { groups, resourceManager, subscriptions } from '../fake-azure/resource-manager.ts';
import { refuses, throttles } from '../fake-azure/responses.ts';
import { startService } from '../service.ts';

const healthy = [imds({ expiresIn: 3600 }), subscriptions(['One']), groups(3)];

/** Each scrape starts after its request. */
const FRESH = { ANSWER_MAX_AGE_MS: '0' };

/** The samples of a scrape, as a map from `name{labels}` to value. */
async function scrape(get: (path: string) => Response | Promise<Response>): Promise<Map<string, number>> {
  const lines = (await (await get('/metrics')).text()).split('\n');
  const samples = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const [, name = '', value] = /^(.+) (\S+)$/.exec(line) ?? [];
      return [name, Number(value)];
    }),
  );
}

test('a scrape is Prometheus text', async () => {
  const response = await startService(healthy).get('/metrics');
  expect(response.status).toBe(200);
  expect(response.headers.get('Content-Type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(response.headers.get('Cache-Control')).toBe('no-store');
});

test('docs/metrics.md has every metric of the service', async () => {
  const text = await (await startService(healthy).get('/metrics')).text();
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  const documented = [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
  const own = names.filter((name) => !/^(process|nodejs)_/.test(name ?? ''));
  expect(documented.filter((name) => !name?.startsWith('Rgapi')).toSorted()).toEqual(own.toSorted());
});

test('requests are counted immediately, by route, method and status', async () => {
  const { get } = startService(healthy, FRESH);
  await get();
  await get('/', { method: 'HEAD' });
  await get('/');
  await get('/healthz');
  const samples = await scrape(get);
  expect(samples.get('http_request_duration_seconds_count{route="/",method="GET",status="200"}')).toBe(2);
  expect(samples.get('http_request_duration_seconds_count{route="/",method="HEAD",status="200"}')).toBe(1);
  expect(samples.get('http_request_duration_seconds_count{route="/healthz",method="GET",status="200"}')).toBe(1);
  // This counts the previous scrape.
  const again = await scrape(get);
  expect(again.get('http_request_duration_seconds_count{route="/metrics",method="GET",status="200"}')).toBe(1);
});

test('no request is lost, however many there are', async () => {
  const { get } = startService(healthy, FRESH);
  for (let i = 0; i < 1000; i++) await get('/healthz');
  const samples = await scrape(get);
  expect(samples.get('http_request_duration_seconds_count{route="/healthz",method="GET",status="200"}')).toBe(1000);
});

test('client-supplied paths and methods never become labels', async () => {
  const { get } = startService([], FRESH);
  await get('/made-up?a=1');
  await get('/metrics/made-up');
  await get('/', { method: 'PURGE' });
  const text = await (await get('/metrics')).text();
  expect(text).toContain('http_request_duration_seconds_count{route="_OTHER",method="GET",status="404"} 2');
  expect(text).toContain('http_request_duration_seconds_count{route="/",method="_OTHER",status="405"} 1');
  expect(text).not.toMatch(/made-?up|purge/i);
});

test('calls to Azure are counted by operation and outcome', async () => {
  const { get } = startService(healthy, FRESH);
  await get();
  const samples = await scrape(get);
  for (const operation of ['acquire-token', 'list-subscriptions', 'list-resource-groups']) {
    const labels = `{operation="${operation}",outcome="succeeded"}`;
    expect(samples.get(`rgapi_azure_call_duration_seconds_count${labels}`)).toBe(1);
    expect(samples.get(`rgapi_azure_call_duration_seconds_sum${labels}`)).toBeGreaterThan(0);
  }
});

test.each([
  ['no identity', [imds({ answer: identityNotFound })], 'acquire-token', 'no-token', 'identity-not-found'],
  [
    'no role',
    [imds(), resourceManager(refuses(403, 'AuthorizationFailed'))],
    'list-subscriptions',
    'not-authorized',
    'not-authorized',
  ],
  ['a throttling Resource Manager', [imds(), resourceManager(throttles(30))], 'list-subscriptions', 'throttled', null],
  [
    'a silent Resource Manager',
    [imds(), resourceManager(() => new Promise<Response>(() => {}))],
    'list-subscriptions',
    'timeout',
    null,
  ],
])(
  'with %s the call is counted with its outcome, and a fallback with its reason',
  async (_, handlers, operation, outcome, reason) => {
    const { get } = startService(handlers, { AZURE_DEADLINE_MS: '2000' });
    await get();
    await get();
    const samples = await scrape(get);
    const labels = `{operation="${operation}",outcome="${outcome}"}`;
    expect(samples.get(`rgapi_azure_call_duration_seconds_count${labels}`)).toBe(1);
    const fallbacks = [...samples].filter(([name, value]) => name.startsWith('rgapi_fallbacks_total') && value > 0);
    // Each response counts, even a shared one.
    expect(fallbacks).toEqual(reason === null ? [] : [[`rgapi_fallbacks_total{reason="${reason}"}`, 2]]);
  },
);

test('the page counts as a fallback too', async () => {
  const { get } = startService([imds({ answer: identityNotFound })], FRESH);
  await get('/', { headers: { Accept: 'text/html' } });
  expect((await scrape(get)).get('rgapi_fallbacks_total{reason="identity-not-found"}')).toBe(1);
});

test('the age of the snapshot and the expiry of the token appear with the first snapshot', async () => {
  const { get } = startService(healthy, FRESH);
  const before = await scrape(get);
  expect(before.has('rgapi_shared_answer_age_seconds')).toBe(false);
  expect(before.has('rgapi_token_expiry_timestamp_seconds')).toBe(false);
  await get();
  const after = await scrape(get);
  expect(after.get('rgapi_shared_answer_age_seconds')).toBeGreaterThanOrEqual(0);
  expect(after.get('rgapi_shared_answer_age_seconds')).toBeLessThan(60);
  const inSeconds = (after.get('rgapi_token_expiry_timestamp_seconds') ?? 0) - Date.now() / 1000;
  expect(inSeconds).toBeGreaterThan(3500);
  expect(inSeconds).toBeLessThan(3601);
});

test('the running version is a label', async () => {
  expect((await scrape(startService([]).get)).get('rgapi_build_info{version="0.0.0-test"}')).toBe(1);
});

test('process metrics are added, and names and units follow the conventions of Prometheus', async () => {
  const { get, service } = startService(healthy, FRESH);
  service.metrics.addProcessMetrics();
  await get();
  const text = await (await get('/metrics')).text();
  expect(text).toContain('process_resident_memory_bytes ');
  expect(text).toContain('nodejs_eventloop_lag_seconds ');
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => ({ name, type }));
  expect(types.length).toBeGreaterThan(20);
  for (const { name, type } of types) {
    expect(text, name).toMatch(new RegExp(`^# HELP ${name} \\S`, 'm'));
    expect(name, name).toMatch(/^[a-z][a-z0-9_]*$/);
    // The rules of `promtool check metrics`, which .ci/run runs too.
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    expect(name, name).not.toMatch(
      /(_(count|sum|bucket)|_(milli|micro|nano)?seconds_?(ms)?_total_seconds|_ms|milliseconds)$/,
    );
  }
});

test('each reason for a fallback starts at 0, so that increase() sees the first one', async () => {
  const samples = await scrape(startService([], FRESH).get);
  expect(samples.get('rgapi_fallbacks_total{reason="no-subscription"}')).toBe(0);
  expect(samples.get('rgapi_fallbacks_total{reason="unknown"}')).toBe(0);
});

test('a scrape is shared for as long as a response', async () => {
  const { get } = startService(healthy, { ANSWER_MAX_AGE_MS: '60000' });
  await scrape(get);
  await get('/healthz');
  const again = await scrape(get);
  expect(again.has('http_request_duration_seconds_count{route="/healthz",method="GET",status="200"}')).toBe(false);
});
