import { dirname } from 'node:path';
import type { RequestHandler } from 'msw';
import { HttpResponse, http } from 'msw';
import {
  aadsts,
  appServiceEndpoint,
  dated,
  entra,
  exchange,
  imds,
  mayNotUseIdentity,
  nmiNoBinding,
  nmiNotAssigned,
  nmiNotReady,
  noDefaultIdentity,
  noImds,
  tokenProxy,
} from './identity.ts';
import { groups, resourceManager, subscriptions } from './resource-manager.ts';
import { hangs, html, refuses, throttles, unreachable, until } from './responses.ts';
import { IDENTITY } from './tokens.ts';
import {
  identityBinding,
  SERVICE_ACCOUNT,
  serviceAccountToken,
  temporaryFile,
  workloadIdentity,
} from './workload-identity.ts';

/** How long the scenario `recovers` shows a broken identity, counted from its start. */
const RECOVERY_MS = 15_000;

const RESOURCE_GROUPS = [
  'rg-platform-hub-network',
  'rg-platform-dns',
  'rg-platform-monitoring',
  'rg-aks-prod-westeurope',
  'MC_rg-aks-prod-westeurope_aks-prod_westeurope',
  'rg-aks-staging-westeurope',
  'MC_rg-aks-staging-westeurope_aks-staging_westeurope',
  'rg-shop-frontend-prod',
  'rg-shop-orders-prod',
  'rg-shop-payments-prod',
  'rg-data-lake-prod',
  'NetworkWatcherRG',
];

interface Scenario {
  /** One sentence for the person at the terminal. */
  shows: string;
  handlers: () => RequestHandler[];
  /** The default is a pod with the variables that the Workload ID webhook injects. */
  environment?: () => NodeJS.ProcessEnv;
}

const { clientId, objectId, tenantId } = IDENTITY;

/** Both ways to get a token, and what the identity sees. Handlers before these take precedence. */
const allWell = () => [entra(), imds(), subscriptions(['Contoso Production']), groups(RESOURCE_GROUPS)];

const NODE_IDENTITY = {
  appid: '44444444-4444-4444-8444-444444444444',
  oid: '55555555-5555-4555-8555-555555555555',
  xms_mirid:
    '/subscriptions/made-up/resourcegroups/MC_rg-aks/providers/Microsoft.ManagedIdentity/userAssignedIdentities/aks-agentpool',
};

/** A pod without Workload ID, which asks the metadata service. */
const pod = () => ({
  KUBERNETES_SERVICE_HOST: '10.0.0.1',
  AZURE_TOKEN_CREDENTIALS: 'prod',
  POD_NAME: 'rgapi-7c9d8b6f5-x2x7k',
  POD_NAMESPACE: 'rgapi',
  POD_SERVICE_ACCOUNT: 'rgapi',
  NODE_NAME: 'aks-nodepool1-12345678-vmss000000',
});

const workloadIdPod = (token?: string) => ({ ...pod(), ...workloadIdentity(token) });

const identityBindingPod = () => ({ ...pod(), ...identityBinding() });

/** A laptop whose Azure CLI prints this and fails. */
function laptop(stderr: string): NodeJS.ProcessEnv {
  const az = temporaryFile('az', `#!/bin/sh\ncat >&2 <<'EOF'\n${stderr}\nEOF\nexit 1\n`, 0o755);
  return { AZURE_TOKEN_CREDENTIALS: 'AzureCliCredential', PATH: `${dirname(az)}:${process.env['PATH']}` };
}

const forbids = (code: string, message: string) =>
  groups([], {
    onPage: { 1: refuses(403, code, `The client '${clientId}' with object id '${objectId}' ${message}`) },
  });

/** What `npm run demo` can show, by family and name. */
export const FAMILIES: Record<string, Record<string, Scenario>> = {
  'It works': {
    'all-well': {
      shows: 'Workload ID: the identity works and may read',
      handlers: allWell,
    },
    'identity-binding': {
      shows: 'an AKS identity binding: the same, through the token proxy of the cluster',
      handlers: () => [tokenProxy(exchange()), ...allWell()],
      environment: identityBindingPod,
    },
    'pod-identity': {
      shows: 'pod identity, which is retired: the same, through NMI',
      handlers: allWell,
      environment: pod,
    },
    recovers: {
      shows: `the federated credential is created ${RECOVERY_MS / 1000} seconds after the start`,
      handlers: () => [
        entra({
          answer: until(
            Date.now() + RECOVERY_MS,
            aadsts(70021, 'No matching federated identity record found for presented assertion.'),
          ),
        }),
        ...allWell(),
      ],
    },
    'node-identity': {
      shows: "it works, but with the node's identity, because none is bound to the pod",
      handlers: () => [imds({ claims: NODE_IDENTITY }), ...allWell()],
      environment: pod,
    },
    'node-annotation': {
      shows: "it works, but with the node's identity, because the service account has no annotation",
      handlers: () => [imds({ claims: NODE_IDENTITY }), ...allWell()],
      environment: () => ({ ...workloadIdPod(), AZURE_CLIENT_ID: '' }),
    },
  },

  'Workload ID': {
    'no-webhook': {
      shows: 'the webhook did not change the pod, because its label is missing',
      handlers: () => [noImds(), ...allWell()],
      environment: pod,
    },
    'no-annotation': {
      shows: 'the service account does not name an identity',
      handlers: () => [noImds(), ...allWell()],
      environment: () => ({ ...workloadIdPod(), AZURE_CLIENT_ID: '' }),
    },
    'no-token-file': {
      shows: "the service account's token is not at the path that the manifest gives",
      handlers: () => [noImds(), ...allWell()],
      environment: () => ({ ...workloadIdPod(), AZURE_FEDERATED_TOKEN_FILE: '/var/run/secrets/made-up/token' }),
    },
    'wrong-subject': {
      shows: 'the federated credential names another service account',
      handlers: () => [
        entra({
          answer: aadsts(
            700213,
            `No matching federated identity record found for presented assertion subject '${SERVICE_ACCOUNT.sub}'.`,
          ),
        }),
        ...allWell(),
      ],
    },
    'wrong-client-id': {
      shows: 'the annotation of the service account is not the client id of an identity',
      handlers: () => [
        entra({
          answer: aadsts(700016, `Application with identifier '${clientId}' was not found in the directory.`),
        }),
        ...allWell(),
      ],
    },
    'clock-skew': {
      shows: "the node's clock is ten minutes behind",
      handlers: () => [
        entra({ answer: dated(600, aadsts(700024, 'Client assertion is not within its valid time range.')) }),
        ...allWell(),
      ],
      // Valid by our clock, expired by Azure's.
      environment: () => workloadIdPod(serviceAccountToken({ exp: Math.floor(Date.now() / 1000) + 300 })),
    },
  },

  'AKS identity bindings': {
    'no-permission': {
      shows: 'the service account may not use the identity that is bound to the cluster',
      handlers: () => [tokenProxy(mayNotUseIdentity), entra({ answer: aadsts(700212, 'No matching audience.') })],
      environment: identityBindingPod,
    },
  },

  'Pod identity': {
    'no-identity': {
      shows: 'no AzureIdentityBinding of the namespace selects the pod',
      handlers: () => [imds({ answer: nmiNoBinding }), ...allWell()],
      environment: pod,
    },
    'not-assigned': {
      shows: 'the identity is bound to the pod, but not assigned to its node',
      handlers: () => [imds({ answer: nmiNotAssigned }), ...allWell()],
      environment: pod,
    },
    'not-ready': {
      shows: "NMI is still waiting for the pod's identity",
      handlers: () => [imds({ answer: nmiNotReady }), ...allWell()],
      environment: pod,
    },
  },

  'Elsewhere in Azure': {
    'app-service': {
      shows: 'App Service: the app has an identity, but AZURE_CLIENT_ID does not say which',
      handlers: () => [appServiceEndpoint(noDefaultIdentity), ...allWell()],
      environment: () => ({
        AZURE_TOKEN_CREDENTIALS: 'prod',
        WEBSITE_SITE_NAME: 'rgapi',
        IDENTITY_ENDPOINT: 'http://127.0.0.1:41741/msi/token',
        IDENTITY_HEADER: 'made-up',
      }),
    },
  },

  'A laptop': {
    'no-login': {
      shows: 'nobody is logged in with the Azure CLI',
      handlers: allWell,
      environment: () => laptop("ERROR: Please run 'az login' to setup account."),
    },
    mfa: {
      shows: 'the tenant demands multi-factor authentication, which this login lacks',
      handlers: allWell,
      environment: () =>
        laptop(
          'ERROR: AADSTS50076: Due to a configuration change made by your administrator, or because you moved to a new ' +
            "location, you must use multi-factor authentication to access '797f4846-ba00-4fd7-ba43-dac1f8f63013'. " +
            'Trace ID: made-up Correlation ID: made-up Timestamp: 2026-01-01 00:00:00Z\n' +
            'Interactive authentication is needed. Please run:\n' +
            `az login --tenant "${tenantId}" --scope "https://management.core.windows.net//.default"`,
        ),
    },
  },

  'Policies of the tenant': {
    'conditional-access': {
      shows: 'a Conditional Access policy blocks the service principal',
      handlers: () => [
        entra({
          answer: aadsts(
            53003,
            'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
          ),
        }),
        ...allWell(),
      ],
      environment: () => ({
        ...pod(),
        AZURE_CLIENT_ID: clientId,
        AZURE_TENANT_ID: tenantId,
        AZURE_CLIENT_SECRET: 'made-up',
      }),
    },
  },

  'The network': {
    'no-dns': {
      shows: 'the name of Microsoft Entra ID cannot be resolved in the pod',
      handlers: () => [entra({ answer: unreachable('EAI_AGAIN') }), ...allWell()],
    },
    intercepted: {
      shows: 'something on the way to Azure Resource Manager intercepts TLS',
      handlers: () => [resourceManager(unreachable('SELF_SIGNED_CERT_IN_CHAIN')), ...allWell()],
    },
    proxy: {
      shows: "a proxy takes the requests for the node's metadata service",
      handlers: () => [http.get('http://169.254.169.254/*', () => new HttpResponse('Forbidden', { status: 403 }))],
      environment: () => ({
        ...pod(),
        HTTPS_PROXY: 'http://proxy.example:3128',
        NO_PROXY: '10.0.0.0/8,169.254.0.0/16',
      }),
    },
  },

  Roles: {
    'no-role': {
      shows: 'the identity works but has no role',
      handlers: () => [subscriptions([]), ...allWell()],
    },
    forbidden: {
      shows: 'the identity sees the subscription but may not list its resource groups',
      handlers: () => [
        forbids(
          'AuthorizationFailed',
          "does not have authorization to perform action 'Microsoft.Resources/subscriptions/resourceGroups/read'.",
        ),
        ...allWell(),
      ],
    },
    'deny-assignment': {
      shows: 'the identity has the role, but a deny assignment overrides it',
      handlers: () => [
        forbids(
          'DenyAssignmentAuthorizationFailed',
          "has permission to perform action 'Microsoft.Resources/subscriptions/resourceGroups/read'; however, the access is " +
            "denied because of the deny assignment with name 'made-up' and Id '55555555555545558555555555555555'.",
        ),
        ...allWell(),
      ],
    },
    'wrong-cloud': {
      shows: 'the token is for another cloud than that of Resource Manager',
      handlers: () => [
        resourceManager(
          refuses(401, 'InvalidAuthenticationTokenAudience', 'The access token is for the wrong audience.'),
        ),
        ...allWell(),
      ],
    },
  },

  'Azure itself': {
    throttled: {
      shows: 'Resource Manager throttles for half a minute',
      handlers: () => [resourceManager(throttles(30)), ...allWell()],
    },
    slow: {
      shows: 'packets to Resource Manager are dropped, so the deadline ends first',
      handlers: () => [resourceManager(hangs), ...allWell()],
    },
    broken: {
      shows: 'something else responds instead of Resource Manager',
      handlers: () => [resourceManager(html), ...allWell()],
    },
  },
};

export const SCENARIOS: Record<string, Scenario> = Object.assign({}, ...Object.values(FAMILIES));

/** The environment of a scenario. */
export function environmentOf({ environment = workloadIdPod }: Scenario): NodeJS.ProcessEnv {
  return environment();
}
