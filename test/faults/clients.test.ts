import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { get, healed, startAzure, startService } from './rig.ts';
import { printTable, report } from './table.ts';

const PORT = 8080;

/** Sends these bytes, and answers what comes back until the other side closes or this time is over. */
async function raw(bytes: string, waitMs = 2000): Promise<string> {
  const socket = connect(PORT, '127.0.0.1');
  let received = '';
  socket.setEncoding('latin1').on('data', (text) => {
    received += text;
  });
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await Promise.race([closed, setTimeout(waitMs)]);
  socket.destroy();
  return received;
}

const statusesOf = (received: string) =>
  [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));

describe('clients', () => {
  let azure: Awaited<ReturnType<typeof startAzure>>;
  let service: Awaited<ReturnType<typeof startService>>;
  beforeAll(async () => {
    azure = await startAzure();
    service = await startService(azure.certificate, { ANSWER_MAX_AGE_MS: '1000' });
    await healed();
  });
  afterAll(async () => {
    await service.end();
    azure.close();
  });
  printTable();

  async function note(fault: string, answer: string, startedAtMs: number): Promise<void> {
    report(fault, answer, Math.round(performance.now() - startedAtMs));
    expect(service.child.exitCode).toBe(null);
    await healed();
  }

  test('5,000 connections: those beyond the limit are closed, and the others live', async () => {
    const startedAtMs = performance.now();
    const sockets: Socket[] = [];
    let closed = 0;
    for (let i = 0; i < 5000; i++) {
      const socket = connect(PORT, '127.0.0.1');
      socket.on('error', () => {}).once('close', () => closed++);
      sockets.push(socket);
      if (i % 250 === 0) await setTimeout(10);
    }
    await setTimeout(1000);
    const refused = closed;
    expect(refused).toBeGreaterThan(900);
    expect(refused).toBeLessThan(1200);
    expect(service.memoryMiB('VmRSS')).toBeLessThan(200);
    for (const socket of sockets) socket.destroy();
    await setTimeout(500);
    await note('5,000 connections', `${5000 - refused} held, ${refused} closed`, startedAtMs);
  });

  test('slow headers and half-open sockets are cut off', async () => {
    const startedAtMs = performance.now();
    const sockets = Array.from({ length: 100 }, () => connect(PORT, '127.0.0.1').on('error', () => {}));
    const drip = setInterval(() => {
      for (const socket of sockets) if (!socket.destroyed) socket.write('X');
    }, 500);
    for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.resume().once('close', resolve))));
    clearInterval(drip);
    expect(performance.now() - startedAtMs).toBeLessThan(20_000);
    await note('slow headers (100 connections)', 'cut off', startedAtMs);
  });

  test.each<[string, string, number[]]>([
    ['a header of 64 KB', `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(65_536)}\r\n\r\n`, [431]],
    ['a URL of 1 MB', `GET /${'x'.repeat(2 ** 20)} HTTP/1.1\r\nHost: x\r\n\r\n`, [431]],
    ['no request line', 'nonsense\r\n\r\n', [400]],
    ['TLS on a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400]],
    ['an unknown method', 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n', [400]],
    ['HTTP/3.0', 'GET / HTTP/3.0\r\nHost: x\r\n\r\n', [400]],
    ['no Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', [400]],
    ['two Content-Lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', [400]],
    [
      'Content-Length and chunked',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      [400],
    ],
    [
      'pipelining',
      `${'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3)}GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      [200, 200, 200, 200],
    ],
    ['a body on GET', 'GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello', [200]],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', [405]],
    ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', [400]],
    ['CONNECT', 'CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\n\r\n', []],
    [
      'an upgrade',
      'GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n',
      [200],
    ],
    ['dots in the path', 'GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', [404]],
    ['%00 in the path', 'GET /%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', [404]],
    ['a broken escape in the path', 'GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', [404]],
    ['an absolute URL', 'GET http://elsewhere.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', [200]],
    ['Host with nonsense', 'GET /healthz HTTP/1.1\r\nHost: a b@c:99999/\r\nConnection: close\r\n\r\n', [400]],
    ['HEAD', 'HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', [200]],
  ])('%s', async (fault, bytes, expected) => {
    const startedAtMs = performance.now();
    const received = await raw(bytes);
    expect({ fault, statuses: statusesOf(received) }).toEqual({ fault, statuses: expected });
    if (fault === 'HEAD') expect(received.split('\r\n\r\n')[1]).toBe('');
    await note(fault, expected.join(' ') || 'closed', startedAtMs);
  });

  test('half-open sockets: clients that say half a request and that they say no more', async () => {
    const startedAtMs = performance.now();
    const sockets = Array.from({ length: 200 }, () => connect({ port: PORT, host: '127.0.0.1', allowHalfOpen: true }));
    for (const socket of sockets) socket.on('error', () => {}).end('GET / HTTP/1.1\r\nHos');
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.resume().once('close', resolve))));
    expect(performance.now() - startedAtMs).toBeLessThan(20_000);
    await note('200 half-open sockets', 'closed', startedAtMs);
  });

  test('clients that go away in the middle', async () => {
    const startedAtMs = performance.now();
    for (let i = 0; i < 200; i++) {
      const socket = connect(PORT, '127.0.0.1').on('error', () => {});
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await setTimeout(1);
      socket.destroy();
    }
    await note('200 clients that go away', 'nobody noticed', startedAtMs);
  });

  test('whatever Host, Accept and path a client sends, the answer is honest', async () => {
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
        expect([200, 400, 404]).toContain(statusesOf(received)[0]);
      }),
      { numRuns: 300 },
    );
    await note('Host, Accept and path at random', `${answers} answers`, startedAtMs);
  });

  test('nothing of it was a bug', async () => {
    expect(service.log().filter(({ level }) => level === 'error')).toEqual([]);
    expect((await get('/healthz')).status).toBe(200);
  });
});
