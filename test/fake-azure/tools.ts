import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { getResponse } from 'msw';
import { az } from './az.ts';
import { kubectl } from './kubectl.ts';
import type { Ran } from './output.ts';
import type { World } from './world.ts';
import { handlersOf } from './world-handlers.ts';

interface Asked {
  tool: string;
  words: string[];
  stdin: string;
}

/** Where the fake `az`, `kubectl` and `curl` are: tiny programs that send their arguments here. */
export const TOOLS = fileURLToPath(new URL('bin', import.meta.url));

/** Runs a tool of this world, which may change it. */
export async function run(world: World, { tool, words, stdin }: Asked): Promise<Ran> {
  if (tool === 'az') return az(world, words);
  if (tool === 'kubectl') return kubectl(world, words, stdin);
  return curl(world, words);
}

/** What curl shows of the fake Azure. Any other address is for the real curl, which its program runs. */
async function curl(world: World, words: string[]): Promise<Ran> {
  const url = words.find((word) => word.startsWith('http')) ?? '';
  const header = words[words.indexOf('-H') + 1] ?? '';
  const [name = '', value = ''] = words.includes('-H') ? header.split(/: ?/) : [];
  const request = new Request(url, name === '' ? {} : { headers: { [name]: value } });
  const response = await getResponse(handlersOf(world), request).catch(() => undefined);
  if (!response) return { code: 7, stdout: '', stderr: `curl: (7) Failed to connect to ${new URL(url).host}\n` };
  return { code: 0, stdout: words.includes('-o') ? '' : await response.text(), stderr: '' };
}

/**
 * Listens for the tools on this port of the loopback interface, and runs one after the other. `onRan` may take its time: a tool
 * only ends when its change has taken effect.
 */
export async function serveTools(
  world: World,
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
      const ran = await run(world, asked);
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
