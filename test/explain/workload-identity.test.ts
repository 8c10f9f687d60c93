import { describe, expect, test } from 'vitest';
import { explain } from '../../src/explain/explain.ts';
import type { Attempt, Outcome } from '../../src/explain/outcome.ts';
import {
  CLIENT_ID,
  factsOf,
  ISSUER,
  jwt,
  NOTHING_INJECTED,
  refusedByEntra,
  TENANT_ID,
  TOKEN_FILE,
  withoutToken,
} from './outcomes.ts';

const LABELS = { 'pod-template-hash': '76dfdc59dc', 'azure.workload.identity/use': 'true' };
const POD = {
  POD_NAME: 'orders-76dfdc59dc-lhprq',
  POD_NAMESPACE: 'shop',
  POD_SERVICE_ACCOUNT: 'orders',
  NODE_NAME: 'aks-1',
};
const INJECTED = {
  ...POD,
  AZURE_CLIENT_ID: CLIENT_ID,
  AZURE_TENANT_ID: TENANT_ID,
  AZURE_FEDERATED_TOKEN_FILE: TOKEN_FILE,
};
const TOKEN = jwt({ iss: ISSUER, sub: 'system:serviceaccount:shop:orders', aud: 'api://AzureADTokenExchange' });
const RESTART = 'kubectl rollout restart deployment orders -n shop';
const UNSET_FILE = 'kubectl set env deployment orders -n shop AZURE_FEDERATED_TOKEN_FILE-';

interface Expected {
  reason: string;
  check: string;
  /** A part of what a person reads. */
  says: string;
  /** The last command; undefined if there is none. */
  last: string | undefined;
}

function expectFailure(outcome: Outcome, { reason, check, says, last }: Expected): void {
  const { failure, checks } = explain(outcome);
  expect(failure?.reason).toBe(reason);
  expect(`${failure?.problem} ${failure?.hint}`).toContain(says);
  expect(failure?.commands.at(-1)).toBe(last);
  expect(checks.filter(({ status }) => status === 'fail')).toMatchObject([{ name: check, reason }]);
}

describe('the token file', () => {
  const OLD_PATH = '/var/run/secrets/azure/tokens/azure-identity-token';
  test.each<
    { title: string; env?: Record<string, string>; file?: string; content: string | { code: string } } & Expected
  >([
    {
      title: 'is not where the manifest says',
      file: '/token',
      content: { code: 'ENOENT' },
      reason: 'token-file-missing',
      check: 'configuration',
      says: 'The manifest sets AZURE_FEDERATED_TOKEN_FILE to /token',
      last: RESTART,
    },
    {
      title: 'is missing where a webhook mounts it',
      file: OLD_PATH,
      content: { code: 'ENOENT' },
      reason: 'token-file-missing',
      check: 'configuration',
      says: 'either the manifest',
      last: RESTART,
    },
    {
      title: 'is missing on a virtual node',
      env: { NODE_NAME: 'virtual-node-aci-linux' },
      content: { code: 'ENOENT' },
      reason: 'token-file-missing',
      check: 'configuration',
      says: 'Run the pod on a real node.',
      last: "kubectl patch deployment orders -n shop --patch 'spec: {template: {spec: {nodeSelector: {type: null}, affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: type, operator: NotIn, values: [virtual-kubelet]}]}]}}}}}}'",
    },
    {
      title: 'belongs to another user',
      content: { code: 'EACCES' },
      reason: 'token-file-unreadable',
      check: 'configuration',
      says: 'fsGroup',
      last: "kubectl patch deployment orders -n shop --patch 'spec: {template: {spec: {securityContext: {fsGroup: 65532}}}}'",
    },
    {
      title: 'is a directory',
      content: { code: 'EISDIR' },
      reason: 'token-file-unreadable',
      check: 'configuration',
      says: 'which is a directory',
      last: RESTART,
    },
    {
      title: 'is empty',
      content: '',
      reason: 'token-file-malformed',
      check: 'configuration',
      says: 'is empty',
      last: RESTART,
    },
    {
      title: 'of the manifest holds no token',
      file: '/token',
      content: 'made-up',
      reason: 'token-file-malformed',
      check: 'configuration',
      says: 'Remove AZURE_FEDERATED_TOKEN_FILE',
      last: RESTART,
    },
    {
      title: 'cannot be read for another reason',
      content: { code: 'EIO' },
      reason: 'token-file-unreadable',
      check: 'configuration',
      says: '(EIO)',
      last: RESTART,
    },
  ])('$title', async ({ env, file = TOKEN_FILE, content, ...expected }) => {
    const place = {
      env: { ...INJECTED, ...env, AZURE_FEDERATED_TOKEN_FILE: file },
      labels: LABELS,
      files: { [file]: content },
    };
    expectFailure(await withoutToken(place, NOTHING_INJECTED), expected);
  });

  test('of a variable that the manifest sets is left to the webhook before the restart', async () => {
    const place = { env: { ...INJECTED, AZURE_FEDERATED_TOKEN_FILE: '/token' }, labels: LABELS };
    expect(explain(await withoutToken(place, NOTHING_INJECTED)).failure?.commands).toEqual([UNSET_FILE, RESTART]);
  });
});

describe('Microsoft Entra ID refuses', () => {
  const ANOTHER = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
  test.each<
    {
      title: string;
      number: number;
      message?: string;
      env?: Record<string, string>;
      claims?: object;
      ahead?: number;
    } & Expected
  >([
    {
      title: 'a client id that may be of another tenant',
      number: 700016,
      reason: 'client-id-unknown',
      check: 'token',
      says: 'either the client id or the tenant is wrong',
      last: RESTART,
    },
    {
      title: 'a resource id',
      number: 700016,
      env: { AZURE_CLIENT_ID: '/subscriptions/x/resourceGroups/rg/providers/y/userAssignedIdentities/z' },
      reason: 'client-id-unknown',
      check: 'token',
      says: 'this is a resource id',
      last: RESTART,
    },
    {
      title: 'a tenant',
      number: 90002,
      env: { AZURE_TENANT_ID: ANOTHER },
      reason: 'tenant-unknown',
      check: 'token',
      says: ANOTHER,
      last: RESTART,
    },
    {
      title: 'the service account of everybody',
      number: 700213,
      env: { POD_SERVICE_ACCOUNT: 'default' },
      claims: { sub: 'system:serviceaccount:shop:default' },
      reason: 'federated-credential-subject',
      check: 'token',
      says: 'Create none for the service account default',
      last: 'kubectl set serviceaccount deployment orders $SERVICE_ACCOUNT -n shop',
    },
    {
      title: 'an issuer that only the cluster knows',
      number: 50166,
      claims: { iss: 'https://kubernetes.default.svc.cluster.local' },
      reason: 'issuer-unreachable',
      check: 'token',
      says: 'internal to the cluster',
      last: RESTART,
    },
    {
      title: 'a token while the clock of the node is slow',
      number: 700024,
      ahead: 600,
      reason: 'clock-skew',
      check: 'identity-provider',
      says: 'The clock of node aks-1 is 10 minutes behind',
      last: "kubectl debug node/aks-1 --image=busybox:1.37 --profile=sysadmin --attach -- chroot /host sh -c 'date -u; systemctl restart chrony || systemctl restart chronyd; chronyc makestep'",
    },
    {
      title: 'an expired token',
      number: 700024,
      claims: { exp: 1_700_000_000 },
      reason: 'assertion-expired',
      check: 'token',
      says: 'expired at 2023-11-14T22:13:20.000Z',
      last: RESTART,
    },
    {
      title: 'a token for the proxy of an identity binding',
      number: 700212,
      claims: { aud: 'api://AKSIdentityBinding' },
      reason: 'federated-credential-audience',
      check: 'token',
      says: 'it was sent to login.microsoftonline.com directly',
      last: RESTART,
    },
    {
      title: 'the audience of something else',
      number: 700212,
      claims: { aud: 'https://kubernetes.default.svc' },
      reason: 'federated-credential-audience',
      check: 'token',
      says: 'Let the webhook project the token',
      last: UNSET_FILE,
    },
  ])('$title', async ({ number, env, claims, ahead, ...expected }) => {
    const token = jwt({
      iss: ISSUER,
      sub: 'system:serviceaccount:shop:orders',
      aud: 'api://AzureADTokenExchange',
      ...claims,
    });
    const [attempt] = refusedByEntra(number, 'made-up');
    const attempts =
      attempt?.exchange && ahead
        ? [{ ...attempt, exchange: { ...attempt.exchange, serverAheadSeconds: ahead } }]
        : attempt
          ? [attempt]
          : [];
    const place = { env: { ...INJECTED, ...env }, labels: LABELS, files: { [TOKEN_FILE]: token } };
    expectFailure(await withoutToken(place, attempts), expected);
  });
});

describe('an identity binding', () => {
  const binding = (exchange: Attempt['exchange'], message = 'made-up'): Attempt[] => [
    {
      name: 'WorkloadIdentityCredential (identity binding)',
      outcome: 'failed',
      message,
      ...(exchange && { exchange }),
    },
    ...refusedByEntra(700212, 'No matching federated identity record found.'),
  ];
  const host = 'login.microsoftonline.com';
  test.each<{ title: string; attempts: Attempt[]; env?: Record<string, string> } & Expected>([
    {
      title: 'without a role for the service account',
      attempts: binding({ host, status: 403, contentType: 'application/json', body: '{"kind":"Status"}' }),
      reason: 'identity-binding-not-permitted',
      check: 'token',
      says: `The service account shop/orders may not use the identity ${CLIENT_ID}`,
      last: `kubectl auth can-i use-managed-identity ${CLIENT_ID}.cid.wi.aks.azure.com --as system:serviceaccount:shop:orders`,
    },
    {
      title: 'for the service account of everybody',
      env: { POD_SERVICE_ACCOUNT: 'default' },
      attempts: binding({ host, status: 403, contentType: 'application/json', body: '{"kind":"Status"}' }),
      reason: 'identity-binding-not-permitted',
      check: 'token',
      says: 'Run the pod under its own service account',
      last: 'kubectl set serviceaccount deployment orders $SERVICE_ACCOUNT -n shop',
    },
    {
      title: 'behind something that answers in its place',
      attempts: binding({ host, status: 403, contentType: 'text/html', body: '<p>no' }),
      reason: 'identity-binding-broken',
      check: 'identity-provider',
      says: 'A proxy or something else on the way',
      last: `hosts=$(kubectl set env deployment orders -n shop --list --resolve | grep -i ^NO_PROXY= | head -1 | cut -d= -f2- | tr ' ' ,) && kubectl set env deployment orders -n shop NO_PROXY=\${hosts:+$hosts,}${host}`,
    },
    {
      title: 'whose variables cannot be used',
      attempts: binding(
        undefined,
        'WorkloadIdentityCredential: is unavailable. Custom token endpoint must use https scheme',
      ),
      reason: 'identity-binding-broken',
      check: 'identity-provider',
      says: 'cannot be used: "Custom token endpoint',
      last: RESTART,
    },
  ])('$title', async ({ attempts, env, ...expected }) => {
    const token = jwt({
      iss: ISSUER,
      sub: `system:serviceaccount:shop:${env ? 'default' : 'orders'}`,
      aud: 'api://AKSIdentityBinding',
    });
    const place = { env: { ...INJECTED, ...env }, labels: LABELS, files: { [TOKEN_FILE]: token } };
    expectFailure(await withoutToken(place, attempts), expected);
  });
});

describe("the node's identity", () => {
  const identity = {
    credential: 'ManagedIdentityCredential',
    type: 'app',
    tenantId: TENANT_ID,
    objectId: TENANT_ID,
    clientId: '44444444-4444-4444-8444-444444444444',
    managedIdentityResourceId:
      '/subscriptions/x/resourcegroups/MC_rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/aks-agentpool',
  } as const;
  const look = async (place: Parameters<typeof factsOf>[0], more: Partial<Outcome> = {}): Promise<Outcome> => ({
    facts: await factsOf(place),
    attempts: [{ name: 'ManagedIdentityCredential', outcome: 'succeeded', message: '' }],
    identity,
    list: { subscriptionId: TENANT_ID, resourceGroups: 2 },
    failure: null,
    renewal: null,
    ...more,
  });
  const place = { env: POD, labels: { 'pod-template-hash': '76dfdc59dc' } };

  test.each<[string, Parameters<typeof factsOf>[0], string]>([
    ['a label that is missing', place, 'has no label azure.workload.identity/use'],
    [
      'a label that is not "true"',
      { env: POD, labels: { 'azure.workload.identity/use': 'yes' } },
      'is "yes", not "true"',
    ],
    ['labels that are not visible', { env: POD }, 'not visible from here'],
    ['a webhook that injected nothing', { env: POD, labels: LABELS }, 'the webhook injected nothing'],
    ['NMI that did not answer', { env: POD, labels: { aadpodidbinding: 'orders' } }, 'NMI did not answer it'],
    [
      'a service account without annotation',
      { env: { ...INJECTED, AZURE_CLIENT_ID: '' }, files: { [TOKEN_FILE]: TOKEN } },
      'to an empty value',
    ],
  ])('warns once about %s', async (_, where, says) => {
    const { failure, warnings, checks } = explain(await look(where));
    expect(failure).toBeNull();
    expect(warnings.map(({ reason }) => reason)).toEqual(['node-identity']);
    expect(warnings[0]?.problem).toContain(says);
    expect(checks.find(({ name }) => name === 'identity')).toMatchObject({ status: 'warn', reason: 'node-identity' });
  });

  test('is the failure where it lacks a role, and no role is advised', async () => {
    const outcome = await look(place, { list: null, failure: { kind: 'no-subscription', message: 'made-up' } });
    const { failure, warnings } = explain(outcome);
    expect(warnings).toEqual([]);
    expect(failure?.commands.join()).not.toContain('role assignment');
    expectFailure(outcome, {
      reason: 'node-identity',
      check: 'identity',
      says: "Give the node's identity no role.",
      last: "kubectl patch deployment orders -n shop --patch 'spec: {template: {metadata: {labels: {azure.workload.identity/use: !!str true}}}}'",
    });
  });

  test('is a warning beside a failure of Azure', async () => {
    const failure = { kind: 'throttled', message: 'made-up', status: 429 } as const;
    expect(explain(await look(place, { list: null, failure })).warnings.map(({ reason }) => reason)).toEqual([
      'node-identity',
    ]);
  });

  test('of another client id than AZURE_CLIENT_ID is no second warning', async () => {
    const { warnings } = explain(await look({ ...place, env: { ...POD, AZURE_CLIENT_ID: CLIENT_ID } }));
    expect(warnings.map(({ reason }) => reason)).toEqual(['node-identity']);
  });

  test('another identity than the one that AZURE_CLIENT_ID names is a warning', async () => {
    const { managedIdentityResourceId: _, ...other } = identity;
    const { warnings } = explain(
      await look({ ...place, env: { ...POD, AZURE_CLIENT_ID: CLIENT_ID } }, { identity: other }),
    );
    expect(warnings.map(({ reason, problem }) => [reason, problem])).toEqual([
      [
        'other-client-id',
        `AZURE_CLIENT_ID is ${CLIENT_ID}, but ManagedIdentityCredential answered as ${identity.clientId}.`,
      ],
    ]);
  });
});
