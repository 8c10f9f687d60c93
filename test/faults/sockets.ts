import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { PORT } from './rig.ts';

/** Asks for more than the kernel buffers for a client that does not read. */
export const MORE_THAN_BUFFERS_HOLD = 'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(75);

const opened = new Set<Socket>();

/** Opens a connection to the service. A broken connection does not fail the test. */
export function open(options: { allowHalfOpen?: boolean; port?: number } = {}): Socket {
  const socket = connect({ port: PORT, host: '127.0.0.1', noDelay: true, ...options });
  opened.add(socket);
  return socket.on('error', () => {}).once('close', () => opened.delete(socket));
}

/** Closes all connections, so that a failed test leaves none to the next one. */
export function closeAll(): void {
  for (const socket of opened) socket.destroy();
}

/** Sends these bytes; returns what comes back until the other side closes or this time is over. */
export async function raw(bytes: string, waitMs = 2000): Promise<string> {
  const socket = open();
  let received = '';
  socket.setEncoding('latin1').on('data', (text) => {
    received += text;
  });
  socket.write(bytes, 'latin1');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await Promise.race([closed, setTimeout(waitMs)]);
  socket.destroy();
  return received;
}

export const statusesOf = (received: string) =>
  [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));

/** One answer on a raw connection. */
export interface Answered {
  status: number;
  /** Its status line and headers, as received. */
  head: string;
  /** The beginning of its body. */
  start: string;
}

/** Reads answers with a Content-Length from a connection. Keeps only the beginning of each body. */
function readAnswers(socket: Socket, onAnswer: (answered: Answered) => void): void {
  let pending = Buffer.alloc(0);
  let answered: Answered | undefined;
  let missing = 0;
  socket.on('data', (received: Buffer) => {
    let bytes = received;
    for (;;) {
      if (!answered) {
        pending = Buffer.concat([pending, bytes]);
        const end = pending.indexOf('\r\n\r\n');
        if (end < 0) return;
        const head = pending.toString('latin1', 0, end);
        const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]);
        missing = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
        bytes = pending.subarray(end + 4);
        pending = Buffer.alloc(0);
        answered = { status, head, start: bytes.toString('latin1', 0, 50) };
      } else if (answered.start === '') {
        answered.start = bytes.toString('latin1', 0, 50);
      }
      if (bytes.length < missing) {
        missing -= bytes.length;
        return;
      }
      bytes = bytes.subarray(missing);
      onAnswer(answered);
      answered = undefined;
    }
  });
}

/** Sends these requests at once over one connection; returns the answers when all have arrived or the connection closes. */
export function pipeline(requests: string[]): Promise<Answered[]> {
  const socket = open();
  const answers: Answered[] = [];
  return new Promise((resolve) => {
    readAnswers(socket, (answered) => {
      if (answers.push(answered) === requests.length) socket.destroy();
    });
    socket.once('close', () => resolve(answers));
    socket.write(requests.join(''));
  });
}

/** Opens connections that each send the next request as soon as they have an answer. */
export function keepAsking(connections: number, request: string, port = PORT) {
  let isOver = false;
  let answers = 0;
  const wrong: string[] = [];
  const sockets = Array.from({ length: connections }, () => {
    const socket = open({ port });
    readAnswers(socket, ({ status }) => {
      answers += 1;
      if (status !== 200) wrong.push(String(status));
      if (isOver) socket.destroy();
      else socket.write(request);
    });
    socket.once('close', () => {
      if (!isOver) wrong.push('closed');
    });
    socket.write(request);
    return socket;
  });
  return {
    /** Returns the number of answers, and what was wrong. */
    end() {
      isOver = true;
      for (const socket of sockets) socket.destroy();
      return { answers, wrong };
    },
  };
}
