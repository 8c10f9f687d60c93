import { annotate, type Scenario, unlabel, withoutRoles } from '../fake-azure/scenarios.ts';
import { IDENTITY } from '../fake-azure/tokens.ts';
import {
  CLIENT_ID_ANNOTATION,
  federatedCredential,
  identityNamed,
  OTHER_SUBSCRIPTION,
  OTHER_TENANT,
  SUBSCRIPTION,
  setVariable,
  TENANT_ID_ANNOTATION,
  type World,
} from '../fake-azure/world.ts';
import { IN_CLUSTER } from '../fake-azure/world-handlers.ts';

const { clientId, objectId, tenantId } = IDENTITY;
const ISSUER = federatedCredential().issuer;

/** The service as an application with a secret, in the manifest of a Deployment without Workload ID. */
function asApplication(world: World, secret?: string): void {
  const [application] = world.applications;
  unlabel(world);
  setVariable(world, 'AZURE_CLIENT_ID', application?.clientId ?? '');
  setVariable(world, 'AZURE_TENANT_ID', tenantId);
  setVariable(world, 'AZURE_CLIENT_SECRET', secret ?? application?.secrets[0]?.value ?? '');
  const scope = `/subscriptions/${SUBSCRIPTION}`;
  world.roles.push({ objectId: application?.objectId ?? '', role: 'Reader', scope });
}

function federate(world: World, ...credentials: Parameters<typeof federatedCredential>[0][]): void {
  identityNamed(world).federatedCredentials = credentials.map(federatedCredential);
}

/** An app of this kind, in which the service chose no identity. */
const app = (kind: World['host']['kind'], identities: string[]) => (world: World) => {
  world.host = { ...world.host, kind, identities, settings: {} };
};

/** Worlds that are too small for the demo, but whose commands must heal, too. */
export const WORLDS: Record<string, Scenario> = {
  'default-account': {
    shows: 'the pod runs as the service account that every pod without one of its own uses',
    breaks({ cluster }) {
      cluster.deployment.spec.template.spec.serviceAccountName = 'default';
    },
  },
  'tenant-annotation': {
    shows: 'the annotation tenant-id names another tenant',
    breaks: (world) => annotate(world, { [CLIENT_ID_ANNOTATION]: clientId, [TENANT_ID_ANNOTATION]: OTHER_TENANT }),
  },
  'deleted-identity': {
    shows: 'the identity was made anew, with another client id',
    breaks: (world) => annotate(world, { [CLIENT_ID_ANNOTATION]: 'dddddddd-dddd-4ddd-8ddd-dddddddddddd' }),
  },
  'empty-client-id': {
    shows: 'the manifest sets AZURE_CLIENT_ID to nothing',
    breaks: (world) => setVariable(world, 'AZURE_CLIENT_ID', ''),
  },
  'webhook-injects-nothing': {
    shows: 'an old webhook injects an empty AZURE_CLIENT_ID, because the service account has no annotation',
    breaks(world) {
      annotate(world, {});
      setVariable(world, 'AZURE_CLIENT_ID', '');
    },
  },
  'webhook-off': {
    shows: 'the cluster has no webhook of Workload ID',
    breaks({ cluster }) {
      cluster.webhook = false;
    },
  },
  'no-credential': { shows: 'the identity trusts nobody', breaks: (world) => federate(world) },
  'second-cluster': {
    shows: 'the federated credential with the usual name is that of another cluster, which must keep it',
    breaks: (world) => federate(world, { name: 'rgapi', issuer: ISSUER.replace('0d3a4b5c', '57a61e00') }),
  },
  'issuer-slash': {
    shows: 'the issuer of the federated credential lacks the slash at its end',
    breaks: (world) => federate(world, { issuer: ISSUER.slice(0, -1) }),
  },
  'other-audience': {
    shows: 'the federated credential has another audience',
    breaks: (world) => federate(world, { audiences: ['https://management.azure.com'] }),
  },
  'left-over-secret': {
    shows: 'a secret from before Workload ID is still in the manifest',
    breaks: (world) => setVariable(world, 'AZURE_CLIENT_SECRET', 'left8Q~over.secret-of_another-time-0001'),
  },
  'subscription-gone': {
    shows: 'AZURE_SUBSCRIPTION_ID names no subscription',
    breaks: (world) => setVariable(world, 'AZURE_SUBSCRIPTION_ID', '60000000-0000-4000-8000-00000000060e'),
  },
  'role-elsewhere': {
    shows: 'the identity has a role on another subscription than the one in AZURE_SUBSCRIPTION_ID',
    breaks(world) {
      withoutRoles(world);
      setVariable(world, 'AZURE_SUBSCRIPTION_ID', SUBSCRIPTION);
    },
  },
  'padded-secret': {
    shows: 'the secret ends with a newline',
    breaks: (world) => asApplication(world, `${world.applications[0]?.secrets[0]?.value}\n`),
  },
  'expired-secret': {
    shows: 'the secret has expired',
    breaks(world) {
      for (const secret of world.applications[0]?.secrets ?? []) secret.expires = '2020-01-01T00:00:00Z';
      asApplication(world);
    },
  },
  'disabled-application': {
    shows: 'the application is disabled',
    breaks(world) {
      for (const application of world.applications) application.enabled = false;
      asApplication(world);
    },
  },
  'application-tenant': {
    shows: 'AZURE_TENANT_ID names another tenant',
    breaks(world) {
      asApplication(world);
      setVariable(world, 'AZURE_TENANT_ID', OTHER_TENANT);
    },
  },
  'empty-list': {
    shows: 'the role is on a registry, so that the subscription is seen, but none of its groups',
    breaks(world) {
      withoutRoles(world);
      const scope = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-data-lake-prod/providers/made/up`;
      world.roles.push({ objectId, role: 'AcrPull', scope });
    },
  },
  'label-missing': {
    shows: 'the pod template has no label of Workload ID, and the pod mounts its labels',
    breaks(world) {
      unlabel(world);
      world.cluster.mountsLabels = true;
    },
  },
  'node-with-two-identities': {
    shows: 'the same, and the node has two identities, of which its metadata service chooses none',
    breaks(world) {
      unlabel(world);
      world.cluster.mountsLabels = true;
      world.cluster.metadataService = 'node';
      world.cluster.nodeIdentities.push('billing');
    },
  },
  'subject-case': {
    shows: 'the subject of the federated credential differs in upper and lower case',
    breaks: (world) => federate(world, { subject: 'system:serviceaccount:rgapi:RGAPI' }),
  },
  'issuer-in-cluster': {
    shows: 'the cluster has no public issuer',
    breaks(world) {
      world.cluster.issuer = IN_CLUSTER;
      federate(world, { name: 'internal', issuer: IN_CLUSTER });
    },
  },
  'unknown-tenant': {
    shows: 'the annotation tenant-id names no tenant',
    breaks: (world) =>
      annotate(world, {
        [CLIENT_ID_ANNOTATION]: clientId,
        [TENANT_ID_ANNOTATION]: '90909090-9090-4909-8909-909090909090',
      }),
  },
  'empty-tenant': {
    shows: 'the manifest sets AZURE_TENANT_ID to nothing',
    breaks: (world) => setVariable(world, 'AZURE_TENANT_ID', ''),
  },
  'malformed-token': {
    shows: 'the manifest names a file as the token that is none',
    breaks: (world) => setVariable(world, 'AZURE_FEDERATED_TOKEN_FILE', '/etc/hostname'),
  },
  'token-directory': {
    shows: 'the manifest names a directory as the token',
    breaks: (world) => setVariable(world, 'AZURE_FEDERATED_TOKEN_FILE', '/etc'),
  },
  'subscription-of-another-tenant': {
    shows: 'AZURE_SUBSCRIPTION_ID names a subscription of another tenant',
    breaks: (world) => setVariable(world, 'AZURE_SUBSCRIPTION_ID', OTHER_SUBSCRIPTION),
  },
  'login-in-another-cloud': {
    shows: 'the Azure CLI is set to another cloud',
    place: 'laptop',
    breaks({ cli }) {
      cli.cloud = 'AzureChinaCloud';
    },
  },
  'machine-with-two-identities': {
    shows: 'the virtual machine has two identities, and AZURE_CLIENT_ID does not say which',
    place: 'machine',
    breaks: app('vm', ['billing', 'rgapi']),
  },
  'app-without-identity': { shows: 'the web app has no identity', place: 'app', breaks: app('webapp', []) },
  'machine-without-identity': { shows: 'the virtual machine has no identity', place: 'machine', breaks: app('vm', []) },
  'expired-login': {
    shows: 'the login of the Azure CLI has not been used for too long',
    place: 'laptop',
    breaks({ cli }) {
      if (cli.login) cli.login.isExpired = true;
    },
  },
  'expired-login-of-application': {
    shows: 'somebody logged in to the Azure CLI with a secret that has expired',
    place: 'laptop',
    breaks(world) {
      const [application] = world.applications;
      const { login } = world.cli;
      if (!application || !login) return;
      world.cli.login = { ...login, user: application.clientId, type: 'servicePrincipal', isExpired: true };
      world.roles.push({ objectId: application.objectId, role: 'Reader', scope: `/subscriptions/${SUBSCRIPTION}` });
    },
  },
  'other-tenant': {
    shows: 'the login of the Azure CLI is in a tenant where nothing is',
    place: 'laptop',
    breaks({ cli }) {
      if (cli.login) cli.login = { ...cli.login, tenantId: OTHER_TENANT, subscriptionId: null };
    },
  },
};
