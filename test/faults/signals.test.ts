import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { withoutAzure } from '../fake-azure/environment.ts';
import { imds } from '../fake-azure/identity.ts';
import { groups } from '../fake-azure/resource-manager.ts';
import { after, asUsual, hangs } from '../fake-azure/responses.ts';
import { get, healed, startAzure, startService, WHOLE_LIST } from './rig.ts';
import { printTable, report } from './table.ts';

describe('signals', () => {
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

  async function exitAfter(signal: NodeJS.Signals, fault: string): Promise<number | null> {
    const startedAtMs = performance.now();
    service?.child.kill(signal);
    await service?.ended;
    const code = service?.child.exitCode ?? null;
    report(fault, `exit ${code}`, Math.round(performance.now() - startedAtMs));
    return code;
  }

  test('SIGTERM when idle', async () => {
    service = await startService(azure.certificate);
    expect(await exitAfter('SIGTERM', 'SIGTERM idle')).toBe(0);
  });

  test('SIGTERM with 100 requests in flight: all are answered whole', async () => {
    service = await startService(azure.certificate, { AZURE_DEADLINE_MS: '5000', ANSWER_MAX_AGE_MS: '1000' });
    await healed();
    await setTimeout(1100);
    azure.answer(groups(20, { pageSize: 2, onPage: { 1: after(1000, asUsual) } }));
    const answers = Array.from({ length: 100 }, () => get());
    await setTimeout(300);
    expect(await exitAfter('SIGTERM', 'SIGTERM with 100 requests in flight')).toBe(0);
    for (const { body } of await Promise.all(answers)) expect(body).toEqual(WHOLE_LIST);
  });

  test('SIGTERM with idle keep-alive connections does not wait for them', async () => {
    service = await startService(azure.certificate);
    const sockets = Array.from({ length: 50 }, () => connect(8080, '127.0.0.1'));
    for (const socket of sockets) socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await Promise.all(sockets.map((socket) => once(socket, 'data')));
    const startedAtMs = performance.now();
    expect(await exitAfter('SIGTERM', 'SIGTERM with idle keep-alive connections')).toBe(0);
    expect(performance.now() - startedAtMs).toBeLessThan(2000);
    for (const socket of sockets) socket.destroy();
  });

  test('SIGTERM twice', async () => {
    service = await startService(azure.certificate, { AZURE_DEADLINE_MS: '5000' });
    azure.answer(imds({ answer: hangs }));
    get().catch(() => {});
    await setTimeout(300);
    service.child.kill('SIGTERM');
    await setTimeout(200);
    expect(await exitAfter('SIGTERM', 'SIGTERM twice')).toBe(1);
  });

  test('SIGTERM while a token acquisition hangs: the request ends at its deadline, then the process', async () => {
    service = await startService(azure.certificate);
    azure.answer(imds({ answer: hangs }));
    const answer = get();
    await setTimeout(300);
    expect(await exitAfter('SIGTERM', 'SIGTERM while a token hangs')).toBe(0);
    expect((await answer).status).toBe(504);
  });

  test('SIGTERM during the start', async () => {
    const startedAtMs = performance.now();
    for (const delayMs of [0, 20, 60, 120, 200]) {
      const child = spawn(process.execPath, ['dist/main.js'], {
        env: { ...withoutAzure(process.env), PORT: '0' },
        stdio: 'ignore',
      });
      await setTimeout(delayMs);
      child.kill('SIGTERM');
      const [code, signal] = await once(child, 'exit');
      // Before our first line runs, the signal itself ends it.
      expect([0, 'SIGTERM']).toContain(code ?? signal);
    }
    report('SIGTERM during the start', 'exit 0, or by the signal', Math.round(performance.now() - startedAtMs));
  });

  test('the port is taken', async () => {
    const occupant = createServer().listen(8080, '127.0.0.1');
    await once(occupant, 'listening');
    const startedAtMs = performance.now();
    const child = spawn(process.execPath, ['dist/main.js'], {
      env: { ...withoutAzure(process.env), PORT: '8080' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (text) => (stderr += text));
    const [code] = await once(child, 'exit');
    occupant.close();
    report('port taken', `exit ${code}`, Math.round(performance.now() - startedAtMs));
    expect([code, stderr]).toEqual([1, 'rg-api: port 8080 on 127.0.0.1 is in use\n']);
  });

  test('nobody reads its log any more: it goes on serving', async () => {
    service = await startService(azure.certificate, { LOG_LEVEL: 'debug' });
    const startedAtMs = performance.now();
    service.child.stdout.destroy();
    await setTimeout(200);
    for (let i = 0; i < 20; i++) expect((await get('/healthz')).status).toBe(200);
    await healed();
    report('stdout closed', 'serves on', Math.round(performance.now() - startedAtMs));
    expect(await exitAfter('SIGTERM', '… then SIGTERM')).toBe(0);
  });
});
