import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { environmentOf, SCENARIOS } from './fake-azure/scenarios.ts';
import { startDemo } from './process.ts';
import { startService } from './service.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** What a curl of `/` shows in each scenario: the status, and the reason where there is one. */
const SHOWN: Record<string, [status: number, reason?: string]> = {
  'all-well': [200],
  recovers: [200, 'identity-not-found'],
  'no-identity': [200, 'identity-not-found'],
  'not-ready': [200, 'identity-pending'],
  'node-identity': [200],
  'no-webhook': [200, 'webhook-missed'],
  'no-annotation': [200, 'client-id-missing'],
  'no-token-file': [200, 'token-file-missing'],
  'wrong-subject': [200, 'federated-credential-subject'],
  'wrong-client-id': [200, 'client-id-unknown'],
  'clock-skew': [200, 'clock-skew'],
  'no-permission': [200, 'identity-binding-not-permitted'],
  'no-login': [200, 'az-not-logged-in'],
  'no-dns': [200, 'dns-failure'],
  intercepted: [502, 'tls-intercepted'],
  proxy: [200, 'imds-proxied'],
  'no-role': [200, 'no-subscription'],
  forbidden: [200, 'not-authorized'],
  'wrong-cloud': [200, 'wrong-cloud'],
  throttled: [503, 'throttled'],
  slow: [504, 'timeout'],
  broken: [502, 'broken'],
  'no-certificate': [200, 'client-certificate-unusable'],
};

test('the first line says plainly that the answers come from a stand-in', async () => {
  const service = startDemo();
  await service.url();
  expect(service.stdout[0]).toMatch(/^rg-api demo: every answer comes from a stand-in Azure/);
  expect(await (await service.get()).json()).toHaveLength(12);
});

test.each(['no-login', 'throttled'])('scenario %s shows its failure in a process of its own', async (scenario) => {
  const [status, reason] = SHOWN[scenario] ?? [];
  const response = await startDemo(scenario).get();
  expect(response.status).toBe(status);
  expect(response.headers.get('fallback-reason') ?? JSON.parse(await response.text()).reason).toBe(reason);
});

test.each(Object.entries(SCENARIOS))('scenario %s shows what it says', async (name, scenario) => {
  const { get } = startService(scenario.handlers(), { ...environmentOf(scenario), AZURE_DEADLINE_MS: '2000' });
  const response = await get();
  const reason = response.headers.get('Fallback-Reason') ?? JSON.parse(await response.text()).reason;
  expect([response.status, reason]).toEqual([SHOWN[name]?.[0], SHOWN[name]?.[1]]);
  expect(await (await get('/whoami')).text()).toContain(
    name === 'node-identity' ? 'node-identity' : (reason ?? 'Contoso Production'),
  );
});

test('the README shows every scenario with its answer', () => {
  const readme = readFileSync('README.md', 'utf8');
  for (const [name, [status, reason]] of Object.entries(SHOWN)) {
    if (name === 'all-well') continue;
    const row = readme.split('\n').find((line) => line.startsWith(`| \`${name}\``));
    expect(row).toContain(String(status));
    if (reason !== undefined) expect(row).toContain(`\`${reason}\``);
  }
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
