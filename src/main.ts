// First, so that signals work while everything else is loaded.
import './signals.ts';
import packageJson from '../package.json' with { type: 'json' };
import { HELP, readArguments, UsageError } from './arguments.ts';
import { AUTHORITY_HOSTS, cloudOf } from './azure/cloud.ts';
import { originalError } from './azure/errors.ts';
import { bridgeSdkLog } from './azure/sdk-log.ts';
import { check, checkDocument, checkReport } from './check.ts';
import { ConfigError, readConfig } from './config.ts';
import { createService } from './service.ts';
import { handleSignals } from './signals.ts';
import { createLog, writeTo } from './telemetry/log.ts';
import { createRedaction, redactValue } from './telemetry/redaction.ts';
import { toSafeJson } from './telemetry/safe-json.ts';
import { isWell } from './view.ts';

/** Where the manifests in k8s/ mount the labels of the pod. */
const POD_LABELS_FILE = '/etc/podinfo/labels';

const { version } = packageJson;
const { command, config, cloud } = await readSettings();
const redact = createRedaction(process.env);
const isCheck = command.kind === 'check';
// A check prints to stdout. Warnings would repeat it, and `kubectl logs` shows both as one.
const { stream, level } = isCheck
  ? { stream: process.stderr, level: 'error' }
  : { stream: process.stdout, level: config.logLevel };
const log = createLog({ level, redact, isTerminal: stream.isTTY, write: writeTo(stream) });
if (log.isLevelEnabled('debug')) {
  bridgeSdkLog((line) => log.debug({ from: 'azure-sdk' }, line), log.isLevelEnabled('trace') ? 'verbose' : 'info');
}
// We handle all our own rejections. An unhandled one in a dependency must not end a service that shows why an identity is broken.
process.on('unhandledRejection', (error) => log.error({ error: originalError(error) }, 'unhandled rejection'));

const service = createService({
  // Each try of a check asks Azure again, however long clients may share a response.
  config: isCheck ? { ...config, answerMaxAgeMs: 0 } : config,
  cloud,
  version,
  env: process.env,
  podLabelsFile: POD_LABELS_FILE,
  redact,
  log,
});
const { server, app, snapshots, viewOf, metrics } = service;

if (command.kind === 'check') {
  const view = await check({ snapshots, viewOf }, command.waitMs, (reason) => {
    process.stderr.write(`rg-api: not yet: ${reason}\n`);
  });
  const text = command.json
    ? `${toSafeJson(redactValue(redact, checkDocument(view)), 2)}\n`
    : redact(checkReport(view));
  await exitAfterWriting(text, isWell(view) ? 0 : 1);
} else {
  handleSignals(shutDown);
  // Ask Azure while the server starts to listen.
  const warm = warmUp();
  await listen();
  metrics.addProcessMetrics();
  await warm;
}

async function listen(): Promise<void> {
  const { port, host } = config;
  try {
    const { address, family, port: actualPort } = await server.listen(app.fetch, port, host);
    const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${actualPort}`;
    log.info({ port: actualPort, resourceManager: cloud.resourceManager }, `listening on ${url}`);
  } catch (error) {
    const code = String(Reflect.get(Object(error), 'code'));
    if (code === 'EADDRINUSE') exitWith(1, `port ${port} on ${host} is in use`);
    const [variable, accepted] =
      code === 'EACCES' ? ['PORT', 'a port that this user may listen on'] : ['HOST', 'an address of this machine'];
    exitWith(78, new ConfigError(variable, `cannot be listened on (${code})`, accepted).message);
  }
}

/** Gets the first token and the first list, so that the first client need not wait for them. */
async function warmUp(): Promise<void> {
  try {
    await snapshots.get();
  } catch (error) {
    log.error({ error: originalError(error) }, 'a bug: an unexpected error');
  }
}

async function shutDown(signal: string): Promise<void> {
  if (server.isDraining()) {
    log.warn({ signal }, 'second signal: not waiting for requests in flight');
    process.exit(1);
  }
  log.info({ signal, graceMs: config.shutdownGraceMs }, 'shutting down');
  const isDone = await server.drain(config.shutdownGraceMs);
  if (!isDone) log.warn('the grace period ended before all requests in flight');
  process.exit(isDone ? 0 : 1);
}

async function readSettings() {
  try {
    const command = readArguments(process.argv.slice(2), process.env);
    if (command.kind === 'help') await exitAfterWriting(HELP, 0);
    if (command.kind === 'version') await exitAfterWriting(`${version}\n`, 0);
    const config = readConfig(process.env);
    const cloud = cloudOf(config.authorityHost);
    if (!cloud) {
      throw new ConfigError('AZURE_AUTHORITY_HOST', 'belongs to no known cloud', AUTHORITY_HOSTS.join(', '));
    }
    return { command, config, cloud };
  } catch (error) {
    // EX_USAGE and EX_CONFIG of sysexits.h.
    if (error instanceof UsageError) exitWith(64, error.message);
    if (error instanceof ConfigError) exitWith(78, error.message);
    throw error;
  }
}

function exitWith(code: number, line: string): never {
  process.stderr.write(`rg-api: ${line}\n`);
  process.exit(code);
}

/** Never resolves. */
function exitAfterWriting(text: string, code: number): Promise<never> {
  return new Promise(() => {
    // Without a listener, an error would end the process before the callback below gets it.
    process.stdout.on('error', () => {});
    process.stdout.write(text, (error) => {
      const errno = error && String(Reflect.get(error, 'code'));
      // A reader that has left, such as `head`, has read enough. A full disk must not pass for a good check.
      if (errno && errno !== 'EPIPE') exitWith(1, `stdout cannot be written (${errno})`);
      process.exit(code);
    });
  });
}
