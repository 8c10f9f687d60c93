// Compares the cost of the service with the lower bound for any server. Prints ratios, because absolute numbers mean nothing on a
// busy machine. `--quick` only shows that the benchmark runs.
import { statSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { startAzure } from './azure.ts';
import { GENERATOR, type Load, load } from './load.ts';
import { run, startServer } from './server.ts';

const QUICK = process.argv.includes('--quick');
const STARTS = QUICK ? 2 : 15;
/** The rounds with 64 connections, the case with targets, and with other numbers. */
const [ROUNDS, OTHER_ROUNDS] = QUICK ? [1, 1] : [15, 3];
const SECONDS = 1;

const BARE = ['test/bench/bare.js'];
const HONO = ['test/bench/hono.js'];
const PLAIN = ['test/bench/plain.js'];
/** As start:built and the image start it. */
const OURS = ['--max-semi-space-size=4', 'dist/main.js'];

writeFileSync(process.env['RIG_HOSTS'] ?? '', '127.0.0.1 localhost management.azure.com login.microsoftonline.com\n');
const azure = await startAzure();
const environment = (groups: number) => ({
  GROUPS: String(groups),
  NODE_EXTRA_CA_CERTS: azure.certificate,
  NODE_COMPILE_CACHE: 'dist/compile-cache',
});

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const rows: Record<string, string>[] = [];

const ratioOf = (ours: number[], others: number[]) =>
  // Compare values of the same round, because the speed of the machine varies.
  median(ours.map((value, i) => value / (others[i] ?? Number.NaN))).toFixed(2);

/** Adds a row: the medians of values that were measured in turn, and the ratios of ours to the others. */
function row(what: string, unit: string, measured: Record<string, number[]>, target = ''): void {
  const { bare = [], hono = [], ours = [] } = measured;
  const digits = unit === 'req/s' ? 0 : 1;
  const medians = Object.entries(measured).map(([name, values]) => [name, median(values).toFixed(digits)]);
  rows.push({
    what,
    unit,
    ...Object.fromEntries(medians),
    'ours ÷ bare': ratioOf(ours, bare),
    'ours ÷ hono': ratioOf(ours, hono),
    target,
  });
}

async function starts(): Promise<void> {
  const measured = { healthy: emptySeries(), first: emptySeries(), idle: emptySeries() };
  for (let round = 0; round < STARTS; round++) {
    for (const [name, args] of Object.entries({ bare: BARE, hono: HONO, ours: OURS })) {
      const server = await startServer(args, environment(20));
      measured.healthy[name]?.push(server.healthyMs);
      measured.first[name]?.push(server.firstListMs);
      await setTimeout(200);
      measured.idle[name]?.push(server.rss());
      await server.end();
    }
  }
  row('start → /healthz answers 200', 'ms', measured.healthy);
  row('start → first whole list', 'ms', measured.first, '≤ 1.8 ÷ bare');
  row('memory after the first list', 'MB', measured.idle, '≤ 1.35 ÷ bare');
}

/** A look at Azure without the service, beside a script that lists with the same SDK. */
async function checks(): Promise<void> {
  const [ours, plain]: [number[], number[]] = [[], []];
  for (let round = 0; round < STARTS; round++) {
    plain.push(await run(PLAIN, environment(20)));
    ours.push(await run([...OURS, '--check'], environment(20)));
  }
  rows.push({
    what: '--check, from start to exit',
    unit: 'ms',
    ours: median(ours).toFixed(1),
    'ours ÷ bare': `${ratioOf(ours, plain)} ÷ a plain script`,
    target: '≤ 0.55',
  });
}

function emptySeries(): Record<string, number[]> {
  return { bare: [], hono: [], ours: [] };
}

async function throughput(groups: number): Promise<void> {
  azure.groups = groups;
  azure.latencyMs = 0;
  const servers: Record<string, Awaited<ReturnType<typeof startServer>>> = {};
  for (const [name, args] of Object.entries({ bare: BARE, hono: HONO, ours: OURS })) {
    servers[name] = await startServer(args, environment(groups));
    await load(servers[name].url, 64, SECONDS);
  }
  for (const connections of [1, 64, 256]) {
    const [loads, slow, memory, slowP99] = [emptySeries(), [] as number[], emptySeries(), [] as number[]];
    const p99 = emptySeries();
    let [requests, listings] = [0, 0];
    for (let round = 0; round < (connections === 64 ? ROUNDS : OTHER_ROUNDS); round++) {
      for (const [name, server] of Object.entries(servers)) {
        azure.latencyMs = 0;
        const listingsBefore = azure.listings;
        const [seen, rss] = await Promise.all([load(server.url, connections, SECONDS), memoryUnderLoad(server)]);
        note(name, seen);
        memory[name]?.push(rss);
        if (name !== 'ours') continue;
        requests += seen.requestsPerSecond * SECONDS;
        listings += azure.listings - listingsBefore;
        azure.latencyMs = 100;
        // The service learns from each listing how long the next one will take.
        await setTimeout(1100);
        await fetch(server.url);
        const withLatency = await load(server.url, connections, SECONDS);
        slow.push(withLatency.requestsPerSecond);
        slowP99.push(withLatency.p99);
      }
    }
    const what = `${connections} connections, ${groups} groups`;
    row(`throughput, ${what}`, 'req/s', loads, connections === 64 ? '≥ 0.90 ÷ hono' : '');
    row(`p99, ${what}`, 'ms', p99, connections === 64 ? '≤ 1.5 ÷ hono' : '');
    const { ours = [] } = loads;
    rows.push({
      what: `Resource Manager at 100 ms instead of 0, ${what}`,
      unit: 'req/s',
      ours: median(slow).toFixed(0),
      'ours ÷ bare': `${median(slow.map((value, i) => value / (ours[i] ?? Number.NaN))).toFixed(2)} ÷ itself`,
      target: connections === 64 ? '≥ 0.90' : '',
    });
    rows.push({
      what: `listings for 1,000 requests, ${what}`,
      unit: '',
      ours: ((listings / requests) * 1000).toFixed(3),
      'ours ÷ bare': '',
      target: '',
    });
    if (connections === 64) row(`memory under load, ${what}`, 'MB', memory, groups === 980 ? '≤ 1.5 ÷ bare' : '');

    function note(name: string, { requestsPerSecond, p99: p99Ms }: Load): void {
      loads[name]?.push(requestsPerSecond);
      p99[name]?.push(p99Ms);
    }
  }
  for (const server of Object.values(servers)) await server.end();
}

async function memoryUnderLoad(server: { rss: () => number }): Promise<number> {
  const samples: number[] = [];
  for (let i = 1; i < SECONDS * 5; i++) {
    await setTimeout(200);
    samples.push(server.rss());
  }
  return median(samples);
}

async function listings(): Promise<void> {
  azure.groups = 20;
  azure.latencyMs = 0;
  const server = await startServer(OURS, environment(20));
  const before = azure.listings;
  await load(server.url, 64, 10);
  rows.push({
    what: 'listings in 10 s under 64 connections',
    unit: '',
    ours: String(azure.listings - before),
    'ours ÷ bare': '',
    target: '≤ 11',
  });
  await server.end();
}

await starts();
await checks();
await throughput(20);
await throughput(980);
await listings();
rows.push({
  what: 'the bundle, dist/main.js',
  unit: 'MB',
  ours: (statSync('dist/main.js').size / 1e6).toFixed(2),
  'ours ÷ bare': '',
  target: '≤ 1.5',
});
azure.close();

const columns = ['what', 'unit', 'bare', 'hono', 'ours', 'ours ÷ bare', 'ours ÷ hono', 'target'];
process.stdout.write(`Node ${process.version}, load by ${GENERATOR}\n\n`);
for (const cells of [
  columns,
  columns.map(() => '--'),
  ...rows.map((cell) => columns.map((name) => cell[name] ?? '')),
]) {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}
