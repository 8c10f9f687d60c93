import { afterAll, expect } from 'vitest';
import { get } from './rig.ts';

const rows: string[][] = [];

/** Adds a line to the table that the suite prints at the end. */
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

/** Checks an answer of GET /, its duration and its metrics, and adds it to the table. */
export async function expectAnswer(
  fault: string,
  answer: Awaited<ReturnType<typeof get>>,
  expected: { status: number; reason?: string | RegExp | undefined },
  deadlineMs = 1500,
): Promise<void> {
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
  const metrics: string = (await get('/metrics')).body;
  const noted =
    answer.status === 200
      ? `rgapi_fallbacks_total{reason="${answer.reason}"}`
      : `http_request_duration_seconds_count{route="/",method="GET",status="${answer.status}"}`;
  expect(metrics).toMatch(new RegExp(`^${RegExp.escape(noted)} [1-9]`, 'm'));
  // A pending call is not counted yet.
  if (answer.status !== 504) {
    expect(metrics).toMatch(
      /^rgapi_azure_call_duration_seconds_count\{operation="[\w-]+",outcome="(?!succeeded")[\w-]+"\} [1-9]/m,
    );
  }
  expect(metrics).toMatch(/^rgapi_shared_answer_age_seconds \d/m);
}
