import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { Agent, createServer, get as httpGet, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { withoutAzure } from '../fake-azure/environment.ts';
import { imds } from '../fake-azure/identity.ts';
import { groups } from '../fake-azure/resource-manager.ts';
import { after, asUsual, hangs } from '../fake-azure/responses.ts';
import { get, PORT, recovered, startAzure, startService, WHOLE_LIST } from './rig.ts';
import { closeAll, keepAsking, MORE_THAN_BUFFERS_HOLD, open } from './sockets.ts';
import { printTable, report } from './table.ts';

const HEALTHZ = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';

describe('signals', () => {
  let azure: Awaited<ReturnType<typeof startAzure>>;
  let service: Awaited<ReturnType<typeof startService>> | undefined;
  beforeAll(async () => {
    azure = await startAzure();
  });
  afterEach(async () => {
    closeAll();
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

  test('SIGTERM with 100 requests in flight: all get the whole list', async () => {
    service = await startService(azure.certificate, { AZURE_DEADLINE_MS: '5000', ANSWER_MAX_AGE_MS: '1000' });
    await recovered();
    await setTimeout(1100);
    azure.answer(groups(20, { pageSize: 2, onPage: { 1: after(1000, asUsual) } }));
    const answers = Array.from({ length: 100 }, () => get());
    await setTimeout(300);
    expect(await exitAfter('SIGTERM', 'SIGTERM with 100 requests in flight')).toBe(0);
    for (const { body } of await Promise.all(answers)) expect(body).toEqual(WHOLE_LIST);
  });

  test('SIGTERM with idle keep-alive connections: they stay open for two seconds, then the process ends', async () => {
    service = await startService(azure.certificate);
    const sockets = Array.from({ length: 50 }, () => open());
    for (const socket of sockets) socket.write(HEALTHZ);
    await Promise.all(sockets.map((socket) => once(socket, 'data')));
    const startedAtMs = performance.now();
    const exit = exitAfter('SIGTERM', 'SIGTERM with idle keep-alive connections');
    await setTimeout(500);
    const [late] = sockets;
    late?.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [answer] = late ? await once(late, 'data') : [];
    expect(String(answer)).toMatch(/^HTTP\/1.1 503 .*connection: close/is);
    expect(await exit).toBe(0);
    const tookMs = performance.now() - startedAtMs;
    expect(tookMs).toBeGreaterThan(1500);
    expect(tookMs).toBeLessThan(6000);
  });

  test('SIGTERM under load: busy keep-alive clients lose no request', async () => {
    service = await startService(azure.certificate, { ANSWER_MAX_AGE_MS: '1000' });
    await recovered();
    const startedAtMs = performance.now();
    let answers = 0;
    const lost: string[] = [];
    const clients = Array.from({ length: 50 }, async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      try {
        // Like a client of a pod that is being replaced: when its connection closes, it goes to another pod.
        while ((await getWith(agent)).connection !== 'close') answers += 1;
        answers += 1;
      } catch (error) {
        lost.push(String(error));
      } finally {
        agent.destroy();
      }
    });
    await setTimeout(5000);
    const exit = exitAfter('SIGTERM', 'SIGTERM under load');
    await Promise.all(clients);
    report(
      '… 50 busy keep-alive clients',
      `${answers} answers, ${lost.length} lost`,
      Math.round(performance.now() - startedAtMs),
    );
    expect(lost).toEqual([]);
    expect(answers).toBeGreaterThan(1000);
    expect(await exit).toBe(0);
  });

  test('SIGTERM does not wait for 50 connections that do not read', async () => {
    service = await startService(azure.certificate, { SHUTDOWN_GRACE_MS: '30000' });
    const sockets = Array.from({ length: 50 }, () => open().pause());
    for (const socket of sockets) socket.write(MORE_THAN_BUFFERS_HOLD);
    await setTimeout(2000);
    const startedAtMs = performance.now();
    expect(await exitAfter('SIGTERM', 'SIGTERM with 50 connections that do not read')).toBe(0);
    expect(performance.now() - startedAtMs).toBeLessThan(10_000);
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

  test('SIGTERM while a token acquisition hangs: the request ends at its deadline, then the process ends', async () => {
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
      // Before our first line runs, the signal itself ends the process.
      expect([0, 'SIGTERM']).toContain(code ?? signal);
    }
    report('SIGTERM during the start', 'exit 0, or by the signal', Math.round(performance.now() - startedAtMs));
  });

  test('the bundle handles signals before it does anything else', async () => {
    // All other modules of the bundle get the modules of Node with this function.
    const exits = `data:text/javascript,process.getBuiltinModule = () => process.exit(1);
      process.on('newListener', (event) => event === 'SIGTERM' && process.exit(42))`;
    const child = spawn(process.execPath, ['--import', exits, 'dist/main.js'], { stdio: 'ignore' });
    expect(await once(child, 'exit')).toEqual([42, null]);
  });

  test('SIGTERM to PID 1 while the bundle is evaluated', async () => {
    const startedAtMs = performance.now();
    const announces = `data:text/javascript,process.on('newListener', (event) => {
      if (event === 'SIGINT') process.getBuiltinModule('fs').writeSync(1, 'SIGTERM is handled');
    })`;
    const node = [process.execPath, '--import', announces, 'dist/main.js'];
    const child = spawn('unshare', ['--pid', '--fork', '--kill-child', ...node], {
      env: { ...withoutAzure(process.env), PORT: '0' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    const pidOne = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'));
    process.kill(pidOne, 'SIGTERM');
    child.stdout.resume();
    expect(await once(child, 'exit')).toEqual([0, null]);
    report('SIGTERM to PID 1', 'exit 0', Math.round(performance.now() - startedAtMs));
  });

  test('SIGUSR1 opens no inspector', async () => {
    service = await startService(azure.certificate);
    service.child.kill('SIGUSR1');
    await recovered();
    const refused = open({ port: 9229 });
    const [error]: NodeJS.ErrnoException[] = await once(refused, 'error');
    expect(error?.code).toBe('ECONNREFUSED');
    expect(service.output()).not.toContain('Debugger');
    expect(await exitAfter('SIGTERM', 'SIGUSR1, then SIGTERM')).toBe(0);
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

  test('the service keeps serving when nobody reads its log any more', async () => {
    service = await startService(azure.certificate, { LOG_LEVEL: 'debug' });
    const startedAtMs = performance.now();
    service.child.stdout?.destroy();
    await setTimeout(200);
    for (let i = 0; i < 20; i++) expect((await get('/healthz')).status).toBe(200);
    await recovered();
    report('stdout closed', 'keeps serving', Math.round(performance.now() - startedAtMs));
    expect(await exitAfter('SIGTERM', '… then SIGTERM')).toBe(0);
  });

  test('the service keeps serving, and ends, when its debug log stalls', async () => {
    service = await startService(azure.certificate, { LOG_LEVEL: 'debug', ANSWER_MAX_AGE_MS: '1000' });
    const startedAtMs = performance.now();
    service.child.stdout?.pause();
    // Far more than a pipe holds.
    const clients = keepAsking(20, HEALTHZ);
    await setTimeout(5000);
    const { answers, wrong } = clients.end();
    expect(wrong).toEqual([]);
    expect(answers).toBeGreaterThan(2000);
    await recovered();
    report('stdout stalls at debug', `keeps serving, ${answers} answers`, Math.round(performance.now() - startedAtMs));
    expect(await exitAfter('SIGTERM', '… then SIGTERM')).toBe(0);
  });

  test('the service keeps serving, and ends, when the disk of its log is full', async () => {
    const full = openSync('/dev/full', 'w');
    const startedAtMs = performance.now();
    service = await startService(azure.certificate, { LOG_LEVEL: 'debug' }, { stdout: full });
    closeSync(full);
    for (let i = 0; i < 20; i++) expect((await get('/healthz')).status).toBe(200);
    await recovered();
    report('stdout is /dev/full', 'keeps serving', Math.round(performance.now() - startedAtMs));
    expect(await exitAfter('SIGTERM', '… then SIGTERM')).toBe(0);
  });
});

/** The headers of an answer, after its whole body has arrived. */
async function getWith(agent: Agent): Promise<IncomingHttpHeaders> {
  const [response]: IncomingMessage[] = await once(
    httpGet({ host: '127.0.0.1', port: PORT, path: '/', agent }),
    'response',
  );
  if (response?.statusCode !== 200) throw new Error(`answered ${response?.statusCode}`);
  const names = JSON.parse(await text(response));
  if (names.length !== WHOLE_LIST.length) throw new Error('not the whole list');
  return response.headers;
}
