import { afterEach, expect, test, vi } from 'vitest';
import { entra, identityNotFound, imds, noImds } from '../fake-azure/identity.ts';
import { groups, resourceManager, subscriptionId, subscriptions } from '../fake-azure/resource-manager.ts';
import { asUsual, hangs, inTurn, refuses, when } from '../fake-azure/responses.ts';
import { IDENTITY } from '../fake-azure/tokens.ts';
import { temporaryFile, workloadIdentity } from '../fake-azure/workload-identity.ts';
import { eventually, startService, TOKEN } from '../service.ts';

afterEach(() => {
  vi.useRealTimers();
});

const healthy = [imds(), subscriptions(['One']), groups(3)];
const read = async (response: Response) => JSON.parse(await response.text());

test('GET /whoami returns the identity, the credential and the subscription', async () => {
  const { get } = startService([entra(), subscriptions(['One']), groups(3)], workloadIdentity());
  const response = await get('/whoami');
  expect(response.status).toBe(200);
  expect(response.headers.get('Content-Type')).toBe('application/json');
  expect(response.headers.get('Cache-Control')).toBe('no-store');
  expect(await read(response)).toEqual({
    checks: expect.any(Array),
    identity: { type: 'app', ...IDENTITY },
    credential: 'WorkloadIdentityCredential',
    expiresOn: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    subscription: { id: subscriptionId('One'), name: 'One' },
    instance: {
      pod: null,
      namespace: 'rgapi',
      serviceAccount: 'rgapi',
      node: null,
      version: '0.0.0-test',
      startedAt: expect.stringMatching(/Z$/),
    },
    history: [{ at: expect.stringMatching(/Z$/), reason: null, resourceGroups: 3 }],
    warnings: [],
  });
});

test('its JSON is indented for a terminal', async () => {
  const { get } = startService(healthy);
  expect(await (await get('/whoami')).text()).toMatch(/^\{\n {2}"checks": \[\n(.+\n)+\}\n$/);
});

test('HEAD works where GET does', async () => {
  const response = await startService(healthy).get('/whoami', { method: 'HEAD' });
  expect([response.status, await response.text()]).toEqual([200, '']);
});

test('it names the credential that got the token after others failed', async () => {
  const { get } = startService([entra({ answer: refuses(500, 'made-up') }), ...healthy]);
  expect((await read(await get('/whoami'))).credential).toBe('ManagedIdentityCredential');
});

test('it has the resource id of a managed identity if the token has it', async () => {
  const xms_mirid =
    '/subscriptions/1/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rgapi';
  const { get } = startService([imds({ claims: { xms_mirid } }), subscriptions(['One']), groups(1)]);
  const { identity, warnings } = await read(await get('/whoami'));
  expect(identity.managedIdentityResourceId).toBe(xms_mirid);
  expect(warnings).toEqual([]);
});

test('a configured subscription has its name too', async () => {
  const { get } = startService([imds(), subscriptions(['One', 'Mine'], { pageSize: 1 }), groups(1)], {
    AZURE_SUBSCRIPTION_ID: subscriptionId('Mine'),
  });
  expect((await read(await get('/whoami'))).subscription).toEqual({ id: subscriptionId('Mine'), name: 'Mine' });
});

test('a subscription has no name if the lookup fails', async () => {
  const { get } = startService([imds(), subscriptions(['One']), groups(1)], {
    AZURE_SUBSCRIPTION_ID: subscriptionId('Hidden'),
  });
  expect((await read(await get('/whoami'))).subscription).toEqual({ id: subscriptionId('Hidden'), name: null });
});

test.each([
  '/subscriptions/1/resourcegroups/MC_rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/aks-agentpool',
  '/subscriptions/1/resourcegroups/MC_rg/providers/Microsoft.Compute/virtualMachineScaleSets/aks-nodepool1-vmss',
])("the node's identity is a warning in a pod: %s", async (xms_mirid) => {
  const handlers = [imds({ claims: { xms_mirid } }), subscriptions(['One']), groups(1)];
  const pod = startService(handlers, { KUBERNETES_SERVICE_HOST: '10.0.0.1' });
  const { warnings } = await read(await pod.get('/whoami'));
  expect(warnings).toEqual([expect.objectContaining({ reason: 'node-identity' })]);
  expect(warnings[0].problem).toContain(xms_mirid.split('/').at(-1));
});

const AGENTPOOL =
  '/subscriptions/1/resourcegroups/MC/providers/Microsoft.ManagedIdentity/userAssignedIdentities/aks-agentpool';

test('a warning and the reason for the missing list are not repeated', async () => {
  const { get } = startService([imds({ claims: { xms_mirid: AGENTPOOL, appid: 'kubelet' } }), subscriptions([])], {
    KUBERNETES_SERVICE_HOST: '10.0.0.1',
  });
  const { warnings } = await read(await get('/whoami'));
  expect(warnings.map(({ reason }: { reason: string }) => reason)).toEqual(['node-identity']);
});

test("a virtual machine's own identity causes no warning on that machine", async () => {
  const xms_mirid = '/subscriptions/1/resourcegroups/rg/providers/Microsoft.Compute/virtualMachines/vm';
  const { get } = startService([imds({ claims: { xms_mirid } }), subscriptions(['One']), groups(1)]);
  expect((await read(await get('/whoami'))).warnings).toEqual([]);
});

test('a client id other than the configured one is a warning', async () => {
  const configured = '44444444-4444-4444-8444-444444444444';
  const { get } = startService([imds({ claims: { appid: IDENTITY.clientId } }), subscriptions(['One']), groups(1)], {
    AZURE_CLIENT_ID: configured,
  });
  const { warnings } = await read(await get('/whoami'));
  expect(warnings).toEqual([expect.objectContaining({ reason: 'other-client-id' })]);
  for (const id of [configured, IDENTITY.clientId]) expect(warnings[0].problem).toContain(id);
});

test('an identity that sees no subscription is a warning', async () => {
  const { get } = startService([imds(), subscriptions([])]);
  const response = await get('/whoami');
  expect(response.status).toBe(200);
  expect(await read(response)).toMatchObject({ subscription: null, warnings: [{ reason: 'no-subscription' }] });
});

test('a list that is refused is a warning, and the subscription is still named', async () => {
  const { get } = startService([
    imds(),
    subscriptions(['One']),
    groups(1, { onPage: { 1: refuses(403, 'AuthorizationFailed') } }),
  ]);
  expect(await read(await get('/whoami'))).toMatchObject({
    subscription: { id: subscriptionId('One'), name: 'One' },
    warnings: [{ reason: 'not-authorized', detail: expect.stringContaining('403 AuthorizationFailed') }],
  });
});

test('a token that Resource Manager refuses is still read', async () => {
  const { get } = startService([imds(), resourceManager(refuses(401, 'AuthenticationFailed'))]);
  expect(await read(await get('/whoami'))).toMatchObject({
    identity: { objectId: IDENTITY.objectId },
    warnings: [{ reason: 'token-rejected' }],
  });
});

test('a token that cannot be renewed is a warning with the reason', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  const { get, log, azure, count } = startService(
    [imds({ expiresIn: 3600, answer: inTurn(asUsual, identityNotFound) }), subscriptions(['One']), groups(1)],
    { ANSWER_MAX_AGE_MS: '0' },
  );
  await get();
  vi.advanceTimersByTime(3400_000);
  await eventually(async () => {
    await get();
    expect(log()).toMatchObject([{ reason: 'identity-not-found' }]);
  });
  const { warnings } = await read(await get('/whoami'));
  expect(warnings.at(-1)).toMatchObject({
    reason: 'identity-not-found',
    problem: expect.stringMatching(/^The token still works, but it cannot be renewed. .+/),
  });
  azure.use(imds({ expiresIn: 3600 }));
  vi.advanceTimersByTime(31_000);
  const before = count(TOKEN);
  await get();
  await eventually(() => expect(count(TOKEN)).toBeGreaterThan(before));
  await eventually(async () => {
    await get();
    expect(log().at(-1)).toMatchObject({ level: 'info', reasons: expect.arrayContaining(['identity-not-found']) });
  });
  expect((await read(await get('/whoami'))).warnings).not.toContainEqual(
    expect.objectContaining({ reason: 'identity-not-found' }),
  );
});

test.each([99_999_999_999_999, Number.NaN])('an invalid expiry does no harm: %d', async (expiresIn) => {
  const { get } = startService([entra({ expiresIn }), subscriptions(['One']), groups(1)], workloadIdentity());
  const response = await get('/whoami');
  expect(response.status).toBeLessThan(504);
  await read(response);
});

test('one deadline covers all of /whoami', async () => {
  const { promise: moment, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 1800);
  const { get } = startService(
    [imds(), subscriptions(['One'], { onPage: { 1: hangs } }), groups(1, { onPage: { 1: when(moment, asUsual) } })],
    { AZURE_SUBSCRIPTION_ID: subscriptionId('One'), AZURE_DEADLINE_MS: '3000' },
  );
  const startedAtMs = performance.now();
  expect((await read(await get('/whoami'))).subscription).toEqual({ id: subscriptionId('One'), name: null });
  expect(performance.now() - startedAtMs).toBeLessThan(1800 + 3000);
});

test('without a token GET /whoami is the complete diagnosis', async () => {
  const { get } = startService([noImds()], { AZURE_TOKEN_CREDENTIALS: '', AZURE_CLIENT_ID: '', PATH: '' });
  const response = await get('/whoami');
  expect(response.status).toBe(503);
  expect(response.headers.get('Content-Type')).toBe('application/problem+json');
  const document = await read(response);
  expect(Object.keys(document)).toEqual([
    'checks',
    'type',
    'status',
    'instance',
    'history',
    'facts',
    'attempts',
    'reason',
    'title',
    'problem',
    'hint',
    'commands',
    'detail',
    'documentation',
  ]);
  expect(document).toMatchObject({ type: 'urn:rg-api:imds-unreachable', status: 503, reason: 'imds-unreachable' });
});

test('it lists every credential of the chain in order, including those that @azure/identity leaves out of its error', async () => {
  const { get } = startService([noImds()], { AZURE_TOKEN_CREDENTIALS: '', AZURE_CLIENT_ID: '', PATH: '' });
  const { attempts } = await read(await get('/whoami'));
  expect(attempts.map(({ name }: { name: string }) => name)).toEqual([
    'EnvironmentCredential',
    'WorkloadIdentityCredential',
    'ManagedIdentityCredential',
    'VisualStudioCodeCredential',
    'AzureCliCredential',
    'AzurePowerShellCredential',
    'AzureDeveloperCliCredential',
    'BrokerCredential',
  ]);
  for (const { outcome, message } of attempts) expect([outcome, message]).toEqual(['unavailable', expect.any(String)]);
  expect(attempts[1].message).toContain('clientId is a required parameter');
});

test('a credential that stops the chain leaves the others untried', async () => {
  const { get } = startService([entra({ answer: refuses(401, 'made-up') })], {
    AZURE_CLIENT_ID: IDENTITY.clientId,
    AZURE_TENANT_ID: IDENTITY.tenantId,
    AZURE_CLIENT_SECRET: 'made-up-secret',
  });
  const { attempts } = await read(await get('/whoami'));
  expect(attempts.map(({ outcome }: { outcome: string }) => outcome)).toEqual(['failed', 'not-tried', 'not-tried']);
});

test('without a token at the deadline, GET /whoami says what it is waiting for', async () => {
  const { get } = startService([imds({ answer: hangs })], {
    AZURE_DEADLINE_MS: '200',
    POD_LABELS_FILE: temporaryFile('labels', 'aadpodidbinding="rgapi"\n'),
  });
  const response = await get('/whoami');
  expect(response.status).toBe(503);
  const { attempts } = await read(response);
  expect(attempts.at(-1)).toMatchObject({
    name: 'ManagedIdentityCredential',
    outcome: 'pending',
    exchange: { host: '169.254.169.254', phase: expect.any(String) },
  });
  const list = await get();
  expect(list.status).toBe(504);
  expect((await read(list)).detail).toMatch(/^Still waiting for a token after 200 ms: .+ 169\.254\.169\.254/);
});

test('concurrent callers share one acquisition and one listing', async () => {
  const { get, count } = startService(healthy);
  await Promise.all([get('/whoami'), get('/'), get('/whoami'), get('/')]);
  expect([count(TOKEN), count('/resourcegroups?')]).toEqual([1, 1]);
});
