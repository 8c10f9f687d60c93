// `npm run soak [minutes]`: mixed faults and load; ends with 1 if memory or handles grow, or an answer is neither whole nor an honest error.
import { readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { identityNotFound, imds, nmiNotReady } from '../fake-azure/identity.ts';
import { groups, resourceManager, subscriptions } from '../fake-azure/resource-manager.ts';
import { drops, hangs, html, refuses, stalls, throttles, truncated } from '../fake-azure/responses.ts';
import { get, startAzure, startService, WHOLE_LIST } from './rig.ts';

const MINUTES = Number(process.argv[2] ?? 5);
const FAULT_MS = 2000;

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
const service = await startService(azure.certificate, { ANSWER_MAX_AGE_MS: '50' });
const handles = () => readdirSync(`/proc/${service.child.pid}/fd`).length;

const counts: Record<string, number> = {};
const dishonest: string[] = [];
const untilMs = performance.now() + MINUTES * 60_000;

async function load(): Promise<void> {
  while (performance.now() < untilMs) {
    const { status, body, reason } = await get();
    const isWhole = JSON.stringify(body) === JSON.stringify(WHOLE_LIST);
    const isHonest = reason !== undefined && reason !== null && (status >= 500 || JSON.stringify(body) === '[]');
    const answer = isWhole ? 'whole' : `${status} ${reason}`;
    counts[answer] = (counts[answer] ?? 0) + 1;
    if (!isWhole && !isHonest) dishonest.push(`${status} ${JSON.stringify(body)}`);
    await setTimeout(5);
  }
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

await Promise.all([breakThings(), watch(), ...Array.from({ length: 16 }, load)]);
azure.answer();
await setTimeout(3000);

// After the first minute, or the first fifth of a shorter run.
const settled = samples.slice(Math.min(12, Math.floor(samples.length / 5)));
const half = Math.floor(settled.length / 2);
const average = (part: typeof settled, what: 'memoryMiB' | 'handles') =>
  part.reduce((sum, sample) => sum + sample[what], 0) / Math.max(1, part.length);
const grown = (what: 'memoryMiB' | 'handles') =>
  average(settled.slice(half), what) - average(settled.slice(0, half), what);
const log = service.log();
const problems = [
  ...(service.child.exitCode === null ? [] : ['the process ended']),
  ...log.filter(({ level }) => level === 'error').map(({ msg }) => `logged: ${msg}`),
  ...dishonest.slice(0, 5).map((answer) => `neither whole nor honest: ${answer}`),
  ...(grown('memoryMiB') > 15 ? [`memory grew by ${grown('memoryMiB').toFixed(1)} MiB`] : []),
  ...(grown('handles') > 10 ? [`handles grew by ${grown('handles').toFixed(1)}`] : []),
];
process.stdout.write(`${JSON.stringify(counts, null, 2)}\n`);
process.stdout.write(
  `memory ${average(settled.slice(0, half), 'memoryMiB').toFixed(1)} → ${average(settled.slice(half), 'memoryMiB').toFixed(1)} MiB, ` +
    `handles ${average(settled.slice(0, half), 'handles').toFixed(1)} → ${average(settled.slice(half), 'handles').toFixed(1)}, ` +
    `${log.length} log lines\n${problems.length === 0 ? 'nothing grew, every answer was whole or honest' : problems.join('\n')}\n`,
);
await service.end();
azure.close();
process.exit(problems.length === 0 ? 0 : 1);
