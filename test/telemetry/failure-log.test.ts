import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Diagnosis } from '../../src/azure/diagnosis/diagnose.ts';
import { createFailureLog } from '../../src/telemetry/failure-log.ts';
import { createLog } from '../../src/telemetry/log.ts';

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

interface Line {
  level: string;
  reason: string;
  reasons?: string[];
  msg: string;
  timesSinceLastLine?: number;
  stack?: string;
  trace_id?: string;
}

function startLog(level = 'info') {
  const texts: string[] = [];
  const log = createLog({ level, isTerminal: false, write: (text) => texts.push(text) });
  const failureLog = createFailureLog(log, 'the made-up list is here again');
  const fail = (reason: string, error = new Error('made-up'), more: Partial<Diagnosis> = {}) =>
    failureLog.failed(error, {
      reason,
      hint: 'Do this.',
      commands: [],
      detail: 'in its own words',
      original: { name: 'Error', code: 'Odd', status: 403, message: 'in its own words' },
      attempts: [{ name: 'MadeUpCredential', outcome: 'failed', message: 'made up' }],
      facts,
      ...more,
    });
  return {
    texts,
    lines: (): Line[] => texts.map((text) => JSON.parse(text)),
    fail,
    succeed: failureLog.succeeded,
    failed: failureLog.failed,
  };
}

test('a lasting failure is logged once, then every minute with its count', () => {
  const { lines, fail } = startLog();
  for (let second = 0; second < 150; second++) {
    fail('no-role');
    vi.advanceTimersByTime(1000);
  }
  expect(lines().map(({ timesSinceLastLine }) => timesSinceLastLine)).toEqual([undefined, 60, 60]);
});

test('another reason is logged at once', () => {
  const { lines, fail } = startLog();
  fail('no-token');
  fail('no-role');
  expect(lines().map(({ reason }) => reason)).toEqual(['no-token', 'no-role']);
});

test('alternating reasons are logged once a minute each', () => {
  const { lines, fail } = startLog();
  for (let second = 0; second < 70; second++) {
    fail(second % 2 === 0 ? 'no-token' : 'no-role');
    vi.advanceTimersByTime(1000);
  }
  expect(lines().map(({ reason }) => reason)).toEqual(['no-token', 'no-role', 'no-token', 'no-role']);
});

test('recovery is one line, and the next failure is logged at once', () => {
  const { lines, fail, succeed } = startLog();
  succeed();
  fail('no-role');
  succeed();
  succeed();
  fail('no-role');
  expect(lines().map(({ level, msg }) => [level, msg])).toEqual([
    ['warn', 'no-role: Do this.'],
    ['info', 'recovered: the made-up list is here again'],
    ['warn', 'no-role: Do this.'],
  ]);
});

test('a warning with a success is logged every minute, and is never a recovery', () => {
  const { lines, fail, succeed } = startLog();
  const nodeIdentity = { reason: 'node-identity', hint: 'Label the pod.' };
  fail('no-role');
  for (let second = 0; second < 70; second++) {
    succeed([nodeIdentity], 'made-up-trace');
    vi.advanceTimersByTime(1000);
  }
  expect(lines().map(({ level, msg, timesSinceLastLine }) => [level, msg, timesSinceLastLine])).toEqual([
    ['warn', 'no-role: Do this.', undefined],
    ['warn', 'node-identity: Label the pod.', undefined],
    ['warn', 'node-identity: Label the pod.', 60],
  ]);
  expect(lines().at(-1)?.trace_id).toBe('made-up-trace');
  succeed();
  expect(lines().at(-1)).toMatchObject({
    msg: 'recovered: the made-up list is here again',
    reasons: ['no-role', 'node-identity'],
  });
});

test('the line has reason and hint in its message, and the original error', () => {
  const { lines, fail } = startLog();
  fail('no-role');
  expect(lines()).toEqual([
    {
      level: 'warn',
      time: expect.any(String),
      reason: 'no-role',
      original: { name: 'Error', code: 'Odd', status: 403, message: 'in its own words' },
      msg: 'no-role: Do this.',
    },
  ]);
});

test('the message of each credential is logged at debug', () => {
  const { lines, fail } = startLog('debug');
  fail('no-role');
  fail('no-role');
  expect(lines()).toMatchObject([
    { level: 'warn', msg: 'no-role: Do this.' },
    { level: 'debug', reason: 'no-role', attempts: [{ name: 'MadeUpCredential' }], msg: 'made-up' },
  ]);
});

test('no line is longer than a kilobyte, whatever Azure says', () => {
  const { texts, failed, fail } = startLog();
  const trace = '0'.repeat(32);
  for (const text of ['x', '"', '\u202e', '\u{1f600}', 'ä']) {
    const message = text.repeat(2000);
    fail(`unknown`, new Error(message, { cause: new Error(message) }), {
      hint: message,
      commands: [],
      original: { name: 'AggregateAuthenticationError', code: 'AuthorizationFailed', status: 403, message },
    });
    failed(
      new Error(message),
      {
        reason: 'federated-credential-subject',
        hint: message,
        commands: [],
        detail: message,
        original: { name: 'AggregateAuthenticationError', code: 700213, status: 401, message },
        attempts: [],
        facts,
      },
      trace,
    );
    vi.advanceTimersByTime(60_000);
  }
  expect(texts).toHaveLength(10);
  for (const line of texts) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(1000);
});

test('an unexpected failure has the beginning of the stack of its cause, without the message', () => {
  const { lines, fail } = startLog();
  fail('unknown', new Error('wrapped', { cause: new Error('made-up cause\nHeaders: {"set-cookie":"made-up"}') }));
  expect(lines()[0]?.stack).toMatch(/^at .*failure-log\.test\.ts/);
  expect(lines()[0]?.stack).not.toContain('made-up');
});
