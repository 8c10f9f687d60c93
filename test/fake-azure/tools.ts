import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { getResponse, type RequestHandler } from 'msw';
import { az } from './az.ts';
import { kubectl } from './kubectl.ts';
import type { Ran } from './output.ts';
import { sudo, systemctl } from './systemd.ts';
import type { World } from './world.ts';

interface Asked {
  tool: string;
  words: string[];
  stdin: string;
}

/** Where the fake `az`, `kubectl`, `curl`, `sudo` and `systemctl` are: tiny programs that send their arguments here. */
const TOOLS = fileURLToPath(new URL('bin', import.meta.url));

/** Runs a tool in this world, which it may change. */
async function run(world: World, handlers: RequestHandler[], { tool, words, stdin }: Asked): Promise<Ran> {
  if (tool === 'az') return az(world, words);
  if (tool === 'curl') return curl(handlers, words);
  if (tool === 'systemctl') return systemctl(world, words);
  if (tool === 'sudo') return sudo(world, words, stdin);
  const ran = kubectl(world, words, stdin);
  // What a debugging container runs in the pod sees the network of the pod.
  const [command, ...rest] = words.includes('--') ? words.slice(words.indexOf('--') + 1) : [];
  if (ran.code !== 0 || !['curl', 'nslookup'].includes(command ?? '')) return ran;
  if (command === 'curl') return curl(handlers, rest);
  // Looking up a name fails where any request to it would.
  return curl(handlers, ['-X', 'POST', '-o', '/dev/null', `https://${rest.at(-1)}/common/oauth2/v2.0/token`]);
}

/** What curl says about a connection that broke with this code. */
const BROKEN: Record<string, [code: number, message: string]> = {
  EAI_AGAIN: [6, 'Could not resolve host'],
  SELF_SIGNED_CERT_IN_CHAIN: [60, 'SSL certificate problem: self-signed certificate in certificate chain'],
};

/** What curl shows of the fake Azure. Any other address is for the real curl, which its program runs. */
async function curl(handlers: RequestHandler[], words: string[]): Promise<Ran> {
  const url = words.find((word) => word.startsWith('http')) ?? '';
  const [name = '', value = ''] = words.includes('-H') ? (words[words.indexOf('-H') + 1] ?? '').split(/: ?/) : [];
  const method = words.includes('-X') ? 'POST' : 'GET';
  const request = new Request(url, { method, ...(name !== '' && { headers: { [name]: value } }) });
  try {
    const response = await getResponse(handlers, request);
    if (!response) return { code: 0, stdout: '', stderr: '' };
    const head = `HTTP/1.1 ${response.status}\n${[...response.headers].map(([key, text]) => `${key}: ${text}\n`).join('')}\n`;
    const body = words.includes('-w') ? String(response.status) : words.includes('-o') ? '' : await response.text();
    return { code: 0, stdout: `${words.includes('-D') ? head : ''}${body}`, stderr: '' };
  } catch (error) {
    const [code, message] = BROKEN[String(Object(error).code)] ?? [7, 'Failed to connect'];
    return { code, stdout: '', stderr: `curl: (${code}) ${message}: ${new URL(url).host}\n` };
  }
}

/**
 * Listens for the tools on this port of the loopback interface, and runs one after the other. `onRan` may take its time: a tool
 * only ends when its change has taken effect.
 */
export async function serveTools(
  world: World,
  handlers: RequestHandler[],
  { port = 0, onRan = () => {} }: { port?: number; onRan?: (asked: Asked, ran: Ran) => void | Promise<void> } = {},
) {
  let last: Promise<unknown> = Promise.resolve();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // A tool that was interrupted no longer wants its answer.
    socket.on('error', () => {});
    let received = '';
    socket.setEncoding('utf8').on('data', (text) => {
      received += text;
    });
    // Reading it to the end with a helper would also close the other direction.
    const isComplete = once(socket, 'end');
    const answer = async () => {
      await isComplete;
      const asked: Asked = JSON.parse(received);
      const ran = await run(world, handlers, asked);
      await onRan(asked, ran);
      socket.end(JSON.stringify(ran));
    };
    last = last.then(answer).catch((error) => {
      const ran: Ran = { code: 70, stdout: '', stderr: `the fake Azure broke: ${error}\n` };
      socket.end(JSON.stringify(ran));
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: actual } = server.address() as AddressInfo; // It is null only before it listens.
  return { environment: toolEnvironment(actual), close: () => server.close() };
}

/** Where the tools of the demo on this port find it. */
export function toolsPortOf(port: number): number {
  return port > 55_535 ? port - 10_000 : port + 10_000;
}

/** The variables with which a shell finds the tools of this port. */
export function toolEnvironment(port: number) {
  return { PATH: `${TOOLS}:${process.env['PATH']}`, RG_API_TOOLS_PORT: String(port) };
}
