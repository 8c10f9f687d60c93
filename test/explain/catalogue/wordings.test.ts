import { expect, test } from 'vitest';
import { explain } from '../../../src/explain/explain.ts';
import type { Attempt, Exchange, Failure } from '../../../src/explain/outcome.ts';
import { MACHINE } from '../outcome-files.ts';

// The error codes and wordings that the patterns of rows name, each with one line.

const BEHIND_PROXY = {
  variables: ['HTTPS_PROXY'],
  server: 'proxy.example:3128',
  hosts: ['login.microsoftonline.com', 'management.azure.com'],
};

function diagnose(attempts: Attempt[], failure: Failure, facts = {}) {
  return explain({ facts: { ...MACHINE, ...facts }, attempts, identity: null, list: null, failure, renewal: null })
    .failure;
}

function ofCredential(name: string, message: string, exchange?: Exchange, facts = {}) {
  const attempt: Attempt = { name, outcome: 'failed', message, ...(exchange && { exchange }) };
  return diagnose([attempt], { kind: 'no-token', message: 'made up' }, facts);
}

function ofNetwork(code: string, facts = {}) {
  return ofCredential('EnvironmentCredential', 'made up', { host: 'login.microsoftonline.com', code }, facts)?.reason;
}

test.each([
  ['ENOTFOUND', 'dns-failure', 'proxy-failed'],
  ['EAI_AGAIN', 'dns-failure', 'proxy-failed'],
  ['ENODATA', 'dns-failure', 'proxy-failed'],
  ['ESERVFAIL', 'dns-failure', 'proxy-failed'],
  ['ETIMEOUT', 'dns-failure', 'proxy-failed'],
  ['EREFUSED', 'dns-failure', 'proxy-failed'],
  ['ECONNREFUSED', 'egress-blocked', 'proxy-failed'],
  ['ETIMEDOUT', 'egress-blocked', 'proxy-failed'],
  ['EHOSTUNREACH', 'egress-blocked', 'proxy-failed'],
  ['ENETUNREACH', 'egress-blocked', 'proxy-failed'],
  ['EADDRNOTAVAIL', 'egress-blocked', 'proxy-failed'],
  ['EACCES', 'egress-blocked', 'proxy-failed'],
  ['EPERM', 'egress-blocked', 'proxy-failed'],
  ['UND_ERR_CONNECT_TIMEOUT', 'egress-blocked', 'proxy-failed'],
  ['EPROTO', 'tls-intercepted', 'proxy-failed'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls-intercepted', 'proxy-failed'],
  ['ERR_TLS_PROTOCOL_VERSION_CONFLICT', 'tls-intercepted', 'proxy-failed'],
  ['ERR_TLS_HANDSHAKE_TIMEOUT', 'connection-broken', 'proxy-failed'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls-intercepted', 'tls-intercepted'],
  ['HOSTNAME_MISMATCH', 'tls-intercepted', 'tls-intercepted'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'tls-intercepted', 'tls-intercepted'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls-intercepted', 'tls-intercepted'],
  ['INVALID_CA', 'tls-intercepted', 'tls-intercepted'],
  ['INVALID_PURPOSE', 'tls-intercepted', 'tls-intercepted'],
  ['PATH_LENGTH_EXCEEDED', 'tls-intercepted', 'tls-intercepted'],
  ['CERT_HAS_EXPIRED', 'certificate-expired', 'certificate-expired'],
  ['CERT_NOT_YET_VALID', 'certificate-expired', 'certificate-expired'],
])('%s means %s, and %s behind a proxy', (code, direct, proxied) => {
  expect([ofNetwork(code), ofNetwork(code, { proxy: BEHIND_PROXY })]).toEqual([direct, proxied]);
});

test.each([
  ['ENOTFOUND', true],
  ['ENODATA', true],
  ['EAI_AGAIN', false],
])('after %s of Resource Manager, a private DNS zone may hide its address: %s', (code, mayBePrivate) => {
  const exchange = { host: 'management.azure.com', code };
  const diagnosis = diagnose([], { kind: 'unreachable', message: 'made up', exchange });
  expect(diagnosis?.reason).toBe('dns-failure');
  expect(diagnosis?.problem.includes('Private Link')).toBe(mayBePrivate);
});

test('the check that fails is that of the host that was not reached', () => {
  const check = (host: string, attempts: Attempt[], kind: Failure['kind']) => {
    const failure = { kind, message: 'made up', exchange: { host, code: 'ECONNREFUSED' } };
    const outcome = { facts: MACHINE, attempts, identity: null, list: null, failure, renewal: null };
    return explain(outcome).checks.find(({ status }) => status === 'fail')?.name;
  };
  const exchange = { host: 'login.microsoftonline.com', code: 'ECONNREFUSED' };
  const attempt = { name: 'EnvironmentCredential', outcome: 'failed', message: 'made up', exchange } as const;
  expect(check('login.microsoftonline.com', [attempt], 'no-token')).toBe('identity-provider');
  expect(check('management.azure.com', [], 'unreachable')).toBe('resource-manager');
});

test.each([
  'Missing Authority Key Identifier',
  'Basic Constraints of CA cert not marked critical',
  'CA cert does not include key usage extension',
])('Python is stricter about the CA of a proxy than others: %s', (words) => {
  const message = `SSLCertVerificationError: certificate verify failed: ${words}`;
  const problems = [MACHINE.proxy, BEHIND_PROXY].map((proxy) => {
    const diagnosis = ofCredential('AzureCliCredential', message, undefined, { proxy });
    return [diagnosis?.reason, diagnosis?.hint];
  });
  const hint = ofCredential('AzureCliCredential', 'certificate verify failed: self-signed certificate')?.hint;
  expect(problems.map(([reason]) => reason)).toEqual(['tls-intercepted', 'tls-intercepted']);
  expect(problems.map((each) => each[1])).not.toContain(hint);
});

const armed = (kind: Failure['kind'], status: number, code: string, message = 'made up') =>
  diagnose([], { kind, message, status, code, isAzureError: true });

test.each([
  ['throttled', 429, 'RetryableErrorDueToAnotherOperation'],
  ['throttled', 429, 'Conflict'],
  ['broken', 400, 'AnotherOperationInProgress'],
  ['broken', 400, 'ConflictingOperation'],
  ['broken', 409, 'MadeUp'],
] as const)('a failure that is %s with %i %s waits for another operation', (kind, status, code) => {
  expect(armed(kind, status, code)?.problem).toMatch(/^Another operation is in progress/);
});

test.each([
  ['multi-factor authentication is missing', true],
  ['the policy demands multifactor authentication', true],
  ['the policy demands MFA', true],
  ['made up', false],
])('a policy that says %j demands multi-factor authentication: %s', (message, expected) => {
  const diagnosis = armed('not-authorized', 403, 'RequestDisallowedByPolicy', message);
  expect(diagnosis?.problem.includes('(MFA)')).toBe(expected);
});

test.each([
  ['InvalidAuthenticationToken', "at least one of the claims 'puid' or 'oid' is missing", 'service-principal-missing'],
  ['InvalidMadeUp', 'The access token has been obtained for wrong audience or resource', 'wrong-cloud'],
  ['InvalidMadeUp', "The audience 'https://made-up' is invalid", 'wrong-cloud'],
  ['InvalidMadeUp', "The audience 'https://made-up' does not match", 'wrong-cloud'],
  ['InvalidMadeUp', 'IDX10214: Audience validation failed', 'wrong-cloud'],
  ['InvalidMadeUp', "The access token is from the wrong issuer 'https://sts.windows.net/x/'", 'wrong-tenant'],
  ['InvalidMadeUp', 'made up', 'token-rejected'],
])('a token that is refused with %s and %j has the reason %s', (code, message, reason) => {
  expect(armed('token-rejected', 401, code, message)?.reason).toBe(reason);
});

test.each([
  ['Continuous access evaluation resulted in challenge: LocationConditionEvaluationSatisfied', '{}'],
  ['made up', '{"access_token":{"xms_rp_ipaddr":{"value":"203.0.113.7"}}}'],
])('a token that is refused with %j and the claims %s is blocked by the policy of locations', (message, claims) => {
  const wwwAuthenticate = `Bearer error="insufficient_claims", claims="${btoa(claims)}"`;
  const failure = { kind: 'token-rejected', message, status: 401, wwwAuthenticate } as const;
  expect(diagnose([], failure)?.reason).toBe('blocked-by-policy');
});

test.each([
  ['virtual-node-aci-linux', true],
  ['virtual-kubelet-aci-connector-linux', true],
  ['aks-nodepool1-1', false],
])('the node %s is a virtual one: %s', (node, isVirtual) => {
  const diagnosis = ofCredential('WorkloadIdentityCredential', 'ENOENT', undefined, {
    kubernetes: true,
    container: true,
    place: 'kubernetes',
    pod: { node },
    projectedToken: { file: '/var/run/secrets/azure/tokens/azure-identity-token', isInjected: true, problem: 'ENOENT' },
  });
  expect(diagnosis?.problem.includes('is a virtual node')).toBe(isVirtual);
});

test.each(['AZURE_CREDENTIALS', 'AZURE_CREDS', 'AZURE_AUTH_LOCATION', 'AZURE_SERVICE_PRINCIPAL'])(
  '%s holds a whole service principal',
  (name) => {
    const diagnosis = ofCredential('EnvironmentCredential', 'EnvironmentCredential is unavailable', undefined, {
      misnamed: { [name]: 'AZURE_CLIENT_SECRET' },
    });
    const other = ofCredential('EnvironmentCredential', 'EnvironmentCredential is unavailable', undefined, {
      misnamed: { AZURE_SECRET: 'AZURE_CLIENT_SECRET' },
    });
    expect(diagnosis?.problem).toContain(name);
    expect(diagnosis?.hint).not.toBe(other?.hint.replaceAll('AZURE_SECRET', name));
  },
);
