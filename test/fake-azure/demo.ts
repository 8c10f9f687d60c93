// `npm run demo`: the service on a fake Azure, which the fake az and kubectl of `npm run demo:shell` change. A change that makes a new
// pod starts the service again, in a process and an environment of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { closest } from './closest.ts';
import { withoutAzure } from './environment.ts';
import { FAMILIES, handlersIn, SCENARIOS, type Scenario, worldOf } from './scenarios.ts';
import type { Told } from './service.ts';
import { serveTools, toolsPortOf } from './tools.ts';
import { environmentOf, processOf } from './world.ts';

const BADGE = 'fake Azure: every answer here is made up';
const SERVICE = ['--disable-sigusr1', '--import', './test/fake-azure/service.ts', 'src/main.ts'];

/** All scenarios, by family, each with what it shows. */
function list(): string {
  const width = Math.max(...Object.keys(SCENARIOS).map(({ length }) => length));
  return Object.entries(FAMILIES)
    .map(([family, scenarios]) => {
      const lines = Object.entries(scenarios).map(([name, { shows }]) => `  ${name.padEnd(width)}  ${shows}\n`);
      return `\n${family}\n${lines.join('')}`;
    })
    .join('');
}

/** The scenario and what is left for the service. Ends the process if the first argument is no scenario. */
function readArguments(): { name: string; scenario: Scenario; rest: string[] } {
  const [first = '', ...others] = process.argv.slice(2);
  if (['help', '--help', '-h'].includes(first)) {
    process.stdout.write(
      `npm run demo -- SCENARIO: the service on a fake Azure, without a network or an account\n${list()}`,
    );
    process.exit(0);
  }
  const [name, rest] = first === '' || first.startsWith('-') ? ['all-well', process.argv.slice(2)] : [first, others];
  const scenario = SCENARIOS[name];
  if (scenario) return { name, scenario, rest };
  const similar = closest(name, Object.keys(SCENARIOS));
  const meant = similar === undefined ? '' : ` Did you mean ${similar}?`;
  process.stderr.write(`rg-api demo: no scenario "${name}".${meant}\nnpm run demo -- help lists all of them.\n`);
  process.exit(64); // EX_USAGE of sysexits.h
}

/** PORT, or a free port that stays the same when the service starts again. */
async function choosePort(): Promise<number> {
  const port = Number(process.env['PORT'] || 8080);
  if (port !== 0) return port;
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address() as AddressInfo; // It is null only before it listens.
  server.close();
  return free;
}

const { name, scenario, rest } = readArguments();
const isService = rest.length === 0;
const output = isService ? process.stdout : process.stderr;
output.write(
  `rg-api demo: every answer comes from a fake Azure inside this process, none from the real one.\n` +
    `Scenario "${name}": ${scenario.shows}.\n`,
);
const world = worldOf(scenario);
const port = await choosePort();
let before = JSON.stringify(world);
let running = processOf(world);

// A check ends before anybody could type a command; the service of a laptop still needs its az.
const toolsPort = isService ? toolsPortOf(port) : 0;
const tools = await serveTools(world, handlersIn(scenario, world), {
  port: toolsPort,
  async onRan({ tool, words }) {
    const now = JSON.stringify(world);
    if (now === before) return;
    before = now;
    output.write(`demo: ${tool} ${words.join(' ')}\n`);
    if (processOf(world) === running) return tell();
    running = processOf(world);
    output.write(
      `demo: this makes a new ${world.place === 'pod' ? `pod, ${world.pod.name}` : 'process'}: the service starts again, with an empty history\n`,
    );
    await replaceService();
  },
}).catch(({ message }) => {
  process.stderr.write(
    `rg-api demo: port ${toolsPort} is needed for az and kubectl: ${message}.\n` +
      `End the other demo with Ctrl+C in its terminal, or choose another PORT.\n`,
  );
  process.exit(1);
});

if (isService) {
  const origin = `http://localhost:${port}`;
  const shell = `${port === 8080 ? '' : `PORT=${port} `}npm run demo:shell`;
  const next = [
    [origin, 'the page, in a browser'],
    [`curl -i ${origin}`, 'the list, or [] and Fallback-Reason'],
    [`curl ${origin}/whoami`, 'who the pod is, or what is wrong and what to do'],
    [shell, 'in a second terminal: paste the commands of the page there'],
    ['npm run demo -- help', 'all other scenarios'],
  ];
  const width = Math.max(...next.map(([command = '']) => command.length)) + 2;
  const lines = next.map(([command = '', shows]) => `  ${command.padEnd(width)}${shows}\n`);
  output.write(`\n${lines.join('')}\n`);
}

for (const { name: identity, federatedCredentials } of world.identities) {
  for (const { effectiveAtMs = 0 } of federatedCredentials) {
    if (effectiveAtMs < Date.now()) continue;
    const time = new Date(effectiveAtMs).toISOString().slice(11, 19);
    output.write(
      `demo: the federated credential of ${identity} takes effect at ${time} UTC; the page shows the time, too\n`,
    );
  }
}

let service = startService();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => service.kill(signal) || process.exit(1));

function startService(): ChildProcess {
  const child = spawn(process.execPath, [...SERVICE, ...rest], {
    env: {
      ...withoutAzure(process.env),
      ...tools.environment,
      ...environmentOf(world),
      PORT: String(port),
      PAGE_BADGE: BADGE,
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // Ctrl+C reaches this process alone, which passes it on once: a second signal would end the service at once.
    detached: process.platform !== 'win32',
  });
  child.on('exit', (code, signal) => {
    if (child === service) process.exit(signal === null ? (code ?? 1) : 1);
  });
  tell(child);
  return child;
}

function tell(child = service): void {
  const told: Told = { scenario: name, world };
  child.send(told, () => {}); // It may have ended; then its exit says more.
}

/** The port must be free for the next one. */
async function replaceService(): Promise<void> {
  const former = service;
  former.removeAllListeners('exit');
  const ended = once(former, 'exit');
  former.kill('SIGKILL');
  await ended;
  service = startService();
}
