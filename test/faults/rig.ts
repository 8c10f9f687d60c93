import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { getResponse, type RequestHandler } from 'msw';
import { checkAgainstDocument } from '../described.ts';
import { HOSTS, makeCertificate } from '../fake-azure/certificate.ts';
import { withoutAzure } from '../fake-azure/environment.ts';
import { imds } from '../fake-azure/identity.ts';
import { groups, subscriptions } from '../fake-azure/resource-manager.ts';
import { createMemoryGroup } from './memory-group.ts';

const IMDS = '169.254.169.254';
const AZURE = '127.0.0.2';
const STRANGER = '127.0.0.3';
const NOBODY = '127.0.0.4';
export const PORT = 8080;
const ORIGIN = `http://127.0.0.1:${PORT}`;

/** The names of all groups when all is well. */
export const WHOLE_LIST = Array.from({ length: 20 }, (_, i) => `rg-${i + 1}`);

/** Twenty groups on ten pages. */
const allWell = () => [imds(), subscriptions(['One']), groups(20, { pageSize: 2 })];

/** Starts the fake Azure on real sockets: TLS under the real host names, plain HTTP at the address of IMDS. */
export async function startAzure() {
  const { certificate, key } = makeCertificate();
  const stranger = makeCertificate();
  let handlers: RequestHandler[] = allWell();
  /** The requests so far, as `METHOD URL`. */
  const requests: string[] = [];

  const listener = getRequestListener(async (request, env) => {
    const { incoming } = env as HttpBindings;
    requests.push(`${request.method} ${request.url}`);
    // An answer that throws, or is an error, breaks the connection.
    const response = await getResponse(handlers, request).catch(() => Response.error());
    if (response?.type !== 'error')
      return response ?? new Response('the fake Azure does not know this', { status: 599 });
    incoming.socket.destroy();
    return new Response();
  });
  const servers = [
    createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, listener).listen(443, AZURE),
    createServer({ cert: readFileSync(stranger.certificate), key: readFileSync(stranger.key) }, listener).listen(
      443,
      STRANGER,
    ),
    createHttpServer(listener).listen(80, IMDS),
  ];
  await Promise.all(servers.map((server) => once(server, 'listening')));

  /** Points Azure's host names to the fake Azure, to a server with another certificate, to a closed port, or nowhere. */
  function route(to: 'azure' | 'stranger' | 'nobody' | 'nowhere'): void {
    const address = { azure: AZURE, stranger: STRANGER, nobody: NOBODY, nowhere: undefined }[to];
    const lines = address === undefined ? [] : [...HOSTS, 'elsewhere.example'].map((host) => `${address} ${host}`);
    writeFileSync(process.env['RIG_HOSTS'] ?? '', ['127.0.0.1 localhost', ...lines, ''].join('\n'));
    for (const server of servers) server.closeAllConnections();
  }
  route('azure');

  return {
    certificate,
    requests,
    route,
    /** Replaces the handlers. A request that none of these answers gets the answer of a healthy Azure. */
    answer: (...more: RequestHandler[]) => {
      handlers = [...more, ...allWell()];
    },
    close: () => {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

/** The memory limit in the manifests. */
const LIMIT_MIB = 128;

/** Starts the built service as the image does, with the memory limit of the manifests if the machine allows a cgroup. */
export async function startService(
  certificate: string,
  env: NodeJS.ProcessEnv = {},
  {
    stdout = 'pipe',
    node = process.execPath,
    descriptors,
  }: { stdout?: 'pipe' | number; node?: string; descriptors?: number } = {},
) {
  const group = createMemoryGroup(LIMIT_MIB);
  const args = ['--disable-sigusr1', '--max-semi-space-size=4', 'dist/main.js'];
  const limited: [string, string[]] =
    descriptors === undefined ? [node, args] : ['prlimit', [`--nofile=${descriptors}`, node, ...args]];
  const [command, wrapped] = group?.wrap(...limited) ?? limited;
  const child = spawn(command, wrapped, {
    env: {
      ...withoutAzure(process.env),
      NODE_OPTIONS: '',
      NODE_EXTRA_CA_CERTS: certificate,
      AZURE_TOKEN_CREDENTIALS: 'prod',
      AZURE_DEADLINE_MS: '1500',
      ANSWER_MAX_AGE_MS: '0',
      PORT: String(PORT),
      ...env,
    },
    stdio: ['ignore', stdout, 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (output += text));
  const ended = once(child, 'exit').then(async () => {
    const kills = group?.kills() ?? 0;
    await group?.remove();
    return { kills };
  });
  const isListening = () => (child.stdout ? output.includes('listening on') : isAccepting(Number(env['PORT'] ?? PORT)));
  for (const untilMs = performance.now() + 30_000; !(await isListening()); await setTimeout(10)) {
    if (performance.now() > untilMs || child.exitCode !== null || child.signalCode !== null) {
      child.kill('SIGKILL');
      throw new Error(`the service did not start:\n${output}`);
    }
  }
  return {
    child,
    output: () => output,
    log: () =>
      output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    memoryMiB: (what: 'VmRSS' | 'VmHWM') => memoryOf(child, what),
    /** The peak of the cgroup; NaN without one. */
    peakMiB: () => group?.peakMiB() ?? Number.NaN,
    async end(): Promise<number | null> {
      child.kill('SIGKILL');
      await ended;
      return child.exitCode;
    },
    ended,
  };
}

async function isAccepting(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const accepted = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return accepted;
}

function memoryOf({ pid }: ChildProcess, what: string): number {
  return Number(new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** Sends a request; returns the status, headers, body and duration. */
export async function get(path = '/', init?: RequestInit) {
  const startedAtMs = performance.now();
  const response = await fetch(`${ORIGIN}${path}`, init);
  const text = await response.text();
  const ms = Math.round(performance.now() - startedAtMs);
  checkAgainstDocument(path, init, response, text);
  const body = /json/.test(response.headers.get('Content-Type') ?? '') ? JSON.parse(text) : text;
  return {
    status: response.status,
    headers: response.headers,
    body,
    reason: response.headers.get('Fallback-Reason') ?? body.reason,
    ms,
  };
}

/** Waits until the service returns the whole list, and returns how long that took, in milliseconds. */
export async function recovered(withinMs = 10_000): Promise<number> {
  const startedAtMs = performance.now();
  for (;;) {
    const answer = await get();
    if (JSON.stringify(answer.body) === JSON.stringify(WHOLE_LIST)) return performance.now() - startedAtMs;
    if (performance.now() - startedAtMs > withinMs) throw new Error(`not recovered: ${JSON.stringify(answer.body)}`);
    await setTimeout(100);
  }
}
