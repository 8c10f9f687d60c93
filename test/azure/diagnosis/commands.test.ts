import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { argument } from '../../../src/azure/diagnosis/commands.ts';

test.each([
  ['22222222-2222-4222-8222-222222222222', '22222222-2222-4222-8222-222222222222'],
  ['system:serviceaccount:ns:name', 'system:serviceaccount:ns:name'],
  ['https://oidc.example/x/', 'https://oidc.example/x/'],
  ['repo:org/name:ref:refs/heads/a b', "'repo:org/name:ref:refs/heads/a b'"],
  ['$(touch /tmp/x)', "'$(touch /tmp/x)'"],
  ['a;b', "'a;b'"],
  ['-rf', '$VALUE'],
  ["it's", '$VALUE'],
  ['say "hi"', '$VALUE'],
  ['back\\slash', '$VALUE'],
  ['two\nlines', '$VALUE'],
  ['ümläut', '$VALUE'],
  ['(set)', '$VALUE'],
  ['', '$VALUE'],
  [undefined, '$VALUE'],
])('%j becomes %s in a command', (value, shown) => {
  expect(argument(value, 'VALUE')).toBe(shown);
});

test('for any value, the shell reads one argument, and JSON escapes nothing', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (value) => {
      const shown = argument(value, 'VALUE');
      expect(JSON.stringify(shown)).toBe(`"${shown}"`);
      if (shown === '$VALUE') return;
      expect(execFileSync('/bin/sh', ['-c', `printf %s ${shown}`]).toString()).toBe(value);
    }),
    { numRuns: 50 },
  );
});
