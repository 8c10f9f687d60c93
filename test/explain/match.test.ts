import { expect, test } from 'vitest';
import { type Evidence, gatherEvidence, isTool } from '../../src/explain/evidence.ts';
import {
  azureCli,
  clockSkew,
  cloudName,
  credential,
  either,
  emptySecret,
  entraMeans,
  entraRefusal,
  entraSays,
  isProjected,
  ofKind,
  only,
  otherCloud,
  resourceManagerSays,
  unanswered,
  unreached,
} from '../../src/explain/match.ts';
import type { Attempt, Failure } from '../../src/explain/outcome.ts';
import { hasValue, isSet, quoted, shown, skewInWords, statusAndCode } from '../../src/explain/words.ts';
import { MACHINE } from './outcome-files.ts';

const NO_TOKEN: Failure = { kind: 'no-token', message: 'made up' };

function evidence(attempts: Attempt[], failure: Failure = NO_TOKEN, facts = {}): Evidence {
  return gatherEvidence({
    facts: { ...MACHINE, ...facts },
    attempts,
    identity: null,
    list: null,
    failure,
    renewal: null,
  });
}

const refused = (name: string, aadsts: number): Attempt => ({
  name,
  outcome: 'failed',
  message: `AADSTS${aadsts}: made up`,
  exchange: { host: 'login.microsoftonline.com', status: 400, contentType: 'application/json', body: '{}' },
});

test('a refusal of a configured credential counts before that of a tool, whatever their order', () => {
  const e = evidence([refused('AzureCliCredential', 50076), refused('EnvironmentCredential', 700016)]);
  expect(entraRefusal(e)?.aadsts).toBe(700016);
  expect(entraSays(700016)(e)?.name).toBe('EnvironmentCredential');
  expect(entraSays(50076)(e)).toBeUndefined();
  expect(entraMeans('application')(e)?.aadsts).toBe(700016);
  expect(entraRefusal(evidence([refused('AzureCliCredential', 50076)]))?.aadsts).toBe(50076);
});

test('only narrows, either tries in order', () => {
  const e = evidence([refused('EnvironmentCredential', 700016)]);
  expect(only(entraSays(700016), () => false)(e)).toBeUndefined();
  expect(only(entraSays(700016), (_, { status }) => status === 400)(e)?.aadsts).toBe(700016);
  expect(either(entraSays(1), entraSays(700016))(e)?.aadsts).toBe(700016);
  expect(either(entraSays(1))(e)).toBeUndefined();
});

test('a credential is found by its kind and by what it says', () => {
  const e = evidence([refused('AzureCliCredential', 50076)]);
  expect(credential(['azure-cli'])(e)?.name).toBe('AzureCliCredential');
  expect(credential(['powershell'])(e)).toBeUndefined();
  expect(credential(['azure-cli'], () => false)(e)).toBeUndefined();
});

test('no pod has az', () => {
  const attempts = [refused('AzureCliCredential', 50076)];
  expect(azureCli(evidence(attempts))).toBeDefined();
  expect(azureCli(evidence(attempts, NO_TOKEN, { kubernetes: true }))).toBeUndefined();
});

test.each([
  [59, undefined],
  [60, 60],
  [-60, -60],
  [-59, undefined],
])('a clock that is %d s off is wrong: %s', (serverAheadSeconds, skew) => {
  const [finding] = evidence([
    {
      name: 'EnvironmentCredential',
      outcome: 'failed',
      message: '',
      exchange: { host: 'x', status: 400, serverAheadSeconds },
    },
  ]).findings;
  expect(clockSkew(finding)).toBe(skew);
});

test.each([
  ['azure-cli', true, false],
  ['powershell', true, false],
  ['azd', true, false],
  ['projected-token', false, true],
  ['identity-binding', false, true],
  ['client-secret', false, false],
] as const)('%s is a tool: %s; a projected token: %s', (kind, tool, projected) => {
  expect([isTool({ credential: kind }), isProjected({ credential: kind })]).toEqual([tool, projected]);
});

test.each([
  [{ phase: 'lookup', tookMs: 1 }, true],
  [{ phase: 'connect', tookMs: 1 }, true],
  [{ phase: 'tls', tookMs: 1 }, true],
  [{ phase: 'response', tookMs: 1 }, false],
  [{ code: 'ECONNREFUSED' }, true],
] as const)('a request that came as far as %o did not reach its host: %s', (exchange, expected) => {
  const e = evidence([
    { name: 'EnvironmentCredential', outcome: 'pending', message: '', exchange: { host: 'x', ...exchange } },
  ]);
  expect(unreached(e) !== undefined).toBe(expected);
});

test('the host of a configured credential counts before that of a tool', () => {
  const message = '[Errno -2] Name or service not known';
  const tool: Attempt = { name: 'AzureCliCredential', outcome: 'unavailable', message };
  const exchange = { host: 'login.microsoftonline.com', code: 'ENOTFOUND' };
  const own: Attempt = { name: 'EnvironmentCredential', outcome: 'failed', message: '', exchange };
  expect(unreached(evidence([tool, own]))?.name).toBe('EnvironmentCredential');
  expect(unreached(evidence([tool]))?.name).toBe('AzureCliCredential');
});

test('a credential is unanswered while it waits, and after its time limit', () => {
  const asked = { name: 'ManagedIdentityCredential', exchange: { host: '169.254.169.254' } };
  expect(unanswered(evidence([{ ...asked, outcome: 'pending', message: '' }]))).toBeDefined();
  expect(unanswered(evidence([{ ...asked, outcome: 'failed', message: 'No answer within 3 s' }]))).toBeDefined();
  expect(unanswered(evidence([{ ...asked, outcome: 'failed', message: 'made up' }]))).toBeUndefined();
});

test('an empty secret decides only with both ids, and is the finding of the variables', () => {
  const none = (name: string): Attempt => ({ name, outcome: 'unavailable', message: 'made up' });
  const attempts = [none('WorkloadIdentityCredential'), none('EnvironmentCredential')];
  const variables = { AZURE_CLIENT_ID: 'made-up', AZURE_TENANT_ID: 'made-up' };
  const emptied = (set: object) =>
    emptySecret(evidence(attempts, NO_TOKEN, { variables: set, emptyVariables: ['AZURE_CLIENT_SECRET'] }));
  expect(emptied(variables)?.name).toBe('EnvironmentCredential');
  expect(emptied({ AZURE_CLIENT_ID: 'made-up' })).toBeUndefined();
});

test.each([
  ['login.microsoftonline.com', 'AzureCloud'],
  ['login.windows.net', 'AzureCloud'],
  ['login.microsoft.com', 'AzureCloud'],
  ['sts.windows.net', 'AzureCloud'],
  ['login.microsoftonline.us', 'AzureUSGovernment'],
  ['login-us.microsoftonline.com', 'AzureUSGovernment'],
  ['login.partner.microsoftonline.cn', 'AzureChinaCloud'],
  ['login.chinacloudapi.cn', 'AzureChinaCloud'],
  ['login.microsoftonline.de', 'AzureGermanCloud'],
  ['login.example', undefined],
])('%s signs in to %s', (host, cloud) => {
  const facts = { ...MACHINE, cloud: { ...MACHINE.cloud, authorityHost: `https://${host}` } };
  expect(cloudName({ facts })).toBe(cloud);
});

test('only a tool that asked in another cloud shows that cloud', () => {
  const asked = (name: string, host: string): Attempt => ({
    name,
    outcome: 'failed',
    message: 'made up',
    exchange: { host, status: 400 },
  });
  const cloudOf = (attempt: Attempt) => {
    const e = evidence([attempt]);
    return e.findings[0] && otherCloud(e, e.findings[0]);
  };
  expect(cloudOf(asked('AzureCliCredential', 'login.microsoftonline.us'))).toBe('AzureUSGovernment');
  expect(cloudOf(asked('AzureCliCredential', 'login.windows.net'))).toBeUndefined();
  expect(cloudOf(asked('EnvironmentCredential', 'login.microsoftonline.us'))).toBeUndefined();
});

test('a failure of Resource Manager is found by its kind and code', () => {
  const e = evidence([], {
    kind: 'not-authorized',
    message: 'made up',
    code: 'AuthorizationFailed',
    status: 403,
    isAzureError: true,
  });
  expect(ofKind('not-authorized', 'broken')(e)?.status).toBe(403);
  expect(ofKind('broken')(e)).toBeUndefined();
  expect(resourceManagerSays('AuthorizationFailed')(e)).toBeDefined();
  expect(resourceManagerSays('Other')(e)).toBeUndefined();
  expect(e.resourceManager && statusAndCode(e.resourceManager)).toBe('403 AuthorizationFailed');
});

test.each([
  [90, '2 minutes behind'],
  [-90, '2 minutes ahead of'],
  [7140, '119 minutes behind'],
  [7200, '2 hours behind'],
])('a server that is %d s ahead means a clock that is %s', (seconds, words) => {
  expect(skewInWords(seconds)).toBe(words);
});

test('a value that is unknown, empty or secret has other words', () => {
  for (const value of [undefined, null, '', '(set)', '(set, but too short)']) {
    expect([hasValue(value), shown(value, 'this one')]).toEqual([false, 'this one']);
  }
  expect(shown('a`b\u0007c', 'this one')).toBe('a b c');
  expect(shown('x'.repeat(400), '')).toHaveLength(300);
  expect(isSet({ facts: { ...MACHINE, variables: { A: 'x' } } }, 'A')).toBe(true);
  expect(isSet({ facts: MACHINE }, 'A')).toBe(false);
});

test('a quotation has no quotes, no dot at its end, and ends at a word when it is long', () => {
  expect(quoted({ summary: 'say "hi".' })).toBe(`"say 'hi'"`);
  expect(quoted({ summary: '' })).toBe('"nothing"');
  expect(quoted({ summary: `${'word '.repeat(40)}` })).toMatch(/^"(word )+…"$/);
});
