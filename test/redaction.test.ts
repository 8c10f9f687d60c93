import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { fromOutside, hideSecretsOf, redact, redactValue } from '../src/redaction.ts';
import { madeUpToken } from './fake-azure/tokens.ts';

afterEach(() => hideSecretsOf({}));

/** A text from outside, in a process with these secrets. */
function redactWith(env: NodeJS.ProcessEnv, text: string): string {
  hideSecretsOf(env);
  return fromOutside(text);
}

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
  ['with encoded dots', token.replaceAll('.', '%2E')],
  ['with dots encoded twice', token.replaceAll('.', '%252e')],
  ['with escaped dots', token.replaceAll('.', String.raw`\u002e`)],
  ['with dots escaped twice', JSON.stringify(token.replaceAll('.', String.raw`\u002E`))],
  ['in HTML', token.replaceAll('.', '&#46;')],
  ['in lines of 64 characters within JSON', JSON.stringify(`begin\n${token.replace(/.{64}/g, '$&\n')}\nend`)],
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
    const text = redactWith({ [variable]: secret }, `client_secret=${shown}&more`);
    expect(text).toBe('client_secret=(secret removed)&more');
  }
});

test.each(['', 'u:', 'id:', 'client:'])('the secrets of the environment are removed in base64, after %j', (user) => {
  for (const encoded of [base64(user + secret), Buffer.from(user + secret).toString('base64url')]) {
    const text = redactWith({ AZURE_CLIENT_SECRET: secret }, `Authorization: Basic ${encoded}`);
    expect(text).toContain('(secret removed)');
    // The rest reveals at most the last character of the secret.
    expect(text.replace('(secret removed)', '').length).toBeLessThan(
      'Authorization: Basic '.length + base64(user).length + 4,
    );
  }
});

test('the password and path of a proxy and the query of an endpoint are removed', () => {
  const env = {
    https_proxy: 'http://made-up-user:made%2Dup%20p%40ss@proxy.example:3128/made-up-path',
    AZURE_KUBERNETES_TOKEN_PROXY: 'https://token-proxy.example/path?made-up-signature',
    MSI_ENDPOINT: 'http://127.0.0.1:41741/msi/token?code=made%20up%20code',
    AZURE_CLIENT_ID: 'made-up-client',
  };
  expect(
    redactWith(env, 'made%2Dup%20p%40ss, made-up p@ss, made-up-path, made-up-signature, made-up-client, proxy.example'),
  ).toBe('(secret removed), (secret removed), (secret removed), (secret removed), made-up-client, proxy.example');
  expect(redactWith(env, 'GET http://127.0.0.1:41741/msi/token?code=made+up%20code')).toBe(
    'GET http://127.0.0.1:41741/msi/token?code=(secret removed)',
  );
  const basic = `Proxy-Authorization: Basic ${base64('made-up-user:made-up p@ss')}`;
  expect(redactWith(env, basic)).toBe('Proxy-Authorization: Basic (secret removed)');
  const short = { HTTPS_PROXY: 'http://me:pass@proxy.example' };
  expect(redactWith(short, `Basic ${base64('me:pass')}`)).toBe('Basic (secret removed)');
});

test('the key of an Authorization header is removed, but neither its parameters nor words', () => {
  expect(fromOutside('refused: Basic made-up-arc-key-0123456789 "Basic bWFkZS11cC1rZXk="')).toBe(
    'refused: Basic (token removed) "Basic (token removed)"',
  );
  const text =
    'Basic authentication, Basic realm=/var/opt/tokens/1.key, Bearer authorization_uri="https://login.example/1", Bearer tokens';
  expect(fromOutside(text)).toBe(text);
});

test('a secret is removed before the text is cut', () => {
  hideSecretsOf({ AZURE_CLIENT_SECRET: secret });
  for (const shown of [secret, token, `Basic ${base64(`made-up-user:${secret}`)}`]) {
    for (let before = 900; before < 1100; before += 3) {
      const text = fromOutside(`${'x '.repeat(before / 2)}${shown}${' y'.repeat(900)}`);
      for (const part of shown.match(/.{12}/g) ?? []) expect(text).not.toContain(part);
    }
  }
});

test('a secret that may be a word of ours is removed from a text from outside only', () => {
  hideSecretsOf({ IDENTITY_HEADER: 'true', MSI_SECRET: 'access', AZURE_CLIENT_SECRET: 'made-up-0123456789' });
  expect(fromOutside('so true, access denied, made-up-0123456789')).toBe(
    'so (secret removed), (secret removed) denied, (secret removed)',
  );
  const value = { true: true, list: ['so true', { deep: 'access' }] };
  expect(redactValue({ ...value, secret: 'made-up-0123456789' })).toEqual({ ...value, secret: '(secret removed)' });
});

test('an id that is no secret is never removed, even if it is in the variable of a secret', () => {
  const id = '22222222-2222-4222-8222-22222222222a';
  hideSecretsOf({ AZURE_CLIENT_ID: id, AZURE_CLIENT_SECRET: id });
  expect(redact(fromOutside(`application ${id}`))).toBe(`application ${id}`);
});

test('a value without secrets stays unchanged', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(redactValue(value)).toEqual(value);
    }),
  );
});
