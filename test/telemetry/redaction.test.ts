import { expect, test } from 'vitest';
import { createRedaction } from '../../src/telemetry/redaction.ts';
import { madeUpToken } from '../fake-azure/tokens.ts';

const redact = createRedaction({});

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

test.each([
  ['as it is', 'made-up~se"cret/8Q+'],
  ['in JSON', 'made-up~se\\"cret/8Q+'],
  ['in a URL', 'made-up~se%22cret%2F8Q%2B'],
  ['in HTML', 'made-up~se&quot;cret/8Q+'],
  ['in a form', 'made-up%7Ese%22cret%2F8Q%2B'],
])('the secrets of the environment are taken out: %s', (_, shown) => {
  for (const variable of ['AZURE_CLIENT_SECRET', 'AZURE_PASSWORD', 'IDENTITY_HEADER', 'MSI_SECRET']) {
    const text = createRedaction({ [variable]: 'made-up~se"cret/8Q+' })(`client_secret=${shown}&more`);
    expect(text).toBe('client_secret=(secret removed)&more');
  }
});

test('so are the password of a proxy and the query of the token proxy', () => {
  const redactAll = createRedaction({
    https_proxy: 'http://made-up-user:made-up-password@proxy.example:3128',
    AZURE_KUBERNETES_TOKEN_PROXY: 'https://token-proxy.example/path?made-up-signature',
    AZURE_CLIENT_ID: 'made-up-client',
  });
  expect(redactAll('made-up-password, made-up-signature, made-up-client, proxy.example')).toBe(
    '(secret removed), (secret removed), made-up-client, proxy.example',
  );
});
