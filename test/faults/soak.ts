// `npm run soak [minutes]`: mixed faults and load, with the memory limit of the manifests. Exits with 1 if the process ends, memory
// or handles grow, a probe takes more than a second, or an answer is neither the whole list nor an explained error.
import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { identityNotFound, imds, nmiNotReady } from '../fake-azure/identity.ts';
import { groups, resourceManager, subscriptions } from '../fake-azure/resource-manager.ts';
import {
  drops,
  emptyObjects,
  gzipped,
  hangs,
  html,
  refuses,
  stalls,
  throttles,
  truncated,
} from '../fake-azure/responses.ts';
import { startProbes } from './probe.ts';
import { get, PORT, recovered, startAzure, startService, WHOLE_LIST } from './rig.ts';
import { closeAll, MORE_THAN_BUFFERS_HOLD, open, pipeline } from './sockets.ts';

const MINUTES = Number(process.argv[2] ?? 5);
const FAULT_MS = 2000;
const PROBE_LIMIT_MS = 1000;
/** Few enough that idle connections alone would use them up. */
const DESCRIPTORS = 2048;
/** An even number of jumps sets the clock right again. */
const CLOCK_MS = 7000;
const HEALED_WITHIN_MS = 15_000;

const faults = [
  () => [],
  () => [imds({ answer: identityNotFound, expiresIn: 5 })],
  () => [imds({ answer: nmiNotReady, expiresIn: 5 })],
  () => [subscriptions([])],
  ...[
    drops,
    hangs,
    stalls,
    html,
    truncated,
    emptyObjects(3e6),
    gzipped(`{"value":[${'1,'.repeat(2e6)}1]}`),
    refuses(400, 'made-up', 'x'.repeat(3e6)),
    throttles(1),
    refuses(401, 'AuthenticationFailed'),
    refuses(403, 'AuthorizationFailed'),
    refuses(500, 'InternalServerError'),
  ].flatMap((answer) => [
    () => [resourceManager(answer)],
    () => [groups(20, { pageSize: 2, onPage: { 7: answer } })],
    () => [],
  ]),
];

const azure = await startAzure();
const service = await startService(
  azure.certificate,
  { ANSWER_MAX_AGE_MS: '50', NODE_OPTIONS: '--import ./test/faults/clock.ts' },
  { descriptors: DESCRIPTORS },
);
const handles = () => readdirSync(`/proc/${service.child.pid}/fd`).length;
const handlesAtStart = handles();
const leftHandles = () => handles() - handlesAtStart;

const counts: Record<string, number> = {};
const unexplained: string[] = [];
const untilMs = performance.now() + MINUTES * 60_000;

async function load(): Promise<void> {
  while (performance.now() < untilMs) {
    const { status, body, reason } = await get();
    const isWhole = JSON.stringify(body) === JSON.stringify(WHOLE_LIST);
    const isExplained = reason !== undefined && reason !== null && (status >= 500 || JSON.stringify(body) === '[]');
    const answer = isWhole ? 'whole' : `${status} ${reason}`;
    counts[answer] = (counts[answer] ?? 0) + 1;
    if (!isWhole && !isExplained) unexplained.push(`${status} ${JSON.stringify(body)}`);
    await setTimeout(5);
  }
}

/** Requests something other than the list. `get` throws if the answer is not as documented. */
async function ask(path: string, init: RequestInit, expected: number[]): Promise<void> {
  while (performance.now() < untilMs) {
    const { status } = await get(path, init);
    const answer = `${init.headers ? 'page' : path} ${status}`;
    counts[answer] = (counts[answer] ?? 0) + 1;
    if (!expected.includes(status)) unexplained.push(answer);
    await setTimeout(20);
  }
}

const PIPELINED = ['/', '/whoami', '/metrics', '/healthz', '/docs'].map(
  (path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n`,
);

async function pipelineRequests(): Promise<void> {
  while (performance.now() < untilMs) {
    const requests = Array.from({ length: 60 }, () => PIPELINED).flat();
    const answers = await pipeline(requests);
    counts['pipelined'] = (counts['pipelined'] ?? 0) + answers.length;
    if (answers.length !== requests.length) unexplained.push(`${answers.length} of ${requests.length} pipelined`);
    await setTimeout(200);
  }
}

async function doNotRead(): Promise<void> {
  while (performance.now() < untilMs) {
    const sockets = Array.from({ length: 20 }, () => open().pause());
    for (const socket of sockets) socket.write(MORE_THAN_BUFFERS_HOLD);
    await setTimeout(5000);
    for (const socket of sockets) socket.destroy();
  }
}

/** Opens more idle connections than the service has descriptors; such a client never ends its side. */
async function holdOn(): Promise<void> {
  while (performance.now() < untilMs) {
    const sockets: Socket[] = [];
    while (sockets.length < DESCRIPTORS + 100) {
      for (let i = 0; i < 20; i++) sockets.push(open({ allowHalfOpen: true }).resume());
      sockets.at(-1)?.write('GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
      await setTimeout(50);
    }
    await setTimeout(15_000);
    for (const socket of sockets) socket.destroy();
  }
}

async function jumpClock(): Promise<void> {
  let jumps = 0;
  for (; performance.now() < untilMs || jumps % 2 === 1; jumps++) {
    service.child.kill('SIGUSR2');
    await setTimeout(CLOCK_MS);
  }
  counts['clock jumps'] = jumps;
}

async function breakThings(): Promise<void> {
  for (let turn = 0; performance.now() < untilMs; turn++) {
    azure.answer(...(faults[turn % faults.length]?.() ?? []));
    await setTimeout(FAULT_MS);
  }
}

const samples: { memoryMiB: number; handles: number }[] = [];
async function watch(): Promise<void> {
  while (performance.now() < untilMs) {
    await setTimeout(5000);
    samples.push({ memoryMiB: service.memoryMiB('VmRSS'), handles: handles() });
    if (samples.length % 6 === 0) {
      const { memoryMiB, handles } = samples.at(-1) ?? {};
      process.stdout.write(`after ${samples.length * 5} s: ${memoryMiB?.toFixed(1)} MiB, ${handles} handles\n`);
    }
  }
}

const probes = startProbes(service.child.pid, PORT);
const EXPECTED = [200, 502, 503, 504];
let isOver = false;
service.ended.then(({ kills }) => {
  if (isOver) return;
  process.stdout.write(
    `the process ended: ${service.child.signalCode}, ${kills} killed by the kernel\n${service.output().slice(-2000)}`,
  );
  process.exit(1);
});
const clients = [
  ...Array.from({ length: 16 }, load),
  ...Array.from({ length: 4 }, () => ask('/', { headers: { Accept: 'text/html' } }, EXPECTED)),
  ...Array.from({ length: 2 }, () => ask('/whoami', {}, [200, 503])),
  ask('/metrics', {}, [200]),
  ask('/docs', {}, [200]),
  pipelineRequests(),
  doNotRead(),
  holdOn(),
];
await Promise.all([breakThings(), jumpClock(), watch(), ...clients]);
const { slowestMs, failures, probes: probeCount } = await probes.end();
azure.answer();
const healing = await recovered(HEALED_WITHIN_MS).catch(String);
closeAll();
// Those of hostile clients come and go, so only what remains without clients tells.
for (const endsAtMs = performance.now() + HEALED_WITHIN_MS; leftHandles() > 20 && performance.now() < endsAtMs; ) {
  await setTimeout(100);
}

// After the first minute, or the first fifth of a shorter run.
const settled = samples.slice(Math.min(12, Math.floor(samples.length / 5)));
const half = Math.floor(settled.length / 2);
const averageMiB = (part: typeof settled) =>
  part.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0) / Math.max(1, part.length);
const [firstMiB, lastMiB] = [averageMiB(settled.slice(0, half)), averageMiB(settled.slice(half))];
const log = service.log();
const problems = [
  ...failures.slice(0, 5).map((failure) => `a probe failed: ${failure}`),
  ...(slowestMs > PROBE_LIMIT_MS ? [`a probe took ${slowestMs} ms`] : []),
  ...log.filter(({ level }) => level === 'error').map(({ msg }) => `logged: ${msg}`),
  ...unexplained.slice(0, 5).map((answer) => `neither whole nor explained: ${answer}`),
  ...(typeof healing === 'string' ? [`not healed after ${HEALED_WITHIN_MS} ms: ${healing}`] : []),
  ...(lastMiB - firstMiB > 15 ? [`memory grew by ${(lastMiB - firstMiB).toFixed(1)} MiB`] : []),
  ...(leftHandles() > 20 ? [`${leftHandles()} handles more than at the start`] : []),
];
process.stdout.write(`${JSON.stringify(counts, null, 2)}\n`);
process.stdout.write(
  `memory ${firstMiB.toFixed(1)} → ${lastMiB.toFixed(1)} MiB, handles ${handlesAtStart} → ${handles()}, ` +
    `${log.length} log lines; at most ${service.memoryMiB('VmHWM').toFixed(1)} MiB resident, ${service.peakMiB().toFixed(1)} MiB in the cgroup; ` +
    `the slowest of ${probeCount} probes ${slowestMs} ms\n${problems.length === 0 ? 'nothing grew, every answer was whole or explained' : problems.join('\n')}\n`,
);
isOver = true;
await service.end();
azure.close();
process.exit(problems.length === 0 ? 0 : 1);
