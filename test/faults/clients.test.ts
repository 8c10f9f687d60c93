import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { groups } from '../fake-azure/resource-manager.ts';
import { after, asUsual } from '../fake-azure/responses.ts';
import { startProbes } from './probe.ts';
import { get, PORT, recovered, startAzure, startService } from './rig.ts';
import { closeAll, open, raw, statusesOf } from './sockets.ts';
import { printTable, report } from './table.ts';

/** Writes the beginning, then this part every second. */
function drip(socket: Socket, beginning: string, part: string): void {
  socket.write(beginning);
  const timer = setInterval(() => socket.writable && socket.write(part), 1000);
  socket.once('close', () => clearInterval(timer));
}

describe('clients', () => {
  let azure: Awaited<ReturnType<typeof startAzure>>;
  let service: Awaited<ReturnType<typeof startService>>;
  beforeAll(async () => {
    azure = await startAzure();
    service = await startService(azure.certificate, { ANSWER_MAX_AGE_MS: '1000' });
    await recovered();
  });
  afterAll(async () => {
    await service.end();
    azure.close();
  });
  afterEach(closeAll);
  printTable();

  async function note(fault: string, answer: string, startedAtMs: number): Promise<void> {
    report(fault, answer, Math.round(performance.now() - startedAtMs));
    expect(service.child.exitCode).toBe(null);
    await recovered();
  }

  test('5,000 connections: the oldest idle ones make room, and every probe is answered', async () => {
    const startedAtMs = performance.now();
    const sockets: Socket[] = [];
    const probes = startProbes(service.child.pid, PORT);
    let closed = 0;
    for (let i = 0; i < 5000; i++) {
      // Such a client never ends its side.
      const socket = open({ allowHalfOpen: true }).resume();
      socket.once('end', () => closed++);
      sockets.push(socket);
      if (i % 250 === 0) await setTimeout(10);
    }
    await vi.waitFor(() => expect(closed).toBeGreaterThan(900), 30_000);
    expect(closed).toBeLessThan(1200);
    expect(service.memoryMiB('VmRSS')).toBeLessThan(200);
    // Those that remain have sent no header after ten seconds.
    await vi.waitFor(() => expect(descriptors()).toBeLessThan(100), 30_000);
    const { failures } = await probes.end();
    expect(failures).toEqual([]);
    await note('5,000 half-open connections', 'closed for good, every probe answered', startedAtMs);
  });

  const descriptors = () => readdirSync(`/proc/${service.child.pid}/fd`).length;

  test.each<[string, number, (socket: Socket) => void]>([
    ['connections that write nothing', 50, () => {}],
    ['one header byte a second', 50, (socket) => drip(socket, 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ', 'x')],
    [
      'an endless body',
      50,
      (socket) =>
        drip(socket, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\nx\r\n'),
    ],
    [
      '20,000 pipelined requests with an unknown expectation, unread',
      1,
      (socket) => socket.pause().write('GET / HTTP/1.1\r\nHost: localhost\r\nExpect: a miracle\r\n\r\n'.repeat(20_000)),
    ],
  ])('%s: closed for good, even if the client keeps its side open', async (fault, connections, hold) => {
    const startedAtMs = performance.now();
    const before = descriptors();
    for (let i = 0; i < connections; i++) hold(open({ allowHalfOpen: true }).resume());
    await vi.waitFor(() => expect(descriptors()).toBeGreaterThanOrEqual(before + connections), 5000);
    await vi.waitFor(() => expect(descriptors()).toBeLessThan(before + connections / 2), 60_000);
    await note(fault, 'closed for good', startedAtMs);
  });

  test('a client that ends its side while the list loads gets the list', async () => {
    const startedAtMs = performance.now();
    await setTimeout(1100);
    azure.answer(groups(20, { pageSize: 2, onPage: { 1: after(500, asUsual) } }));
    const socket = open({ allowHalfOpen: true });
    socket.end('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await textOf(socket)).toMatch(/^HTTP\/1.1 200 .*"rg-20"\]\n$/s);
    azure.answer();
    await note('nc -N', 'answered', startedAtMs);
  });

  test('without descriptors the process survives, and answers as soon as there are some', async () => {
    const startedAtMs = performance.now();
    const limit = (descriptors: string) =>
      execFileSync('prlimit', ['--pid', String(service.child.pid), `--nofile=${descriptors}`]);
    const before = readFileSync(`/proc/${service.child.pid}/limits`, 'utf8');
    const [, soft = '', hard = ''] = /^Max open files +(\d+) +(\d+)/m.exec(before) ?? [];
    limit(`10:${hard}`);
    const sockets = Array.from({ length: 20 }, () => open().resume());
    await setTimeout(500);
    closeAll();
    limit(`${soft}:${hard}`);
    expect(sockets).toHaveLength(20);
    await note('no descriptors', 'survives', startedAtMs);
  });

  test('slow headers are cut off with a 408', async () => {
    const startedAtMs = performance.now();
    const sockets = Array.from({ length: 100 }, () => open());
    const drip = setInterval(() => {
      for (const socket of sockets) if (!socket.destroyed) socket.write('X');
    }, 500);
    for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.resume().once('close', resolve))));
    clearInterval(drip);
    expect(performance.now() - startedAtMs).toBeGreaterThan(9000);
    expect(performance.now() - startedAtMs).toBeLessThan(30_000);
    expect(await raw('GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ', 30_000)).toMatch(
      /^HTTP\/1.1 408 .*application\/problem\+json.*"status": 408/s,
    );
    await note('slow headers (100 connections)', 'cut off with 408', startedAtMs);
  });

  test.each<[string, string, number[]]>([
    ['a header of 64 KB', `GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: ${'x'.repeat(65_536)}\r\n\r\n`, [431]],
    ['a URL of 1 MB', `GET /${'x'.repeat(2 ** 20)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, [431]],
    ['no request line', 'nonsense\r\n\r\n', [400]],
    ['TLS on a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400]],
    ['an unknown method', 'BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n', [400]],
    ['HTTP/3.0', 'GET / HTTP/3.0\r\nHost: localhost\r\n\r\n', [400]],
    ['no Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', [400]],
    ['an empty Host', 'GET /healthz HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n', [200]],
    ['HTTP/1.0 without Host', 'GET /healthz HTTP/1.0\r\n\r\n', [200]],
    ["HAProxy's default check", 'OPTIONS / HTTP/1.0\r\n\r\n', [405]],
    ['HTTP/1.0 without Host, the list', 'GET / HTTP/1.0\r\n\r\n', [200]],
    ['an expectation', 'GET / HTTP/1.1\r\nHost: localhost\r\nExpect: a miracle\r\nConnection: close\r\n\r\n', [417]],
    ['a foreign Host', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', [421]],
    [
      'a foreign Host, on any route',
      'GET /x HTTP/1.1\r\nHost: rebinding.example:8080\r\nConnection: close\r\n\r\n',
      [421],
    ],
    ['an address as Host', 'GET /healthz HTTP/1.1\r\nHost: [::1]:8080\r\nConnection: close\r\n\r\n', [200]],
    [
      'two Content-Lengths',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      [400],
    ],
    [
      'Content-Length and chunked',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      [400],
    ],
    [
      'pipelining',
      `${'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(3)}GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      [200, 200, 200, 200],
    ],
    [
      'a body on GET',
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello',
      [200],
    ],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', [405]],
    ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', [400]],
    ['CONNECT', 'CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n', []],
    [
      'an upgrade',
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n',
      [200],
    ],
    ['dots in the path', 'GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', [404]],
    ['%00 in the path', 'GET /%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', [404]],
    ['a broken escape in the path', 'GET /%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', [404]],
    [
      'an absolute URL',
      'GET http://elsewhere.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      [200],
    ],
    ['Host with nonsense', 'GET /healthz HTTP/1.1\r\nHost: a b@c:99999/\r\nConnection: close\r\n\r\n', [421]],
    ['HEAD', 'HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', [200]],
  ])('%s', async (fault, bytes, expected) => {
    const startedAtMs = performance.now();
    const received = await raw(bytes);
    expect({ fault, statuses: statusesOf(received) }).toEqual({ fault, statuses: expected });
    const [head = '', body] = received.split('\r\n\r\n');
    if (fault === 'HEAD') expect(body).toBe('');
    // Each error of the server is a problem document.
    if ((expected[0] ?? 0) >= 400) {
      expect(head).toContain('application/problem+json');
      expect(JSON.parse(body ?? '')).toMatchObject({ type: 'about:blank', status: expected[0] });
    }
    await note(fault, expected.join(' ') || 'closed', startedAtMs);
  });

  test('half-open sockets: clients that send half a request and then end their side', async () => {
    const startedAtMs = performance.now();
    const sockets = Array.from({ length: 200 }, () => open({ allowHalfOpen: true }));
    for (const socket of sockets) socket.end('GET / HTTP/1.1\r\nHos');
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.resume().once('close', resolve))));
    expect(performance.now() - startedAtMs).toBeLessThan(20_000);
    await note('200 half-open sockets', 'closed', startedAtMs);
  });

  test('clients that disconnect in the middle of a request', async () => {
    const startedAtMs = performance.now();
    for (let i = 0; i < 200; i++) {
      const socket = open();
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await setTimeout(1);
      socket.destroy();
    }
    await note('200 clients that disconnect', 'no effect', startedAtMs);
  });

  test('any Host, Accept and path gets one valid response', async () => {
    const startedAtMs = performance.now();
    const text = fc.string({ unit: 'binary', maxLength: 200 }).map((value) => value.replace(/[\r\n\0]/g, ''));
    const inHeader = text.map((value) => Buffer.from(value).toString('latin1'));
    let answers = 0;
    await fc.assert(
      fc.asyncProperty(inHeader, inHeader, fc.webPath(), async (host, accept, path) => {
        const received = await raw(
          `GET ${path || '/'} HTTP/1.1\r\nHost: ${host}\r\nAccept: ${accept}\r\nConnection: close\r\n\r\n`,
        );
        answers += 1;
        expect(statusesOf(received)).toEqual([expect.any(Number)]);
        expect([200, 301, 400, 404, 421]).toContain(statusesOf(received)[0]);
      }),
      { numRuns: 300 },
    );
    await note('random Host, Accept and path', `${answers} answers`, startedAtMs);
  });

  test('after all this, no error is logged and the service is healthy', async () => {
    expect(service.log().filter(({ level }) => level === 'error')).toEqual([]);
    expect((await get('/healthz')).status).toBe(200);
  });
});
