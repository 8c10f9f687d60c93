import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { unknownFields, validate } from '../container/kubernetes-schema.ts';
import { violations } from '../container/pod-security.ts';
import { jwt, readClaims } from '../fake-azure/tokens.ts';
import { SERVICE_ACCOUNT } from '../fake-azure/workload-identity.ts';
import { answer, answerOfNode, GROUP_COUNT, IDENTITIES } from './azure.ts';
import { fakeAzure, loadPod, type Manifest, onFakeAzure, ownerOf, podLike, serviceAccount } from './objects.ts';
import { injectWorkloadIdentity } from './webhook.ts';

describe('the fake Azure of the cluster tests', () => {
  const OF_RESOURCE_MANAGER = 'https://management.azure.com/.default';

  async function exchange(
    clientId: string,
    claims: object,
    scope = OF_RESOURCE_MANAGER,
  ): Promise<Record<string, unknown>> {
    const assertion = jwt({ ...SERVICE_ACCOUNT, ...claims });
    const response = await answer(
      new Request('https://login.microsoftonline.com/tenant/oauth2/v2.0/token', {
        method: 'POST',
        body: new URLSearchParams({ client_id: clientId, client_assertion: assertion, scope }),
      }),
    );
    return JSON.parse(await response.text());
  }

  async function list(path: string, token: unknown): Promise<unknown[]> {
    const headers = { Authorization: `Bearer ${token}` };
    const response = await answer(new Request(`https://management.azure.com${path}?api-version=1`, { headers }));
    return JSON.parse(await response.text()).value;
  }

  test('gives a token to the subject of the federated credential', async () => {
    const { clientId, subject } = IDENTITIES.rgapi;
    const { access_token } = await exchange(clientId, { sub: subject });
    expect(await list('/subscriptions', access_token)).toHaveLength(1);
    expect(await list('/subscriptions/made-up/resourcegroups', access_token)).toHaveLength(GROUP_COUNT);
  });

  test('gives a token of the scope that was asked for', async () => {
    const { clientId, subject } = IDENTITIES.foreign;
    const { access_token } = await exchange(clientId, { sub: subject }, 'https://vault.azure.net/.default openid');
    expect(readClaims(String(access_token))).toMatchObject({ aud: 'https://vault.azure.net', appid: clientId });
  });

  test("gives a token of the node's identity as the metadata service, at any address", async () => {
    const resource = new URLSearchParams({ resource: 'https://management.azure.com' });
    const url = `http://10.96.0.7/metadata/identity/oauth2/token?${resource}`;
    const response = await answerOfNode(new Request(url, { headers: { Metadata: 'true' } }));
    const { access_token } = JSON.parse(await response.text());
    expect(readClaims(access_token)).toMatchObject({ xms_mirid: expect.stringMatching(/-agentpool$/) });
    expect(await list('/subscriptions', access_token)).toHaveLength(1);
  });

  test('shows no subscription to an identity without a role', async () => {
    const { clientId, subject } = IDENTITIES.noRole;
    const { access_token } = await exchange(clientId, { sub: subject });
    expect(await list('/subscriptions', access_token)).toEqual([]);
  });

  test.each([
    ['another subject', IDENTITIES.rgapi.clientId, { sub: IDENTITIES.noRole.subject }, 700213],
    ['another audience', IDENTITIES.rgapi.clientId, { aud: ['https://kubernetes.default.svc'] }, 700212],
    ['an unknown identity', '00000000-0000-0000-0000-000000000000', {}, 700016],
  ])('refuses %s', async (_, clientId, claims, errorNo) => {
    expect(await exchange(clientId, claims)).toMatchObject({ error_codes: [errorNo] });
  });
});

describe('the fake Workload ID webhook', () => {
  const labels = { 'azure.workload.identity/use': 'true' };
  const annotations = { 'azure.workload.identity/client-id': 'id', 'azure.workload.identity/tenant-id': 'tenant' };
  const spec = { containers: [{ env: [{ name: 'AZURE_AUTHORITY_HOST', value: 'mine' }] }] };

  test('injects variables and the token, and keeps existing variables', () => {
    const { env, volumeMounts } =
      injectWorkloadIdentity({ metadata: { labels }, spec }, annotations).spec.containers[0] ?? {};
    expect(env).toEqual([
      { name: 'AZURE_AUTHORITY_HOST', value: 'mine' },
      { name: 'AZURE_CLIENT_ID', value: 'id' },
      { name: 'AZURE_TENANT_ID', value: 'tenant' },
      { name: 'AZURE_FEDERATED_TOKEN_FILE', value: '/var/run/secrets/azure/wi/token/azure-identity-token' },
    ]);
    expect(volumeMounts).toHaveLength(1);
  });

  test('injects no client id if the service account has none', () => {
    const { env } = injectWorkloadIdentity({ metadata: { labels }, spec }, {}).spec.containers[0] ?? {};
    expect(env?.map(({ name }) => name)).toEqual([
      'AZURE_AUTHORITY_HOST',
      'AZURE_TENANT_ID',
      'AZURE_FEDERATED_TOKEN_FILE',
    ]);
  });

  test('does not change a pod without the label', () => {
    expect(injectWorkloadIdentity({ spec }, annotations)).toEqual({ spec });
  });
});

describe('the objects that the cluster tests add', () => {
  const [namespace, image] = ['rgapi', 'registry.example/rgapi:9.9.9'];
  const { spec: deployment } = parse(readFileSync('k8s/workload-identity/deployment.yaml', 'utf8'));
  const webhook = { 'azure.workload.identity/client-id': 'id' };
  const asInjected = injectWorkloadIdentity(deployment.template, webhook);
  const pod = podLike(asInjected, 'another', {
    labels: { 'azure.workload.identity/use': undefined, more: 'yes' },
    env: [{ name: 'MORE', value: 'yes' }],
  });
  const podTemplateOf = ({ kind, spec }: Manifest) => (kind === 'CronJob' ? spec.jobTemplate.spec : spec).template;
  const KINDS = ['DaemonSet', 'StatefulSet', 'Job', 'CronJob'] as const;

  test.each<Manifest>([
    ...fakeAzure(namespace, image),
    loadPod(namespace, 'load', image),
    serviceAccount(namespace, 'another', webhook),
    { apiVersion: 'v1', kind: 'Pod', ...pod, metadata: { ...pod.metadata, name: 'another', namespace } },
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'idcheck' }, spec: onFakeAzure(pod.spec, '10.96.0.7') },
    ...KINDS.map((kind) => ownerOf(kind, namespace, 'orders', pod)),
  ])('$kind $metadata.name matches the schema of Kubernetes, without unknown fields', (manifest) => {
    // As kubectl sends it: without members that are undefined.
    const sent = JSON.parse(JSON.stringify(manifest));
    expect(() => validate(sent)).not.toThrow();
    expect(unknownFields(sent)).toEqual([]);
  });

  test('a pod with a mistake has nothing that the webhook injects, and else differs only by the mistake', () => {
    const { metadata, spec } = JSON.parse(JSON.stringify(pod));
    expect(metadata.labels).toEqual({
      'app.kubernetes.io/name': 'rgapi',
      'app.kubernetes.io/instance': 'rgapi-check',
      more: 'yes',
    });
    const { topologySpreadConstraints, ...ours } = deployment.template.spec;
    const [container] = ours.containers;
    const containers = [{ ...container, env: [...container.env, { name: 'MORE', value: 'yes' }] }];
    expect(topologySpreadConstraints).toBeDefined();
    expect(spec).toEqual({ ...ours, serviceAccountName: 'another', containers });
  });

  test.each(KINDS)('the pods of a %s are those of its selector, and comply with "restricted"', (kind) => {
    const owner = JSON.parse(JSON.stringify(ownerOf(kind, namespace, 'orders', pod)));
    const { metadata, spec } = podTemplateOf(owner);
    expect(metadata.labels).toMatchObject({ app: 'orders', ...owner.spec.selector?.matchLabels });
    expect(metadata.labels).not.toHaveProperty(['azure.workload.identity/use']);
    expect(violations(spec)).toEqual([]);
  });
});
