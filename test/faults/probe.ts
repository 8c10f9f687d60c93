// Probes the service as a kubelet does, in a thread of its own: the clients of a test must not make the probe late.
import { get } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { prefer } from './priority.ts';

const INTERVAL_MS = 100;
const LIMIT_MS = 30_000;

/** What the probes came to. */
export interface Probed {
  probes: number;
  failures: string[];
  /** The longest that one took. */
  slowestMs: number;
}

/** Probes /healthz and /readyz, each time over a new connection, until it is told to end. */
export function startProbes(port: number): { end(): Promise<Probed> } {
  const worker = new Worker(new URL(import.meta.url), { workerData: { probedPort: port }, execArgv: [] });
  const { promise, resolve, reject } = Promise.withResolvers<Probed>();
  worker.once('message', resolve).once('error', reject);
  return {
    end: () => {
      worker.postMessage('end');
      return promise;
    },
  };
}

async function probeUntilEnd(port: number): Promise<void> {
  prefer();
  let isEnded = false;
  parentPort?.once('message', () => {
    isEnded = true;
  });
  const probed: Probed = { probes: 0, failures: [], slowestMs: 0 };
  for (; !isEnded; await setTimeout(INTERVAL_MS)) {
    const path = probed.probes % 2 === 0 ? '/healthz' : '/readyz';
    const startedAtMs = performance.now();
    const answer = await probe(port, path);
    probed.probes += 1;
    probed.slowestMs = Math.max(probed.slowestMs, Math.round(performance.now() - startedAtMs));
    if (answer !== '200') probed.failures.push(`${path}: ${answer}`);
  }
  parentPort?.postMessage(probed);
}

function probe(port: number, path: string): Promise<string> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false, timeout: LIMIT_MS }, (response) => {
      response.resume().once('end', () => resolve(String(response.statusCode)));
    });
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', ({ message }) => resolve(message));
  });
}

if (workerData?.probedPort !== undefined) await probeUntilEnd(workerData.probedPort);
