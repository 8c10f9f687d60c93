import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createRefreshAheadCache } from '../../src/azure/refresh-ahead-cache.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const shared = (ask: () => Promise<string>, maxAgeMs: number) => {
  const { get } = createRefreshAheadCache(ask, maxAgeMs);
  return async () => get();
};

/** A call that ends when the test says so. */
function controlled() {
  const calls: PromiseWithResolvers<string>[] = [];
  const ask = () => {
    const call = Promise.withResolvers<string>();
    calls.push(call);
    return call.promise;
  };
  return { ask, calls };
}

test('callers that arrive together share one call', async () => {
  const { ask, calls } = controlled();
  const answer = shared(ask, 1000);
  const all = Promise.all([answer(), answer(), answer()]);
  await nextTurn();
  calls[0]?.resolve('one');
  expect(await all).toEqual(['one', 'one', 'one']);
  expect(calls).toHaveLength(1);
});

test('a caller that arrives while a call is in flight shares it', async () => {
  const { ask, calls } = controlled();
  const answer = shared(ask, 1000);
  const first = answer();
  await nextTurn();
  const second = answer();
  calls[0]?.resolve('one');
  expect(await Promise.all([first, second])).toEqual(['one', 'one']);
  expect(calls).toHaveLength(1);
});

test('an answer is shared until it is as old as allowed, counted from when it was there', async () => {
  const { ask, calls } = controlled();
  const answer = shared(ask, 1000);
  const first = answer();
  await nextTurn();
  vi.advanceTimersByTime(5000);
  calls[0]?.resolve('one');
  await first;
  vi.advanceTimersByTime(999);
  expect(await answer()).toBe('one');
  vi.advanceTimersByTime(1);
  const next = answer();
  await nextTurn();
  calls[1]?.resolve('two');
  expect(await next).toBe('two');
});

test('a failure is shared as long as an answer', async () => {
  const { ask, calls } = controlled();
  const answer = shared(ask, 1000);
  const both = Promise.allSettled([answer(), answer()]);
  await nextTurn();
  calls[0]?.reject(new Error('no'));
  await both;
  await expect(answer()).rejects.toThrow('no');
  expect(calls).toHaveLength(1);
  vi.advanceTimersByTime(1000);
  const next = answer();
  await nextTurn();
  calls[1]?.resolve('healed');
  expect(await next).toBe('healed');
});

test('with age 0 nobody gets the answer to a call that had begun before', async () => {
  const { ask, calls } = controlled();
  const answer = shared(ask, 0);
  const first = answer();
  await nextTurn();
  const second = answer();
  const third = answer();
  calls[0]?.resolve('old');
  expect(await first).toBe('old');
  await vi.waitFor(() => expect(calls).toHaveLength(2));
  calls[1]?.resolve('new');
  expect(await Promise.all([second, third])).toEqual(['new', 'new']);
});

test('with age 0 a call that does not end holds up the next one for a moment only', async () => {
  const { ask, calls } = controlled();
  const answer = shared(ask, 0);
  answer();
  await nextTurn();
  const second = answer();
  await nextTurn();
  expect(calls).toHaveLength(1);
  await vi.waitFor(() => expect(calls).toHaveLength(2));
  calls[1]?.resolve('new');
  expect(await second).toBe('new');
});

test('with age 0 a call that fails begins the next one', async () => {
  const { ask, calls } = controlled();
  const answer = shared(ask, 0);
  const first = answer();
  await nextTurn();
  const second = answer();
  calls[0]?.reject(new Error('made-up'));
  await expect(first).rejects.toThrow('made-up');
  await vi.waitFor(() => expect(calls).toHaveLength(2));
  calls[1]?.resolve('new');
  expect(await second).toBe('new');
});

test('with age 0 callers that arrive together still share one call', async () => {
  const { ask, calls } = controlled();
  const answer = shared(ask, 0);
  const both = Promise.all([answer(), answer()]);
  await nextTurn();
  calls[0]?.resolve('one');
  expect(await both).toEqual(['one', 'one']);
  expect(calls).toHaveLength(1);
});

test('who asks shortly before the end gets the answer at hand, and the next call begins', async () => {
  const { ask, calls } = controlled();
  const answer = shared(ask, 1000);
  const first = answer();
  await nextTurn();
  vi.advanceTimersByTime(100);
  calls[0]?.resolve('one');
  await first;
  vi.advanceTimersByTime(874);
  expect(await answer()).toBe('one');
  await nextTurn();
  expect(calls).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(await answer()).toBe('one');
  expect(await answer()).toBe('one');
  await nextTurn();
  expect(calls).toHaveLength(2);
  calls[1]?.resolve('two');
  await nextTurn();
  expect(await answer()).toBe('two');
});

test('a call that takes long begins when half of the time is over, not before', async () => {
  const { ask, calls } = controlled();
  const answer = shared(ask, 1000);
  const first = answer();
  await nextTurn();
  vi.advanceTimersByTime(5000);
  calls[0]?.resolve('one');
  await first;
  vi.advanceTimersByTime(499);
  await answer();
  await nextTurn();
  expect(calls).toHaveLength(1);
  vi.advanceTimersByTime(1);
  await answer();
  await nextTurn();
  expect(calls).toHaveLength(2);
});

test('under load there is no more than one call in the time that an answer is good for', async () => {
  let calls = 0;
  const answer = shared(async () => {
    calls += 1;
    vi.advanceTimersByTime(20);
    return 'one';
  }, 1000);
  for (let ms = 0; ms < 10_000; ms += 5) {
    await answer();
    await nextTurn();
    vi.advanceTimersByTime(5);
  }
  expect(calls).toBeLessThanOrEqual(11);
});

test('a failure that nobody waits for is shared, and ends nothing', async () => {
  const { ask, calls } = controlled();
  const answer = shared(ask, 1000);
  const first = answer();
  await nextTurn();
  vi.advanceTimersByTime(5000);
  calls[0]?.resolve('one');
  await first;
  vi.advanceTimersByTime(600);
  await answer();
  await nextTurn();
  calls[1]?.reject(new Error('no'));
  await nextTurn();
  await expect(answer()).rejects.toThrow('no');
});

test('the age is that of the latest answer', async () => {
  const { ask, calls } = controlled();
  const { get, ageMs } = createRefreshAheadCache(ask, 1000);
  expect(ageMs()).toBeUndefined();
  const first = get();
  expect(ageMs()).toBeUndefined();
  await nextTurn();
  calls[0]?.resolve('one');
  await first;
  vi.advanceTimersByTime(4000);
  expect(ageMs()).toBe(4000);
});
