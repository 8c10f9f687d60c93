import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { shareAnswer } from '../src/shared-answer.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const shared = (ask: () => Promise<string>, maxAgeMs: number) => {
  const { get } = shareAnswer(ask, maxAgeMs);
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
  await nextTurn();
  expect(calls).toHaveLength(2);
  calls[0]?.resolve('old');
  calls[1]?.resolve('new');
  expect(await Promise.all([first, second])).toEqual(['old', 'new']);
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
