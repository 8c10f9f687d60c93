import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, type TestContext, test, vi } from 'vitest';
import { imds } from '../fake-azure/identity.ts';
import { temporaryFile } from '../fake-azure/workload-identity.ts';
import { get, PORT, recovered, startAzure, startService, WHOLE_LIST } from './rig.ts';
import { closeAll, keepAsking, MORE_THAN_BUFFERS_HOLD, open } from './sockets.ts';
import { printTable, report } from './table.ts';

/** Tests that wait half a minute or more for a limit. They run at the same time, each with its own service and port. */
describe.concurrent('waiting', () => {
  let azure: Awaited<ReturnType<typeof startAzure>>;
  beforeAll(async () => {
    azure = await startAzure();
    azure.answer(imds({ claims: { xms_mirid: `${IDENTITIES}/made-up-agentpool` } }));
  });
  afterAll(() => {
    closeAll();
    azure.close();
  });
  printTable();

  async function start(onTestFinished: TestContext['onTestFinished'], env: NodeJS.ProcessEnv) {
    const service = await startService(azure.certificate, env);
    onTestFinished(async () => {
      await service.end();
    });
    return service;
  }

  test("a pod with its node's token gets its own within about a minute, without a restart", async ({
    onTestFinished,
  }) => {
    await start(onTestFinished, { KUBERNETES_SERVICE_HOST: '10.0.0.1' });
    await recovered();
    const warning = async () => (await get()).headers.get('Identity-Warning');
    expect(await warning()).toBe('node-identity');
    azure.answer();
    const startedAtMs = performance.now();
    await vi.waitFor(async () => expect(await warning()).toBe(null), { timeout: 80_000, interval: 1000 });
    report("the node's token is replaced", 'no warning', Math.round(performance.now() - startedAtMs));
    expect((await get()).body).toEqual(WHOLE_LIST);
  });

  test('an az that hangs is ended with all its processes, at its limit and when the service ends', async ({
    onTestFinished,
  }) => {
    const script = '#!/bin/sh\nsleep 1000 &\necho $$ $! >> "$0.pids"\nwait\n';
    const directory = dirname(temporaryFile('az', script, 0o755));
    const pids = () => {
      const text = existsSync(`${directory}/az.pids`) ? readFileSync(`${directory}/az.pids`, 'utf8') : '';
      return text.split(/\s+/).filter(Boolean);
    };
    const running = () => pids().filter(isRunning);
    const service = await start(onTestFinished, {
      AZURE_TOKEN_CREDENTIALS: 'AzureCliCredential',
      PATH: `${directory}:${process.env['PATH']}`,
      PORT: String(PORT + 1),
    });
    // The service asks for a token when it starts.
    await vi.waitFor(() => expect(running()).toHaveLength(2), 10_000);
    const [first = '', second = ''] = pids();
    const startedAtMs = performance.now();
    await vi.waitFor(() => expect([first, second].filter(isRunning)).toEqual([]), { timeout: 60_000, interval: 500 });
    report('an az that hangs is given up', 'no orphan', Math.round(performance.now() - startedAtMs));
    expect((await fetch(`http://127.0.0.1:${PORT + 1}/`)).status).toBe(504);
    await vi.waitFor(() => expect(running()).toHaveLength(2), 10_000);
    service.child.kill('SIGTERM');
    await service.ended;
    await vi.waitFor(() => expect(running()).toEqual([]), 5000);
  });

  test('50 clients that do not read are cut off after 30 seconds, and delay nobody', async ({ onTestFinished }) => {
    const port = PORT + 2;
    const service = await start(onTestFinished, {
      PORT: String(port),
      ANSWER_MAX_AGE_MS: '1000',
      AZURE_DEADLINE_MS: '10000',
    });
    const handles = () => readdirSync(`/proc/${service.child.pid}/fd`).length;
    const startedAtMs = performance.now();
    for (let i = 0; i < 50; i++) {
      open({ port }).pause().write(MORE_THAN_BUFFERS_HOLD);
    }
    await vi.waitFor(() => expect(handles()).toBeGreaterThan(60), 10_000);
    const busy = keepAsking(4, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', port);
    await setTimeout(15_000);
    expect(handles()).toBeGreaterThan(60);
    const { answers, wrong } = busy.end();
    expect(wrong).toEqual([]);
    expect(answers).toBeGreaterThan(100);
    await vi.waitFor(() => expect(handles()).toBeLessThan(50), { timeout: 60_000, interval: 500 });
    const ms = Math.round(performance.now() - startedAtMs);
    expect(ms).toBeGreaterThan(28_000);
    report('50 clients that do not read', `cut off, ${answers} answers to others`, ms);
  });
});

const IDENTITIES =
  '/subscriptions/made-up/resourcegroups/made-up/providers/Microsoft.ManagedIdentity/userAssignedIdentities';

function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
