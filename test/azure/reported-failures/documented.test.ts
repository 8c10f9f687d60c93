import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { IDENTITY } from '../../fake-azure/tokens.ts';
import { FAMILIES, reportedFailures } from './reported-failure.ts';

test('the documentation lists every reported failure, and no others', () => {
  const listed = readFileSync('docs/troubleshooting.md', 'utf8').split('## Reported failures')[1] ?? '';
  const rows = FAMILIES.flatMap((family) =>
    reportedFailures(family, {}).map(({ source, failure }) => `| ${source} | ${failure} |`),
  );
  expect(listed.split('\n').filter((line) => /^\| (?!source|---)/.test(line))).toEqual(rows);
});

test('no pattern that a hint must match is always true', () => {
  const patterns = FAMILIES.flatMap((family) =>
    reportedFailures(family, { ...IDENTITY, subscriptionId: 'made-up' }).flatMap(({ says }) => says),
  );
  for (const pattern of patterns) expect('').not.toMatch(new RegExp(pattern, 's'));
});
