// Runs busy keep-alive clients until SIGTERM. Then prints one line of JSON: how many requests were answered, and what became of the
// others.
import { Agent, get } from 'node:http';
import { setTimeout } from 'node:timers/promises';

const [url = ''] = process.argv.slice(2);
const CLIENTS = 8;
const PAUSE_MS = 5;

let answered = 0;
const lost: Record<string, number> = {};
let isStopped = false;
process.once('SIGTERM', () => {
  isStopped = true;
});

/** The status of a complete answer, or the error. */
function ask(agent: Agent): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  get(url, { agent }, (response) => {
    response.on('error', (error) => resolve(String(error)));
    response.on('end', () => resolve(String(response.statusCode)));
    response.resume();
  }).on('error', (error) => resolve(String(error)));
  return promise;
}

async function client(): Promise<void> {
  // One connection, used as long as the server keeps it open.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  while (!isStopped) {
    const outcome = await ask(agent);
    if (outcome === '200') answered += 1;
    else lost[outcome] = (lost[outcome] ?? 0) + 1;
    await setTimeout(PAUSE_MS);
  }
  agent.destroy();
}

process.stdout.write('loading\n');
await Promise.all(Array.from({ length: CLIENTS }, client));
process.stdout.write(`${JSON.stringify({ answered, lost })}\n`);
