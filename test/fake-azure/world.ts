import { createHash } from 'node:crypto';
import { IDENTITY } from './tokens.ts';
import { SERVICE_ACCOUNT, serviceAccountToken, temporaryFile } from './workload-identity.ts';

/**
 * A small part of Azure and a cluster, as one plain object: what is assigned, federated, annotated, labelled, logged in. The fake
 * Azure answers from it, and the fake `az` and `kubectl` show and change it. All ids are made up.
 */
export interface World {
  place: 'pod' | 'app' | 'machine' | 'laptop';
  tenants: Tenant[];
  subscriptions: Subscription[];
  identities: ManagedIdentity[];
  applications: Application[];
  roles: Role[];
  /** The names of the deny assignments that keep everybody from reading. */
  denyAssignments: string[];
  cluster: Cluster;
  /** The pod of the service: what the kubelet and the webhook made of the Deployment when it was created. */
  pod: Pod;
  /** The app on App Service, or the virtual machine. */
  host: Host;
  /** The Azure CLI of the person at the terminal, and of the service on a laptop. */
  cli: Cli;
}

export interface Tenant {
  id: string;
  name: string;
  domain: string;
}

export interface Subscription {
  id: string;
  name: string;
  tenantId: string;
  groups: string[];
}

export interface FederatedCredential {
  name: string;
  issuer: string;
  subject: string;
  audiences: string[];
  /** Milliseconds since the epoch from which Microsoft Entra ID knows it; missing for always. */
  effectiveAtMs?: number;
}

export interface ManagedIdentity {
  name: string;
  group: string;
  tenantId: string;
  clientId: string;
  objectId: string;
  federatedCredentials: FederatedCredential[];
}

export interface Application {
  name: string;
  clientId: string;
  tenantId: string;
  objectId: string;
  enabled: boolean;
  /** What its tenant lacks of it. */
  lacks?: 'service principal' | 'consent';
  secrets: { value: string; expires: string }[];
}

export interface Role {
  objectId: string;
  role: string;
  scope: string;
}

export interface Cluster {
  name: string;
  group: string;
  nodeGroup: string;
  node: string;
  scaleSet: string;
  /** The names of the identities of the scale set. */
  nodeIdentities: string[];
  /** Of the tokens of service accounts. */
  issuer: string;
  /** Whether the pod mounts its labels. */
  mountsLabels: boolean;
  /** Whether the Workload ID webhook runs. */
  webhook: boolean;
  /** What answers at the address of the metadata service, seen from a pod. */
  metadataService: 'nothing' | 'node' | 'nmi';
  /** How far the clock of the node is behind that of Azure. */
  clockBehindSeconds: number;
  deployment: Deployment;
  serviceAccounts: KubernetesObject[];
  /** Everything else. */
  objects: KubernetesObject[];
}

export interface Metadata {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** An object in the form of the Kubernetes API. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  [member: string]: unknown;
}

export interface EnvironmentVariable {
  name: string;
  value?: string;
  valueFrom?: { fieldRef?: { fieldPath: string }; secretKeyRef?: { name: string; key: string } };
}

export interface Container {
  name: string;
  image: string;
  env: EnvironmentVariable[];
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[];
}

export interface Deployment extends KubernetesObject {
  spec: {
    template: {
      metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
      spec: { serviceAccountName: string; containers: Container[] };
    };
  };
}

export interface Pod {
  name: string;
  labels: Record<string, string>;
  serviceAccount: string;
  environment: Record<string, string>;
  /** The claims of the projected token; missing if the webhook did not project one. */
  tokenClaims?: Record<string, unknown>;
}

export interface Host {
  kind: 'webapp' | 'functionapp' | 'containerapp' | 'vm';
  name: string;
  group: string;
  settings: Record<string, string>;
  /** The names of its user-assigned identities. */
  identities: string[];
  /** Whether it has an identity of its own. */
  systemAssigned: boolean;
  restarts: number;
  /** The service of systemd that runs the process of a virtual machine, where it is one. */
  unit?: Unit;
}

/**
 * The service of systemd that is a virtual machine's process, as far as its variables go. A drop-in counts once systemd has read it
 * again, and only for a process that starts after that.
 */
export interface Unit {
  name: string;
  /** What root wrote, by path. */
  files: Record<string, string>;
  /** The drop-ins as systemd has read them. */
  loaded: string[];
}

export interface Cli {
  cloud: string;
  login: {
    user: string;
    type: 'user' | 'servicePrincipal';
    tenantId: string;
    subscriptionId: string | null;
    hasSecondFactor: boolean;
    /** Why its tokens cannot be renewed. */
    isExpired: boolean;
  } | null;
  /** The extension that keeps az from starting. */
  brokenExtension?: string;
}

export const NAMESPACE = 'rgapi';
export const USE_LABEL = 'azure.workload.identity/use';
export const CLIENT_ID_ANNOTATION = 'azure.workload.identity/client-id';
export const TENANT_ID_ANNOTATION = 'azure.workload.identity/tenant-id';
export const BINDING_ANNOTATION = 'azure.workload.identity/use-identity-binding';
export const USER = { name: 'kim@contoso.example', objectId: '66666666-6666-4666-8666-666666666666' };
export const OTHER_TENANT = '99999999-9999-4999-8999-999999999999';
const SYSTEM_ASSIGNED = {
  clientId: '77777777-7777-4777-8777-777777777777',
  objectId: '88888888-8888-4888-8888-888888888888',
};
export const SUBSCRIPTION = 'c2b1a0f9-8e7d-4c6b-a5f4-e3d2c1b0a9f8';
export const OTHER_SUBSCRIPTION = 'd3c2b1a0-9f8e-4d7c-b6a5-f4e3d2c1b0a9';

const GROUPS = [
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

/** A world in which the service has an identity that may read, at this place. */
export function healthyWorld(place: World['place'] = 'pod'): World {
  const { tenantId } = IDENTITY;
  const nodeGroup = 'MC_rg-aks-prod-westeurope_aks-prod_westeurope';
  const world: World = {
    place,
    tenants: [
      { id: tenantId, name: 'Contoso', domain: 'contoso.onmicrosoft.com' },
      { id: OTHER_TENANT, name: 'Fabrikam', domain: 'fabrikam.onmicrosoft.com' },
    ],
    subscriptions: [
      { id: SUBSCRIPTION, name: 'Contoso Production', tenantId, groups: [...GROUPS] },
      { id: OTHER_SUBSCRIPTION, name: 'Fabrikam', tenantId: OTHER_TENANT, groups: ['rg-fabrikam'] },
    ],
    identities: [
      {
        name: 'billing',
        group: 'rg-shop-payments-prod',
        tenantId,
        clientId: 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb',
        objectId: 'abababab-abab-4bab-8bab-abababababab',
        federatedCredentials: [],
      },
      {
        name: 'rgapi',
        group: 'rg-shop-orders-prod',
        ...IDENTITY,
        federatedCredentials: [federatedCredential()],
      },
      {
        name: 'aks-agentpool',
        group: nodeGroup,
        tenantId,
        clientId: '44444444-4444-4444-8444-444444444444',
        objectId: '55555555-5555-4555-8555-555555555555',
        federatedCredentials: [],
      },
    ],
    applications: [
      {
        name: 'rgapi-deploy',
        clientId: 'eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee',
        tenantId,
        objectId: 'efefefef-efef-4fef-8fef-efefefefefef',
        enabled: true,
        secrets: [{ value: 'made8Q~up.secret-of_the-fake-azure-0001', expires: '2099-01-01T00:00:00Z' }],
      },
    ],
    roles: [
      { objectId: USER.objectId, role: 'Owner', scope: `/subscriptions/${SUBSCRIPTION}` },
      { objectId: IDENTITY.objectId, role: 'Reader', scope: `/subscriptions/${SUBSCRIPTION}` },
      { objectId: '55555555-5555-4555-8555-555555555555', role: 'Reader', scope: `/subscriptions/${SUBSCRIPTION}` },
    ],
    denyAssignments: [],
    cluster: {
      name: 'aks-prod',
      group: 'rg-aks-prod-westeurope',
      nodeGroup,
      node: 'aks-nodepool1-12345678-vmss000000',
      scaleSet: 'aks-nodepool1-12345678-vmss',
      nodeIdentities: ['aks-agentpool'],
      issuer: SERVICE_ACCOUNT.iss,
      mountsLabels: false,
      webhook: true,
      metadataService: 'nothing',
      clockBehindSeconds: 0,
      deployment: deployment(),
      serviceAccounts: [
        serviceAccount('default', {}),
        serviceAccount('rgapi', { [CLIENT_ID_ANNOTATION]: IDENTITY.clientId }),
      ],
      objects: [],
    },
    pod: { name: '', labels: {}, serviceAccount: '', environment: {} },
    host: {
      kind: place === 'machine' ? 'vm' : 'webapp',
      name: 'rgapi',
      group: 'rg-shop-orders-prod',
      settings: { AZURE_CLIENT_ID: IDENTITY.clientId },
      identities: ['rgapi'],
      systemAssigned: false,
      restarts: 0,
    },
    cli: {
      cloud: 'AzureCloud',
      login: {
        user: USER.name,
        type: 'user',
        tenantId,
        subscriptionId: SUBSCRIPTION,
        hasSecondFactor: true,
        isExpired: false,
      },
    },
  };
  createPod(world);
  return world;
}

export function federatedCredential(other: Partial<FederatedCredential> = {}): FederatedCredential {
  const { iss, sub, aud } = SERVICE_ACCOUNT;
  return { name: 'aks-prod', issuer: iss, subject: sub, audiences: aud, ...other };
}

function deployment(): Deployment {
  const labels = { 'app.kubernetes.io/name': 'rgapi' };
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'rgapi', namespace: NAMESPACE, labels },
    spec: {
      template: {
        metadata: { labels: { ...labels, [USE_LABEL]: 'true' } },
        spec: {
          serviceAccountName: 'rgapi',
          containers: [
            {
              name: 'rgapi',
              image: 'registry.example/rg-api:1',
              env: [
                { name: 'AZURE_TOKEN_CREDENTIALS', value: 'prod' },
                field('POD_NAME', 'metadata.name'),
                field('POD_NAMESPACE', 'metadata.namespace'),
                field('POD_SERVICE_ACCOUNT', 'spec.serviceAccountName'),
                field('NODE_NAME', 'spec.nodeName'),
              ],
            },
          ],
        },
      },
    },
  };
}

export function serviceAccount(name: string, annotations: Record<string, string>): KubernetesObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: NAMESPACE, annotations } };
}

/** The identity that the service should have. */
export function identityNamed(world: World, name = 'rgapi'): ManagedIdentity {
  const identity = world.identities.find((each) => each.name === name);
  if (!identity) throw new Error(`the fake Azure has no identity ${name}`);
  return identity;
}

export function resourceIdOf({ group, name }: { group: string; name: string }): string {
  return `/subscriptions/${SUBSCRIPTION}/resourcegroups/${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
}

export function machineIdOf({ host }: World): string {
  return `/subscriptions/${SUBSCRIPTION}/resourceGroups/${host.group}/providers/Microsoft.Compute/virtualMachines/${host.name}`;
}

/** The system-assigned identity of the app or machine. */
export function systemIdentity({ host }: World) {
  const type = host.kind === 'vm' ? 'Microsoft.Compute/virtualMachines' : 'Microsoft.Web/sites';
  const resourceId = `/subscriptions/${SUBSCRIPTION}/resourcegroups/${host.group}/providers/${type}/${host.name}`;
  return { ...SYSTEM_ASSIGNED, tenantId: IDENTITY.tenantId, resourceId };
}

export function containerOf(world: World) {
  const [container] = world.cluster.deployment.spec.template.spec.containers;
  if (!container) throw new Error('the Deployment of the fake cluster has no container');
  return container;
}

/** Sets a variable in the manifest of the Deployment. */
export function setVariable(world: World, name: string, value: string): void {
  const container = containerOf(world);
  const found = container.env.find((each) => each.name === name);
  if (found) {
    found.value = value;
    delete found.valueFrom;
  } else container.env.push({ name, value });
}

function dataOf({ cluster }: World, kind: string, ref?: { name: string }): Record<string, string> {
  const found = cluster.objects.find((each) => each.kind === kind && each.metadata.name === ref?.name);
  return Object(found?.['data']);
}

/** The values of a Secret, which the API has in base64. */
function plainDataOf(world: World, ref?: { name: string }): Record<string, string> {
  const data = Object.entries(dataOf(world, 'Secret', ref));
  return Object.fromEntries(data.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

function valueIn(world: World, { valueFrom }: EnvironmentVariable): string | undefined {
  return plainDataOf(world, valueFrom?.secretKeyRef)[valueFrom?.secretKeyRef?.key ?? ''];
}

function accountNamed(world: World, name: string): KubernetesObject | undefined {
  return world.cluster.serviceAccounts.find(({ metadata }) => metadata.name === name);
}

/** Makes a pod of the Deployment, as the kubelet and the webhook do: what changes later reaches only the next pod. */
export function createPod(world: World): void {
  const { cluster } = world;
  const { metadata, spec } = cluster.deployment.spec.template;
  const hash = generated(JSON.stringify(cluster.deployment.spec.template), 10);
  const name = `rgapi-${hash}-${generated(`${hash} pod`, 5)}`;
  const fields: Record<string, string> = {
    'metadata.name': name,
    'metadata.namespace': NAMESPACE,
    'spec.serviceAccountName': spec.serviceAccountName,
    'spec.nodeName': cluster.node,
  };
  const environment: Record<string, string> = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };
  const { env, envFrom = [] } = containerOf(world);
  for (const { configMapRef, secretRef } of envFrom) {
    Object.assign(environment, configMapRef ? dataOf(world, 'ConfigMap', configMapRef) : plainDataOf(world, secretRef));
  }
  for (const variable of env) {
    environment[variable.name] =
      variable.value ?? fields[variable.valueFrom?.fieldRef?.fieldPath ?? ''] ?? valueIn(world, variable) ?? '';
  }
  const labels = { ...metadata.labels, 'pod-template-hash': hash };
  world.pod = { name, labels, serviceAccount: spec.serviceAccountName, environment };
  if (!cluster.webhook || metadata.labels[USE_LABEL] !== 'true') return;

  const { annotations = {} } = accountNamed(world, spec.serviceAccountName)?.metadata ?? {};
  const isBound = metadata.annotations?.[BINDING_ANNOTATION] === 'true';
  const injected = {
    AZURE_CLIENT_ID: annotations[CLIENT_ID_ANNOTATION] ?? '',
    AZURE_TENANT_ID: annotations[TENANT_ID_ANNOTATION] ?? IDENTITY.tenantId,
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
    // The file is written when the process starts.
    AZURE_FEDERATED_TOKEN_FILE: TOKEN_FILE,
    ...(isBound && { AZURE_KUBERNETES_TOKEN_PROXY: 'https://token-proxy.example/made-up' }),
  };
  // The webhook injects nothing that is empty, and leaves alone what the manifest sets.
  const given = Object.fromEntries(Object.entries(injected).filter(([, value]) => value !== ''));
  world.pod.environment = { ...given, ...environment };
  world.pod.tokenClaims = {
    iss: cluster.issuer,
    sub: `system:serviceaccount:${NAMESPACE}:${spec.serviceAccountName}`,
    aud: isBound ? ['api://AKSIdentityBinding'] : SERVICE_ACCOUNT.aud,
  };
}

/** Stands for the file that the kubelet writes. */
const TOKEN_FILE = '(the projected token)';

/** Kubernetes generates names from this alphabet. */
function generated(from: string, length: number): string {
  return [...createHash('sha256').update(from).digest().subarray(0, length)]
    .map((byte) => 'bcdf456789'[byte % 10])
    .join('');
}

/** Changes exactly when the service would be another process. */
export function processOf({ place, pod, host }: World): string {
  if (place === 'pod') return pod.name;
  if (place === 'laptop') return 'laptop';
  // A platform starts an app anew at each change.
  if (place === 'machine') return `${host.restarts}`;
  return `${host.restarts} ${JSON.stringify(host)}`;
}

/** The environment of the service in this world. Writes the files that it names. */
export function environmentOf(world: World): NodeJS.ProcessEnv {
  const { place, pod, host, cluster } = world;
  if (place === 'laptop') return { AZURE_TOKEN_CREDENTIALS: 'AzureCliCredential' };
  if (place === 'machine') {
    const file = host.unit && temporaryFile('cgroup', `0::/system.slice/${host.unit.name}\n`);
    // As with the labels of a pod, only tests can choose the file.
    return { AZURE_TOKEN_CREDENTIALS: 'prod', ...(file && { CGROUP_FILE: file }), ...host.settings };
  }
  if (place === 'app') {
    const endpoint = { IDENTITY_ENDPOINT: 'http://127.0.0.1:41741/msi/token', IDENTITY_HEADER: 'made-up' };
    return {
      AZURE_TOKEN_CREDENTIALS: 'prod',
      WEBSITE_SITE_NAME: host.name,
      ...((host.systemAssigned || host.identities.length > 0) && endpoint),
      ...host.settings,
    };
  }
  const { AZURE_FEDERATED_TOKEN_FILE: file, ...environment } = pod.environment;
  const lines = Object.entries(pod.labels).map(([key, value]) => `${key}=${JSON.stringify(value)}\n`);
  // The service reads a fixed path; only tests can choose another one.
  if (cluster.mountsLabels) environment['POD_LABELS_FILE'] = temporaryFile('labels', lines.join(''));
  if (file === undefined) return environment;
  if (file !== TOKEN_FILE) return { ...environment, AZURE_FEDERATED_TOKEN_FILE: file };
  // By a clock that is behind, the token is valid for longer.
  const exp = Math.floor(Date.now() / 1000) + 3600 - 0.9 * (cluster.clockBehindSeconds > 0 ? 3600 : 0);
  const token = serviceAccountToken({ ...pod.tokenClaims, exp: Math.floor(exp) });
  return { ...environment, AZURE_FEDERATED_TOKEN_FILE: temporaryFile('azure-identity-token', token) };
}
