import { aadsts, appServiceEndpoint, entra, imds, noImds } from '../fake-azure/identity.ts';
import { resourceManager } from '../fake-azure/resource-manager.ts';
import { html, refuses, unreachable } from '../fake-azure/responses.ts';
import { annotate, type Scenario, unlabel, withoutRoles } from '../fake-azure/scenarios.ts';
import { IDENTITY } from '../fake-azure/tokens.ts';
import {
  CLIENT_ID_ANNOTATION,
  containerOf,
  federatedCredential,
  identityNamed,
  NAMESPACE,
  OTHER_SUBSCRIPTION,
  OTHER_TENANT,
  resourceIdOf,
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
  unlabel(world);
  for (const [name, value] of Object.entries(applicationIn(world))) setVariable(world, name, value);
  if (secret !== undefined) setVariable(world, 'AZURE_CLIENT_SECRET', secret);
}

function federate(world: World, ...credentials: Parameters<typeof federatedCredential>[0][]): void {
  identityNamed(world).federatedCredentials = credentials.map(federatedCredential);
}

/** An app of this kind, in which the service chose no identity. */
const app = (kind: World['host']['kind'], identities: string[]) => (world: World) => {
  world.host = { ...world.host, kind, identities, settings: {} };
};

/** The service on a virtual machine under systemd: as an application, or with what else its unit sets. */
const unit =
  (settings: Record<string, string>, ...identities: string[]) =>
  ({ host }: World) => {
    host.unit = { name: 'rgapi.service', files: {}, loaded: [] };
    host.settings = settings;
    host.identities = identities;
  };

/** The variables of an application with a secret; whoever has it may read. */
function applicationIn(world: World): Record<string, string> {
  const [application] = world.applications;
  const scope = `/subscriptions/${SUBSCRIPTION}`;
  world.roles.push({ objectId: application?.objectId ?? '', role: 'Reader', scope });
  return {
    AZURE_CLIENT_ID: application?.clientId ?? '',
    AZURE_TENANT_ID: tenantId,
    AZURE_CLIENT_SECRET: application?.secrets[0]?.value ?? '',
  };
}

function expire({ applications }: World): void {
  for (const secret of applications[0]?.secrets ?? []) secret.expires = '2020-01-01T00:00:00Z';
}

/** An object in the namespace of the service, with the whole of which the container gets its variables. */
function envFrom(world: World, kind: 'ConfigMap' | 'Secret', data: Record<string, string>): void {
  const name = 'settings';
  world.cluster.objects.push({ apiVersion: 'v1', kind, metadata: { name, namespace: NAMESPACE }, data });
  containerOf(world).envFrom = [kind === 'Secret' ? { secretRef: { name } } : { configMapRef: { name } }];
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

function renameVariables(world: World, ...names: [string, string][]): void {
  for (const variable of containerOf(world).env) {
    variable.name = names.find(([name]) => name === variable.name)?.[1] ?? variable.name;
  }
}

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
      expire(world);
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
  'unit-with-two-identities': {
    shows: 'the virtual machine has two identities, and the unit of the service does not say which',
    place: 'machine',
    breaks: unit({}, 'billing', 'rgapi'),
  },
  'unit-object-id': {
    shows: 'the unit sets AZURE_CLIENT_ID to the object id of the identity',
    place: 'machine',
    breaks: unit({ AZURE_CLIENT_ID: objectId }, 'rgapi'),
  },
  'unit-resource-id': {
    shows: 'the unit sets AZURE_CLIENT_ID to the resource id of the identity',
    place: 'machine',
    breaks: (world) => unit({ AZURE_CLIENT_ID: resourceIdOf(identityNamed(world)) }, 'rgapi')(world),
  },
  'unit-not-assigned': {
    shows: 'the unit names an identity that is not assigned to the machine',
    place: 'machine',
    breaks: unit({ AZURE_CLIENT_ID: clientId }, 'billing'),
  },
  'unit-with-another': {
    shows: 'the machine has only an identity that nobody meant',
    place: 'machine',
    breaks: unit({}, 'billing'),
  },
  'unit-subscription-gone': {
    shows: 'the unit sets AZURE_SUBSCRIPTION_ID to one that is gone',
    place: 'machine',
    breaks: unit({ AZURE_CLIENT_ID: clientId, AZURE_SUBSCRIPTION_ID: '60000000-0000-4000-8000-00000000060e' }, 'rgapi'),
  },
  'unit-token-file': {
    shows: 'the unit names a token file, as if it were a pod',
    place: 'machine',
    breaks: unit(
      { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: tenantId, AZURE_FEDERATED_TOKEN_FILE: '/var/run/made-up/token' },
      'rgapi',
    ),
  },
  'unit-tenant': {
    shows: 'the unit of an application sets AZURE_TENANT_ID to another tenant',
    place: 'machine',
    breaks: (world) => unit({ ...applicationIn(world), AZURE_TENANT_ID: OTHER_TENANT })(world),
  },
  'unit-no-tenant': {
    shows: 'the unit of an application sets no AZURE_TENANT_ID',
    place: 'machine',
    breaks(world) {
      const { AZURE_TENANT_ID, ...settings } = applicationIn(world);
      unit(settings)(world);
    },
  },
  'unit-expired-secret': {
    shows: 'the secret in the unit has expired',
    place: 'machine',
    breaks(world) {
      expire(world);
      unit(applicationIn(world))(world);
    },
  },
  'unit-padded-secret': {
    shows: 'the secret in the unit ends with white space',
    place: 'machine',
    breaks(world) {
      const settings = applicationIn(world);
      unit({ ...settings, AZURE_CLIENT_SECRET: `${settings['AZURE_CLIENT_SECRET']} ` })(world);
    },
  },
  'unit-misnamed': {
    shows: 'the unit has the variables under the names of Terraform',
    place: 'machine',
    breaks(world) {
      const names = Object.entries(applicationIn(world)).map(([name, value]) => [name.replace('AZURE', 'ARM'), value]);
      unit(Object.fromEntries(names))(world);
    },
  },
  'app-subscription-gone': {
    shows: 'a setting of the web app names a subscription that is gone',
    place: 'app',
    breaks({ host }) {
      host.settings['AZURE_SUBSCRIPTION_ID'] = '60000000-0000-4000-8000-00000000060e';
    },
  },
  'app-expired-secret': {
    shows: 'the secret in the settings of the web app has expired',
    place: 'app',
    breaks(world) {
      expire(world);
      world.host.settings = applicationIn(world);
    },
  },
  'app-object-id': {
    shows: 'a setting of the web app is the object id of the identity',
    place: 'app',
    breaks({ host }) {
      host.settings['AZURE_CLIENT_ID'] = objectId;
    },
  },
  'application-object-id': {
    shows: 'AZURE_CLIENT_ID is the object id of the application',
    breaks(world) {
      asApplication(world);
      setVariable(world, 'AZURE_CLIENT_ID', world.applications[0]?.objectId ?? '');
    },
  },
  'application-without-id': {
    shows: 'the manifest has the secret of an application, but no AZURE_CLIENT_ID',
    breaks(world) {
      asApplication(world);
      renameVariables(world, ['AZURE_CLIENT_ID', 'OTHER_CLIENT_ID']);
    },
  },
  'swapped-ids': {
    shows: 'client id and tenant id are in each other\u2019s place',
    breaks(world) {
      asApplication(world);
      renameVariables(world, ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID'], ['AZURE_TENANT_ID', 'AZURE_CLIENT_ID']);
    },
  },
  'names-of-terraform': {
    shows: 'the manifest has the variables under the names of Terraform',
    breaks(world) {
      asApplication(world);
      renameVariables(
        world,
        ['AZURE_CLIENT_ID', 'ARM_CLIENT_ID'],
        ['AZURE_TENANT_ID', 'ARM_TENANT_ID'],
        ['AZURE_CLIENT_SECRET', 'ARM_CLIENT_SECRET'],
      );
    },
  },
  'config-map': {
    shows: 'a ConfigMap sets AZURE_SUBSCRIPTION_ID to one that is gone',
    breaks: (world) =>
      envFrom(world, 'ConfigMap', { AZURE_SUBSCRIPTION_ID: '60000000-0000-4000-8000-00000000060e', LOG_LEVEL: 'info' }),
  },
  'left-over-in-secret': {
    shows: 'a Secret still brings the secret from before Workload ID',
    breaks: (world) =>
      envFrom(world, 'Secret', { AZURE_CLIENT_SECRET: base64('left8Q~over.secret-of_another-time-0001') }),
  },
  'padded-in-secret': {
    shows: 'the secret ends with a newline, in the Secret that the container gets its variables from',
    breaks(world) {
      asApplication(world);
      const secret = world.applications[0]?.secrets[0]?.value;
      const container = containerOf(world);
      container.env = container.env.filter(({ name }) => name !== 'AZURE_CLIENT_SECRET');
      envFrom(world, 'Secret', { AZURE_CLIENT_SECRET: base64(`${secret}\n`) });
    },
  },
  'other-credentials': {
    shows: 'AZURE_TOKEN_CREDENTIALS does not allow Workload ID, which is there',
    breaks: (world) => setVariable(world, 'AZURE_TOKEN_CREDENTIALS', 'EnvironmentCredential'),
  },
  'no-service-principal': {
    shows: 'the application has no service principal in its tenant',
    breaks(world) {
      for (const application of world.applications) application.lacks = 'service principal';
      asApplication(world);
    },
  },
  'no-consent': {
    shows: 'nobody has consented to what the application asks for',
    breaks(world) {
      for (const application of world.applications) application.lacks = 'consent';
      asApplication(world);
    },
  },
  'malformed-tenant': {
    shows: 'AZURE_TENANT_ID is no id of a tenant',
    breaks(world) {
      asApplication(world);
      setVariable(world, 'AZURE_TENANT_ID', '<the tenant>');
    },
  },
  'broken-extension': {
    shows: 'an extension does not fit the Azure CLI',
    place: 'laptop',
    breaks({ cli }) {
      cli.brokenExtension = 'aks-preview';
    },
  },
  'disabled-subscription': {
    shows: 'the subscription is disabled',
    handlers: () => [resourceManager(refuses(409, 'SubscriptionIsDisabled', 'The subscription is disabled.'))],
  },
  'private-link': {
    shows: 'a private link keeps this network from Resource Manager',
    handlers: () => [resourceManager(refuses(403, 'RequestDisallowedByPrivateLink', 'The network is not allowed.'))],
  },
  'rejected-token': {
    shows: 'Resource Manager refuses every token',
    handlers: () => [resourceManager(refuses(401, 'InvalidAuthenticationToken', 'The access token is made up.'))],
  },
  'broken-entra': {
    shows: 'Microsoft Entra ID answers with a page',
    handlers: () => [entra({ answer: html })],
  },
  'unknown-refusal': {
    shows: 'Microsoft Entra ID refuses with a number that nobody knows',
    handlers: () => [entra({ answer: aadsts(987654, 'Made up.') })],
  },
  'blocked-tenant': {
    shows: 'the tenant is blocked',
    handlers: () => [entra({ answer: aadsts(5000225, 'This tenant has been blocked due to inactivity.') })],
  },
  'stale-token': {
    shows: 'Microsoft Entra ID says that the token of the pod is not valid now',
    handlers: () => [entra({ answer: aadsts(700024, 'Client assertion is not within its valid time range.') })],
  },
  'refused-assertion': {
    shows: 'Microsoft Entra ID refuses the token of the pod',
    handlers: () => [entra({ answer: aadsts(50027, 'JWT token is invalid or malformed.') })],
  },
  'unknown-key': {
    shows: 'the key of the issuer is not among those that it publishes',
    handlers: () => [entra({ answer: aadsts(7000272, 'The key was not found.') })],
  },
  'broken-connection': {
    shows: 'the connection to Microsoft Entra ID breaks off',
    handlers: () => [entra({ answer: unreachable('ECONNRESET') })],
  },
  'closed-port': {
    shows: 'something refuses connections to Microsoft Entra ID',
    handlers: () => [entra({ answer: unreachable('ECONNREFUSED') })],
  },
  'expired-certificate': {
    shows: 'a certificate on the way has expired',
    handlers: () => [entra({ answer: unreachable('CERT_HAS_EXPIRED') })],
  },
  'broken-metadata-service': {
    shows: 'the metadata service of the machine has a fault',
    place: 'machine',
    handlers: () => [imds({ answer: refuses(500, 'made-up') })],
  },
  'no-metadata-service': {
    shows: 'nothing answers at the address of the metadata service',
    place: 'machine',
    handlers: () => [noImds()],
  },
  'broken-endpoint': {
    shows: 'the identity endpoint of the web app has a fault',
    place: 'app',
    handlers: () => [appServiceEndpoint(refuses(500, 'made-up'))],
  },
};
