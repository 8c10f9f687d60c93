import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRedaction, redactValue } from '../../src/telemetry/redaction.ts';
import { madeUpToken } from '../fake-azure/tokens.ts';

const redact = createRedaction({});

const token = madeUpToken('made-up', 60);
const [header = '', payload = '', signature = ''] = token.split('.');

test.each([
  ['alone', token],
  ['after a scheme', `Bearer ${token}`],
  ['in quotes', `open '${token}'`],
  ['in JSON', `{"access_token":"${token}"}`],
  ['cut off', token.slice(0, -20)],
  ['cut off in its payload', token.slice(0, header.length + 40)],
  ['after a newline', `output:\n${token}`],
  ['after a newline of JSON', JSON.stringify(`output:\n${token}`)],
  ['after an encoded equals sign', `id_token%3D${token}`],
  ['in lines of 64 characters', `begin\n${token.replace(/.{64}/g, '$&\n')}\nend`],
])('header, payload and signature of a token are removed: %s', (_, text) => {
  const redacted = redact(text);
  expect(redacted).toContain('(token removed)');
  for (const part of [header, payload, signature]) expect(redacted).not.toContain(part.slice(0, 20));
  for (const part of [header, payload, signature]) expect(redacted).not.toContain(part.slice(-15));
});

test('the text around a token stays', () => {
  expect(redact(`before\n${token}\nCaused by: made-up`)).toBe('before\n(token removed)\nCaused by: made-up');
});

test('the user and password of a URL are removed', () => {
  expect(redact('cannot connect to http://made-up-user:made-up@proxy.example:3128 now')).toBe(
    'cannot connect to http://proxy.example:3128 now',
  );
});

test('everything else stays as it is', () => {
  const text =
    'a "quoted" text\nwith // two slashes and user@host, keyJsonWebToken.parse, management.azure.com/subscriptions?a=b';
  expect(redact(text)).toBe(text);
});

test('a text that is designed to be slow is redacted fast', () => {
  for (const text of ['eyJ-', 'eyJ.', 'eyJhbGciOiJub25lIn0.\n', '//x', 'x'.repeat(30).concat('\n')]) {
    expect(redact(text.repeat(100_000)).length).toBeGreaterThan(0);
  }
});

const secret = 'made-up~se"cret/8Q+';
const base64 = (text: string) => Buffer.from(text).toString('base64');

test.each([
  ['as it is', secret],
  ['in JSON', 'made-up~se\\"cret/8Q+'],
  ['in a URL', 'made-up~se%22cret%2F8Q%2B'],
  ['in a URL, in lower case', 'made-up~se%22cret%2f8Q%2b'],
  ['in a form', 'made-up%7Ese%22cret%2F8Q%2B'],
])('the secrets of the environment are removed: %s', (_, shown) => {
  for (const variable of ['AZURE_CLIENT_SECRET', 'AZURE_PASSWORD', 'IDENTITY_HEADER', 'MSI_SECRET']) {
    const text = createRedaction({ [variable]: secret })(`client_secret=${shown}&more`);
    expect(text).toBe('client_secret=(secret removed)&more');
  }
});

test.each(['', 'u:', 'id:', 'client:'])('the secrets of the environment are removed in base64, after %j', (user) => {
  for (const encoded of [base64(user + secret), Buffer.from(user + secret).toString('base64url')]) {
    const text = createRedaction({ AZURE_CLIENT_SECRET: secret })(`Authorization: Basic ${encoded}`);
    expect(text).toContain('(secret removed)');
    // The rest reveals at most the last character of the secret.
    expect(text.replace('(secret removed)', '').length).toBeLessThan(
      'Authorization: Basic '.length + base64(user).length + 4,
    );
  }
});

test('the password of a proxy in all its forms and the query of the token proxy are removed', () => {
  const redactAll = createRedaction({
    https_proxy: 'http://made-up-user:made%2Dup%20p%40ss@proxy.example:3128',
    AZURE_KUBERNETES_TOKEN_PROXY: 'https://token-proxy.example/path?made-up-signature',
    AZURE_CLIENT_ID: 'made-up-client',
  });
  expect(redactAll('made%2Dup%20p%40ss, made-up p@ss, made-up-signature, made-up-client, proxy.example')).toBe(
    '(secret removed), (secret removed), (secret removed), made-up-client, proxy.example',
  );
  expect(redactAll(`Proxy-Authorization: Basic ${base64('made-up-user:made-up p@ss')}`)).toBe(
    'Proxy-Authorization: Basic (secret removed)',
  );
  const redactShort = createRedaction({ HTTPS_PROXY: 'http://me:pass@proxy.example' });
  expect(redactShort(`Basic ${base64('me:pass')}`)).toBe('Basic (secret removed)');
});

test('only the strings of a value are redacted, so that a short secret does not break the document', () => {
  const redactTrue = createRedaction({ AZURE_CLIENT_SECRET: 'true', MSI_SECRET: '8080', IDENTITY_HEADER: 'null' });
  const value = { true: true, port: 8080, none: null, list: ['so true', { deep: 'x8080' }] };
  expect(redactValue(redactTrue, value)).toEqual({
    true: true,
    port: 8080,
    none: null,
    list: ['so (secret removed)', { deep: 'x(secret removed)' }],
  });
});

test('a value without secrets stays unchanged', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(redactValue(redact, value)).toEqual(value);
    }),
  );
});
