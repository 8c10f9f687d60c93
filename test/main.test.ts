import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { MAIN, startDemo, startProcess } from './process.ts';

test.each([
  [{ PORT: 'eighty' }, 'PORT'],
  [{ AZURE_AUTHORITY_HOST: 'https://login.elsewhere.example' }, 'AZURE_AUTHORITY_HOST'],
  [{ AZURE_TOKEN_CREDENTIALS: 'elsewhere' }, 'AZURE_TOKEN_CREDENTIALS'],
  [{ HOST: '192.0.2.1' }, 'HOST'],
  [{ HOST: 'elsewhere.invalid' }, 'HOST'],
])('with %o the process ends at once with 78 and one line that names the variable', async (env, variable) => {
  const { code, stdout, stderr } = await startProcess([MAIN], env).end();
  expect(code).toBe(78);
  expect(stderr).toMatch(new RegExp(`^rg-api: ${variable} .+; accepted: .+\\n$`));
  expect(stderr).not.toContain('elsewhere');
  expect(stdout).toEqual([]);
});

test('a port in use ends the process with 1 and one line', async () => {
  const occupant = createServer().listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  const address = occupant.address();
  const PORT = String(typeof address === 'object' && address?.port);
  const { code, stdout, stderr } = await startProcess([MAIN], { PORT }).end();
  occupant.close();
  expect(code).toBe(1);
  expect(stderr).toBe(`rg-api: port ${PORT} on 127.0.0.1 is in use\n`);
  expect(stdout).toEqual([]);
});

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends an idle process with 0', async (signal) => {
  const service = startProcess([MAIN]);
  await service.url();
  service.child.kill(signal);
  const { code, stdout, stderr } = await service.end();
  expect([code, stderr]).toEqual([0, '']);
  const messages = stdout.map((line) => JSON.parse(line).msg);
  // Between them there may be a warning about the missing identity, depending on the speed of the machine.
  expect(messages[0]).toContain('listening');
  expect(messages).toContain('shutting down');
});

test('signals are handled before anything else is done', async () => {
  const exitsAtHandler = `data:text/javascript,process.on('newListener', (event) => event === 'SIGTERM' && process.exit(42))`;
  expect((await startProcess(['--import', exitsAtHandler, MAIN], { PORT: 'eighty' }).end()).code).toBe(42);
});

test.each([
  ['the service', [], 0],
  ['a check', ['--check'], 1],
])('SIGTERM while the code is still loading ends %s with its own exit code', async (_, args, expected) => {
  const killsItself = `data:text/javascript,setInterval(() => {}, 60000);
    process.on('newListener', (event) => event === 'SIGINT' && setImmediate(() => process.kill(process.pid, 'SIGTERM')))`;
  const { code, stdout } = await startProcess(['--import', killsItself, './src/signals.ts', ...args]).end();
  expect([code, stdout]).toEqual([expected, []]);
});

test('after SIGTERM readiness is 503, health 200, the request in flight finishes, and the process ends with 0', async () => {
  const service = startDemo('slow', { SHUTDOWN_GRACE_MS: '60000' });
  await service.url();
  const inFlight = service.get();
  // By the time of this response, the request above has arrived.
  await service.get('/healthz');
  service.child.kill('SIGTERM');
  await service.logged('shutting down');
  expect((await service.get('/readyz')).status).toBe(503);
  expect((await service.get('/healthz')).status).toBe(200);
  expect((await inFlight).status).toBe(504);
  expect((await service.end()).code).toBe(0);
});

test('a second signal ends the process with 1', async () => {
  const service = startDemo('slow');
  await service.url();
  service.get().catch(() => {});
  await service.get('/healthz');
  service.child.kill('SIGTERM');
  await service.logged('shutting down');
  service.child.kill('SIGINT');
  expect((await service.end()).code).toBe(1);
});

test('the end of the grace period ends the process with 1', async () => {
  const service = startDemo('slow', { SHUTDOWN_GRACE_MS: '50' });
  await service.url();
  service.get().catch(() => {});
  await service.get('/healthz');
  service.child.kill('SIGTERM');
  expect((await service.end()).code).toBe(1);
});

test('an unhandled rejection is logged and does not end the process', async () => {
  // Rejects as soon as there is a listener.
  const rejects = `data:text/javascript,process.on('newListener', (event) => {
    if (event === 'unhandledRejection') setImmediate(() => Promise.reject(new Error('made-up')));
  })`;
  const service = startProcess(['--import', rejects, MAIN]);
  await service.url();
  expect(JSON.parse(await service.logged('unhandled rejection'))).toMatchObject({
    level: 'error',
    error: { message: 'made-up' },
  });
  expect((await service.get('/healthz')).status).toBe(200);
});

test('at trace the SDK logs through our log, one JSON line per event, and without tokens', async () => {
  const service = startDemo('all-well', { LOG_LEVEL: 'trace' });
  await service.url();
  expect(await (await service.get()).json()).toContain('rg-shop-orders-prod');
  service.child.kill('SIGTERM');
  const { stdout, stderr } = await service.end();
  // Skip the demo's own lines, which end with an empty line.
  const events = stdout.slice(stdout.lastIndexOf('') + 1).map((line) => JSON.parse(line));
  expect(events.filter(({ from }) => from === 'azure-sdk').length).toBeGreaterThan(10);
  expect(stdout.join('\n')).not.toContain('made-up-signature');
  expect(stderr).toBe('');
});
