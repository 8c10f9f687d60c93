import { dirname } from 'node:path';
import type { RequestHandler } from 'msw';
import { az } from './az.ts';
import { aadsts, entra, imds, nmiNotReady } from './identity.ts';
import { resourceManager } from './resource-manager.ts';
import { html, refuses, stalls, throttles, unreachable } from './responses.ts';
import { IDENTITY } from './tokens.ts';
import { temporaryFile } from './workload-identity.ts';
import {
  BINDING_ANNOTATION,
  CLIENT_ID_ANNOTATION,
  createPod,
  environmentOf,
  federatedCredential,
  healthyWorld,
  identityNamed,
  NAMESPACE,
  resourceIdOf,
  serviceAccount,
  setVariable,
  USE_LABEL,
  type World,
} from './world.ts';
import { handlersOf } from './world-handlers.ts';

/** How long the scenario `recovers` shows a broken identity, counted from its start. */
const RECOVERY_MS = Number(process.env['RECOVERY_SECONDS'] || 60) * 1000;

export interface Scenario {
  /** One sentence for the person at the terminal. */
  shows: string;
  /** Where the service runs; by default in a pod with Workload ID. */
  place?: World['place'];
  /** What is wrong in a world in which all was well. It can be mended with az and kubectl. */
  breaks?: (world: World) => void;
  /** What answers before the fake Azure of this world does. No command changes that. */
  handlers?: () => RequestHandler[];
}

/** The world of a scenario, as it is at the start. */
export function worldOf({ place, breaks }: Scenario): World {
  const world = healthyWorld(place);
  breaks?.(world);
  createPod(world);
  return world;
}

/** The handlers and the environment of a service in this scenario, whose world nobody changes. */
export function startOf(scenario: Scenario): { handlers: RequestHandler[]; environment: NodeJS.ProcessEnv } {
  const world = worldOf(scenario);
  const handlers = handlersIn(scenario, world);
  // Also where tests choose an id for all other cases.
  const environment = { AZURE_CLIENT_ID: undefined, ...environmentOf(world) };
  if (world.place !== 'laptop') return { handlers, environment };
  const { code, stdout, stderr } = az(world, ['account', 'get-access-token']);
  const script = `#!/bin/sh\ncat >&2 <<'EOF'\n${stderr}EOF\ncat <<'EOF'\n${stdout}EOF\nexit ${code}\n`;
  const directory = dirname(temporaryFile('az', script, 0o755));
  return { handlers, environment: { ...environment, PATH: `${directory}:${process.env['PATH']}` } };
}

/** What answers to the service in this scenario, and in this world. */
export function handlersIn({ handlers }: Scenario, world: World): RequestHandler[] {
  return [...(handlers?.() ?? []), ...handlersOf(world)];
}

const { clientId, objectId, tenantId } = IDENTITY;

/** Takes the label of Workload ID from the pod template, so that the webhook leaves the pod alone. */
export function unlabel({ cluster }: World): void {
  delete cluster.deployment.spec.template.metadata.labels[USE_LABEL];
}

/** Replaces the annotations of the service account. */
export function annotate({ cluster }: World, annotations: Record<string, string>): void {
  cluster.serviceAccounts = [serviceAccount('default', {}), serviceAccount('rgapi', annotations)];
}

/** A cluster with pod identity, which answers in place of the metadata service. */
function usePodIdentity(world: World): void {
  const { cluster } = world;
  unlabel(world);
  cluster.webhook = false;
  cluster.metadataService = 'nmi';
  cluster.deployment.spec.template.metadata.labels['aadpodidbinding'] = 'rgapi';
}

/** Binds the identity to pods with the label of this one. */
function bindToPods(world: World): void {
  const apiVersion = 'aadpodidentity.k8s.io/v1';
  const resourceID = resourceIdOf(identityNamed(world));
  const metadata = { name: 'rgapi', namespace: NAMESPACE };
  world.cluster.objects.push(
    { apiVersion, kind: 'AzureIdentity', metadata, spec: { type: 0, resourceID, clientID: clientId } },
    { apiVersion, kind: 'AzureIdentityBinding', metadata, spec: { azureIdentity: 'rgapi', selector: 'rgapi' } },
  );
}

/** An AKS identity binding: the pod asks the token proxy of the cluster. */
function useIdentityBinding({ cluster }: World): void {
  cluster.deployment.spec.template.metadata.annotations = { [BINDING_ANNOTATION]: 'true' };
  // The proxy exchanges the token; nothing trusts the service account itself.
}

/** Lets the service account use the identity that is bound to the cluster. */
function permitBinding({ cluster }: World): void {
  const group = 'rbac.authorization.k8s.io';
  const apiVersion = `${group}/v1`;
  const metadata = { name: 'rgapi' };
  cluster.objects.push(
    {
      apiVersion,
      kind: 'ClusterRole',
      metadata,
      rules: [{ apiGroups: ['cid.wi.aks.azure.com'], resources: [clientId], verbs: ['use-managed-identity'] }],
    },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'rgapi' },
      subjects: [{ kind: 'ServiceAccount', name: 'rgapi', namespace: NAMESPACE }],
    },
  );
}

/** Takes all roles from the identity of the service. */
export function withoutRoles(world: World): void {
  world.roles = world.roles.filter((role) => role.objectId !== objectId);
}

/** What `npm run demo` can show, by family and name. */
export const FAMILIES: Record<string, Record<string, Scenario>> = {
  'It works': {
    'all-well': {
      shows: 'Workload ID: the identity works and may read',
    },
    'identity-binding': {
      shows: 'an AKS identity binding: the same, through the token proxy of the cluster',
      breaks(world) {
        useIdentityBinding(world);
        permitBinding(world);
      },
    },
    'pod-identity': {
      shows: 'pod identity, which is retired: the same, through NMI',
      breaks(world) {
        usePodIdentity(world);
        bindToPods(world);
        world.cluster.nodeIdentities.push('rgapi');
      },
    },
    recovers: {
      shows: 'the federated credential takes effect a minute after the start, or after RECOVERY_SECONDS',
      breaks(world) {
        const effectiveAtMs = Date.now() + RECOVERY_MS;
        identityNamed(world).federatedCredentials = [federatedCredential({ effectiveAtMs })];
      },
    },
    'node-identity': {
      shows: "it works, but with the node's identity, because none is bound to the pod",
      breaks(world) {
        unlabel(world);
        world.cluster.metadataService = 'node';
      },
    },
    'node-annotation': {
      shows: "it works, but with the node's identity, because the service account has no annotation",
      breaks(world) {
        annotate(world, {});
        world.cluster.metadataService = 'node';
      },
    },
  },

  'Workload ID': {
    'no-webhook': {
      shows: 'the webhook did not change the pod, because its label is missing',
      breaks: unlabel,
    },
    'no-annotation': {
      shows: 'the service account does not name an identity',
      breaks: (world) => annotate(world, {}),
    },
    'no-token-file': {
      shows: "the service account's token is not at the path that the manifest gives",
      breaks: (world) => setVariable(world, 'AZURE_FEDERATED_TOKEN_FILE', '/var/run/secrets/made-up/token'),
    },
    'wrong-subject': {
      shows: 'the federated credential names another service account',
      breaks(world) {
        const subject = 'system:serviceaccount:default:rgapi';
        identityNamed(world).federatedCredentials = [federatedCredential({ subject })];
      },
    },
    'wrong-client-id': {
      shows: 'the annotation of the service account is not the client id of an identity',
      breaks: (world) => annotate(world, { [CLIENT_ID_ANNOTATION]: objectId }),
    },
    'clock-skew': {
      shows: "the node's clock is ten minutes behind",
      breaks(world) {
        world.cluster.clockBehindSeconds = 600;
      },
    },
  },

  'AKS identity bindings': {
    'no-permission': {
      shows: 'the service account may not use the identity that is bound to the cluster',
      breaks: useIdentityBinding,
    },
  },

  'Pod identity': {
    'no-identity': {
      shows: 'no AzureIdentityBinding of the namespace selects the pod',
      breaks: usePodIdentity,
    },
    'not-assigned': {
      shows: 'the identity is bound to the pod, but not assigned to its node',
      breaks(world) {
        usePodIdentity(world);
        bindToPods(world);
      },
    },
    'not-ready': {
      shows: "NMI is still waiting for the pod's identity",
      breaks: usePodIdentity,
      handlers: () => [imds({ answer: nmiNotReady })],
    },
  },

  'Elsewhere in Azure': {
    'app-service': {
      shows: 'App Service: the app has an identity, but AZURE_CLIENT_ID does not say which',
      place: 'app',
      breaks({ host }) {
        host.settings = {};
        host.identities = ['billing', 'rgapi'];
      },
    },
  },

  'A laptop': {
    'no-login': {
      shows: 'nobody is logged in with the Azure CLI',
      place: 'laptop',
      breaks({ cli }) {
        cli.login = null;
      },
    },
    mfa: {
      shows: 'the tenant demands multi-factor authentication, which this login lacks',
      place: 'laptop',
      breaks({ cli }) {
        if (cli.login) cli.login.hasSecondFactor = false;
      },
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
      ],
      breaks(world) {
        unlabel(world);
        setVariable(world, 'AZURE_CLIENT_ID', clientId);
        setVariable(world, 'AZURE_TENANT_ID', tenantId);
        setVariable(world, 'AZURE_CLIENT_SECRET', 'made-up');
      },
    },
  },

  'The network': {
    'no-dns': {
      shows: 'the name of Microsoft Entra ID cannot be resolved in the pod',
      handlers: () => [entra({ answer: unreachable('EAI_AGAIN') })],
    },
    intercepted: {
      shows: 'something on the way to Azure Resource Manager intercepts TLS',
      handlers: () => [resourceManager(unreachable('SELF_SIGNED_CERT_IN_CHAIN'))],
    },
    proxy: {
      shows: "a proxy takes the requests for the node's metadata service",
      breaks(world) {
        usePodIdentity(world);
        bindToPods(world);
        world.cluster.nodeIdentities.push('rgapi');
        setVariable(world, 'HTTPS_PROXY', 'http://proxy.example:3128');
        setVariable(world, 'NO_PROXY', '10.0.0.0/8,169.254.0.0/16,.azure.com');
      },
    },
  },

  Roles: {
    'no-role': {
      shows: 'the identity works but has no role',
      breaks: withoutRoles,
    },
    forbidden: {
      shows: 'the identity sees the subscription but may not list its resource groups',
      breaks(world) {
        withoutRoles(world);
        const [subscription] = world.subscriptions;
        world.roles.push({ objectId, role: 'AcrPull', scope: `/subscriptions/${subscription?.id}` });
      },
    },
    'deny-assignment': {
      shows: 'the identity has the role, but a deny assignment overrides it',
      breaks({ denyAssignments }) {
        denyAssignments.push('made-up');
      },
    },
    'wrong-cloud': {
      shows: 'the token is for another cloud than that of Resource Manager',
      handlers: () => [
        resourceManager(
          refuses(401, 'InvalidAuthenticationTokenAudience', 'The access token is for the wrong audience.'),
        ),
      ],
    },
  },

  'Azure itself': {
    throttled: {
      shows: 'Resource Manager throttles for half a minute',
      handlers: () => [resourceManager(throttles(30))],
    },
    slow: {
      shows: 'Resource Manager takes longer than the deadline',
      handlers: () => [resourceManager(stalls)],
    },
    broken: {
      shows: 'something else responds instead of Resource Manager',
      handlers: () => [resourceManager(html)],
    },
  },
};

export const SCENARIOS: Record<string, Scenario> = Object.assign({}, ...Object.values(FAMILIES));
