import { expect, test } from 'vitest';
import { isAllowedHost } from '../../src/http/allowed-host.ts';
import { imds } from '../fake-azure/identity.ts';
import { groups, subscriptions } from '../fake-azure/resource-manager.ts';
import { askWithHost, startService } from '../service.ts';

test.each([
  undefined,
  '',
  '127.0.0.1',
  '127.0.0.1:8080',
  '[::1]:8080',
  '[::1]',
  '10.1.2.3:80',
  'localhost',
  'LOCALHOST:8080',
  'localhost.:8080',
  'rgapi.localhost:8080',
  'rgapi.example',
  'RGAPI.example:443',
])('the Host %s is allowed', (host) => {
  expect(isAllowedHost(host, ['rgapi.example'])).toBe(true);
});

test.each([
  'attacker.example',
  'attacker.example:8080',
  '127.0.0.1.attacker.example',
  'localhost.attacker.example',
  'attackerlocalhost',
  'rgapi.example.attacker.example',
  '2130706433',
  '0x7f000001',
  '[::1',
  '[rgapi.example]',
  'localhost:8080:8080',
  'rgapi.example, localhost',
])('the Host %s is not allowed', (host) => {
  expect(isAllowedHost(host, ['rgapi.example'])).toBe(false);
});

const healthy = [imds(), subscriptions(['One']), groups(3)];

test.each(['/', '/whoami', '/healthz', '/readyz', '/metrics', '/openapi.json', '/made-up'])(
  'outside Kubernetes %s answers 421 to a foreign Host, and Azure is not asked',
  async (path) => {
    const service = startService(healthy);
    const { status, headers, body } = await askWithHost(service, 'attacker.example', path);
    expect(status).toBe(421);
    expect(headers.get('Content-Type')).toBe('application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ type: 'about:blank', status: 421, detail: expect.any(String) });
    expect(service.azure.requests).toEqual([]);
  },
);

test('ALLOWED_HOSTS adds hosts', async () => {
  const service = startService(healthy, { ALLOWED_HOSTS: 'other.example, rgapi.example' });
  expect((await askWithHost(service, 'rgapi.example')).status).toBe(200);
});

test('in Kubernetes every Host is served: a Service has many names', async () => {
  const service = startService(healthy, { KUBERNETES_SERVICE_HOST: '10.0.0.1' });
  expect((await askWithHost(service, 'rgapi.rgapi.svc')).status).toBe(200);
});
