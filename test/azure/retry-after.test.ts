import { createHttpHeaders } from '@azure/core-rest-pipeline';
import { expect, test } from 'vitest';
import { tameRetryAfter } from '../../src/azure/retry-after.ts';

test.each([
  ['-5', undefined],
  ['NaN', undefined],
  ['soon', undefined],
  ['-1e99', undefined],
  ['1e99', '86400'],
  ['Infinity', '86400'],
  ['Wed, 21 Oct 2015 07:28:00 GMT', '0'],
  ['Wed, 21 Oct 2990 07:28:00 GMT', '86400'],
  ['0', '0'],
  ['7', '7'],
])('Retry-After: %s becomes a wait that a timer can have', (value, expected) => {
  const headers = createHttpHeaders({ 'Retry-After': value });
  tameRetryAfter({ headers });
  expect(headers.get('retry-after')).toBe(expected);
});

test('a wait in milliseconds stays one', () => {
  const headers = createHttpHeaders({ 'x-ms-retry-after-ms': '1500', 'retry-after-ms': '-1' });
  tameRetryAfter({ headers });
  expect(headers.toJSON()).toEqual({ 'retry-after-ms': '1500', 'retry-after': '2' });
});
