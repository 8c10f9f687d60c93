import { expect, test } from 'vitest';
import { readText } from '../../src/explain/read-text.ts';

test.each([
  ['AADSTS700213: x', 700213],
  ['AADSTS7002138: x', 7002138],
  ['AADSTS70002: Error validating credentials. AADSTS50012: x', 50012],
  ['V2Error: invalid_grant AADSTS50076: x', 50076],
  ['{"error":"x","error_codes":[70043]}', 70043],
  ['invalid_client: Error(s): 7000215 - Timestamp', 7000215],
  ['no number', undefined],
])('the number of %j is %s', (text, number) => {
  expect(readText(text).aadsts).toBe(number);
});

test.each([
  ['[Errno -2] Name or service not known', 'ENOTFOUND'],
  ['[Errno -3] Temporary failure in name resolution', 'EAI_AGAIN'],
  ['dial tcp: lookup login.microsoftonline.com: no such host', 'ENOTFOUND'],
  ['[Errno 111] Connection refused', 'ECONNREFUSED'],
  ['[WinError 10060] A connection attempt failed', 'ETIMEDOUT'],
  ["ConnectionResetError(104, 'Connection reset by peer')", 'ECONNRESET'],
  [`SSLError(SSLError("bad handshake: SysCallError(10054, 'WSAECONNRESET')"))`, 'ECONNRESET'],
  [`SSLError(SSLError("bad handshake: SysCallError(-1, 'Unexpected EOF')"))`, 'EPROTO'],
  ['x509: certificate signed by unknown authority', 'SELF_SIGNED_CERT_IN_CHAIN'],
  ['certificate verify failed: certificate has expired', 'CERT_HAS_EXPIRED'],
  ['ModuleNotFoundError: No module named', undefined],
])('the network code of %j is %s', (text, code) => {
  expect(readText(text).networkCode).toBe(code);
});

test.each([
  ["PermissionError: [Errno 13] Permission denied: '/app/.azure/az.json'", 'permission-denied', '/app/.azure/az.json'],
  ["OSError: [Errno 30] Read-only file system: '/azure/x'", 'read-only', '/azure/x'],
  ['json.decoder.JSONDecodeError: Expecting value: line 1', 'cache-corrupt', undefined],
  ["User 'x' does not exist in MSAL token cache. Run `az login`.", 'account-not-in-cache', undefined],
  ["Please run 'az login' to setup account.", 'not-logged-in', undefined],
  ['/bin/sh: 1: az: not found', 'not-installed', undefined],
  ["'az' is not recognized as an internal or external command", 'not-installed', undefined],
  ["ModuleNotFoundError: No module named 'azure'", 'installation-broken', undefined],
  ['Failed to connect to MSI.', 'identity-endpoint-failed', undefined],
  ["The ID token is not yet valid. Make sure your computer's time is correct", 'clock-wrong', undefined],
  ['OSError: [WinError -2146893813] Key not valid for use in specified state.', 'cache-encrypted', undefined],
  ['keyring.errors.NoKeyringError: No recommended backend was available.', 'cache-encrypted', undefined],
  ['az: line 2: python3: cannot execute binary file: Exec format error', 'wrong-architecture', undefined],
  [
    '/mnt/c/Program Files/Microsoft SDKs/Azure/CLI2/wbin/az: line 3: python: command not found',
    'wrong-architecture',
    undefined,
  ],
  [
    'File "/root/.azure/cliextensions/account/azext_account/__init__.py"\nImportError: x',
    'extension-broken',
    undefined,
  ],
  ['portalocker.exceptions.LockException: [Errno 11] Resource temporarily unavailable', 'locked', undefined],
  ['az ended with code 137 and said nothing', 'killed', undefined],
  ["[Errno 2] No such file or directory: '/home/u/sp.pem'", 'login-certificate-missing', '/home/u/sp.pem'],
  ['ERROR: invalid_grant: the grant is bad', 'not-logged-in', undefined],
])('the problem of %j is %s', (text, problem, path) => {
  const fields = readText(text);
  expect([fields.problem, fields.path]).toEqual([problem, path]);
});

test.each([
  ["(Caused by ProxyError('made up'))", true],
  ['Cannot connect to proxy.', true],
  ['Missing dependencies for SOCKS support.', true],
  ["OSError('Tunnel connection failed: 403 Forbidden')", true],
  ['proxyconnect tcp: dial tcp: made up', true],
  ['Unable to establish a proxy tunnel', true],
  ['Connection refused', false],
])('%j is a failure at a proxy: %s', (text, expected) => {
  expect(readText(text).isProxyFailure).toBe(expected);
});

test.each([
  ['blocked by Conditional Access', true],
  ['Workload Identity Federation is blocked by tenant policy', true],
  ['The sign-in is blocked by a policy', true],
  ['This workload identity federation is disabled by policy in tenant', true],
  ['This account is disabled', false],
])('%j names a policy: %s', (text, expected) => {
  expect(readText(text).isPolicy).toBe(expected);
});

test.each([
  ['Failed to connect to MSI', 'managed-identity'],
  ['ManagedIdentityCredential: made up', 'managed-identity'],
  ['No managed identity is assigned', 'managed-identity'],
  ['Max retries exceeded: 169.254.169.254', 'managed-identity'],
  ['Please run: az login --identity', 'managed-identity'],
  ["The service principal '00000000-0000-4000-8000-000000000000' is unknown", 'service-principal'],
  ['Secret of service principal x not found', 'service-principal'],
  ['az login --service-principal -u x', 'service-principal'],
  ['Run az login again for this service principal', 'service-principal'],
  ['Please run az login', undefined],
])('the login in %j is that of %s', (text, login) => {
  expect(readText(text).login).toBe(login);
});

test('the names in a message are read', () => {
  const tenant = 'b6cc8f32-0d28-41cd-beb7-3a18c4775049';
  const other = 'f220aaaa-a5d6-4a54-9beb-2db0dcee4f5b';
  expect(
    readText(
      `The access token is from the wrong issuer 'https://sts.windows.net/${other}/'. It must match the tenant 'https://sts.windows.net/${tenant}/'`,
    ).tenant,
  ).toBe(tenant);
  expect(readText("Tenant 'made-up' not found. Check").tenant).toBe('made-up');
  expect(readText("Application with identifier 'msi' was not found").application).toBe('msi');
  expect(readText("Please try again after '372' seconds.").waitSeconds).toBe(372);
  expect(readText("presented assertion subject 'repo:a/b:environment:x'.").assertion).toEqual({
    subject: 'repo:a/b:environment:x',
  });
});

test.each([
  ['quotes', "'".repeat(1_000_000)],
  ['an application', "Application 'x".repeat(200_000)],
  ['words', 'a '.repeat(500_000)],
  ['brackets', '{"error":"'.repeat(100_000)],
  ['guids', '00000000-'.repeat(100_000)],
])('a huge text does not take long: %s', (_, text) => {
  const startedAtMs = performance.now();
  readText(text);
  expect(performance.now() - startedAtMs).toBeLessThan(1000);
});

test('a module that az cannot load is not the failure if az continues without it', () => {
  const module =
    "ERROR: Error loading command module 'rdbms': No module named 'azure.mgmt.rdbms.mysql_flexibleservers'\n";
  expect(readText(`${module}ERROR: Please run 'az login' to setup account.\n`).problem).toBe('not-logged-in');
  expect(readText(module).problem).toBe('extension-broken');
});
