import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { entra } from '../fake-azure/identity.ts';
import { groups, resourceManager } from '../fake-azure/resource-manager.ts';
import { type Answer, emptyObjects, floods, gzipped, refuses } from '../fake-azure/responses.ts';
import { workloadIdentity } from '../fake-azure/workload-identity.ts';
import { uncachedCopy } from './memory-group.ts';
import { startProbes } from './probe.ts';
import { get, PORT, recovered, startAzure, startService } from './rig.ts';
import { type Answered, closeAll, keepAsking, open, pipeline } from './sockets.ts';
import { expectAnswer, printTable, report } from './table.ts';

/** The most groups that a subscription can have, with the longest possible names. */
const MOST_GROUPS = Array.from({ length: 980 }, (_, i) => `rg-${i + 1}-`.padEnd(90, 'x'));

/**
 * Ten times as long as a probe of the kubelet waits. `npm run soak` holds the second itself, on a quiet machine; here, only a service
 * that is blocked may fail, because a virtual machine that gets less than its share makes all work on its CPU take longer.
 */
const PROBE_LIMIT_MS = 10_000;

/** For a flood of requests that takes some seconds to refuse. After 30 seconds, the kubelet would restart a container. */
const FLOOD_LIMIT_MS = 90_000;

const LOAD_MS = 6000;

function requestFor(path: string, accept = '*/*'): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: ${accept}\r\n\r\n`;
}

const ROUTES: Record<string, { request: string; type: string }> = {
  'the page': { request: requestFor('/', 'text/html'), type: 'text/html; charset=UTF-8' },
  JSON: { request: requestFor('/'), type: 'application/json' },
  '/whoami': { request: requestFor('/whoami'), type: 'application/json' },
  '/metrics': { request: requestFor('/metrics'), type: 'text/plain; version=0.0.4; charset=utf-8' },
};

describe('memory', () => {
  let azure: Awaited<ReturnType<typeof startAzure>>;
  let service: Awaited<ReturnType<typeof startService>>;
  beforeAll(async () => {
    azure = await startAzure();
  });
  afterEach(async () => {
    closeAll();
    azure.answer();
    await service.end();
  });
  afterAll(() => azure.close());
  printTable();

  async function startWithMostGroups(env: NodeJS.ProcessEnv = {}): Promise<void> {
    azure.answer(groups(MOST_GROUPS));
    service = await startService(
      azure.certificate,
      { ANSWER_MAX_AGE_MS: '1000', AZURE_DEADLINE_MS: '10000', ...env },
      { node: uncachedCopy(process.execPath) },
    );
    expect((await get()).body).toHaveLength(MOST_GROUPS.length);
  }

  function memory(): string {
    return `${service.memoryMiB('VmHWM').toFixed(0)} MiB at most (cgroup ${service.peakMiB().toFixed(0)})`;
  }

  /** Does the work, and checks that the process survives and that its probes are answered in time. */
  async function whileProbed<T>(fault: string, work: () => Promise<T>, limitMs = PROBE_LIMIT_MS): Promise<T> {
    const startedAtMs = performance.now();
    const before = service.memoryMiB('VmRSS').toFixed(0);
    const probes = startProbes(service.child.pid, PORT);
    const result = await work();
    const { slowestMs, failures, probes: count } = await probes.end();
    const alive = service.child.exitCode === null && service.child.signalCode === null;
    const ms = Math.round(performance.now() - startedAtMs);
    if (!alive)
      expect(`${fault}: killed (${service.child.signalCode}, ${(await service.ended).kills} times)`).toBe('alive');
    const isWell = failures.length === 0 && slowestMs < limitMs;
    report(
      fault,
      `${before}, then ${memory()}, slowest of ${count} probes ${slowestMs} ms`,
      ms,
      isWell ? 'ok' : 'NOT OK',
    );
    expect({ fault, failures }).toEqual({ fault, failures: [] });
    expect(slowestMs).toBeLessThan(limitMs);
    return result;
  }

  const bursts = ['the page', '/whoami', '/metrics'].flatMap((route) => [18, 128].map((kb) => [route, kb] as const));

  test.each(bursts)(
    'one connection that pipelines requests for %s (%i KB) gets all answers, in order',
    async (route, kb) => {
      await startWithMostGroups();
      const { request, type } = ROUTES[route] ?? { request: '', type: '' };
      const requests = Array.from({ length: Math.floor((kb * 1024) / request.length) }, (_, i) =>
        // Every seventh request is different, which shows the order.
        i % 7 === 6 ? requestFor(`/${i}`) : request,
      );
      const answers = await whileProbed(`${route}, ${requests.length} requests pipelined`, () => pipeline(requests));
      expect(answers).toHaveLength(requests.length);
      const isInOrder = ({ status, head }: Answered, i: number) =>
        i % 7 === 6
          ? status === 404
          : status === 200 && head.toLowerCase().includes(`content-type: ${type}`.toLowerCase());
      expect(answers.filter((answered, i) => !isInOrder(answered, i))).toEqual([]);
    },
  );

  test.each([
    [64, 'JSON', '1000'],
    [64, 'the page', '1000'],
    [64, '/whoami', '1000'],
    [64, '/metrics', '1000'],
    [400, 'the page', '1000'],
    [400, 'the page', '0'],
  ])('%i connections keep requesting %s, which may be %s ms old', async (connections, route, maxAgeMs) => {
    await startWithMostGroups({ ANSWER_MAX_AGE_MS: maxAgeMs });
    const request = ROUTES[route]?.request ?? '';
    const { answers, wrong } = await whileProbed(
      `${connections} connections, ${route}, max. age ${maxAgeMs} ms`,
      async () => {
        const clients = keepAsking(connections, request);
        await setTimeout(LOAD_MS);
        return clients.end();
      },
    );
    expect(wrong).toEqual([]);
    expect(answers).toBeGreaterThan(connections);
  });

  test('400 connections that each pipeline 1,000 requests and never read do no harm', async () => {
    await startWithMostGroups();
    const flood = async () => {
      for (let i = 0; i < 400; i++) open().pause().write(requestFor('/openapi.json').repeat(1000));
      await setTimeout(3000);
      closeAll();
    };
    // It takes time to refuse so many requests at once.
    await whileProbed('400 connections, 1,000 requests pipelined, unread', flood, FLOOD_LIMIT_MS);
    expect((await get()).body).toHaveLength(MOST_GROUPS.length);
  });

  test('400 connections that each pipeline as many requests as fit into 64 KiB do no harm', async () => {
    await startWithMostGroups();
    const flood = async () => {
      for (let i = 0; i < 400; i++) open().pause().write('GET / HTTP/1.1\r\n\r\n'.repeat(4000));
      await setTimeout(3000);
      closeAll();
    };
    await whileProbed('400 connections, 4,000 tiny requests pipelined', flood, FLOOD_LIMIT_MS);
    expect((await get()).body).toHaveLength(MOST_GROUPS.length);
  });

  test.each<[string, Answer, { status: number; reason: string }]>([
    ['2 MB of {}', emptyObjects(2e6), { status: 502, reason: 'broken' }],
    ['16 MB of {}', emptyObjects(16e6), { status: 502, reason: 'broken' }],
    [
      '2 MB of nested lists',
      gzipped(`{"value":${'['.repeat(1e6)}${']'.repeat(1e6)}}`),
      { status: 502, reason: 'broken' },
    ],
    ['4 MB of numbers', gzipped(`{"value":[${'1,'.repeat(2e6)}1]}`), { status: 502, reason: 'broken' }],
    [
      'an error of 4 MB',
      refuses(403, 'AuthorizationFailed', 'x'.repeat(4e6 - 200)),
      { status: 200, reason: 'not-authorized' },
    ],
    [
      'a message that looks like headers',
      refuses(403, 'AuthorizationFailed', '\nHeaders: {"'.repeat(100_000)),
      { status: 200, reason: 'not-authorized' },
    ],
    [
      'a message that looks like tokens',
      refuses(403, 'AuthorizationFailed', 'eyJ-'.repeat(100_000)),
      { status: 200, reason: 'not-authorized' },
    ],
    [
      'a message of spaces and colons',
      refuses(403, 'AuthorizationFailed', `${' '.repeat(50_000)}:`.repeat(20)),
      { status: 200, reason: 'not-authorized' },
    ],
    [
      'a message of open quotes',
      refuses(403, 'AuthorizationFailed', `"client'`.repeat(100_000)),
      { status: 200, reason: 'not-authorized' },
    ],
  ])('Resource Manager keeps answering with %s', async (fault, answer, expected) => {
    await startWithMostGroups({ ANSWER_MAX_AGE_MS: '0' });
    azure.answer(resourceManager(answer));
    const first = await whileProbed(fault, async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => get()));
      for (let i = 0; i < 10; i++) answers.push(await get());
      await get('/whoami');
      await get('/', { headers: { Accept: 'text/html' } });
      return answers[0];
    });
    if (first) await expectAnswer(fault, first, expected, 10_000);
    for (const line of service.output().split('\n')) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(16_384);
    azure.answer();
    await recovered();
  });

  test('a group whose name is 100 KB of text like tokens', async () => {
    await startWithMostGroups({ ANSWER_MAX_AGE_MS: '0' });
    azure.answer(groups(['eyJ-'.repeat(25_000), 'short']));
    const answer = await whileProbed('a name of 100 KB like tokens', () => get());
    expect(answer.status).toBe(502);
  });

  test('Entra answers a token exchange with 100 MB', async () => {
    azure.answer(entra({ answer: floods(100 * 2 ** 20) }));
    service = await startService(azure.certificate, { ...workloadIdentity(), AZURE_DEADLINE_MS: '10000' });
    const answer = await whileProbed('100 MB from Entra', () => get());
    expect(answer).toMatchObject({ status: 200, body: [] });
    azure.answer(entra());
    await recovered();
  });
});
