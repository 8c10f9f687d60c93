import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Diagnosis } from '../../src/azure/diagnosis/diagnose.ts';
import { createFailureLog } from '../../src/telemetry/failure-log.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const facts: Diagnosis['facts'] = {
  now: 'made-up',
  cloud: { authorityHost: 'made-up', resourceManager: 'made-up' },
  metadataService: 'made-up',
  kubernetes: true,
  container: true,
  place: 'kubernetes',
  variables: {},
  proxy: { variables: [], hosts: [] },
};

function startLog() {
  const lines: { level: number; reason: string; msg: string; timesSinceLastLine?: number; stack?: string }[] = [];
  const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const failureLog = createFailureLog(log, 'healed');
  const fail = (reason: string, error = new Error('made-up')) =>
    failureLog.failed(error, {
      reason,
      hint: 'what to do',
      commands: [],
      detail: 'in its own words',
      original: { name: 'Error', message: 'in its own words' },
      attempts: [],
      facts,
    });
  return { lines, fail, succeed: failureLog.succeeded };
}

test('a failure that lasts is one line, and another each minute that says how often it happened', () => {
  const { lines, fail } = startLog();
  for (let second = 0; second < 150; second++) {
    fail('no-role');
    vi.advanceTimersByTime(1000);
  }
  expect(lines.map(({ timesSinceLastLine }) => timesSinceLastLine)).toEqual([undefined, 60, 60]);
});

test('another reason is another line at once', () => {
  const { lines, fail } = startLog();
  fail('no-token');
  fail('no-role');
  expect(lines.map(({ reason }) => reason)).toEqual(['no-token', 'no-role']);
});

test('reasons that take turns are one line a minute each', () => {
  const { lines, fail } = startLog();
  for (let second = 0; second < 70; second++) {
    fail(second % 2 === 0 ? 'no-token' : 'no-role');
    vi.advanceTimersByTime(1000);
  }
  expect(lines.map(({ reason }) => reason)).toEqual(['no-token', 'no-role', 'no-token', 'no-role']);
});

test('healing is one line, and the next failure is logged at once', () => {
  const { lines, fail, succeed } = startLog();
  succeed();
  fail('no-role');
  succeed();
  succeed();
  fail('no-role');
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    [40, 'made-up'],
    [30, 'healed'],
    [40, 'made-up'],
  ]);
});

test('the line has reason, hint and the original error', () => {
  const { lines, fail } = startLog();
  fail('no-role');
  expect(lines[0]).toMatchObject({
    reason: 'no-role',
    hint: 'what to do',
    original: { name: 'Error', message: 'in its own words' },
  });
  expect(lines[0]).not.toHaveProperty('stack');
});

test('a failure that nobody foresaw has the stack of its cause', () => {
  const { lines, fail } = startLog();
  fail('unknown', new Error('wrapped', { cause: new Error('made-up cause') }));
  expect(lines[0]?.stack).toMatch(/^Error: made-up cause\n/);
});
