import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createRefreshAheadCache } from '../../src/azure/refresh-ahead-cache.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const cachedGet = (load: () => Promise<string>, maxAgeMs: number) => {
  const { get } = createRefreshAheadCache(load, maxAgeMs);
  return async () => get();
};

/** Loads that settle when the test settles them. */
function controlled() {
  const loads: PromiseWithResolvers<string>[] = [];
  const load = () => {
    const started = Promise.withResolvers<string>();
    loads.push(started);
    return started.promise;
  };
  return { load, loads };
}

test('callers that arrive together share one load', async () => {
  const { load, loads } = controlled();
  const get = cachedGet(load, 1000);
  const all = Promise.all([get(), get(), get()]);
  await nextTurn();
  loads[0]?.resolve('one');
  expect(await all).toEqual(['one', 'one', 'one']);
  expect(loads).toHaveLength(1);
});

test('a caller that arrives during a load shares it', async () => {
  const { load, loads } = controlled();
  const get = cachedGet(load, 1000);
  const first = get();
  await nextTurn();
  const second = get();
  loads[0]?.resolve('one');
  expect(await Promise.all([first, second])).toEqual(['one', 'one']);
  expect(loads).toHaveLength(1);
});

test('a value is shared until its maximum age, counted from when the load settled', async () => {
  const { load, loads } = controlled();
  const get = cachedGet(load, 1000);
  const first = get();
  await nextTurn();
  vi.advanceTimersByTime(5000);
  loads[0]?.resolve('one');
  await first;
  vi.advanceTimersByTime(999);
  expect(await get()).toBe('one');
  vi.advanceTimersByTime(1);
  const next = get();
  await nextTurn();
  loads[1]?.resolve('two');
  expect(await next).toBe('two');
});

test('a rejection is shared for as long as a value', async () => {
  const { load, loads } = controlled();
  const get = cachedGet(load, 1000);
  const both = Promise.allSettled([get(), get()]);
  await nextTurn();
  loads[0]?.reject(new Error('no'));
  await both;
  await expect(get()).rejects.toThrow('no');
  expect(loads).toHaveLength(1);
  vi.advanceTimersByTime(1000);
  const next = get();
  await nextTurn();
  loads[1]?.resolve('recovered');
  expect(await next).toBe('recovered');
});

test('with maximum age 0 no caller gets the result of a load that started earlier', async () => {
  const { load, loads } = controlled();
  const get = cachedGet(load, 0);
  const first = get();
  await nextTurn();
  const second = get();
  const third = get();
  loads[0]?.resolve('old');
  expect(await first).toBe('old');
  await vi.waitFor(() => expect(loads).toHaveLength(2));
  loads[1]?.resolve('new');
  expect(await Promise.all([second, third])).toEqual(['new', 'new']);
});

test('with maximum age 0 a load that hangs delays the next one only briefly', async () => {
  const { load, loads } = controlled();
  const get = cachedGet(load, 0);
  void get();
  await nextTurn();
  const second = get();
  await nextTurn();
  expect(loads).toHaveLength(1);
  await vi.waitFor(() => expect(loads).toHaveLength(2));
  loads[1]?.resolve('new');
  expect(await second).toBe('new');
});

test('with maximum age 0 the next load starts after one that fails', async () => {
  const { load, loads } = controlled();
  const get = cachedGet(load, 0);
  const first = get();
  await nextTurn();
  const second = get();
  loads[0]?.reject(new Error('made-up'));
  await expect(first).rejects.toThrow('made-up');
  await vi.waitFor(() => expect(loads).toHaveLength(2));
  loads[1]?.resolve('new');
  expect(await second).toBe('new');
});

test('with maximum age 0 callers that arrive together still share one load', async () => {
  const { load, loads } = controlled();
  const get = cachedGet(load, 0);
  const both = Promise.all([get(), get()]);
  await nextTurn();
  loads[0]?.resolve('one');
  expect(await both).toEqual(['one', 'one']);
  expect(loads).toHaveLength(1);
});

test('a call shortly before the value expires returns it and starts the next load', async () => {
  const { load, loads } = controlled();
  const get = cachedGet(load, 1000);
  const first = get();
  await nextTurn();
  vi.advanceTimersByTime(100);
  loads[0]?.resolve('one');
  await first;
  vi.advanceTimersByTime(874);
  expect(await get()).toBe('one');
  await nextTurn();
  expect(loads).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(await get()).toBe('one');
  expect(await get()).toBe('one');
  await nextTurn();
  expect(loads).toHaveLength(2);
  loads[1]?.resolve('two');
  await nextTurn();
  expect(await get()).toBe('two');
});

test('a refresh never starts before half of the maximum age, however slow the load is', async () => {
  const { load, loads } = controlled();
  const get = cachedGet(load, 1000);
  const first = get();
  await nextTurn();
  vi.advanceTimersByTime(5000);
  loads[0]?.resolve('one');
  await first;
  vi.advanceTimersByTime(499);
  await get();
  await nextTurn();
  expect(loads).toHaveLength(1);
  vi.advanceTimersByTime(1);
  await get();
  await nextTurn();
  expect(loads).toHaveLength(2);
});

test('busy callers cause at most one load per maximum age', async () => {
  let loads = 0;
  const get = cachedGet(async () => {
    loads += 1;
    vi.advanceTimersByTime(20);
    return 'one';
  }, 1000);
  for (let ms = 0; ms < 10_000; ms += 5) {
    await get();
    await nextTurn();
    vi.advanceTimersByTime(5);
  }
  expect(loads).toBeLessThanOrEqual(11);
});

test('a background load that rejects is shared, and does not end the process', async () => {
  const { load, loads } = controlled();
  const get = cachedGet(load, 1000);
  const first = get();
  await nextTurn();
  vi.advanceTimersByTime(5000);
  loads[0]?.resolve('one');
  await first;
  vi.advanceTimersByTime(600);
  await get();
  await nextTurn();
  loads[1]?.reject(new Error('no'));
  await nextTurn();
  await expect(get()).rejects.toThrow('no');
});

test('the age is that of the latest value', async () => {
  const { load, loads } = controlled();
  const { get, ageMs } = createRefreshAheadCache(load, 1000);
  expect(ageMs()).toBeUndefined();
  const first = get();
  expect(ageMs()).toBeUndefined();
  await nextTurn();
  loads[0]?.resolve('one');
  await first;
  vi.advanceTimersByTime(4000);
  expect(ageMs()).toBe(4000);
});
