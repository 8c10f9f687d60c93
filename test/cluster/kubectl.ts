import { execFile, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether kubectl reaches a cluster. */
export function isReachable(): boolean {
  try {
    execFileSync('kubectl', ['get', '--raw', '/readyz', '--request-timeout=5s'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Runs kubectl with these arguments and this input; returns its output. Warnings of the API server go to stderr. */
export async function kubectl(args: string[], input = ''): Promise<{ stdout: string; stderr: string }> {
  const running = run('kubectl', args, { maxBuffer: 64 * 1024 * 1024 });
  running.child.stdin?.end(input);
  return running;
}

/** Gets the parsed JSON of an object or a list. */
// biome-ignore lint/suspicious/noExplicitAny: each test states what it expects
export async function get(...args: string[]): Promise<any> {
  return JSON.parse((await kubectl(['get', ...args, '-o', 'json'])).stdout);
}

/** Objects as an input of kubectl. Not every release of it reads JSON with `---` between the objects. */
export function asList(objects: object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
}

/** Applies objects. */
export function apply(...objects: object[]): Promise<{ stdout: string; stderr: string }> {
  return kubectl(['apply', '-f', '-'], asList(objects));
}

/** Sends requests to a pod through kubectl port-forward, on a free port of this machine. */
export async function askPod(namespace: string, pod: string, paths: string[]): Promise<Response[]> {
  const forward = spawn('kubectl', ['-n', namespace, 'port-forward', `pod/${pod}`, ':8080'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    for await (const line of createInterface(forward.stdout)) {
      const [, port] = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line) ?? [];
      if (port === undefined) continue;
      const responses: Response[] = [];
      for (const path of paths) responses.push(await fetch(`http://127.0.0.1:${port}${path}`));
      return responses;
    }
    throw new Error(`kubectl does not forward to ${pod}`);
  } finally {
    forward.kill();
  }
}
