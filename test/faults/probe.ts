// Probes the service like a kubelet, in a separate thread, so that the clients of a test do not delay the probes.
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { parentPort, Worker, workerData } from 'node:worker_threads';

const INTERVAL_MS = 100;
/** For a service that hangs. */
const LIMIT_MS = 120_000;

/** The result of all probes. */
export interface ProbeResult {
  probes: number;
  failures: string[];
  /** How long the service kept the slowest probe waiting: the time that its main thread ran meanwhile, which a busy machine does not change. */
  slowestMs: number;
}

/** Probes /healthz and /readyz of this process in turn, each time over a new connection, until `end` is called. */
export function startProbes(pid: number | undefined, port: number): { end(): Promise<ProbeResult> } {
  const worker = new Worker(new URL(import.meta.url), { workerData: { probed: { pid, port } }, execArgv: [] });
  const { promise, resolve, reject } = Promise.withResolvers<ProbeResult>();
  worker.once('message', resolve).once('error', reject);
  return {
    end: () => {
      worker.postMessage('end');
      return promise;
    },
  };
}

async function probeUntilEnd({ pid, port }: { pid: number; port: number }): Promise<void> {
  let isEnded = false;
  parentPort?.once('message', () => {
    isEnded = true;
  });
  const result: ProbeResult = { probes: 0, failures: [], slowestMs: 0 };
  for (; !isEnded; await setTimeout(INTERVAL_MS)) {
    const path = result.probes % 2 === 0 ? '/healthz' : '/readyz';
    const before = runningMs(pid);
    const answer = await probe(port, path);
    result.probes += 1;
    result.slowestMs = Math.max(result.slowestMs, Math.round(runningMs(pid) - before));
    if (answer !== '200') result.failures.push(`${path}: ${answer}`);
  }
  parentPort?.postMessage(result);
}

/** How long the main thread of this process has run; of one that has ended, nothing is known. */
function runningMs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return 0;
  }
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

if (workerData?.probed !== undefined) await probeUntilEnd(workerData.probed);
