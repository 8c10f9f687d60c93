import { setImmediate } from 'node:timers/promises';

interface Call<T> {
  answer: Promise<T>;
  begun: boolean;
  /** When the answer was there, in milliseconds of the monotonic clock. */
  settledAtMs?: number;
}

/**
 * Makes one call serve many. Callers that arrive while a call is in flight get its answer, and so does everybody for
 * `maxAgeMs` after it settled, success and failure alike. With `maxAgeMs` 0 nobody gets an answer to a call that had
 * begun before they asked; those who ask together still share one.
 */
export function shareAnswer<T>(ask: () => Promise<T>, maxAgeMs: number): () => Promise<T> {
  let last: Call<T> | undefined;

  function serves(call: Call<T>): boolean {
    if (!call.begun) return true;
    if (maxAgeMs === 0) return false;
    return call.settledAtMs === undefined || performance.now() - call.settledAtMs < maxAgeMs;
  }

  async function run(call: Pick<Call<T>, 'begun' | 'settledAtMs'>): Promise<T> {
    // A burst of requests is read off its sockets within one turn of the event loop: let all of it come in first.
    await setImmediate();
    call.begun = true;
    try {
      return await ask();
    } finally {
      call.settledAtMs = performance.now();
    }
  }

  return () => {
    if (last && serves(last)) return last.answer;
    const state = { begun: false };
    last = Object.assign(state, { answer: run(state) });
    return last.answer;
  };
}
