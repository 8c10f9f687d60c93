import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { HttpResponse } from 'msw';

/** How a service of the fake Azure responds to a request; undefined means as usual. */
export type Answer = (request: Request) => Response | undefined | Promise<Response | undefined>;

export const asUsual: Answer = () => undefined;

const never = new Promise<never>(() => {});

/** An error in the form of Azure Resource Manager. */
export function refuses(status: number, code: string, message = `the fake Azure says ${code}`): Answer {
  return () => HttpResponse.json({ error: { code, message } }, { status });
}

/** 429, with a Retry-After (seconds or an HTTP date) if one is given. */
export function throttles(retryAfter?: number | string): Answer {
  const headers = retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) };
  const error = { code: 'TooManyRequests', message: 'The request is being throttled.' };
  return () => HttpResponse.json({ error }, { status: 429, headers });
}

/** Never answers. A fake socket connects only with its first response, so before that it looks as if packets were dropped. */
export const hangs: Answer = () => never;

/** Breaks the connection. */
export const drops: Answer = () => HttpResponse.error();

/** The error of a broken socket. */
export class BrokenConnection extends Error {
  readonly errno = -1;
  readonly code: string;

  constructor(code: string) {
    super(`made-up ${code}`);
    this.code = code;
  }
}

/** Cannot be reached, for the reason in this system error code. */
export function unreachable(code: string): Answer {
  return () => {
    throw new BrokenConnection(code);
  };
}

/** Begins to answer and never ends. */
export const stalls: Answer = () => {
  const body = new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('{"value":[')) });
  return new HttpResponse(body, { headers: { 'Content-Type': 'application/json' } });
};

/** 200 with exactly this body. */
export function says(body: string, contentType = 'application/json'): Answer {
  return () => new HttpResponse(body, { headers: { 'Content-Type': contentType } });
}

/** The same, compressed. */
export function gzipped(body: string): Answer {
  const bytes = gzipSync(body);
  const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' };
  return () => new HttpResponse(bytes, { headers });
}

/** A page of empty objects with this many bytes before compression: a few kilobytes that take a hundred megabytes when parsed. */
export function emptyObjects(bytes: number): Answer {
  return gzipped(`{"value":[${'{},'.repeat(bytes / 3)}{}]}`);
}

/** 200 with a body that comes byte by byte, one a second, and never ends. */
export const drips: Answer = () => {
  let timer: NodeJS.Timeout;
  const body = new ReadableStream({
    start(stream) {
      timer = setInterval(() => stream.enqueue(new TextEncoder().encode('[')), 1000);
    },
    cancel: () => clearInterval(timer),
  });
  return new HttpResponse(body, { headers: { 'Content-Type': 'application/json' } });
};

/** This answer, after this many milliseconds. */
export function after(ms: number, answer: Answer): Answer {
  return async (request) => {
    await setTimeout(ms);
    return answer(request);
  };
}

/** 200 with a body of this many bytes, sent piece by piece. */
export function floods(bytes: number): Answer {
  return () => {
    const piece = new TextEncoder().encode(' '.repeat(64 * 1024));
    let sent = 0;
    const body = new ReadableStream({
      pull(stream) {
        if (sent >= bytes) return stream.close();
        stream.enqueue(piece);
        sent += piece.length;
      },
    });
    return new HttpResponse(body, { headers: { 'Content-Type': 'application/json' } });
  };
}

export const truncated = says('{"value":[{"id":"/subscriptions/');

/** The answer of a captive portal or an intercepting proxy. */
export const html = says('<!doctype html><title>Sign in to the network</title>', 'text/html');

/** This answer until a moment (in milliseconds since the epoch), then as usual. */
export function until(momentMs: number, answer: Answer): Answer {
  return (request) => (Date.now() < momentMs ? answer(request) : undefined);
}

/** Waits for this promise, then answers. */
export function when(moment: Promise<unknown>, answer: Answer): Answer {
  return async (request) => {
    await moment;
    return answer(request);
  };
}

/** Gives the first answer to the first request, and so on; the last one to all later requests. */
export function inTurn(...answers: [Answer, ...Answer[]]): Answer {
  let turn = 0;
  return (request) => {
    const answer = answers[Math.min(turn, answers.length - 1)] ?? hangs;
    turn += 1;
    return answer(request);
  };
}
