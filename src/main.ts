// First, so that signals work while everything else is loaded, and before the SDK is.
import './signals.ts';
import './quiet.ts';
import packageJson from '../package.json' with { type: 'json' };
import { type CheckCommand, HELP, readArguments, UsageError } from './arguments.ts';
import { createAzure } from './azure/azure.ts';
import { AUTHORITY_HOSTS, cloudOf } from './azure/cloud.ts';
import { isContainer } from './azure/container.ts';
import { originalError } from './azure/errors.ts';
import { bridgeSdkLog } from './azure/sdk-log.ts';
import { check, checkReport } from './check.ts';
import { ConfigError, readConfig } from './config.ts';
import { fromOutside, hideSecretsOf, redact, redactValue } from './redaction.ts';
import { checkDocument } from './responses.ts';
import type { Service } from './service.ts';
import { handleSignals } from './signals.ts';
import { reasonOf } from './snapshot.ts';
import { createLog, writeTo } from './telemetry/log.ts';
import { toSafeJson, toSafeText } from './telemetry/safe-json.ts';
import { createViews } from './view.ts';

const { version } = packageJson;
hideSecretsOf(process.env);
const { command, config, cloud } = await readSettings();
const isCheck = command.kind === 'check';
// A check prints to stdout. Warnings would repeat it, and `kubectl logs` shows both as one.
const { stream, level } = isCheck
  ? { stream: process.stderr, level: 'error' }
  : { stream: process.stdout, level: config.logLevel };
const log = createLog({ level, isTerminal: stream.isTTY, write: writeTo(stream) });
if (log.isLevelEnabled('debug')) {
  bridgeSdkLog((line) => log.debug({ from: 'azure-sdk' }, line), log.isLevelEnabled('trace') ? 'verbose' : 'info');
}
// We handle all our own rejections. An unhandled one in a dependency must not end a service that shows why an identity is broken.
process.on('unhandledRejection', (error) => log.error({ error: originalError(error) }, 'unhandled rejection'));

// By default, Node prints its warnings to stderr.
process.removeAllListeners('warning');
process.on('warning', ({ name, message }) => log.warn({ warning: name }, fromOutside(message)));

const instance = { version, startedAt: new Date().toISOString() };
const azureOptions = {
  ...config,
  cloud,
  userAgentPrefix: `rg-api/${version}`,
  env: process.env,
  // Where the manifests in k8s/ mount the labels of the pod.
  podLabelsFile: '/etc/podinfo/labels',
  // Where Linux shows the control groups of this process.
  cgroupFile: '/proc/self/cgroup',
  isContainer: isContainer(),
  // The log of a check has errors only.
  onWarning: (message: string) => (isCheck ? log.error(message) : log.warn(message)),
};
if (command.kind === 'check') await runCheck(command);
else await serve();

async function serve(): Promise<void> {
  // A check needs nothing of it: no server, no routes, no metrics.
  const { createService } = await import('./service.ts');
  const service = createService({ config, azureOptions, process: instance, log });
  const { server, snapshots, metrics } = service;
  handleSignals((signal) => shutDown(server, signal));
  // Ask Azure while the server starts to listen, so that the first client need not wait for the first token and list.
  const warm = Promise.resolve(snapshots.get()).catch((error: unknown) => {
    log.error({ error: originalError(error) }, 'unexpected error; please report it');
  });
  await listen(service);
  metrics.addProcessMetrics();
  await warm;
}

/** Looks at Azure without a server and a cache, prints what it sees, and exits. */
async function runCheck({ waitMs, json, scope }: CheckCommand): Promise<never> {
  // Each try asks Azure again.
  const azure = createAzure({ ...azureOptions, scope, answerMaxAgeMs: 0 }, () => {});
  const { look, viewOf } = createViews(azure, config.deadlineMs, instance);
  const snapshot = await check(look, waitMs, (reason) => process.stderr.write(`rg-api: not yet: ${reason}\n`));
  const view = await viewOf(snapshot);
  const text = json
    ? `${toSafeJson(redactValue(checkDocument(view)), 2)}\n`
    : redact(checkReport(view, process.stdout.columns ?? 80));
  return exitAfterWriting(text, reasonOf(snapshot) === null ? 0 : 1);
}

async function listen({ server, app }: Service): Promise<void> {
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

async function shutDown(server: Service['server'], signal: string): Promise<void> {
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
  process.stderr.write(`rg-api: ${toSafeText(line)}\n`);
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
