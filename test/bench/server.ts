import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout } from 'node:timers/promises';

let nextPort = 20_000;

/** Runs a script on the first core to its end, and returns the milliseconds since the spawn. */
export async function run(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const spawnedAtMs = performance.now();
  const child = spawn('taskset', ['-c', '0', process.execPath, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  return performance.now() - spawnedAtMs;
}

/** Starts a server process on the first core, and measures its start in milliseconds since the spawn. */
export async function startServer(args: string[], env: NodeJS.ProcessEnv) {
  nextPort += 1;
  const port = nextPort;
  const spawnedAtMs = performance.now();
  const child = spawn('taskset', ['-c', '0', process.execPath, ...args], {
    env: { PATH: process.env['PATH'], ...env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  // Also if the benchmark fails: no server may outlive it.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const url = `http://127.0.0.1:${port}/`;
  while (!(await isHealthy(`${url}healthz`))) {
    if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended with ${child.exitCode}`);
    await setTimeout(1);
  }
  const healthyMs = performance.now() - spawnedAtMs;
  const names: unknown = JSON.parse(await textOf(url));
  const firstListMs = performance.now() - spawnedAtMs;
  if (!Array.isArray(names) || names.length === 0) throw new Error(`${args.join(' ')} answered ${names}`);

  return {
    url,
    pid: child.pid,
    names: names.length,
    healthyMs,
    firstListMs,
    /** Resident memory, in MB. */
    rss: () => (Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024) / 1e6,
    async end(): Promise<void> {
      process.off('exit', kill);
      kill();
      await ended;
    },
  };
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const [response]: IncomingMessage[] = await once(get(url, { agent: false }), 'response');
    response?.resume();
    return response?.statusCode === 200;
  } catch {
    return false;
  }
}

async function textOf(url: string): Promise<string> {
  const [response] = await once(get(url, { agent: false }), 'response');
  return (await Array.fromAsync<Buffer>(response)).join('');
}
