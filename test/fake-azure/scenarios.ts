import type { RequestHandler } from 'msw';
import { HttpResponse, http } from 'msw';
import {
  aadsts,
  dated,
  entra,
  identityNotFound,
  imds,
  mayNotUseIdentity,
  nmiNotReady,
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
  /** Beside that of a pod to which nothing is injected. */
  environment?: () => NodeJS.ProcessEnv;
}

const allWell = () => [imds(), subscriptions(['Contoso Production']), groups(RESOURCE_GROUPS)];

const { clientId } = IDENTITY;
const NODE =
  '/subscriptions/made-up/resourcegroups/MC_rg-aks/providers/Microsoft.ManagedIdentity/userAssignedIdentities';

/** What `npm run demo` can show, by name. Later handlers are the fallback of earlier ones. */
export const SCENARIOS: Record<string, Scenario> = {
  'all-well': {
    shows: 'the identity works and may read',
    handlers: allWell,
  },
  recovers: {
    shows: `the identity is assigned ${RECOVERY_MS / 1000} seconds after the start`,
    handlers: () => [imds({ answer: until(Date.now() + RECOVERY_MS, identityNotFound) }), ...allWell()],
  },

  // Pod identity.
  'no-identity': {
    shows: 'no identity is assigned to the pod',
    handlers: () => [imds({ answer: identityNotFound }), ...allWell()],
  },
  'not-ready': {
    shows: 'NMI does not have the identity of the pod yet',
    handlers: () => [imds({ answer: nmiNotReady }), ...allWell()],
  },
  'node-identity': {
    shows: "it works, but with the node's identity instead of the pod's",
    handlers: () => [imds({ claims: { xms_mirid: `${NODE}/aks-agentpool` } }), ...allWell()],
  },

  // Workload ID.
  'no-webhook': {
    shows: 'the Workload ID webhook did not touch the pod: its label is missing',
    handlers: () => [noImds(), ...allWell()],
  },
  'no-annotation': {
    shows: 'the service account does not say which identity is meant',
    handlers: () => [noImds(), ...allWell()],
    environment: () => ({ ...workloadIdentity(), AZURE_CLIENT_ID: '' }),
  },
  'no-token-file': {
    shows: 'the projected token of the service account is not where it should be',
    handlers: allWell,
    environment: () => ({ ...workloadIdentity(), AZURE_FEDERATED_TOKEN_FILE: '/var/run/secrets/made-up/token' }),
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
    environment: workloadIdentity,
  },
  'wrong-client-id': {
    shows: 'the service account is annotated with an id that is none of an identity',
    handlers: () => [
      entra({ answer: aadsts(700016, `Application with identifier '${clientId}' was not found in the directory.`) }),
      ...allWell(),
    ],
    environment: workloadIdentity,
  },
  'clock-skew': {
    shows: "the node's clock is ten minutes behind",
    handlers: () => [
      entra({ answer: dated(600, aadsts(700024, 'Client assertion is not within its valid time range.')) }),
      ...allWell(),
    ],
    // Valid by our clock, expired by Azure's.
    environment: () => workloadIdentity(serviceAccountToken({ exp: Math.floor(Date.now() / 1000) + 300 })),
  },

  // AKS identity bindings.
  'no-permission': {
    shows: 'the service account may not use the identity that is bound to the cluster',
    handlers: () => [tokenProxy(mayNotUseIdentity), entra({ answer: aadsts(700212, 'No matching audience.') })],
    environment: identityBinding,
  },

  // A laptop.
  'no-login': {
    shows: 'a laptop on which nobody is logged in with the Azure CLI',
    handlers: allWell,
    environment: () => {
      const az = temporaryFile(
        'az',
        '#!/bin/sh\necho "ERROR: Please run \'az login\' to setup account." >&2\nexit 1\n',
        0o755,
      );
      return {
        KUBERNETES_SERVICE_HOST: '',
        AZURE_TOKEN_CREDENTIALS: 'AzureCliCredential',
        PATH: `${az.slice(0, -'/az'.length)}:${process.env['PATH']}`,
      };
    },
  },

  // The network.
  'no-dns': {
    shows: 'the name of Microsoft Entra ID cannot be resolved in the pod',
    handlers: () => [entra({ answer: unreachable('EAI_AGAIN') }), ...allWell()],
    environment: workloadIdentity,
  },
  intercepted: {
    shows: 'somebody breaks TLS on the way to Azure Resource Manager',
    handlers: () => [resourceManager(unreachable('SELF_SIGNED_CERT_IN_CHAIN')), ...allWell()],
  },
  proxy: {
    shows: "a proxy swallows the requests for the node's metadata service",
    handlers: () => [http.get('http://169.254.169.254/*', () => new HttpResponse('Forbidden', { status: 403 }))],
    environment: () => ({ HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: '10.0.0.0/8,169.254.0.0/16' }),
  },

  // Roles.
  'no-role': {
    shows: 'the identity works but has no role',
    handlers: () => [subscriptions([]), ...allWell()],
  },
  forbidden: {
    shows: 'the identity sees the subscription but may not list its resource groups',
    handlers: () => [
      subscriptions(['Contoso Production']),
      groups([], {
        onPage: {
          1: refuses(
            403,
            'AuthorizationFailed',
            `The client '${clientId}' with object id '${IDENTITY.objectId}' does not have authorization to perform ` +
              "action 'Microsoft.Resources/subscriptions/resourceGroups/read'.",
          ),
        },
      }),
      ...allWell(),
    ],
  },
  'wrong-cloud': {
    shows: 'the token is for another cloud than the Resource Manager',
    handlers: () => [
      resourceManager(
        refuses(401, 'InvalidAuthenticationTokenAudience', 'The access token is for the wrong audience.'),
      ),
      ...allWell(),
    ],
  },

  // Azure itself.
  throttled: {
    shows: 'Resource Manager throttles, and asks to be left alone for half a minute',
    handlers: () => [resourceManager(throttles(30)), ...allWell()],
  },
  slow: {
    shows: 'Resource Manager takes longer than the deadline',
    handlers: () => [resourceManager(hangs), ...allWell()],
  },
  broken: {
    shows: 'something answers in the place of Resource Manager',
    handlers: () => [resourceManager(html), ...allWell()],
  },
  'no-certificate': {
    shows: 'the certificate of a service principal is not where it should be',
    handlers: allWell,
    environment: () => ({
      AZURE_CLIENT_ID: clientId,
      AZURE_TENANT_ID: IDENTITY.tenantId,
      AZURE_CLIENT_CERTIFICATE_PATH: '/var/run/secrets/made-up/certificate.pem',
    }),
  },
};

/** The environment of a pod in which a scenario plays. */
export function environmentOf({ environment = () => ({}) }: Scenario): NodeJS.ProcessEnv {
  return { KUBERNETES_SERVICE_HOST: '10.0.0.1', AZURE_TOKEN_CREDENTIALS: 'prod', ...environment() };
}
