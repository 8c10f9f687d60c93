import type { PageView } from '../../src/http/page.ts';

const GUIDS = {
  tenantId: '11111111-1111-4111-8111-111111111111',
  clientId: '22222222-2222-4222-8222-222222222222',
  objectId: '33333333-3333-4333-8333-333333333333',
};

const check = (name: string, status: 'pass' | 'warn' | 'fail' | 'skip', summary: string, reason?: string) => ({
  name,
  status,
  summary,
  ...(reason !== undefined && { reason }),
});

const PASSED = [
  check('place', 'pass', 'pod rgapi/rgapi-7c9d8b6f5-x2x7k, service account rgapi'),
  check('configuration', 'pass', 'projected token of system:serviceaccount:rgapi:rgapi'),
  check('identity-provider', 'pass', 'login.microsoftonline.com responded'),
];

/** A pod that sees three resource groups, and saw none in its first 15 seconds. */
export const HEALTHY: PageView = {
  asOf: '2026-11-24T10:00:06.000Z',
  checks: [
    ...PASSED,
    check('token', 'pass', 'from WorkloadIdentityCredential'),
    check('identity', 'pass', `app ${GUIDS.clientId}`),
    check('resource-manager', 'pass', 'management.azure.com responded'),
    check('subscription', 'pass', 'Contoso Production 44444444-4444-4444-8444-444444444444'),
    check('resource-groups', 'pass', '3 resource groups'),
  ],
  findings: [],
  failure: null,
  identity: { type: 'app', ...GUIDS, credential: 'WorkloadIdentityCredential' },
  expiresOn: '2026-11-25T09:54:08.000Z',
  subscription: { id: '44444444-4444-4444-8444-444444444444', name: 'Contoso Production' },
  names: ['rg-b', 'rg-a', 'MC_rg-c'],
  facts: {
    variables: { AZURE_CLIENT_ID: GUIDS.clientId, AZURE_TENANT_ID: GUIDS.tenantId },
    projectedToken: {
      file: '/var/run/secrets/azure/wi/token/azure-identity-token',
      iss: 'https://oidc.example/made-up-cluster/',
      sub: 'system:serviceaccount:rgapi:rgapi',
      aud: ['api://AzureADTokenExchange'],
      exp: '2026-11-24T10:54:04.000Z',
    },
  },
  attempts: [],
  instance: {
    pod: 'rgapi-7c9d8b6f5-x2x7k',
    namespace: 'rgapi',
    serviceAccount: 'rgapi',
    node: null,
    version: '1.2.3',
    startedAt: '2026-11-24T09:53:50.113Z',
  },
  history: [
    { at: '2026-11-24T09:53:51.000Z', reason: 'identity-not-found', resourceGroups: null },
    { at: '2026-11-24T09:54:06.000Z', reason: null, resourceGroups: 3 },
  ],
  links: ['whoami', 'docs'],
};

const refusal = (traceId: string) =>
  "AADSTS700213: No matching federated identity record found for presented assertion subject 'system:serviceaccount:rgapi:rgapi'. " +
  `Trace ID: ${traceId} Timestamp: 2026-11-24 09:54:05Z`;

export const FAILURE = {
  reason: 'federated-credential-subject',
  title: 'No federated credential for this service account',
  problem: `No federated credential of the identity ${GUIDS.clientId} has the subject system:serviceaccount:rgapi:rgapi.`,
  hint: 'Create one, or run the pod under a service account that has one. A new one takes a minute.',
  commands: [
    `az identity list --query '[].[name,clientId]' -o tsv`,
    'kubectl get serviceaccount rgapi -n rgapi -o yaml',
  ],
  detail: refusal('55555555-5555-4555-8555-555555555555'),
  documentation: 'https://login.microsoftonline.com/error?code=700213',
};

/** The same pod, but without a federated credential for its service account. */
export const FAILING: PageView = {
  ...HEALTHY,
  checks: [
    ...PASSED,
    check('token', 'fail', 'login.microsoftonline.com: AADSTS700213', FAILURE.reason),
    ...['identity', 'resource-manager', 'subscription', 'resource-groups'].map((name) =>
      check(name, 'skip', 'not reached'),
    ),
  ],
  findings: [FAILURE],
  failure: FAILURE,
  identity: null,
  expiresOn: null,
  subscription: null,
  names: null,
  attempts: [
    { name: 'EnvironmentCredential', outcome: 'unavailable', message: 'EnvironmentCredential is unavailable.' },
    {
      name: 'WorkloadIdentityCredential',
      outcome: 'failed',
      message: refusal('55555555-5555-4555-8555-555555555555'),
    },
    {
      name: 'ManagedIdentityCredential',
      outcome: 'failed',
      message: refusal('66666666-6666-4666-8666-666666666666'),
    },
    { name: 'AzureCliCredential', outcome: 'not-tried', message: '' },
  ],
  history: [{ at: '2026-11-24T09:53:51.000Z', reason: FAILURE.reason, resourceGroups: null }],
};

export const WARNING = {
  reason: 'node-identity',
  title: "This is the node's identity",
  problem: 'The token belongs to the node.',
  hint: 'Label the pod.',
  commands: [],
  detail: '',
};
