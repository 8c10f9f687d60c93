import type { PageView } from '../../src/http/page.ts';

const GUIDS = {
  tenantId: '11111111-1111-4111-8111-111111111111',
  clientId: '22222222-2222-4222-8222-222222222222',
  objectId: '33333333-3333-4333-8333-333333333333',
};

/** A pod that sees three resource groups, and saw none in its first 15 seconds. */
export const HEALTHY: PageView = {
  who: {
    identity: { type: 'app', ...GUIDS },
    credential: 'WorkloadIdentityCredential',
    expiresOn: '2026-11-25T09:54:08.000Z',
    warnings: [],
  },
  listing: { names: ['rg-b', 'rg-a', 'MC_rg-c'] },
  subscription: { id: '44444444-4444-4444-8444-444444444444', name: 'Contoso Production' },
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
  asOf: '2026-11-24T10:00:06.000Z',
  links: ['whoami', 'docs'],
};

const refusal = (traceId: string) =>
  "AADSTS700213: No matching federated identity record found for presented assertion subject 'system:serviceaccount:rgapi:rgapi'. " +
  `Trace ID: ${traceId} Timestamp: 2026-11-24 09:54:05Z`;

const diagnosis = {
  reason: 'federated-credential-subject',
  hint: `Add a federated credential to the identity ${GUIDS.clientId}, and set \`serviceAccountName\`.`,
  documentation: 'https://login.microsoftonline.com/error?code=700213',
  detail: refusal('55555555-5555-4555-8555-555555555555'),
  commands: [
    `az identity show --query "[?clientId=='${GUIDS.clientId}']"`,
    'kubectl get serviceaccount rgapi -n rgapi -o yaml',
  ],
  attempts: [
    {
      name: 'EnvironmentCredential',
      outcome: 'unavailable' as const,
      message: 'EnvironmentCredential is unavailable.',
    },
    {
      name: 'WorkloadIdentityCredential',
      outcome: 'failed' as const,
      message: refusal('55555555-5555-4555-8555-555555555555'),
    },
    {
      name: 'ManagedIdentityCredential',
      outcome: 'failed' as const,
      message: refusal('66666666-6666-4666-8666-666666666666'),
    },
    { name: 'AzureCliCredential', outcome: 'not-tried' as const, message: '' },
  ],
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
};

/** The same pod, but without a federated credential for its service account. */
export const FAILING: PageView = {
  ...HEALTHY,
  who: { diagnosis },
  listing: { diagnosis },
  subscription: null,
  history: [{ at: '2026-11-24T09:53:51.000Z', reason: 'federated-credential-subject', resourceGroups: null }],
};
