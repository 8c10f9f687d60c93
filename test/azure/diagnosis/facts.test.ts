import { expect, test } from 'vitest';
import { cloudOf } from '../../../src/azure/cloud.ts';
import { gatherFacts } from '../../../src/azure/diagnosis/facts.ts';
import { serviceAccountToken, temporaryFile } from '../../fake-azure/workload-identity.ts';

const cloud = cloudOf();
if (!cloud) throw new Error('there is no public cloud');
const factsOf = (env: NodeJS.ProcessEnv, labels = '/nonexistent') => gatherFacts(env, cloud, labels);

test('variables are listed, but only ids and choices with their value', async () => {
  const { variables } = await factsOf({
    AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
    AZURE_TENANT_ID: 'contoso.example',
    AZURE_TOKEN_CREDENTIALS: 'prod',
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.us/',
    AZURE_CLIENT_SECRET: 'made-up~secret',
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

test.each([' made-up', 'made-up\n', '\tmade-up '])(
  'white space around a secret is reported, but not the secret: %j',
  async (secret) => {
    expect((await factsOf({ AZURE_CLIENT_SECRET: secret })).variables).toEqual({
      AZURE_CLIENT_SECRET: '(set, with white space around it)',
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
  const file = temporaryFile('token', serviceAccountToken({ nbf: 1_700_000_000, exp: 1_700_003_600, more: 'made-up' }));
  expect((await factsOf({ AZURE_FEDERATED_TOKEN_FILE: file })).projectedToken).toEqual({
    file,
    iss: 'https://oidc.example/made-up-cluster/',
    sub: 'system:serviceaccount:rgapi:rgapi',
    aud: ['api://AzureADTokenExchange'],
    nbf: '2023-11-14T22:13:20.000Z',
    exp: '2023-11-14T23:13:20.000Z',
  });
});

test.each([
  ['/nonexistent/token', 'ENOENT'],
  ['/proc', 'is not a file'],
  [temporaryFile('token', '\n'), 'is empty'],
  [temporaryFile('token', 'made-up'), 'does not hold a JWT'],
  [temporaryFile('token', 'a.b.c'), 'does not hold a JWT'],
  [temporaryFile('token', `a.${Buffer.from('[1]').toString('base64url')}.c`), 'does not hold a JWT'],
])('a projected token in %s is a problem: %s', async (file, problem) => {
  expect((await factsOf({ AZURE_FEDERATED_TOKEN_FILE: file })).projectedToken).toEqual({ file, problem });
});

test('claims of any type and length do no harm', async () => {
  const odd = { iss: { toString: 1 }, sub: 'x'.repeat(1000), aud: [['deep'], 7, 'ok'], nbf: 'x', exp: 1e300 };
  const file = temporaryFile('token', serviceAccountToken(odd));
  expect((await factsOf({ AZURE_FEDERATED_TOKEN_FILE: file })).projectedToken).toEqual({
    file,
    sub: 'x'.repeat(300),
    aud: ['ok'],
  });
});

test('only the two pod labels that bind an identity are shown, and null for a missing one', async () => {
  const file = temporaryFile('labels', 'app="rgapi"\nazure.workload.identity/use="true"\nmade-up\n="x"\n');
  expect((await factsOf({}, file)).podLabels).toEqual({ aadpodidbinding: null, 'azure.workload.identity/use': 'true' });
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
