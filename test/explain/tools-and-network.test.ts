import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../src/explain/catalogue.ts';
import { explain } from '../../src/explain/explain.ts';
import type { Facts } from '../../src/explain/facts.ts';
import type { Attempt, Exchange, Failure, Outcome } from '../../src/explain/outcome.ts';
import { MACHINE } from './outcome-files.ts';

const POD: Facts = {
  ...MACHINE,
  kubernetes: true,
  container: true,
  place: 'kubernetes',
  pod: { namespace: 'shop', name: 'orders-7d9f8b6c5-x2x4z' },
};

const PROXIED: Facts = {
  ...MACHINE,
  proxy: {
    variables: ['HTTPS_PROXY', 'NO_PROXY'],
    server: 'proxy.example:3128',
    hosts: ['login.microsoftonline.com', 'management.azure.com'],
  },
};

const SECRET_VARIABLES = { AZURE_CLIENT_ID: '(set)', AZURE_CLIENT_SECRET: '(set)', AZURE_TENANT_ID: '(set)' };

function withoutToken(attempts: readonly Attempt[], facts: Facts): Outcome {
  const failure: Failure = { kind: 'no-token', message: 'No credential of the chain got a token' };
  return { facts, attempts, identity: null, list: null, failure, renewal: null };
}

/** What az, PowerShell or azd printed. */
function tool(message: string, facts: Facts = MACHINE, name = 'AzureCliCredential'): Outcome {
  return withoutToken([{ name, outcome: 'unavailable', message }], facts);
}

/** How far the request for a token came. */
function entra(exchange: Partial<Exchange>, facts: Facts = MACHINE): Outcome {
  const request = { host: 'login.microsoftonline.com', ...exchange };
  const attempt: Attempt = {
    name: 'EnvironmentCredential',
    outcome: 'failed',
    message: 'network_error',
    exchange: request,
  };
  return withoutToken([attempt], { ...facts, variables: { ...SECRET_VARIABLES, ...facts.variables } });
}

/** How far the request for the list came. */
function resourceManager(
  exchange: Partial<Exchange>,
  facts: Facts = MACHINE,
  credential = 'EnvironmentCredential',
): Outcome {
  return {
    facts,
    attempts: [{ name: credential, outcome: 'succeeded', message: '' }],
    identity: { type: 'app', tenantId: null, objectId: null, clientId: null, credential },
    list: null,
    failure: {
      kind: exchange.code === undefined ? 'timeout' : 'unreachable',
      message: 'Still waiting for the list of subscriptions after 10000 ms',
      ...(exchange.code !== undefined && { code: exchange.code }),
      exchange: { host: 'management.azure.com', ...exchange },
    },
    renewal: null,
  };
}

/** A list that failed behind the proxy, with a token. */
function withFailure(failure: Failure): Outcome {
  return { ...resourceManager({}, PROXIED), failure };
}

const pool = (cause: string, host = 'login.microsoftonline.com') =>
  `ERROR: HTTPSConnectionPool(host='${host}', port=443): Max retries exceeded with url: /x (Caused by ${cause})`;

interface Expected {
  reason: string;
  check: string;
  /** Parts of what a person reads, or of the commands. */
  says: readonly string[];
  never?: string;
}

const CASES: [string, Outcome, Expected][] = [
  // ---- phases
  [
    'a name server that never answers a pod',
    entra({ phase: 'lookup', tookMs: 9_990 }, POD),
    {
      reason: 'dns-failure',
      check: 'identity-provider',
      says: ['DNS of the cluster', 'CoreDNS', 'nslookup login.microsoftonline.com'],
      never: 'firewall',
    },
  ],
  [
    'a name server that never answers a laptop',
    resourceManager({ phase: 'lookup' }),
    {
      reason: 'dns-failure',
      check: 'resource-manager',
      says: ['DNS of this machine', 'nameserver', 'management.azure.com'],
    },
  ],
  [
    'packets of a pod that are dropped',
    entra({ phase: 'connect', tookMs: 9_990 }, POD),
    {
      reason: 'egress-blocked',
      check: 'identity-provider',
      says: ['no response for 10 s', 'network policies', 'AzureActiveDirectory'],
    },
  ],
  [
    'a virtual machine without a way out',
    resourceManager({ phase: 'connect', address: '4.150.240.10' }, MACHINE, 'ManagedIdentityCredential'),
    {
      reason: 'egress-blocked',
      check: 'resource-manager',
      says: ['NAT gateway', 'AzureResourceManager'],
      never: 'VPN',
    },
  ],
  [
    'a broken IPv6 route',
    resourceManager({ phase: 'connect', address: '2603:1030:a0b::10' }),
    { reason: 'egress-blocked', check: 'resource-manager', says: ['IPv6', '2603:1030:a0b::10'] },
  ],
  [
    'an MTU that is too large',
    entra({ phase: 'tls' }),
    { reason: 'connection-broken', check: 'identity-provider', says: ['TLS handshake does not finish', 'MTU'] },
  ],
  [
    'an azd whose TLS handshake hangs',
    tool(
      'ERROR: fetching token: Post "https://login.microsoftonline.com/x/oauth2/v2.0/token": net/http: TLS handshake timeout',
      MACHINE,
      'AzureDeveloperCliCredential',
    ),
    { reason: 'connection-broken', check: 'identity-provider', says: ['TLS handshake does not finish', 'MTU'] },
  ],
  [
    'an az that was connected and waits',
    tool(
      pool(
        `ReadTimeoutError("HTTPSConnectionPool(host='login.microsoftonline.com', port=443): Read timed out. (read timeout=None)")`,
      ),
    ),
    { reason: 'connection-broken', check: 'identity-provider', says: ['broke off'], never: 'cannot connect' },
  ],
  // ---- certificates
  [
    'a certificate that has expired',
    entra({ code: 'CERT_HAS_EXPIRED' }),
    { reason: 'certificate-expired', check: 'identity-provider', says: ['has expired', 'adding a CA does not help'] },
  ],
  [
    'a slow clock',
    resourceManager({ code: 'CERT_NOT_YET_VALID' }),
    { reason: 'certificate-expired', check: 'resource-manager', says: ['the clock here is wrong', 'not valid yet'] },
  ],
  [
    'another server',
    entra({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }),
    {
      reason: 'tls-intercepted',
      check: 'identity-provider',
      says: ['another name', 'Adding a CA does not help'],
      never: 'NODE_EXTRA_CA_CERTS',
    },
  ],
  [
    'a CA that Python 3.13 refuses',
    tool(
      pool(
        "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Missing Authority Key Identifier (_ssl.c:1032)'))",
      ),
    ),
    {
      reason: 'tls-intercepted',
      check: 'identity-provider',
      says: ['strict checks', 'Missing Authority Key Identifier'],
      never: 'REQUESTS_CA_BUNDLE',
    },
  ],
  [
    'another server for az',
    tool(
      pool(
        `SSLError(SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid for 'login.microsoftonline.com'. (_ssl.c:1007)"))`,
      ),
    ),
    { reason: 'tls-intercepted', check: 'identity-provider', says: ['another name'] },
  ],
  [
    'an intercepted azd',
    tool(
      'ERROR: fetching token: Post "https://login.microsoftonline.com/x/oauth2/v2.0/token": tls: failed to verify certificate: x509: certificate signed by unknown authority',
      MACHINE,
      'AzureDeveloperCliCredential',
    ),
    {
      reason: 'tls-intercepted',
      check: 'identity-provider',
      says: ['The tool does not trust'],
      never: 'REQUESTS_CA_BUNDLE',
    },
  ],
  [
    'a pod behind a firewall that re-signs',
    entra({ code: 'SELF_SIGNED_CERT_IN_CHAIN' }, POD),
    {
      reason: 'tls-intercepted',
      check: 'identity-provider',
      says: ['Mount the CA certificate', 'NODE_EXTRA_CA_CERTS'],
    },
  ],
  [
    'a missing bundle',
    tool('OSError: Could not find a suitable TLS CA certificate bundle, invalid path: /opt/ca.pem'),
    { reason: 'ca-bundle-missing', check: 'configuration', says: ['/opt/ca.pem', 'REQUESTS_CA_BUNDLE'] },
  ],
  // ---- what forbids the connection
  [
    'a firewall of Windows',
    tool(
      pool(
        "NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x1>: Failed to establish a new connection: [WinError 10013] An attempt was made to access a socket in a way forbidden by its access permissions')",
      ),
    ),
    { reason: 'egress-blocked', check: 'identity-provider', says: ['EACCES', 'firewalls, also that of this machine'] },
  ],
  [
    'a sandbox of Linux',
    tool(
      pool(
        "NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x1>: Failed to establish a new connection: [Errno 13] Permission denied')",
      ),
    ),
    { reason: 'egress-blocked', check: 'identity-provider', says: ['sandbox'], never: 'chown' },
  ],
  // ---- proxies
  [
    'a password that does not decode',
    entra({ code: 'REQUEST_SEND_ERROR' }, { ...PROXIED, proxy: { ...PROXIED.proxy, problem: 'user-info-malformed' } }),
    { reason: 'proxy-failed', check: 'identity-provider', says: ['percent-encoded', '%25'] },
  ],
  [
    'a star in NO_PROXY',
    resourceManager({ code: 'ECONNREFUSED' }, { ...PROXIED, proxy: { ...PROXIED.proxy, problem: 'no-proxy-range' } }),
    { reason: 'proxy-failed', check: 'resource-manager', says: ['without a star', '.azure.com'] },
  ],
  [
    'a proxy whose name does not exist',
    entra({ code: 'ENOTFOUND' }, PROXIED),
    { reason: 'proxy-failed', check: 'identity-provider', says: ['the proxy proxy.example:3128', 'ENOTFOUND'] },
  ],
  [
    'a proxy that swallows packets',
    entra({ phase: 'connect' }, PROXIED),
    { reason: 'proxy-failed', check: 'identity-provider', says: ['proxy.example:3128'] },
  ],
  [
    'a proxy that intercepts',
    entra({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }, PROXIED),
    { reason: 'tls-intercepted', check: 'identity-provider', says: ['NODE_EXTRA_CA_CERTS'] },
  ],
  [
    'a proxy that refuses in a page of its own',
    entra({ status: 400, contentType: 'text/html', body: '<html>made up</html>' }, PROXIED),
    { reason: 'proxy-failed', check: 'identity-provider', says: ['The proxy proxy.example:3128'] },
  ],
  [
    'a fault of a server of Azure behind a proxy',
    withFailure({ kind: 'broken', status: 500, message: 'Resource Manager answered 500: text/html, Runtime Error' }),
    { reason: 'broken', check: 'resource-manager', says: ['HTTP 500'], never: 'The proxy' },
  ],
  [
    'a proxy of the system',
    tool(pool("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 403 Forbidden'))")),
    {
      reason: 'proxy-failed',
      check: 'identity-provider',
      says: ['no variable of this process names', 'settings of the system'],
    },
  ],
  // ---- clouds
  [
    'the closed German cloud',
    tool(
      pool(
        "ConnectTimeoutError(<object at 0x1>, 'Connection to login.microsoftonline.de timed out. (connect timeout=None)')",
        'login.microsoftonline.de',
      ),
    ),
    {
      reason: 'az-wrong-cloud',
      check: 'configuration',
      says: ['AzureGermanCloud', 'az cloud set --name AzureCloud'],
      never: 'VPN',
    },
  ],
  [
    'an unknown cloud',
    tool("ERROR: The cloud 'AzureBlue' is not registered."),
    { reason: 'az-wrong-cloud', check: 'configuration', says: ['az cloud set --name AzureCloud'] },
  ],
  [
    'a tenant of another cloud',
    tool(
      'ERROR: AADSTS500011: The resource principal named https://management.azure.com was not found in the tenant named Fabrikam.',
    ),
    { reason: 'wrong-cloud', check: 'token', says: ['az cloud set --name AzureCloud', 'az login'] },
  ],
  // ---- files and programs of az
  [
    'a lock that Windows reports as a permission',
    tool("ERROR: [Errno 13] Permission denied: 'C:\\\\x\\\\msal_token_cache.bin.lockfile'"),
    { reason: 'az-failed', check: 'configuration', says: ['Another az'], never: 'chown' },
  ],
  [
    'skipped modules',
    tool("ERROR: Error loading command module 'acr': x\nERROR: Please run 'az login' to setup account."),
    { reason: 'az-not-logged-in', check: 'configuration', says: ['Nobody is logged in'] },
  ],
  [
    'a skipped module that is needed',
    tool(
      "ERROR: Error loading command module 'acr': urllib3 is too new\nERROR: Error loading command module 'profile': urllib3 is too new\nERROR: 'account' is misspelled or not recognized by the system.",
    ),
    {
      reason: 'az-failed',
      check: 'configuration',
      says: ['installation of az is broken', 'urllib3 is too new'],
      never: 'misspelled',
    },
  ],
  [
    'a damaged cache',
    tool('json.decoder.JSONDecodeError: Extra data: line 14 column 2 (char 2325)'),
    { reason: 'az-config-unusable', check: 'configuration', says: ['damaged', '.damaged'], never: 'rm ' },
  ],
  [
    'files of root',
    tool("ERROR: [Errno 13] Permission denied: '/home/ada/.azure/az.json'"),
    {
      reason: 'az-config-unusable',
      check: 'configuration',
      says: ['sudo chown -R $(id -u):$(id -g) /home/ada/.azure'],
    },
  ],
  [
    'a clock that is wrong',
    tool("ERROR: The ID token is not yet valid. Make sure your computer's time and time zone are both correct."),
    { reason: 'clock-skew', check: 'identity-provider', says: ['clock of this machine', 'hwclock'] },
  ],
  // ---- logins
  [
    'a login that has ended',
    tool('ERROR: AADSTS700082: The refresh token has expired due to inactivity. Please run: az login'),
    { reason: 'az-not-logged-in', check: 'configuration', says: ['expired', 'az login'] },
  ],
  [
    'a second factor',
    tool('ERROR: AADSTS50076: you must use multi-factor authentication'),
    { reason: 'az-not-logged-in', check: 'configuration', says: ['az login --tenant $(az account show'] },
  ],
  [
    'a second factor in a pipeline',
    tool('ERROR: AADSTS50076: you must use multi-factor authentication', { ...MACHINE, place: 'ci' }),
    { reason: 'az-not-logged-in', check: 'configuration', says: ['azure/login'], never: 'az login' },
  ],
  [
    'no login in a pipeline',
    tool("ERROR: Please run 'az login' to setup account.", { ...MACHINE, place: 'ci' }),
    { reason: 'az-not-logged-in', check: 'configuration', says: ['azure/login'], never: '$ az login' },
  ],
  [
    'no login in Codespaces',
    tool("ERROR: Please run 'az login' to setup account.", { ...MACHINE, place: 'codespaces' }),
    { reason: 'az-not-logged-in', check: 'configuration', says: ['az login --use-device-code'] },
  ],
  [
    'no subscription',
    tool("ERROR: No subscription found. Run 'az account set' to select a subscription."),
    {
      reason: 'az-not-logged-in',
      check: 'configuration',
      says: ["az account set --subscription $(az account list --query '[0].id' -o tsv)"],
    },
  ],
  [
    'revoked sessions',
    tool(
      'The Azure CLI cannot answer a claims challenge by itself: az login --claims-challenge eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ== --scope https://management.azure.com/.default',
    ),
    {
      reason: 'az-not-logged-in',
      check: 'configuration',
      says: [
        "az login --claims-challenge 'eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ==' --scope https://management.azure.com/.default",
      ],
    },
  ],
  [
    'a location policy',
    tool(
      `az login --claims-challenge ${btoa('{"access_token":{"xms_rp_ipaddr":{"value":"203.0.113.7"}}}')} --scope https://management.azure.com/.default`,
    ),
    { reason: 'az-not-logged-in', check: 'configuration', says: ['location policy', '203.0.113.7'] },
  ],
  [
    'a secret that has expired',
    tool(
      "ERROR: AADSTS7000222: The provided client secret keys for app '22222222-2222-4222-8222-222222222222' are expired.",
    ),
    {
      reason: 'client-secret-refused',
      check: 'token',
      says: [
        'has expired',
        '$ az login\n',
        'az ad app credential reset --id 22222222-2222-4222-8222-222222222222 --append',
      ],
    },
  ],
  [
    'a certificate that has expired',
    tool(
      "ERROR: AADSTS700027: Client assertion contains an invalid signature. The key was expired. app '22222222-2222-4222-8222-222222222222'",
    ),
    { reason: 'client-certificate-refused', check: 'token', says: ['--create-cert', '--certificate $1'] },
  ],
  // ---- nothing there
  [
    'no az on a laptop',
    tool('Azure CLI could not be found'),
    { reason: 'az-not-installed', check: 'configuration', says: ['PATH', 'az login'] },
  ],
  [
    'no az in a pipeline',
    tool('Azure CLI could not be found', { ...MACHINE, place: 'ci' }),
    { reason: 'az-not-installed', check: 'configuration', says: ['azure/login'], never: '$ az login' },
  ],
  [
    'something else that az does not find',
    tool('ERROR: The resource group x could not be found.'),
    {
      reason: 'az-failed',
      check: 'configuration',
      says: ['The resource group x could not be found'],
      never: 'Install the Azure CLI',
    },
  ],
  [
    'az in an app without an identity',
    withoutToken(
      [
        { name: 'ManagedIdentityCredential', outcome: 'unavailable', message: 'no endpoint' },
        { name: 'AzureCliCredential', outcome: 'unavailable', message: 'Azure CLI could not be found' },
      ],
      { ...MACHINE, place: 'app-service', identityEndpointMissing: true },
    ),
    { reason: 'identity-endpoint-missing', check: 'configuration', says: [], never: 'Install the Azure CLI' },
  ],
  [
    'a proxy that az has no protocol for',
    tool('ERROR: Missing dependencies for SOCKS support.', PROXIED),
    { reason: 'proxy-failed', check: 'identity-provider', says: ['Correct or unset HTTPS_PROXY'] },
  ],
  [
    'a PowerShell without the command',
    tool("The term 'Get-AzAccessToken' is not recognized as a name of a cmdlet", MACHINE, 'AzurePowerShellCredential'),
    { reason: 'tool-not-logged-in', check: 'configuration', says: ['Install-Module Az.Accounts'] },
  ],
  [
    'revoked sessions of PowerShell',
    tool(
      "This credential doesn't support claims challenges. To authenticate with the required claims, please run the following command: Connect-AzAccount -ClaimsChallenge eyJhY2Nlc3NfdG9rZW4iOnt9fQ==",
      MACHINE,
      'AzurePowerShellCredential',
    ),
    { reason: 'tool-not-logged-in', check: 'configuration', says: ['pwsh -Command Connect-AzAccount'] },
  ],
  // ---- other tools
  [
    'azd that has to prove more',
    tool(
      "This credential doesn't support claims challenges. To authenticate with the required claims, please run the following command: azd auth login --scope https://management.azure.com/.default",
      MACHINE,
      'AzureDeveloperCliCredential',
    ),
    { reason: 'tool-not-logged-in', check: 'configuration', says: ['Conditional Access', 'administrator'] },
  ],
  [
    'PowerShell that may not run scripts',
    tool(
      'Import-Module : File Az.Accounts.psm1 cannot be loaded because running scripts is disabled on this system.',
      MACHINE,
      'AzurePowerShellCredential',
    ),
    { reason: 'tool-failed', check: 'configuration', says: ['policy'], never: 'Connect-AzAccount' },
  ],
  [
    'PowerShell modules that do not fit',
    tool('Could not load file or assembly Azure.Core. Az.Accounts', MACHINE, 'AzurePowerShellCredential'),
    { reason: 'tool-failed', check: 'configuration', says: ['Update-Module Az.Accounts'], never: 'Install-Module' },
  ],
  [
    'an expired login of PowerShell',
    tool('AADSTS70043: The refresh token has expired', MACHINE, 'AzurePowerShellCredential'),
    { reason: 'tool-not-logged-in', check: 'configuration', says: ['Connect-AzAccount'], never: 'azd' },
  ],
];

describe('The diagnosis of tools and of the network', () => {
  test.each(CASES)('knows %s', (_, outcome, { reason, check, says, never }) => {
    const { failure, checks } = explain(outcome);
    const text = [failure?.problem, failure?.hint, ...(failure?.commands ?? []).map((line) => `$ ${line}`), ''].join(
      '\n',
    );
    expect({ reason: failure?.reason, check: checks.find(({ status }) => status === 'fail')?.name }).toEqual({
      reason,
      check,
    });
    const row = CATALOGUE.filter((each) => each.reason === reason).map((each) => each.check);
    if (reason !== 'unknown') expect(row).toContain(check);
    for (const part of says) expect(text).toContain(part);
    if (never !== undefined) expect(text).not.toContain(never);
    expect(`${failure?.problem}\n${failure?.hint}`).not.toMatch(/undefined|null\b| {2}|`|\(\)/);
    for (const line of failure?.commands ?? []) expect(line).not.toMatch(/["\\\p{Cc}]/u);
  });
});
