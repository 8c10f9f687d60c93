import { expect, test } from 'vitest';
import { readClaims, readIdentity } from '../../src/explain/claims.ts';
import { jwt, madeUpToken } from '../fake-azure/tokens.ts';

test('a claim of any length and content becomes a short text without backticks and invisible characters', () => {
  const { clientId, objectId } = readIdentity(jwt({ appid: '`\u202e\u{e0041}x'.repeat(40_000), oid: 'a\u001b[2J' }));
  expect(clientId).toMatch(/^[ x]{300}$/);
  expect(objectId).toBe('a [2J');
});

test('a token in a claim is removed before the claim is cut', () => {
  const { clientId } = readIdentity(jwt({ appid: `${'x '.repeat(100)}${madeUpToken('made-up', 60)}` }));
  expect(clientId).toBe(`${'x '.repeat(100)}(token removed)`);
});

test('only texts, numbers and lists of texts are claims', () => {
  const claims = { sub: 'made-up', exp: 5, aud: ['one', 2, 'three'], appid: {}, oid: null, tid: true };
  expect(readClaims(jwt(claims))).toEqual({ sub: 'made-up', exp: 5, aud: ['one', 'three'] });
});

test.each(['', 'made-up', 'a.b', 'a.b.c', `a.${Buffer.from('[]').toString('base64url')}.c`])(
  '%j is no JWT',
  (token) => {
    expect(readClaims(token)).toBeUndefined();
  },
);
