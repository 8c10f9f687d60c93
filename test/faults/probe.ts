// Probes the service like a kubelet, in a separate thread, so that the clients of a test do not delay the probes.
import { get } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { prioritize } from './priority.ts';

const INTERVAL_MS = 100;
const LIMIT_MS = 30_000;

/** The result of all probes. */
export interface ProbeResult {
  probes: number;
  failures: string[];
  /** The duration of the slowest probe. */
  slowestMs: number;
}

/** Probes /healthz and /readyz in turn, each time over a new connection, until `end` is called. */
export function startProbes(port: number): { end(): Promise<ProbeResult> } {
  const worker = new Worker(new URL(import.meta.url), { workerData: { probedPort: port }, execArgv: [] });
  const { promise, resolve, reject } = Promise.withResolvers<ProbeResult>();
  worker.once('message', resolve).once('error', reject);
  return {
    end: () => {
      worker.postMessage('end');
      return promise;
    },
  };
}

async function probeUntilEnd(port: number): Promise<void> {
  prioritize();
  let isEnded = false;
  parentPort?.once('message', () => {
    isEnded = true;
  });
  const result: ProbeResult = { probes: 0, failures: [], slowestMs: 0 };
  for (; !isEnded; await setTimeout(INTERVAL_MS)) {
    const path = result.probes % 2 === 0 ? '/healthz' : '/readyz';
    const startedAtMs = performance.now();
    const answer = await probe(port, path);
    result.probes += 1;
    result.slowestMs = Math.max(result.slowestMs, Math.round(performance.now() - startedAtMs));
    if (answer !== '200') result.failures.push(`${path}: ${answer}`);
  }
  parentPort?.postMessage(result);
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
