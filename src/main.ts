import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import packageJson from '../package.json' with { type: 'json' };
import { AUTHORITY_HOSTS, cloudOf } from './azure/cloud.ts';
import { originalError } from './azure/errors.ts';
import { ConfigError, readConfig } from './config.ts';
import { createShutdown } from './http/server.ts';
import { createLog } from './telemetry/log.ts';
import { createRedaction } from './telemetry/redaction.ts';

/** EX_CONFIG of sysexits.h. */
const EXIT_BAD_CONFIGURATION = 78;

/** Where k8s/ mounts the labels of the pod by the Downward API. */
const POD_LABELS_FILE = '/etc/podinfo/labels';

function exitWith(code: number, line: string): never {
  process.stderr.write(`rg-api: ${line}\n`);
  process.exit(code);
}

function readEnvironment() {
  try {
    const config = readConfig(process.env);
    const cloud = cloudOf(config.authorityHost);
    if (!cloud) {
      throw new ConfigError('AZURE_AUTHORITY_HOST', 'belongs to no known cloud', AUTHORITY_HOSTS.join(', '));
    }
    return { ...config, cloud };
  } catch (error) {
    if (error instanceof ConfigError) exitWith(EXIT_BAD_CONFIGURATION, error.message);
    throw error;
  }
}

const config = readEnvironment();

const redact = createRedaction(process.env);
const log = createLog({ level: config.logLevel, redact });
// Every promise here is watched. This is for one in a dependency that is not: a service that shows why an identity is
// broken must not be ended by it.
process.on('unhandledRejection', (error) => log.error({ error: originalError(error) }, 'unhandled rejection'));

const { promise: loaded, resolve: serve } = Promise.withResolvers<RequestListener>();
let answer: RequestListener = async (request, response) => (await loaded)(request, response);
const server = createServer(
  {
    // A request without a body is here at once or never: slow ones must not hold a connection.
    headersTimeout: 10_000,
    requestTimeout: 15_000,
    connectionsCheckingInterval: 5000,
    // Browsers and proxies send a few kilobytes; more is refused with 431.
    maxHeaderSize: 16_384,
  },
  (request, response) => answer(request, response),
);
// Each costs memory before its first byte. Some thousands fit into a small container, and a pod has no more clients.
server.maxConnections = 4000;
const shutdown = createShutdown(server);

let signals = 0;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, async () => {
    signals += 1;
    if (signals > 1) {
      log.warn({ signal }, 'second signal: not waiting for requests in flight');
      process.exit(1);
    }
    log.info({ signal, graceMs: config.shutdownGraceMs }, 'shutting down');
    const isDone = await shutdown.drain(config.shutdownGraceMs);
    if (!isDone) log.warn('the grace period ended before all requests in flight');
    process.exit(isDone ? 0 : 1);
  });
}

server.once('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EADDRINUSE') exitWith(1, `port ${config.port} on ${config.host} is in use`);
  const [variable, accepted] =
    error.code === 'EACCES' ? ['PORT', 'a port that this user may listen on'] : ['HOST', 'an address of this machine'];
  exitWith(
    EXIT_BAD_CONFIGURATION,
    new ConfigError(variable, `cannot be listened on (${error.code})`, accepted).message,
  );
});
server.listen(config.port, config.host);
await once(server, 'listening');
const address = server.address();
if (address !== null && typeof address === 'object') {
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  log.info(
    { port: address.port, resourceManager: config.cloud.resourceManager },
    `listening on http://${host}:${address.port}`,
  );
}

// It listens before the Azure SDK is loaded, which takes longer than all the rest.
if (log.isLevelEnabled('debug')) {
  const { bridgeSdkLog } = await import('./azure/sdk-log.ts');
  bridgeSdkLog((line) => log.debug({ from: 'azure-sdk' }, line), log.isLevelEnabled('trace') ? 'verbose' : 'info');
}
const { createService } = await import('./service.ts');
const { createFastPath } = await import('./fast-path.ts');
const service = createService({
  config,
  cloud: config.cloud,
  version: packageJson.version,
  env: process.env,
  podLabelsFile: POD_LABELS_FILE,
  redact,
  isDraining: () => shutdown.isDraining(),
  log,
});

async function loadRoutes(): Promise<RequestListener> {
  const [{ createApp }, { getRequestListener }] = await Promise.all([import('./app.ts'), import('@hono/node-server')]);
  return getRequestListener(createApp(service).fetch);
}

let routes: Promise<RequestListener> | undefined;
const others: RequestListener = async (request, response) => {
  routes ??= loadRoutes();
  (await routes)(request, response);
};
answer = createFastPath({ ...service, others });
serve(answer);
// The first token and the first list, so that the first client finds them ready; then what the others need.
try {
  await service.listing.get();
} catch (error) {
  log.error({ error: originalError(error) }, 'a bug: an error that nobody foresaw');
}
// Who waits for the list is answered before anything else is done.
await setImmediate();
service.metrics.addProcessMetrics();
routes ??= loadRoutes();
