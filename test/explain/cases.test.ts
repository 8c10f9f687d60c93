import { describe, expect, test } from 'vitest';
import { explain } from '../../src/explain/explain.ts';
import { explainedText } from './explained.ts';
import { FAMILIES, readCases } from './outcome-files.ts';

/**
 * Each case asserts one reason, its failing check, and what a person reads: cases/ has it as text, to be reviewed like code. After a
 * change of a sentence, `npx vitest run --project unit test/explain/cases.test.ts -u` writes it anew, and the diff shows which cases
 * changed.
 */
test.each(FAMILIES)('what a person reads about the cases of %s', async (family) => {
  const text = readCases(family).map(explainedText).join('\n');
  await expect(text).toMatchFileSnapshot(`cases/${family}.txt`);
});

const REPORTED = FAMILIES.map((family) => ({
  family,
  cases: readCases(family).filter(({ says = [], expected = [] }) => says.length + expected.length > 0),
})).filter(({ cases }) => cases.length > 0);

describe.each(REPORTED)('the diagnosis of $family', ({ cases }) => {
  test.each(cases)('leads to the solution: $case', ({ outcome, expected, never = [], says = [] }) => {
    const { failure, warnings } = explain(outcome);
    const found = failure ?? warnings[0];
    if (expected) expect(expected).toContain(found?.reason);
    expect(never).not.toContain(found?.reason);
    const text = [found?.title, found?.problem, found?.hint, ...(found?.commands ?? [])].join('\n');
    for (const words of says) expect(text).toMatch(new RegExp(words, 's'));
  });
});
