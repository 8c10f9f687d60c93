import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createDefaultHttpClient, createPipelineRequest } from '@azure/core-rest-pipeline';
import { afterEach, expect, test, vi } from 'vitest';
import { type ExchangeRecord, recordExchange, waitOf } from '../../src/azure/transport.ts';

// These use real sockets on loopback: the fake Azure has no connections whose phases could be seen.
const LIMITS = { maxBytes: 1000, maxElements: 10 };
const client = createDefaultHttpClient();

let servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  sockets.clear();
  servers = [];
});

/** Listens on loopback; returns host and port. */
async function listen(server: Server): Promise<string> {
  servers.push(server);
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

function httpServer(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  return listen(createServer(answer));
}

/** Sends a request, and returns its record and its outcome. */
function send(url: string, options: { timeout?: number } = {}) {
  const record: ExchangeRecord = {};
  const request = createPipelineRequest({ url, allowInsecureConnection: true, ...options });
  const response = recordExchange(request, (sent) => client.sendRequest(sent), record, LIMITS);
  response.catch(() => {});
  return { record, response };
}

test('a response is recorded with the server, its address and how long it took', async () => {
  const host = await httpServer((_, response) => {
    response.writeHead(404, { Server: `envoy${'x'.repeat(200)}`, 'Content-Type': 'text/plain' }).end('made up');
  });
  const { record, response } = send(`http://${host}/`);
  await response;
  expect(record).toEqual({
    exchange: {
      host: '127.0.0.1',
      address: '127.0.0.1',
      tookMs: expect.any(Number),
      status: 404,
      server: expect.stringMatching(/^envoyx+ … x+$/),
      contentType: 'text/plain',
      body: 'made up',
      serverAheadSeconds: expect.any(Number),
    },
    pending: undefined,
  });
});

test('a request starts with the lookup of a name, and with the connection to an address', async () => {
  const host = await httpServer((_, response) => response.end('{}'));
  const byName = send(`http://${host.replace('127.0.0.1', 'localhost')}/`);
  expect(byName.record.pending).toMatchObject({ host: 'localhost', phase: 'lookup' });
  await byName.response;
  const byAddress = send(`http://${host}/`);
  expect(byAddress.record.pending).toMatchObject({ phase: 'connect' });
  await byAddress.response;
});

test('a pending request says that it waits for the response, on a new connection and on a kept one', async () => {
  const answers: ServerResponse[] = [];
  const host = await httpServer((_, response) => answers.push(response));
  for (let i = 0; i < 2; i++) {
    const { record, response } = send(`http://${host}/`);
    await vi.waitFor(() => expect(answers).toHaveLength(i + 1));
    expect(record.pending).toMatchObject({ phase: 'response', address: '127.0.0.1' });
    answers[i]?.end('{}');
    await response;
  }
  expect(sockets.size).toBe(1);
});

test('a pending request says that it is in the TLS handshake', async () => {
  const connected = Promise.withResolvers<void>();
  const host = await listen(createTcpServer((socket) => socket.on('data', () => connected.resolve())));
  const { record, response } = send(`https://${host}/`, { timeout: 60_000 });
  await connected.promise;
  expect(record.pending).toMatchObject({ phase: 'tls', address: '127.0.0.1' });
  for (const socket of sockets) socket.destroy();
  await expect(response).rejects.toThrow();
  expect(record).toMatchObject({ exchange: { phase: 'tls', code: 'ECONNRESET' }, pending: undefined });
});

test('a refused connection is recorded with its address and code', async () => {
  const host = await listen(createTcpServer());
  await new Promise((resolve) => servers[0]?.close(resolve));
  const { record, response } = send(`http://${host}/`);
  await expect(response).rejects.toThrow();
  expect(record.exchange).toMatchObject({ phase: 'connect', address: '127.0.0.1', code: 'ECONNREFUSED' });
});

test('a request without a response in time fails like a lost connection, so that the SDK retries it', async () => {
  const host = await httpServer(() => {});
  const { record, response } = send(`http://${host}/`, { timeout: 100 });
  await expect(response).rejects.toMatchObject({ name: 'RestError', code: 'ETIMEDOUT' });
  expect(record.exchange).toMatchObject({ phase: 'response', code: 'ETIMEDOUT' });
});

test.each([
  ['bytes', ' '.repeat(1001), '127.0.0.1 answered with more than 1000 bytes'],
  ['elements', '[[[[[[[[[[[', '127.0.0.1 answered with more than 10 elements'],
])('a response with too many %s fails', async (_, body, message) => {
  const host = await httpServer((__, response) => response.end(body));
  const { record, response } = send(`http://${host}/`);
  await expect(response).rejects.toMatchObject({ message, code: 'ERR_RESPONSE_TOO_LARGE' });
  expect(record.exchange).not.toHaveProperty('status');
});

test.each([
  [{ phase: 'lookup' as const }, 'looking up made.up'],
  [{ phase: 'connect' as const, address: '192.0.2.1' }, 'connecting to made.up (192.0.2.1)'],
  [{ phase: 'tls' as const, address: '192.0.2.1' }, 'in the TLS handshake with made.up (192.0.2.1)'],
  [{ phase: 'response' as const, address: '192.0.2.1' }, 'no response from made.up (192.0.2.1)'],
  [{}, 'no response from made.up'],
])('a wait in the phase %j is said in words', (exchange, words) => {
  expect(waitOf({ host: 'made.up', ...exchange })).toBe(words);
});
