import { describe, expect, test } from 'vitest';
import { jwt } from '../fake-azure/tokens.ts';
import { SERVICE_ACCOUNT } from '../fake-azure/workload-identity.ts';
import { answer, GROUP_COUNT, IDENTITIES } from './azure.ts';
import { injectWorkloadIdentity } from './webhook.ts';

describe('the fake Azure of the cluster tests', () => {
  async function exchange(clientId: string, claims: object): Promise<Record<string, unknown>> {
    const response = await answer(
      new Request('https://login.microsoftonline.com/tenant/oauth2/v2.0/token', {
        method: 'POST',
        body: new URLSearchParams({ client_id: clientId, client_assertion: jwt({ ...SERVICE_ACCOUNT, ...claims }) }),
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
