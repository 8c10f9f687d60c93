import { once } from 'node:events';
import { Agent, get as httpGet, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { prepare } from '../../src/http/prepared-response.ts';
import { createHttpServer } from '../../src/http/server.ts';

let cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanUp) undo();
  cleanUp = [];
});

/** Starts a server on a free port. It answers /slow when the test calls `release`, and /large with some megabytes. */
async function startServer() {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const slowArrived = Promise.withResolvers<void>();
  const begun: string[] = [];
  const answered: { url: string | undefined; status: number; durationMs: number }[] = [];
  const server = createHttpServer({
    refuse: ({ headers: { host } }) => (host === 'refused' ? prepare('refused', 'text/plain', 421) : undefined),
    onResponse: ({ url }, status, durationMs) => answered.push({ url, status, durationMs }),
  });
  const large = new Uint8Array(8 * 1024 * 1024);
  const { port } = await server.listen(
    async (request) => {
      const { pathname } = new URL(request.url);
      begun.push(pathname);
      if (pathname === '/slow') {
        slowArrived.resolve();
        await released;
      }
      return new Response(pathname === '/large' ? large : pathname);
    },
    0,
    '127.0.0.1',
  );
  cleanUp.push(server.close);
  const get = async (path: string, agent?: Agent) => {
    const [response]: IncomingMessage[] = await once(httpGet({ host: '127.0.0.1', port, path, agent }), 'response');
    if (!response) throw new Error('no response');
    response.resume();
    await once(response, 'end');
    return response;
  };
  /** Opens a connection that sends only this. */
  const write = (bytes: string): Socket => {
    const socket = connect(port, '127.0.0.1');
    cleanUp.push(() => socket.destroy());
    socket.write(bytes);
    return socket;
  };
  return { server, port, get, write, release, slowArrived: slowArrived.promise, begun, answered };
}

/** Reads until this part has arrived this many times. */
async function readUntil(socket: Socket, part: string, times = 1): Promise<string> {
  let all = '';
  for await (const chunk of socket.setEncoding('latin1').iterator({ destroyOnReturn: false })) {
    all += chunk;
    if (all.split(part).length > times) return all;
  }
  return all;
}

const keepAlive = () => {
  const agent = new Agent({ keepAlive: true });
  cleanUp.push(() => agent.destroy());
  return agent;
};

test('a server without connections drains at once', async () => {
  const { server } = await startServer();
  expect(server.isDraining()).toBe(false);
  const startedAtMs = performance.now();
  expect(await server.drain(60_000)).toBe(true);
  expect(performance.now() - startedAtMs).toBeLessThan(2000);
  expect(server.isDraining()).toBe(true);
});

test('while it drains, a request on an idle keep-alive connection is answered, and closes the connection', async () => {
  const { server, get } = await startServer();
  const agent = keepAlive();
  await get('/', agent);
  const drained = server.drain(60_000);
  expect((await get('/', agent)).headers.connection).toBe('close');
  expect(await drained).toBe(true);
});

test('an idle keep-alive connection without a request is closed at the end', async () => {
  const { server, get } = await startServer();
  const agent = keepAlive();
  await get('/', agent);
  expect(await server.drain(200)).toBe(true);
});

test('a request in flight finishes, and closes its connection', async () => {
  const { server, get, release, slowArrived } = await startServer();
  const slow = get('/slow', keepAlive());
  await slowArrived;
  const drained = server.drain(60_000);
  release();
  expect((await slow).headers.connection).toBe('close');
  expect(await drained).toBe(true);
});

test('while a request is in flight the port stays open, so that a probe is answered', async () => {
  const { server, get, release, slowArrived } = await startServer();
  const slow = get('/slow');
  await slowArrived;
  const drained = server.drain(60_000);
  expect((await get('/')).statusCode).toBe(200);
  release();
  await slow;
  expect(await drained).toBe(true);
});

test('drain reports whether the requests or the grace period ended first', async () => {
  const { server, get, slowArrived } = await startServer();
  get('/slow').catch(() => {});
  await slowArrived;
  expect(await server.drain(50)).toBe(false);
});

test('the drain does not wait for a client that does not read its response', async () => {
  const { server, write, answered } = await startServer();
  const socket = write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket.pause(), 'connect');
  await expect.poll(() => answered.length, { timeout: 30_000 }).toBe(1);
  expect(await server.drain(2000)).toBe(true);
});

test('pipelined requests behind one that outlasts the drain window are answered', async () => {
  const other = await startServer();
  await other.get('/', keepAlive());
  const { server, write, begun, release, slowArrived } = await startServer();
  const socket = write(['/slow', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
  await slowArrived;
  const drained = server.drain(60_000);
  // An idle connection keeps a server open until the drain window ends.
  await other.server.drain(60_000);
  release();
  await readUntil(socket, '\r\n\r\n/3');
  expect(await drained).toBe(true);
  expect(begun).toEqual(['/slow', '/2', '/3']);
});

test('a request behind the last response of a connection is not begun', async () => {
  const { server, write, get, answered, release, slowArrived } = await startServer();
  const socket = write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
  await slowArrived;
  const drained = server.drain(60_000);
  socket.write('GET /2 HTTP/1.1\r\nHost: x\r\n\r\n');
  await get('/');
  release();
  await once(socket.resume(), 'close');
  expect(await drained).toBe(true);
  expect(answered.map(({ url }) => url).toSorted()).toEqual(['/', '/slow']);
});

test('the server stops reading requests behind a slow one, so that one client cannot use up the queue of all', async () => {
  const { write, get, release, slowArrived } = await startServer();
  const hog = write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
  await slowArrived;
  for (let piece = 0; piece < 45; piece++) {
    hog.write(`GET /${piece} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(100));
    await get('/');
  }
  const other = write('GET /other HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50));
  await readUntil(other, '\r\n\r\n/other', 50);
  release();
  await readUntil(hog, '\r\n\r\n/44', 100);
});

test('a pipelined request starts only after the previous response has been sent', async () => {
  const { write, begun, release, slowArrived } = await startServer();
  const socket = write(
    'GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n',
  );
  await slowArrived;
  expect(begun).toEqual(['/slow']);
  release();
  const all = await readUntil(socket, '/3');
  expect(begun).toEqual(['/slow', '/2', '/3']);
  expect([...all.matchAll(/\r\n\r\n(\/slow|\/2|\/3)/g)].map(([, body]) => body)).toEqual(['/slow', '/2', '/3']);
});

test('a client that ends its side after a request gets its answer, and then the end', async () => {
  const { port, get, release, slowArrived } = await startServer();
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  cleanUp.push(() => socket.destroy());
  socket.end('GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n');
  await slowArrived;
  // By the time of these answers, the server could have read the end.
  await get('/');
  await get('/');
  release();
  expect(await text(socket)).toMatch(/\r\n\r\n\/slow.*\r\n\r\n\/2$/s);
});

test('a request with an unknown expectation waits for its turn, and is counted', async () => {
  const { write, answered, release, slowArrived } = await startServer();
  const socket = write(
    'GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nConnection: close\r\n\r\n',
  );
  await slowArrived;
  expect(answered).toEqual([]);
  release();
  expect(await text(socket)).toMatch(/^HTTP\/1.1 200 .*HTTP\/1.1 417 /s);
  expect(answered).toMatchObject([
    { url: '/slow', status: 200 },
    { url: '/2', status: 417 },
  ]);
});

test('many pipelined requests are all answered, in order', async () => {
  const { write, begun } = await startServer();
  const paths = Array.from({ length: 2000 }, (_, i) => `/${i}`);
  const socket = write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
  await readUntil(socket, '\r\n\r\n/1999');
  expect(begun).toEqual(paths);
});

test('a client that does not read delays only its own pipelined requests', async () => {
  const { write, get, begun } = await startServer();
  const socket = write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50));
  await once(socket.pause(), 'connect');
  await get('/');
  await get('/');
  expect(begun.filter((path) => path === '/large').length).toBeLessThanOrEqual(2);
});

test('a request is counted with its status and duration', async () => {
  const { get, answered } = await startServer();
  await get('/');
  await expect.poll(() => answered).toMatchObject([{ url: '/', status: 200, durationMs: expect.any(Number) }]);
});

test('a refused request does not reach the app', async () => {
  const { write, begun, answered } = await startServer();
  expect(await readUntil(write('GET / HTTP/1.1\r\nHost: refused\r\n\r\n'), 'refused')).toMatch(/^HTTP\/1\.1 421 /);
  expect(begun).toEqual([]);
  expect(answered).toMatchObject([{ status: 421 }]);
});

test.each([
  ['HTTP/1.0 without a Host', 'GET / HTTP/1.0\r\n\r\n', 200],
  ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n', 200],
  ['a malformed request', 'nonsense\r\n\r\n', 400],
  ['a request for the server as a whole', 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
  ['a Host that is not a host name', 'GET / HTTP/1.1\r\nHost: a b@c/\r\nConnection: close\r\n\r\n', 400],
  ['endless headers', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ['an unknown expectation', 'GET / HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nConnection: close\r\n\r\n', 417],
])('%s gets a complete response', async (_, request, status) => {
  const { write } = await startServer();
  const response = await text(write(request));
  expect(response).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .+\\r\\n`));
  const body = response.slice(response.indexOf('\r\n\r\n') + 4);
  expect(body.length).toBe(Number(/content-length: (\d+)/i.exec(response)?.[1]));
  if (status !== 200) expect(JSON.parse(body)).toMatchObject({ type: 'about:blank', status });
});

test('a port in use rejects with the system error', async () => {
  const { port } = await startServer();
  const { listen } = createHttpServer({
    refuse: () => undefined,
    onResponse: () => {},
  });
  await expect(listen(() => new Response(), port, '127.0.0.1')).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
