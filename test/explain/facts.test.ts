import { expect, test } from 'vitest';
import { gatherFacts, isLoopback } from '../../src/explain/facts.ts';
import { SERVICE_ACCOUNT, serviceAccountToken } from '../fake-azure/workload-identity.ts';

type Env = Record<string, string>;

/** Gathers facts on a machine with these variables and files, and nothing else. */
function factsOf(env: Env, files: Record<string, string> = {}, more: Partial<Parameters<typeof gatherFacts>[0]> = {}) {
  const readText = async (file: string) => {
    const text = files[file];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  };
  return gatherFacts({ env, readText, isContainer: false, platform: 'linux', ...more });
}

const TOKEN = '/var/run/secrets/azure/tokens/azure-identity-token';
const factsOfToken = (text: string, file = TOKEN) => factsOf({ AZURE_FEDERATED_TOKEN_FILE: file }, { [file]: text });

test('variables are listed, but only ids and choices with their value', async () => {
  const { variables } = await factsOf({
    AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
    AZURE_TENANT_ID: 'contoso.example',
    AZURE_TOKEN_CREDENTIALS: 'prod',
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.us/',
    AZURE_CLIENT_SECRET: 'made-up~client.secret',
    AZURE_PASSWORD: 'made-up-password',
    AZURE_USERNAME: '',
    IDENTITY_HEADER: 'made-up-header',
    PATH: '/usr/bin',
    AZURE_DEADLINE_MS: '100',
  });
  expect(variables).toEqual({
    AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
    AZURE_TENANT_ID: 'contoso.example',
    AZURE_TOKEN_CREDENTIALS: 'prod',
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.us/',
    AZURE_CLIENT_SECRET: '(set)',
    AZURE_PASSWORD: '(set)',
    IDENTITY_HEADER: '(set)',
  });
});

test.each([' made-up', 'made-up\n', '\tmade-up ', '"made-up"', "'made-up'"])(
  'white space or quotation marks around a secret are reported, but not the secret: %j',
  async (secret) => {
    expect((await factsOf({ AZURE_CLIENT_SECRET: secret })).variables).toEqual({
      AZURE_CLIENT_SECRET: '(set, with white space or quotation marks around it)',
    });
  },
);

test('the proxy in use is named by host and port, without its user and password', async () => {
  const { proxy } = await factsOf({
    HTTPS_PROXY: 'http://made-up:secret@proxy.example:3128',
    NO_PROXY: '169.254.169.254',
  });
  expect(proxy).toMatchObject({ server: 'proxy.example:3128', variables: ['HTTPS_PROXY', 'NO_PROXY'] });
  expect(JSON.stringify(proxy)).not.toContain('secret');
  expect((await factsOf({})).proxy).toEqual({ variables: [], hosts: [] });
});

test.each(['made-up~secret.8Q', serviceAccountToken(), 'two words', 'Abc8Q~made.up_secret-made.up', 'x'.repeat(40)])(
  'a misplaced secret in AZURE_CLIENT_ID is not shown: %s',
  async (secret) => {
    expect((await factsOf({ AZURE_CLIENT_ID: secret })).variables).toEqual({ AZURE_CLIENT_ID: '(set)' });
  },
);

test('only those claims of the projected token are shown that federation uses', async () => {
  const token = serviceAccountToken({ nbf: 1_700_000_000, exp: 1_700_003_600, more: 'made-up' });
  expect((await factsOfToken(token)).projectedToken).toEqual({
    file: TOKEN,
    isInjected: true,
    ...SERVICE_ACCOUNT,
    nbf: '2023-11-14T22:13:20.000Z',
    exp: '2023-11-14T23:13:20.000Z',
  });
});

test.each([
  ['\n', 'is empty'],
  ['made-up', 'does not hold a JWT'],
  ['a.b.c', 'does not hold a JWT'],
  [`a.${Buffer.from('[1]').toString('base64url')}.c`, 'does not hold a JWT'],
])('a projected token %j is a problem: %s', async (text, problem) => {
  expect((await factsOfToken(text, '/my/token')).projectedToken).toEqual({
    file: '/my/token',
    isInjected: false,
    problem,
  });
});

test.each([
  [Object.assign(new Error('made-up'), { code: 'EACCES' }), 'EACCES'],
  [new Error('is not a file'), 'is not a file'],
  ['made-up', 'made-up'],
])('a projected token that cannot be read is a problem: %s', async (error, problem) => {
  const readText = () => Promise.reject(error);
  const facts = await factsOf({ AZURE_FEDERATED_TOKEN_FILE: TOKEN, KUBERNETES_SERVICE_HOST: 'x' }, {}, { readText });
  expect(facts.projectedToken).toEqual({ file: TOKEN, isInjected: true, problem });
});

test('claims of any type and length do no harm', async () => {
  const odd = { iss: { toString: 1 }, sub: 'x'.repeat(1000), aud: [['deep'], 7, 'ok'], nbf: 'x', exp: 1e300 };
  expect((await factsOfToken(serviceAccountToken(odd))).projectedToken).toEqual({
    file: TOKEN,
    isInjected: true,
    sub: 'x'.repeat(300),
    aud: ['ok'],
  });
});

test('an audience that is no text is none', async () => {
  expect((await factsOfToken(serviceAccountToken({ aud: 7 }))).projectedToken?.aud).toEqual([]);
});

test('only the two pod labels that bind an identity are shown, and null for a missing one', async () => {
  const labels = 'app="rgapi"\nazure.workload.identity/use="true"\nmade-up\n="x"\n';
  const { podLabels } = await factsOf({}, { '/podinfo/labels': labels }, { podLabelsFile: '/podinfo/labels' });
  expect(podLabels).toEqual({ aadpodidbinding: null, 'azure.workload.identity/use': 'true' });
  expect(await factsOf({}, {}, { podLabelsFile: '/podinfo/labels' })).not.toHaveProperty('podLabels');
  expect(await factsOf({})).not.toHaveProperty('podLabels');
});

test.each([
  [{}, []],
  [{ NO_PROXY: 'x' }, []],
  [{ HTTPS_PROXY: 'http://p' }, ['169.254.169.254', 'login.microsoftonline.com', 'management.azure.com']],
  [{ http_proxy: 'http://p', no_proxy: ' 169.254.169.254 , .azure.com ' }, ['login.microsoftonline.com']],
  [{ ALL_PROXY: 'http://p', NO_PROXY: '.management.azure.com,login.microsoftonline.com' }, ['169.254.169.254']],
  [
    { HTTP_PROXY: 'http://p', NO_PROXY: '*,169.254.0.0/16,azure.com' },
    ['169.254.169.254', 'login.microsoftonline.com', 'management.azure.com'],
  ],
])('with %o the SDK reaches %o through a proxy', async (env, hosts) => {
  expect((await factsOf(env)).proxy.hosts).toEqual(hosts);
});

const endpoint = { IDENTITY_ENDPOINT: 'http://localhost:42356/msi/token', IDENTITY_HEADER: 'made-up' };

test.each([
  [{ KUBERNETES_SERVICE_HOST: '10.0.0.1', GITHUB_ACTIONS: 'true' }, 'kubernetes', undefined],
  [
    { AZUREPS_HOST_ENVIRONMENT: 'cloud-shell/1.0', MSI_ENDPOINT: 'http://localhost:50342/oauth2/token' },
    'cloud-shell',
    'cloud-shell',
  ],
  [{ CODESPACES: 'true' }, 'codespaces', undefined],
  [{ REMOTE_CONTAINERS: 'true' }, 'devcontainer', undefined],
  [{ TF_BUILD: 'True' }, 'ci', undefined],
  [endpoint, 'app-service', 'app-service'],
  [{ ...endpoint, FUNCTIONS_WORKER_RUNTIME: 'node' }, 'functions', 'functions'],
  [{ ...endpoint, CONTAINER_APP_NAME: 'made-up' }, 'container-apps', 'container-apps'],
  [{ ...endpoint, IDENTITY_SERVER_THUMBPRINT: 'made-up' }, 'service-fabric', 'service-fabric'],
  [{ MSI_ENDPOINT: 'http://127.0.0.1:46808/MSI/auth', MSI_SECRET: 'made-up' }, 'azure-ml', 'azure-ml'],
  [{ IDENTITY_ENDPOINT: 'http://localhost:40342/x', IMDS_ENDPOINT: 'http://localhost:40342' }, 'arc', 'arc'],
])('with %o the process runs in %s', async (env, place, kind) => {
  const facts = await factsOf(env);
  expect([facts.place, facts.identityEndpoint?.kind]).toEqual([place, kind]);
});

test('a pod is a container, and the Downward API names it', async () => {
  const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', POD_NAME: 'rgapi-1', POD_NAMESPACE: 'rgapi', NODE_NAME: 'node-1' };
  expect(await factsOf(env)).toMatchObject({
    container: true,
    pod: { name: 'rgapi-1', namespace: 'rgapi', node: 'node-1' },
  });
  expect(await factsOf({})).not.toHaveProperty('pod');
});

test('an identity endpoint behind a proxy is among the hosts', async () => {
  const { proxy } = await factsOf({ ...endpoint, HTTP_PROXY: 'http://p', NO_PROXY: '169.254.169.254' });
  expect(proxy.hosts).toEqual(expect.arrayContaining(['localhost', '127.0.0.1']));
});

test.each([
  [false, {}, 'machine'],
  [true, {}, 'container'],
  [true, { WEBSITE_SITE_NAME: 'shop' }, 'app-service'],
  [true, { WEBSITE_SITE_NAME: 'shop', FUNCTIONS_WORKER_RUNTIME: 'node' }, 'functions'],
  [true, { CONTAINER_APP_NAME: 'shop' }, 'container-apps'],
])('in a container (%s) with %o and no endpoint, the process runs in %s', async (isContainer, env, place) => {
  const facts = await factsOf(env, {}, { isContainer });
  expect([facts.container, facts.place]).toEqual([isContainer, place]);
  expect(facts.identityEndpointMissing).toBe(Object.keys(env).length > 0 ? true : undefined);
  expect(facts.app).toBe(Object.keys(env).length > 0 ? 'shop' : undefined);
});

test.each([
  [{ IDENTITY_ENDPOINT: 'http://localhost/x' }, undefined],
  [{ IDENTITY_HEADER: 'made-up' }, undefined],
  [{ IMDS_ENDPOINT: 'http://localhost:40342' }, undefined],
  [{ MSI_ENDPOINT: 'http://localhost:50342/oauth2/token' }, 'cloud-shell'],
])('with %o alone, the identity endpoint is %s', async (env, kind) => {
  expect((await factsOf(env)).identityEndpoint?.kind).toBe(kind);
});

test.each([
  ['AZURE_CLIENT_ID', '22222222-2222-4222-8222-222222222222'],
  ['AZURE_TENANT_ID', 'contoso.example'],
  ['AZURE_SUBSCRIPTION_ID', '44444444-4444-4444-8444-444444444444'],
  ['AZURE_TOKEN_CREDENTIALS', 'dev'],
  ['AZURE_AUTHORITY_HOST', 'https://login.microsoftonline.us'],
])('the value of %s may be shown', async (name, value) => {
  expect((await factsOf({ [name]: value })).variables).toEqual({ [name]: value });
});

test.each([
  'AZURE_USERNAME',
  'IDENTITY_ENDPOINT',
  'IMDS_ENDPOINT',
  'MSI_ENDPOINT',
  'KUBERNETES_SERVICE_HOST',
  'NODE_EXTRA_CA_CERTS',
  'WEBSITE_DISABLE_MSI',
  'WEBSITE_PRIVATE_IP',
])('of %s only the name is shown', async (name) => {
  expect((await factsOf({ [name]: 'made-up' })).variables).toEqual({ [name]: '(set)' });
});

test.each([
  ['/var/run/secrets/azure/tokens/azure-identity-token', true],
  ['/var/run/secrets/azure/wi/token/azure-identity-token', true],
  ['/var/run/secrets/azure/azure-identity-token', false],
])('the webhook injects the path %s: %s', async (file, isInjected) => {
  expect((await factsOfToken('made-up', file)).projectedToken).toMatchObject({ isInjected });
});

test.each([['GITHUB_ACTIONS'], ['TF_BUILD'], ['GITLAB_CI'], ['JENKINS_URL'], ['CI']])(
  'a process with %s runs in a pipeline',
  async (name) => {
    expect((await factsOf({ [name]: 'made-up' })).place).toBe('ci');
  },
);

test('of several proxy variables the first that is set counts', async () => {
  const { proxy } = await factsOf({ HTTP_PROXY: 'http://one.example:1', ALL_PROXY: 'http://two.example:2' });
  expect(proxy).toMatchObject({ server: 'two.example:2', variables: ['ALL_PROXY', 'HTTP_PROXY'] });
});

test('an identity endpoint that is there is not missing', async () => {
  const facts = await factsOf({ WEBSITE_SITE_NAME: 'shop', ...endpoint });
  expect(facts.identityEndpoint).toEqual({ kind: 'app-service', host: 'localhost' });
  expect(facts).not.toHaveProperty('identityEndpointMissing');
});

test('Windows is a fact', async () => {
  expect((await factsOf({}, {}, { platform: 'win32' })).windows).toBe(true);
  expect(await factsOf({})).not.toHaveProperty('windows');
});

test('variables that are set but empty are listed by name, if they matter', async () => {
  expect((await factsOf({ AZURE_TENANT_ID: '', AZURE_CLIENT_ID: '', PATH: '' })).emptyVariables).toEqual([
    'AZURE_CLIENT_ID',
    'AZURE_TENANT_ID',
  ]);
  expect(await factsOf({ PATH: '' })).not.toHaveProperty('emptyVariables');
});

test('a secret that is far too short is reported, but not the secret', async () => {
  expect((await factsOf({ AZURE_CLIENT_SECRET: 'x'.repeat(15) })).variables).toEqual({
    AZURE_CLIENT_SECRET: '(set, but too short)',
  });
  expect((await factsOf({ AZURE_CLIENT_SECRET: 'x'.repeat(16) })).variables).toEqual({ AZURE_CLIENT_SECRET: '(set)' });
});

test.each([
  [{ AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:2579' }, '127.0.0.1'],
  [{ AZURE_POD_IDENTITY_AUTHORITY_HOST: 'made-up' }, '169.254.169.254'],
  [{}, '169.254.169.254'],
])('with %o the metadata service is at %s', async (env, host) => {
  expect((await factsOf(env)).metadataService).toBe(host);
});

test.each([
  [{ HTTPS_PROXY: 'http://a%zz:b@proxy.example:3128' }, 'user-info-malformed'],
  [{ HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: '10.0.0.0/8' }, 'no-proxy-range'],
  [{ HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: '*.azure.com' }, 'no-proxy-range'],
  [{ NO_PROXY: '10.0.0.0/8' }, undefined],
  [{ HTTPS_PROXY: 'http://a%20:b@proxy.example:3128', NO_PROXY: '.azure.com' }, undefined],
])('the problem of the proxy in %o is %s', async (env, problem) => {
  expect((await factsOf(env)).proxy.problem).toBe(problem);
});

test("the pod's own token names its service account and node where the Downward API does not", async () => {
  const claims = {
    sub: 'system:serviceaccount:shop:orders',
    'kubernetes.io': {
      namespace: 'shop',
      pod: { name: 'orders-7c9d8b6f5-x2x7k' },
      serviceaccount: { name: 'orders' },
      node: { name: 'aks-1' },
    },
  };
  const files = { '/var/run/secrets/kubernetes.io/serviceaccount/token': serviceAccountToken(claims) };
  const { pod } = await factsOf({ KUBERNETES_SERVICE_HOST: '10.0.0.1', HOSTNAME: 'orders-7c9d8b6f5-x2x7k' }, files);
  expect(pod).toMatchObject({ namespace: 'shop', serviceAccount: 'orders', node: 'aks-1' });
});

test('the cloud is the public one by default', async () => {
  const cloud = {
    authorityHost: 'https://login.microsoftonline.us',
    resourceManager: 'https://management.usgovcloudapi.net',
  };
  expect((await factsOf({})).cloud).toEqual({
    authorityHost: 'https://login.microsoftonline.com',
    resourceManager: 'https://management.azure.com',
  });
  expect((await factsOf({}, {}, { cloud })).cloud).toEqual(cloud);
});

test.each([
  ['localhost', true],
  ['127.0.0.1', true],
  ['[::1]', true],
  ['169.254.169.254', false],
])('%s is loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

test.each([
  ['0::/system.slice/rgapi.service\n', 'rgapi.service'],
  ['0::/system.slice/system-rgapi.slice/rgapi@1.service\n', 'rgapi@1.service'],
  ['0::/apps.slice/rgapi.service\n', 'rgapi.service'],
  ['0::/system.slice/monitor.service\n', 'monitor.service'],
  ['9:name=systemd:/system.slice/rgapi.service\n4:memory:/system.slice\n0::/\n', 'rgapi.service'],
])('the service of systemd is the control group of this process: %j', async (cgroups, unit) => {
  const { unit: found } = await factsOf({}, { '/cgroup': cgroups }, { cgroupFile: '/cgroup' });
  expect(found).toBe(unit);
});

test.each([
  ['a login', '0::/user.slice/user-1000.slice/session-3.scope\n'],
  ['a desktop', '0::/user.slice/user-1000.slice/user@1000.service/app.slice/terminal.scope\n'],
  ['a service of a user', '0::/user.slice/user-1000.slice/user@1000.service/app.slice/rgapi.service\n'],
  ['a container', '0::/system.slice/docker-1a2b.scope\n'],
  ['a container of a service', '0::/system.slice/rgapi.service/libpod-payload-1a2b\n'],
  ['a container with a view of its own', '0::/\n'],
  ['cron', '0::/system.slice/cron.service\n'],
  ['the script of old that runs at boot', '0::/system.slice/rc-local.service\n'],
  ['cloud-init', '0::/system.slice/cloud-final.service\n'],
  ['a console', '0::/system.slice/system-serial\\x2dgetty.slice/serial-getty@ttyS0.service\n'],
  ['a terminal in the browser', '0::/system.slice/system-code\\x2dserver.slice/code-server@kim.service\n'],
  ['a notebook', '0::/system.slice/jupyterhub.service\n'],
  ['SSH of Tailscale', '0::/system.slice/tailscaled.service\n'],
  ['an extension of Azure Arc', '0::/system.slice/extd.service\n'],
  ['a scheduler', '0::/system.slice/nomad.service\n'],
  ['a command of systemd-run', '0::/system.slice/run-u12.service\n'],
  ['something else', 'made up'],
])('what %s starts belongs to no service that could be restarted', async (_, cgroups) => {
  expect(await factsOf({}, { '/cgroup': cgroups }, { cgroupFile: '/cgroup' })).not.toHaveProperty('unit');
});

test('only a machine has a service of systemd', async () => {
  const cgroup = { '/cgroup': '0::/system.slice/kubelet.service\n' };
  expect(await factsOf({ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, cgroup, { cgroupFile: '/cgroup' })).not.toHaveProperty(
    'unit',
  );
  expect(await factsOf({ CI: 'true' }, cgroup, { cgroupFile: '/cgroup' })).not.toHaveProperty('unit');
  expect(await factsOf({}, {}, { cgroupFile: '/cgroup' })).not.toHaveProperty('unit');
});
