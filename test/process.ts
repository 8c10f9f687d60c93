import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach } from 'vitest';
import { checkAgainstDocument } from './described.ts';
import { withoutAzure } from './fake-azure/environment.ts';

let cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanUp) undo();
  cleanUp = [];
});

/** Starts a Node process with these arguments and this environment, on a free port by default. */
export function startProcess(args: string[], env: NodeJS.ProcessEnv = {}, stdin?: string) {
  const child = spawn(process.execPath, args, {
    // Node 24 warns that type stripping is experimental.
    env: { ...withoutAzure(process.env), NODE_OPTIONS: '--disable-warning=ExperimentalWarning', PORT: '0', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(stdin);
  cleanUp.push(() => child.kill('SIGKILL'));
  const stdout: string[] = [];
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const lines = createInterface(child.stdout);
  lines.on('line', (line) => stdout.push(line));
  const ended = once(child, 'close');

  /** Waits for the first log line, past or future, with this text. */
  async function logged(text: string): Promise<string> {
    while (true) {
      const line = stdout.find((candidate) => candidate.includes(text));
      if (line !== undefined) return line;
      const event = await Promise.race([once(lines, 'line'), ended.then(() => 'ended')]);
      if (event === 'ended')
        throw new Error(`the process ended without logging "${text}":\n${stdout.join('\n')}\n${stderr}`);
    }
  }

  /** The URL that the service listens on. */
  async function url(): Promise<string> {
    return `http://127.0.0.1:${JSON.parse(await logged('listening')).port}`;
  }

  return {
    child,
    stdout,
    logged,
    url,
    /** Sends a request, and checks the response against the OpenAPI document. */
    async get(path = '/') {
      const response = await fetch(`${await url()}${path}`);
      checkAgainstDocument(path, undefined, response, await response.clone().text());
      return response;
    },
    /** Waits for the end of the process; returns its exit code and its output. */
    end: async () => {
      const [code]: (number | null)[] = await ended;
      return { code, stdout, stderr };
    },
  };
}

export const MAIN = 'src/main.ts';

/** Starts the service on the fake Azure, like `npm run demo`. */
export function startDemo(scenario?: string, env?: NodeJS.ProcessEnv, ...args: string[]) {
  const scenarios = scenario === undefined ? [] : [scenario];
  return startProcess(['test/fake-azure/demo.ts', ...scenarios, ...args], env);
}
