import { setImmediate, setTimeout } from 'node:timers/promises';

/** One value that many callers share. */
export interface RefreshAheadCache<T, Context> {
  /**
   * Returns the cached value if it is fresh, and a promise of the next one if it is not. `context` goes to the load that this
   * call starts; a call that starts none ignores it.
   */
  get(context?: Context): T | Promise<T>;
  /** The time since the latest load settled, in milliseconds; undefined before the first. */
  ageMs(): number | undefined;
}

/**
 * With `maxAgeMs` 0, the shortest time between the starts of two loads. Without it, hundreds of busy clients would each start a
 * load of their own. It is short because a load that hangs must not cost a caller two deadlines.
 */
const PACE_MS = 100;

/** A load that takes this much longer than the last one still finishes before the value expires. */
const LEAD_MARGIN = 1.25;

/**
 * Creates a cache of one value that refreshes itself before the value expires.
 *
 * Callers that arrive during a load share its result. Later callers share it for `maxAgeMs` after the load settled; a rejection
 * is cached like a value. A call shortly before the value expires still gets it and starts the next load in the background, so
 * under load no caller waits. With `maxAgeMs` 0, no caller gets the result of a load that started before its call; callers
 * that arrive together still share one load.
 */
export function createRefreshAheadCache<T, Context>(
  load: (context: Context | undefined) => Promise<T>,
  maxAgeMs: number,
): RefreshAheadCache<T, Context> {
  /** The latest value, or a rejected promise; times are in milliseconds of the monotonic clock. */
  let cached: { value: T | Promise<T>; settledAtMs: number; refreshAtMs: number; expiresAtMs: number } | undefined;
  /** The load that was scheduled last, until it settles. */
  let pending: { value: Promise<T>; started: boolean } | undefined;

  function startLoad(context: Context | undefined): Promise<T> {
    const previous = pending?.value.catch(() => {});
    const current = { started: false, value: run() };
    pending = current;
    return current.value;

    async function run(): Promise<T> {
      if (previous) await Promise.race([previous, setTimeout(PACE_MS, undefined, { ref: false })]);
      // Node reads a burst of requests from its sockets within one turn of the event loop. Wait for all of them.
      await setImmediate();
      current.started = true;
      const startedAtMs = performance.now();
      const value = load(context);
      const settle = (settled: T | Promise<T>) => {
        const settledAtMs = performance.now();
        const leadMs = Math.min((settledAtMs - startedAtMs) * LEAD_MARGIN, maxAgeMs / 2);
        const expiresAtMs = settledAtMs + maxAgeMs;
        cached = { value: settled, settledAtMs, refreshAtMs: expiresAtMs - leadMs, expiresAtMs };
        if (pending === current) pending = undefined;
      };
      // This also handles a rejection that no caller waits for, which would end the process.
      value.then(settle, () => settle(value));
      return value;
    }
  }

  return {
    get(context) {
      if (cached && maxAgeMs > 0) {
        const nowMs = performance.now();
        if (nowMs < cached.expiresAtMs) {
          if (nowMs >= cached.refreshAtMs && !pending) startLoad(context).catch(() => {});
          return cached.value;
        }
      }
      if (pending && (maxAgeMs > 0 || !pending.started)) return pending.value;
      return startLoad(context);
    },
    ageMs: () => cached && performance.now() - cached.settledAtMs,
  };
}
