import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The measurements of a load generator. */
export interface Load {
  requestsPerSecond: number;
  /** Milliseconds. */
  p99: number;
}

/** The load generator: wrk if it is installed, otherwise autocannon. */
export const GENERATOR = (() => {
  try {
    // wrk prints its version with exit code 1.
    execFileSync('wrk', ['--version'], { stdio: 'ignore' });
    return 'wrk';
  } catch (error) {
    return Reflect.get(Object(error), 'code') === 'ENOENT' ? 'autocannon' : 'wrk';
  }
})();

/** Sends as many requests as these connections can, for this many seconds. Every answer must be a 200. */
export async function load(url: string, connections: number, seconds: number): Promise<Load> {
  return GENERATOR === 'wrk' ? wrk(url, connections, seconds) : autocannon(url, connections, seconds);
}

async function wrk(url: string, connections: number, seconds: number): Promise<Load> {
  const { stdout } = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', url]);
  const [, p99 = '', unit = ''] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? [];
  const requestsPerSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  if (/Non-2xx|Socket errors/.test(stdout) || !requestsPerSecond) throw new Error(`the load failed:\n${stdout}`);
  return { requestsPerSecond, p99: Number(p99) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? Number.NaN) };
}

async function autocannon(url: string, connections: number, seconds: number): Promise<Load> {
  const { stdout } = await run('autocannon', ['--json', '-c', String(connections), '-d', String(seconds), url]);
  const { requests, latency, errors, non2xx } = JSON.parse(stdout);
  if (errors > 0 || non2xx > 0) throw new Error(`the load failed:\n${stdout}`);
  return { requestsPerSecond: requests.average, p99: latency.p99 };
}
