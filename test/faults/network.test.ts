import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import { entra } from '../fake-azure/identity.ts';
import { workloadIdentity } from '../fake-azure/workload-identity.ts';
import { get, recovered, startAzure, startService } from './rig.ts';
import { expectAnswer, printTable, report } from './table.ts';

const DEADLINE_MS = 9000;

describe('the network', () => {
  let azure: Awaited<ReturnType<typeof startAzure>>;
  let service: Awaited<ReturnType<typeof startService>> | undefined;
  beforeAll(async () => {
    azure = await startAzure();
  });
  afterEach(async () => {
    azure.route('azure');
    azure.answer();
    await service?.end();
    service = undefined;
  });
  afterAll(() => azure.close());
  printTable();

  const faults = [
    ['nowhere', 'dns-failure'],
    ['nobody', 'egress-blocked'],
    ['stranger', 'tls-intercepted'],
  ] as const;

  test.each(faults)('the name of Resource Manager leads to %s: %s', async (to, reason) => {
    service = await startService(azure.certificate, { AZURE_DEADLINE_MS: String(DEADLINE_MS) });
    await recovered();
    azure.route(to);
    await expectAnswer(`Resource Manager: ${reason}`, await get(), { status: 502, reason }, DEADLINE_MS);
    azure.route('azure');
    report('… then reachable', 'whole list', Math.round(await recovered()));
  });

  test.each(faults)('the name of Entra leads to %s: %s', async (to, reason) => {
    azure.answer(entra());
    azure.route(to);
    service = await startService(azure.certificate, { ...workloadIdentity(), AZURE_DEADLINE_MS: String(DEADLINE_MS) });
    await expectAnswer(`Entra: ${reason}`, await get(), { status: 200, reason }, DEADLINE_MS);
    azure.route('azure');
    report('… then reachable', 'whole list', Math.round(await recovered()));
  });

  test('a proxy that answers 502', async () => {
    const proxy = createServer((_, response) => response.writeHead(502).end('<html>no</html>'));
    proxy.on('connect', (_, socket) =>
      socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<html>no</html>'),
    );
    await new Promise<void>((resolve) => proxy.listen(3128, '127.0.0.1', resolve));
    const proxied = { HTTPS_PROXY: 'http://127.0.0.1:3128', AZURE_DEADLINE_MS: String(DEADLINE_MS) };

    service = await startService(azure.certificate, { ...proxied, KUBERNETES_SERVICE_HOST: '10.0.0.1' });
    await expectAnswer(
      'a proxy in front of everything',
      await get(),
      { status: 200, reason: 'imds-proxied' },
      DEADLINE_MS,
    );
    await service.end();

    service = await startService(azure.certificate, { ...proxied, NO_PROXY: '169.254.169.254' });
    await expectAnswer(
      'a proxy in front of Resource Manager',
      await get(),
      { status: 502, reason: 'proxy-failed' },
      DEADLINE_MS,
    );
    await service.end();

    service = await startService(azure.certificate, { ...proxied, ...workloadIdentity() });
    await expectAnswer('a proxy in front of Entra', await get(), { status: 200, reason: 'proxy-failed' }, DEADLINE_MS);
    proxy.close();
  });
});
