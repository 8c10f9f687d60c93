import { expect, test } from 'vitest';
import { redact } from '../src/redaction.ts';
import { madeUpToken } from './azure/tokens.ts';

test('a token is taken out wherever it stands, whole or cut off', () => {
  const token = madeUpToken('made-up', 60);
  for (const text of [token, `Bearer ${token}`, `open '${token}'`, `"access_token":"${token}"`, token.slice(0, -20)]) {
    const redacted = redact(text);
    expect(redacted).toContain('(token removed)');
    expect(redacted).not.toContain(token.split('.')[1]);
  }
});

test('the user and password of a URL are taken out', () => {
  expect(redact('cannot connect to http://made-up-user:made-up@proxy.example:3128 now')).toBe(
    'cannot connect to http://proxy.example:3128 now',
  );
});

test('everything else stays as it is, and JSON stays JSON', () => {
  const line = JSON.stringify({
    url: 'https://management.azure.com/subscriptions?api-version=2022-12-01',
    mail: 'someone@example.com',
    text: 'a "quoted" text\nwith // two slashes and user@host',
  });
  expect(redact(line)).toBe(line);
  expect(JSON.parse(redact(JSON.stringify({ a: madeUpToken('made-up', 60), b: '//u:p@h"' })))).toEqual({
    a: '(token removed)',
    b: '//h"',
  });
});
