import { afterAll, expect } from 'vitest';
import type { get } from './rig.ts';

const rows: string[][] = [];

/** One line of the table that the suite prints at its end. */
export function report(fault: string, answer: string, ms: number, verdict = 'ok'): void {
  rows.push([fault, answer, `${ms} ms`, verdict]);
}

/** Prints the table of this file after its last test. */
export function printTable(): void {
  afterAll(() => {
    const widths = [0, 1, 2, 3].map((i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
    const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '));
    process.stdout.write(`${lines.join('\n')}\n`);
  });
}

/** Holds an answer against what is expected of it, in time, and notes it. */
export function expectAnswer(
  fault: string,
  answer: Awaited<ReturnType<typeof get>>,
  expected: { status: number; reason?: string | RegExp | undefined },
  deadlineMs = 1500,
): void {
  const isExpected =
    answer.status === expected.status &&
    (expected.reason === undefined ||
      new RegExp(`^(${expected.reason instanceof RegExp ? expected.reason.source : expected.reason})$`).test(
        answer.reason,
      )) &&
    answer.ms <= deadlineMs + 1000;
  report(fault, `${answer.status} ${answer.reason ?? ''}`, answer.ms, isExpected ? 'ok' : 'NOT OK');
  expect({ fault, status: answer.status, reason: answer.reason }).toEqual({
    fault,
    status: expected.status,
    reason:
      expected.reason === undefined
        ? answer.reason
        : expect.stringMatching(
            expected.reason instanceof RegExp ? expected.reason : new RegExp(`^${expected.reason}$`),
          ),
  });
  expect(answer.ms).toBeLessThanOrEqual(deadlineMs + 1000);
  // Never half a list.
  if (answer.status === 200) expect(answer.body).toEqual([]);
}
