import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toSafeJson } from '../../src/telemetry/safe-json.ts';

const anyText = fc.string({ unit: 'binary' });

test('control and direction characters are escaped', () => {
  const json = toSafeJson(['\u009b31m', '\u202e', '\u2066', '\u061c', '\u200e', '\u2028', '\u007f', '\u001b']);
  expect(json).toBe('["\\u009b31m","\\u202e","\\u2066","\\u061c","\\u200e","\\u2028","\\u007f","\\u001b"]');
});

test('the parsed value is unchanged, and no such character is left', () => {
  fc.assert(
    fc.property(fc.oneof(anyText, fc.dictionary(anyText, anyText), fc.jsonValue()), (value) => {
      const json = toSafeJson(value);
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(json).not.toMatch(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u);
    }),
  );
});
