import { once } from 'node:events';
import { Agent, createServer, get as httpGet, type IncomingMessage, type RequestListener } from 'node:http';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createShutdown } from '../../src/http/server.ts';

let cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanUp) undo();
  cleanUp = [];
});

/** A server on a free port whose requests to /slow are answered when the test says so. */
async function startServer() {
  const { promise: release, resolve } = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const listener: RequestListener = async ({ url }, response) => {
    if (url === '/slow') {
      arrived.resolve();
      await release;
    }
    response.end('done');
  };
  const server = createServer(listener);
  const shutdown = createShutdown(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  cleanUp.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const get = async (path: string, agent?: Agent) => {
    const [response]: IncomingMessage[] = await once(httpGet({ host: '127.0.0.1', port, path, agent }), 'response');
    if (!response) throw new Error('no response');
    response.resume();
    await once(response, 'end');
    return response;
  };
  return { server, shutdown, port, get, release: resolve, slowArrived: arrived.promise };
}

test('an idle server drains at once, idle keep-alive connections notwithstanding', async () => {
  const { shutdown, get, server } = await startServer();
  const agent = new Agent({ keepAlive: true });
  cleanUp.push(() => agent.destroy());
  await get('/', agent);
  expect(shutdown.isDraining()).toBe(false);
  expect(await shutdown.drain(60_000)).toBe(true);
  expect(shutdown.isDraining()).toBe(true);
  expect(server.listening).toBe(false);
});

test('a request in flight finishes, and takes its connection along', async () => {
  const { shutdown, get, release, slowArrived } = await startServer();
  const agent = new Agent({ keepAlive: true });
  cleanUp.push(() => agent.destroy());
  const slow = get('/slow', agent);
  await slowArrived;
  const drained = shutdown.drain(60_000);
  release();
  const response = await slow;
  expect(response.statusCode).toBe(200);
  expect(response.headers.connection).toBe('close');
  expect(await drained).toBe(true);
});

test('while a request is in flight a probe still gets its answer', async () => {
  const { shutdown, get, release, slowArrived } = await startServer();
  const slow = get('/slow');
  await slowArrived;
  const drained = shutdown.drain(60_000);
  const probe = await get('/');
  expect(probe.statusCode).toBe(200);
  expect(probe.headers.connection).toBe('close');
  release();
  await slow;
  expect(await drained).toBe(true);
  await expect(get('/')).rejects.toThrow('ECONNREFUSED');
});

test('a request that never ends is waited for no longer than the grace period', async () => {
  const { shutdown, get, slowArrived } = await startServer();
  get('/slow').catch(() => {});
  await slowArrived;
  expect(await shutdown.drain(50)).toBe(false);
});

test('a client that connected and says nothing does not hold the process', async () => {
  const { shutdown, port } = await startServer();
  const silent = connect(port, '127.0.0.1');
  silent.on('error', () => {});
  cleanUp.push(() => silent.destroy());
  await once(silent, 'connect');
  silent.write('GET / HTTP/1.1\r\nHos');
  expect(await shutdown.drain(60_000)).toBe(true);
});
