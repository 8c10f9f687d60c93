import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFailureLog, framesOf, type Verdict } from '../../src/telemetry/failure-log.ts';
import { createLog } from '../../src/telemetry/log.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Line {
  level: string;
  reason: string;
  reasons?: string[];
  msg: string;
  suppressed?: number;
  trace_id?: string;
}

const finding = (reason: string, hint = 'Do this.') => ({ reason, title: 'Made up', problem: 'It is so.', hint });
const ORIGINAL = { name: 'Error', code: 'Odd', status: 403, message: 'in its own words' };
const HEALTHY: Verdict = { failure: null, warnings: [], original: null };

function startLog(level = 'info') {
  const texts: string[] = [];
  const log = createLog({ level, isTerminal: false, write: (text) => texts.push(text) });
  const record = createFailureLog(log, 'the made-up list is here again');
  return {
    texts,
    lines: (): Line[] => texts.map((text) => JSON.parse(text)),
    record,
    fail: (reason: string) => record({ failure: finding(reason), warnings: [], original: ORIGINAL }),
    succeed: () => record(HEALTHY),
  };
}

test('a lasting failure is logged once, then every minute with its count', () => {
  const { lines, fail } = startLog();
  for (let second = 0; second < 150; second++) {
    fail('no-role');
    vi.advanceTimersByTime(1000);
  }
  expect(lines().map(({ suppressed }) => suppressed)).toEqual([undefined, 59, 59]);
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
    ['warn', 'Made up. It is so. Do this.'],
    ['info', 'recovered: the made-up list is here again'],
    ['warn', 'Made up. It is so. Do this.'],
  ]);
});

test('a warning with a list is logged every minute, and is never a recovery', () => {
  const { lines, fail, succeed, record } = startLog();
  fail('no-role');
  for (let second = 0; second < 70; second++) {
    record({ ...HEALTHY, warnings: [finding('node-identity', 'Label the pod.')] }, 'made-up-trace');
    vi.advanceTimersByTime(1000);
  }
  expect(lines().map(({ level, reason, suppressed }) => [level, reason, suppressed])).toEqual([
    ['warn', 'no-role', undefined],
    ['warn', 'node-identity', undefined],
    ['warn', 'node-identity', 59],
  ]);
  expect(lines().at(-1)).toMatchObject({ msg: 'Made up. It is so. Label the pod.', trace_id: 'made-up-trace' });
  succeed();
  expect(lines().at(-1)).toMatchObject({
    msg: 'recovered: the made-up list is here again',
    reasons: ['no-role', 'node-identity'],
  });
});

test('a warning beside a failure has a line of its own', () => {
  const { lines, record } = startLog();
  record({ failure: finding('no-role'), warnings: [finding('node-identity')], original: ORIGINAL });
  expect(lines().map(({ reason }) => reason)).toEqual(['no-role', 'node-identity']);
});

test('the line says title, problem and hint, and has the original error', () => {
  const { lines, fail } = startLog();
  fail('no-role');
  expect(lines()).toEqual([
    {
      level: 'warn',
      time: expect.any(String),
      reason: 'no-role',
      original: ORIGINAL,
      msg: 'Made up. It is so. Do this.',
    },
  ]);
});

test('the whole original error is logged at debug, as often as the warning', () => {
  const { lines, fail } = startLog('debug');
  fail('no-role');
  fail('no-role');
  expect(lines()).toMatchObject([
    { level: 'warn', msg: 'Made up. It is so. Do this.' },
    { level: 'debug', reason: 'no-role', original: ORIGINAL, msg: 'in its own words' },
  ]);
});

test('no line is longer than a kilobyte, whatever Azure says', () => {
  const { texts, record } = startLog();
  for (const text of ['x', '"', '\u202e', '\u{1f600}', 'ä']) {
    const message = text.repeat(2000);
    for (const [reason, trace] of [['unknown'], ['federated-credential-subject', '0'.repeat(32)]] as const) {
      const original = { name: 'AggregateAuthenticationError', code: 'AuthorizationFailed', status: 403, message };
      record({ failure: finding(reason, message), warnings: [], original }, trace);
    }
    vi.advanceTimersByTime(60_000);
  }
  expect(texts).toHaveLength(10);
  for (const line of texts) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(1000);
});

test('the frames of an error are those of its cause, without the message', () => {
  const error = new Error('wrapped', { cause: new Error('made-up cause\nHeaders: {"set-cookie":"made-up"}') });
  expect(framesOf(error)).toMatch(/^at .*failure-log\.test\.ts/);
  expect(framesOf(error)).not.toContain('made-up');
  expect(framesOf(Object.assign(new Error('made-up'), { stack: 'made-up' }))).toBe('');
});
