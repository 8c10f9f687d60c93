import { execFile, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether a cluster answers. */
export function isReachable(): boolean {
  try {
    execFileSync('kubectl', ['get', '--raw', '/readyz', '--request-timeout=5s'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Runs kubectl with these words and this input; answers what it printed. Warnings of the API server go to stderr. */
export async function kubectl(args: string[], input = ''): Promise<{ stdout: string; stderr: string }> {
  const running = run('kubectl', args, { maxBuffer: 64 * 1024 * 1024 });
  running.child.stdin?.end(input);
  return running;
}

/** The parsed JSON of an object or a list; the test says what it expects of it. */
// biome-ignore lint/suspicious/noExplicitAny: what the API server answers is data that nobody has typed
export async function get(...args: string[]): Promise<any> {
  return JSON.parse((await kubectl(['get', ...args, '-o', 'json'])).stdout);
}

/** Applies objects. */
export function apply(...objects: object[]): Promise<{ stdout: string; stderr: string }> {
  return kubectl(['apply', '-f', '-'], objects.map((object) => JSON.stringify(object)).join('\n---\n'));
}

/** Asks a pod through kubectl port-forward, on a free port of this machine. */
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
