import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { aadstsClass } from '../../src/explain/aadsts.ts';

/** The numbers of the table, as they are written there. */
const NUMBERS = [...readFileSync('src/explain/aadsts.ts', 'utf8').matchAll(/(?<=[\s[,])\d{5,8}(?=[,\]\s])/g)].map(
  Number,
);

test('each number is in the table once, in ascending order within its class', () => {
  expect(NUMBERS.length).toBeGreaterThan(500);
  expect(NUMBERS.filter((number, index) => NUMBERS.indexOf(number) !== index)).toEqual([]);
  expect(NUMBERS.filter((number) => aadstsClass(number) === undefined)).toEqual([]);
});

test('the table is the reviewed one', async () => {
  const table = NUMBERS.toSorted((one, other) => one - other).map((number) => `${number} ${aadstsClass(number)}\n`);
  await expect(table.join('')).toMatchFileSnapshot('cases/aadsts.txt');
});
