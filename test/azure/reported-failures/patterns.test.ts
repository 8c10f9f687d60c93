import { expect, test } from 'vitest';
import { IDENTITY } from '../../fake-azure/tokens.ts';
import { FAMILIES, reportedFailures } from './reported-failure.ts';

test('no pattern that a hint must match is always true', () => {
  const patterns = FAMILIES.flatMap((family) =>
    reportedFailures(family, { ...IDENTITY, subscriptionId: 'made-up' }).flatMap(({ says }) => says),
  );
  for (const pattern of patterns) expect('').not.toMatch(new RegExp(pattern, 's'));
});
