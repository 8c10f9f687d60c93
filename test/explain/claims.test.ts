import { expect, test } from 'vitest';
import { isSameIdentity, readClaims, readIdentity } from '../../src/explain/claims.ts';
import { redact } from '../../src/redaction.ts';
import { jwt, madeUpToken } from '../fake-azure/tokens.ts';

test('a claim of any length and content becomes a short text without backticks and invisible characters', () => {
  const { clientId, objectId } = readIdentity(jwt({ appid: '`\u202e\u{e0041}x'.repeat(40_000), oid: 'a\u001b[2J' }));
  expect(clientId).toMatch(/^[ x]{300}$/);
  expect(objectId).toBe('a [2J');
});

test('a token in a claim is removed before the claim is cut', () => {
  const { clientId } = readIdentity(jwt({ appid: `${'x '.repeat(100)}${madeUpToken('made-up', 60)}` }), redact);
  expect(clientId).toBe(`${'x '.repeat(100)}(token removed)`);
});

test('only texts, numbers, lists of texts and objects of these are claims', () => {
  const claims = { sub: 'made-up', exp: 5, aud: ['one', 2, 'three'], oid: null, tid: true };
  const pod = { name: 'orders\u0007', uid: null, deeper: { and: 'deeper' } };
  expect(readClaims(jwt({ ...claims, 'kubernetes.io': { pod } }))).toEqual({
    sub: 'made-up',
    exp: 5,
    aud: ['one', 'three'],
    'kubernetes.io': { pod: { name: 'orders ' } },
  });
});

test.each(['', 'made-up', 'a.b', 'a.b.c', `a.${Buffer.from('[]').toString('base64url')}.c`])(
  '%j is no JWT',
  (token) => {
    expect(readClaims(token)).toBeUndefined();
  },
);

test.each([
  ['an app token of version 1', { idtyp: 'app', appid: 'a', oid: 'o', tid: 't' }, ['app', 't', 'o', 'a']],
  ['an app token of version 2', { idtyp: 'app', azp: 'a', oid: 'o', tid: 't' }, ['app', 't', 'o', 'a']],
  ["a user's token", { idtyp: 'user', appid: 'a', oid: 'o', tid: 't' }, ['user', 't', 'o', 'a']],
  ["a user's token without idtyp", { scp: 'user_impersonation', oid: 'o' }, ['user', null, 'o', null]],
  ['a token without idtyp', { appid: 'a', oid: 'o' }, [null, null, 'o', 'a']],
  ['claims of other types', { idtyp: 7, appid: {}, oid: [], tid: '' }, [null, null, null, null]],
])('%s is read', (_, claims, [type, tenantId, objectId, clientId]) => {
  expect(readIdentity(jwt(claims))).toEqual({ type, tenantId, objectId, clientId });
});

test.each(['', 'opaque', 'a.b.c', '..', 'a.bnVsbA.c'])('a token that is not a JWT has no claims: "%s"', (token) => {
  expect(readIdentity(token)).toEqual({ type: null, tenantId: null, objectId: null, clientId: null });
});

test.each([
  [{ tenantId: 'a' }, { tenantId: 'b' }, false],
  [{ objectId: 'a' }, { objectId: 'b' }, false],
  [{ clientId: 'a' }, { clientId: 'b' }, false],
  [{ clientId: 'a' }, { clientId: 'a' }, true],
  [{}, {}, true],
])('%o and %o are the same identity: %s', (one, other, expected) => {
  const nobody = { type: null, tenantId: null, objectId: null, clientId: null };
  expect(isSameIdentity({ ...nobody, ...one }, { ...nobody, ...other, type: 'app' })).toBe(expected);
});
