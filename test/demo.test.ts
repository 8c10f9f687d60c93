import { afterEach, expect, test, vi } from 'vitest';
import { SCENARIOS } from './azure/scenarios.ts';
import { startDemo } from './process.ts';
import { startService } from './service.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('the first line says plainly that the answers come from a stand-in', async () => {
  const service = startDemo();
  const url = await service.url();
  expect(service.stdout[0]).toMatch(/^rg-api demo: every answer comes from a stand-in Azure/);
  expect(await (await fetch(url)).json()).toHaveLength(12);
});

test.each([
  ['no-identity', 200, { 'fallback-reason': 'identity-not-found' }, '[]'],
  ['no-role', 200, { 'fallback-reason': 'no-subscription' }, '[]'],
  ['throttled', 503, { 'retry-after': '30' }, 'TooManyRequests'],
  ['slow', 504, {}, 'Still waiting for the list of subscriptions'],
])('scenario %s shows its failure', async (scenario, status, headers, body) => {
  const response = await fetch(await startDemo(scenario, { AZURE_DEADLINE_MS: '1000' }).url());
  expect(response.status).toBe(status);
  expect(Object.fromEntries(response.headers)).toMatchObject(headers);
  expect(await response.text()).toContain(body);
});

test('scenario recovers shows a failure and, 15 seconds later, the list', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const { get } = startService(SCENARIOS['recovers']?.handlers() ?? [], { ANSWER_MAX_AGE_MS: '0' });
  expect((await get()).headers.get('Fallback-Reason')).toBe('identity-not-found');
  vi.setSystemTime(Date.now() + 15_000);
  expect(await (await get()).json()).toHaveLength(12);
});

test('an unknown scenario is refused with the list of those there are', async () => {
  const { code, stderr } = await startDemo('nix').end();
  expect(code).toBe(64);
  expect(stderr).toContain(Object.keys(SCENARIOS).join(', '));
});
