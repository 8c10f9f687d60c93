import { DefaultAzureCredential } from '@azure/identity';
import { afterEach, expect, test, vi } from 'vitest';
import { ConfigError, readConfig, TOKEN_CREDENTIALS } from '../src/config.ts';

afterEach(() => vi.unstubAllEnvs());

test('an empty environment gives the defaults', () => {
  expect(readConfig({})).toEqual({
    port: 8080,
    host: '127.0.0.1',
    subscriptionId: undefined,
    authorityHost: undefined,
    identityBinding: false,
    deadlineMs: 10_000,
    answerMaxAgeMs: 1000,
    shutdownGraceMs: 10_000,
    allowedHosts: [],
    kubernetes: false,
    pageBadge: undefined,
    logLevel: 'info',
  });
});

test('every variable is read', () => {
  const env = {
    PORT: '0',
    HOST: '0.0.0.0',
    AZURE_SUBSCRIPTION_ID: '00000000-0000-4000-8000-00000000000A',
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.us/',
    AZURE_KUBERNETES_TOKEN_PROXY: 'https://10.0.0.1',
    AZURE_DEADLINE_MS: '1',
    ANSWER_MAX_AGE_MS: '0',
    SHUTDOWN_GRACE_MS: '0',
    ALLOWED_HOSTS: 'rgapi.example, Other.example',
    KUBERNETES_SERVICE_HOST: '10.0.0.1',
    PAGE_BADGE: 'made up',
    LOG_LEVEL: 'DEBUG',
  };
  expect(readConfig(env)).toEqual({
    port: 0,
    host: '0.0.0.0',
    subscriptionId: '00000000-0000-4000-8000-00000000000A',
    authorityHost: 'https://login.microsoftonline.us/',
    identityBinding: true,
    deadlineMs: 1,
    answerMaxAgeMs: 0,
    shutdownGraceMs: 0,
    allowedHosts: ['rgapi.example', 'other.example'],
    kubernetes: true,
    pageBadge: 'made up',
    logLevel: 'debug',
  });
});

test('an empty variable counts as unset', () => {
  const names = ['PORT', 'HOST', 'AZURE_SUBSCRIPTION_ID', 'AZURE_DEADLINE_MS', 'LOG_LEVEL', 'AZURE_TOKEN_CREDENTIALS'];
  expect(readConfig(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(readConfig({}));
});

test.each([
  ['PORT', 'eighty'],
  ['ALLOWED_HOSTS', 'rgapi.example:8080'],
  ['ALLOWED_HOSTS', 'https://rgapi.example'],
  ['ALLOWED_HOSTS', '*'],
  ['PORT', '-1'],
  ['PORT', '65536'],
  ['PORT', '80.5'],
  ['PORT', ' 8080'],
  ['PORT', '0x50'],
  ['PORT', '1e3'],
  ['AZURE_DEADLINE_MS', '0'],
  ['AZURE_DEADLINE_MS', '10s'],
  ['AZURE_DEADLINE_MS', '2147483648'],
  ['ANSWER_MAX_AGE_MS', '-1'],
  ['SHUTDOWN_GRACE_MS', 'Infinity'],
  ['AZURE_SUBSCRIPTION_ID', 'Contoso Production'],
  ['AZURE_SUBSCRIPTION_ID', '/subscriptions/00000000-0000-4000-8000-000000000000'],
  ['LOG_LEVEL', 'loud'],
  ['AZURE_TOKEN_CREDENTIALS', 'PodIdentity'],
])('%s=%s is refused with its name and what is accepted, but without the value', (variable, value) => {
  const read = () => readConfig({ [variable]: value });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(new RegExp(`^${variable} is .+; accepted: .+$`));
  expect(read).not.toThrow(value);
});

test.each([
  "'00000000-0000-4000-8000-000000000000'",
  '"00000000-0000-4000-8000-000000000000"',
  '00000000-0000-4000-8000-000000000000\n',
])('of a subscription id as in an env file (%j) the marks around it are what is wrong', (value) => {
  const read = () => readConfig({ AZURE_SUBSCRIPTION_ID: value });
  expect(read).toThrow(/^AZURE_SUBSCRIPTION_ID has white space or quotation marks around it; accepted: a GUID/);
});

test('the names accepted for AZURE_TOKEN_CREDENTIALS are those of the SDK, which throws on any other', () => {
  for (const name of TOKEN_CREDENTIALS) {
    vi.stubEnv('AZURE_TOKEN_CREDENTIALS', name);
    expect(() => new DefaultAzureCredential()).not.toThrow();
  }
  vi.stubEnv('AZURE_TOKEN_CREDENTIALS', 'AnotherCredential');
  const accepted = TOKEN_CREDENTIALS.filter((name) => name.endsWith('Credential')).join(', ');
  expect(() => new DefaultAzureCredential()).toThrow(accepted);
});

test.each([
  'proxy.example:3128',
  '10.0.0.1:3128',
  'http://proxy.example:99999',
  'http://made-up:made/up@proxy.example',
  'socks5://p',
])('an invalid proxy URL is refused without being shown: %s', (proxy) => {
  for (const variable of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'HTTP_PROXY']) {
    const accepted = 'the http or https URL of a proxy, such as http://proxy.example:3128';
    expect(() => readConfig({ [variable]: proxy })).toThrow(new ConfigError(variable, 'is not a URL', accepted));
  }
});

test('a proxy URL is accepted, and a variable that the SDK ignores does not matter', () => {
  expect(() => readConfig({ HTTPS_PROXY: 'http://u:p@proxy.example:3128/', HTTP_PROXY: 'nonsense' })).not.toThrow();
});
