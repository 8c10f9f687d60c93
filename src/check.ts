import { setTimeout } from 'node:timers/promises';
import { findings, reasonOf, type Snapshot } from './snapshot.ts';
import { toSafeText } from './telemetry/safe-json.ts';
import { wrap } from './telemetry/wrap.ts';
import type { View } from './view.ts';

/** The pause between two tries of `--wait`, in milliseconds. */
const PAUSE_MS = 1000;

/**
 * Takes looks until everything works or the time is up, but at least one. While it waits, it tells each new reason.
 */
export async function check(
  look: () => Promise<Snapshot>,
  waitMs: number,
  onReason: (reason: string | null) => void,
): Promise<Snapshot> {
  const endsAtMs = performance.now() + waitMs;
  let lastReason: string | null | undefined;
  while (true) {
    const snapshot = await look();
    const remainingMs = endsAtMs - performance.now();
    const reason = reasonOf(snapshot);
    if (reason === null || remainingMs <= 0) return snapshot;
    if (reason !== lastReason) onReason(reason);
    lastReason = reason;
    await setTimeout(Math.min(PAUSE_MS, remainingMs));
  }
}

const MARKS = { pass: '✓', warn: '!', fail: '✗', skip: '–' } as const;

/** The report for people: the verdict, the checks, then for each problem what it is and what to do. Texts wrap at `columns`. */
export function checkReport(view: View, columns: number): string {
  const problems = findings(view);
  const [first] = problems;
  // The last check counts the resource groups.
  const seen = view.names ? view.checks.at(-1)?.summary : 'there is a token';
  const lines = [first ? `NOT OK: ${first.title}` : `OK: ${seen}`];
  for (const { name, status, summary } of view.checks) {
    const link = `  ${MARKS[status]} ${name.padEnd(18)}`;
    lines.push(...wrap(toSafeText(summary), columns, link, ' '.repeat(link.length)));
  }
  for (const { reason, problem, hint, commands, detail, documentation } of problems) {
    lines.push('', ...wrap(toSafeText(`${problem} ${hint}`), columns, `${reason}: `, '  '));
    // A line for the shell is never wrapped, so that it can be copied.
    lines.push(...commands.map((command) => `  $ ${toSafeText(command)}`));
    if (detail !== '') lines.push(excerpt(wrap(essence(detail), columns, '  detail: ')));
    if (documentation !== undefined) lines.push(`  see ${documentation}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The description in a message of MSAL, which begins and ends with ids and times. */
function essence(detail: string): string {
  const [, description = detail] = / - Description: (.+?)(?: - Correlation ID: |$)/s.exec(detail) ?? [];
  return toSafeText(description.replace(/\s+/g, ' ').trim());
}

/** The first line, so that a report fits into a terminal of 24 lines; `--json` has all of them. */
function excerpt([first = '', ...others]: string[]): string {
  return others.length === 0 ? first : first.replace(/\S+$/, '…');
}
