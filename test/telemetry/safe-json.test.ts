import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toSafeJson } from '../../src/telemetry/safe-json.ts';

const anyText = fc.string({ unit: 'binary' });

test('control and direction characters are escaped', () => {
  const json = toSafeJson(['\u009b31m', '\u202e', '\u2066', '\u061c', '\u200e', '\u2028', '\u007f', '\u001b']);
  expect(json).toBe('["\\u009b31m","\\u202e","\\u2066","\\u061c","\\u200e","\\u2028","\\u007f","\\u001b"]');
});

test.each([
  ['a zero-width space', '\u200b'],
  ['a zero-width joiner', '\u200d'],
  ['a byte order mark', '\ufeff'],
  ['a word joiner', '\u2060'],
  ['a soft hyphen', '\u00ad'],
  ['a blank letter', '\u3164'],
  ['another blank letter', '\u115f'],
  ['a vowel separator', '\u180e'],
  ['a variation selector', '\ufe0f'],
  ['a tag', '\u{e0041}'],
])('%s, which nobody sees, is escaped', (_, invisible) => {
  const json = toSafeJson(`rg${invisible}1`);
  expect(json).toMatch(/^"rg(\\u[0-9a-f]{4}){1,2}1"$/);
  expect(JSON.parse(json)).toBe(`rg${invisible}1`);
});

test('the parsed value is unchanged, and no such character is left', () => {
  fc.assert(
    fc.property(fc.oneof(anyText, fc.dictionary(anyText, anyText), fc.jsonValue()), (value) => {
      const json = toSafeJson(value);
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(json).not.toMatch(/[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u);
    }),
  );
});
