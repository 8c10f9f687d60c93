import { expect, test } from 'vitest';
import { checkReport } from '../src/check.ts';
import { CHECK_NAMES } from '../src/explain/checks.ts';
import { forgetManagedIdentities } from './fake-azure/managed-identities.ts';
import { SCENARIOS, startOf } from './fake-azure/scenarios.ts';
import { startService } from './service.ts';

/** The report for a terminal of 80 columns, line by line. */
async function reportOf(scenario: (typeof SCENARIOS)[string]): Promise<string[]> {
  // MSAL chooses the endpoint for managed identities, and caches their tokens, once per process.
  forgetManagedIdentities();
  const { handlers, environment } = startOf(scenario);
  const { service } = startService(handlers, { ...environment, AZURE_DEADLINE_MS: '4000' });
  const snapshot = await service.snapshots.get();
  return checkReport(await service.viewOf(snapshot), 80)
    .trimEnd()
    .split('\n');
}

test.each(Object.entries(SCENARIOS))('the report of %s fits into a terminal of 24 lines', async (_, scenario) => {
  const lines = await reportOf(scenario);
  expect(lines.length).toBeLessThanOrEqual(24);
  const marks = lines.slice(1).map((line) => /^ {2}[✓!✗–] ([a-z-]+) /.exec(line)?.[1]);
  expect(marks.filter(Boolean)).toEqual(CHECK_NAMES);
  // Only a line for the shell, a link, and what has a word longer than a line may be wider.
  const tooWide = lines.filter((line) => line.length > 80 && !/^ {2}(\$|see) |\S{78}/.test(line));
  expect(tooWide).toEqual([]);
});

test('of a message of MSAL, the report quotes the description; the title is not repeated', async () => {
  const { 'wrong-subject': scenario } = SCENARIOS;
  if (!scenario) throw new Error('there is no such scenario');
  const lines = await reportOf(scenario);
  const [verdict = ''] = lines;
  expect(verdict).toMatch(/^NOT OK: \S/);
  expect(lines.filter((line) => line.includes(verdict.replace('NOT OK: ', '')))).toHaveLength(1);
  expect(lines).toContainEqual(expect.stringMatching(/^federated-credential-subject: \S/));
  expect(lines).toContainEqual(expect.stringMatching(/^ {2}detail: AADSTS700213: No matching/));
});
