import { setImmediate, setTimeout } from 'node:timers/promises';

/** An answer that many share. */
export interface RefreshAheadCache<T, Question> {
  /** The answer at hand where it may still be shared, at once; otherwise the one to come. `question` goes to the call that this begins, if it begins one. */
  get(question?: Question): T | Promise<T>;
  /** How long ago the latest answer came, in milliseconds; undefined before the first. */
  ageMs(): number | undefined;
}

/**
 * Where no answer may be shared with those who ask later, calls would pile up: hundreds of busy clients would have one each.
 * They wait for the call in flight, though not for long: one that hangs must not cost two deadlines.
 */
const PACE_MS = 100;

/** A call that takes this much longer than the last one still comes in time. */
const LEAD_MARGIN = 1.25;

/**
 * Makes one call serve many. Callers that arrive while a call is in flight get its answer, and so does everybody for
 * `maxAgeMs` after it settled, success and failure alike. Who asks shortly before the end gets the answer at hand, and the next
 * call begins, so that under load nobody waits for it. With `maxAgeMs` 0 nobody gets an answer to a call that had begun
 * before they asked; those who ask together still share one.
 */
export function createRefreshAheadCache<T, Question>(
  ask: (question: Question | undefined) => Promise<T>,
  maxAgeMs: number,
): RefreshAheadCache<T, Question> {
  /** The latest answer, or a promise that was rejected; times in milliseconds of the monotonic clock. */
  let latest: { answer: T | Promise<T>; settledAtMs: number; renewAtMs: number; goodUntilMs: number } | undefined;
  /** The call that began last, while it is in flight. */
  let call: { answer: Promise<T>; begun: boolean } | undefined;

  function begin(question: Question | undefined): Promise<T> {
    const inFlight = call?.answer.catch(() => {});
    const current = { begun: false, answer: run() };
    call = current;
    return current.answer;

    async function run(): Promise<T> {
      if (inFlight) await Promise.race([inFlight, setTimeout(PACE_MS, undefined, { ref: false })]);
      // A burst of requests is read off its sockets within one turn of the event loop: let all of it come in first.
      await setImmediate();
      current.begun = true;
      const begunAtMs = performance.now();
      const answer = ask(question);
      const settle = (settled: T | Promise<T>) => {
        const settledAtMs = performance.now();
        const leadMs = Math.min((settledAtMs - begunAtMs) * LEAD_MARGIN, maxAgeMs / 2);
        const goodUntilMs = settledAtMs + maxAgeMs;
        latest = { answer: settled, settledAtMs, renewAtMs: goodUntilMs - leadMs, goodUntilMs };
        if (call === current) call = undefined;
      };
      // Also what observes a failure that nobody waits for.
      answer.then(settle, () => settle(answer));
      return answer;
    }
  }

  return {
    get(question) {
      if (latest && maxAgeMs > 0) {
        const nowMs = performance.now();
        if (nowMs < latest.goodUntilMs) {
          if (nowMs >= latest.renewAtMs && !call) begin(question).catch(() => {});
          return latest.answer;
        }
      }
      if (call && (maxAgeMs > 0 || !call.begun)) return call.answer;
      return begin(question);
    },
    ageMs: () => latest && performance.now() - latest.settledAtMs,
  };
}
