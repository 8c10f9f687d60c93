import { HttpResponse, http, type RequestHandler } from 'msw';
import {
  aadsts,
  appServiceEndpoint,
  dated,
  entra,
  identityNotFound,
  imds,
  imdsRefuses,
  instanceDiscovery,
  mayNotUseIdentity,
  nmiNoBinding,
  nmiNotAssigned,
  noDefaultIdentity,
  noImds,
  tokenProxy,
} from './identity.ts';
import { RESOURCE_MANAGER, unauthorized } from './resource-manager.ts';
import { type Answer, refuses } from './responses.ts';
import { madeUpToken, readClaims } from './tokens.ts';
import {
  type ManagedIdentity,
  machineIdOf,
  NAMESPACE,
  resourceIdOf,
  type Subscription,
  systemIdentity,
  type World,
} from './world.ts';

/** What the fake Azure answers in this world, as it is at each request. */
export function handlersOf(world: World): RequestHandler[] {
  return [
    entra({ answer: (request) => exchange(world, request) }),
    tokenProxy((request) => (mayUseBinding(world) ? exchange(world, request, true) : mayNotUseIdentity(request))),
    metadataService(world),
    appServiceEndpoint((request) => ofApp(world, request)),
    instanceDiscovery(),
    http.get('https://*/.well-known/openid-configuration', ({ request }) =>
      HttpResponse.json({ issuer: request.url.replace('.well-known/openid-configuration', '') }),
    ),
    http.get(`${RESOURCE_MANAGER}/subscriptions`, ({ request }) =>
      resourceManager(request, () => {
        const value = subscriptionsOf(world, request).map(inForm);
        return HttpResponse.json({ value }, CLOSE);
      }),
    ),
    http.get(`${RESOURCE_MANAGER}/subscriptions/:id`, ({ request, params }) =>
      resourceManager(request, () => {
        const found = world.subscriptions.find(({ id }) => id === params['id']);
        return found ? HttpResponse.json(inForm(found), CLOSE) : noSubscription(params['id'])(request);
      }),
    ),
    http.get(`${RESOURCE_MANAGER}/subscriptions/:id/resourcegroups`, ({ request, params }) =>
      resourceManager(request, () => groupsOf(world, request, String(params['id']))),
    ),
    // What the service asks about an empty list: what this identity may do with a group of the subscription.
    http.get(
      `${RESOURCE_MANAGER}/subscriptions/:id/providers/Microsoft.Authorization/permissions`,
      ({ request, params }) =>
        resourceManager(request, () => {
          const actions = mayRead(world, oidOf(request), `/subscriptions/${params['id']}`) ? ['*/read'] : [];
          return HttpResponse.json({ value: [{ actions, notActions: [] }] }, CLOSE);
        }),
    ),
  ];
}

/** Because of msw, as in resource-manager.ts. */
const CLOSE = { headers: { Connection: 'close' } };

async function resourceManager(request: Request, answer: () => Response | undefined | Promise<Response | undefined>) {
  const refusal = unauthorized(request);
  return refusal ? refusal(request) : answer();
}

/** A token for this identity, in the form of the two ways to get one. */
function tokenOf(
  audience: string,
  identity: Pick<ManagedIdentity, 'clientId' | 'objectId' | 'tenantId'>,
  more: object,
) {
  const { clientId, objectId, tenantId } = identity;
  return madeUpToken(audience, 3600, { appid: clientId, oid: objectId, tid: tenantId, ...more });
}

/** Microsoft Entra ID's verdict about an assertion or a secret, in its own words. */
async function exchange(world: World, request: Request, throughProxy = false): Promise<Response | undefined> {
  const form = new URLSearchParams(await request.text());
  const clientId = form.get('client_id');
  const tenantName = new URL(request.url).pathname.split('/')[throughProxy ? 2 : 1] ?? '';
  const { clockBehindSeconds } = world.cluster;
  const refuse = (number: number, words: string) => dated(clockBehindSeconds, aadsts(number, words))(request);

  const tenant = world.tenants.find(({ id, domain }) => id === tenantName || domain === tenantName);
  if (!tenant && !throughProxy) return refuse(90002, `Tenant '${tenantName}' not found.`);
  const identity = world.identities.find((each) => each.clientId === clientId);
  const application = world.applications.find((each) => each.clientId === clientId);
  const principal = identity ?? application;
  if (!principal || (tenant && principal.tenantId !== tenant.id)) {
    return refuse(
      700016,
      `Application with identifier '${clientId}' was not found in the directory '${tenant?.name}'.`,
    );
  }
  if (application?.lacks === 'service principal') {
    return refuse(
      7000229,
      `The client application ${clientId} is missing service principal in the tenant ${tenant?.id}.`,
    );
  }
  if (application?.lacks === 'consent') {
    return refuse(65001, `The user or administrator has not consented to use the application with ID '${clientId}'.`);
  }
  if (application?.enabled === false)
    return refuse(7000112, `Application '${clientId}'(${application.name}) is disabled.`);

  const assertion = readClaims(form.get('client_assertion') ?? '');
  if (identity) {
    const refusal = assertion
      ? refusalOf(world, identity, assertion, throughProxy)
      : ([7000232, 'No assertion.'] as const);
    if (refusal) return refuse(...refusal);
  } else {
    const secret = application?.secrets.find(({ value }) => value === form.get('client_secret'));
    if (!secret) {
      return refuse(
        7000215,
        `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
      );
    }
    if (Date.parse(secret.expires) < Date.now()) {
      return refuse(7000222, `The provided client secret keys for app '${clientId}' are expired.`);
    }
  }
  const audience = (form.get('scope') ?? '').split(' ')[0]?.replace(/\/\.default$/, '') ?? '';
  const claims = identity ? { xms_mirid: resourceIdOf(identity) } : {};
  return HttpResponse.json({
    token_type: 'Bearer',
    expires_in: 3600,
    ext_expires_in: 3600,
    access_token: tokenOf(audience, principal, claims),
  });
}

/** The issuer of a cluster without a public one. */
export const IN_CLUSTER = 'https://kubernetes.default.svc.cluster.local';

type Refusal = readonly [number: number, words: string];

function refusalOf(
  { cluster }: World,
  { clientId, name, federatedCredentials }: ManagedIdentity,
  { iss, sub, aud, exp }: Record<string, unknown>,
  isBound: boolean,
): Refusal | undefined {
  if (Number(exp) * 1000 < Date.now() + cluster.clockBehindSeconds * 1000) {
    return [700024, 'Client assertion is not within its valid time range.'];
  }
  // The token proxy exchanges the token for one that the identity trusts because of the binding.
  if (isBound) return undefined;
  const none = (what: string, value: unknown) =>
    `No matching federated identity record found for presented assertion ${what} '${value}'.`;
  const known = federatedCredentials.filter(({ effectiveAtMs = 0 }) => effectiveAtMs <= Date.now());
  if (federatedCredentials.length === 0) {
    return [70025, `The client '${clientId}'(${name}) has no configured federated identity credentials.`];
  }
  if (known.length === 0) return [70021, 'No matching federated identity record found for presented assertion.'];
  if (iss === IN_CLUSTER) return [50166, 'Request to External OIDC endpoint failed.'];
  const byIssuer = known.filter(({ issuer }) => issuer === iss);
  if (byIssuer.length === 0) return [700211, none('issuer', iss)];
  const bySubject = byIssuer.filter(({ subject }) => subject === sub);
  if (bySubject.length === 0) {
    const isSimilar = byIssuer.some(({ subject }) => subject.toLowerCase() === String(sub).toLowerCase());
    const similar =
      'The subject matches with case-insensitive comparison, but not with case-sensitive comparison. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.';
    return isSimilar ? [7002138, `${none('subject', sub)} ${similar}`] : [700213, none('subject', sub)];
  }
  const audience = String([aud].flat()[0]);
  if (!bySubject.some(({ audiences }) => audiences.includes(audience))) return [700212, none('audience', audience)];
  return undefined;
}

/** Whether the service account of the pod may use the identity that is bound to the cluster. */
function mayUseBinding({ cluster, pod }: World): boolean {
  const roles = cluster.objects
    .filter(({ kind }) => kind === 'ClusterRole')
    .filter((role) => {
      const text = JSON.stringify(role['rules']);
      return text.includes('use-managed-identity') && text.includes(pod.environment['AZURE_CLIENT_ID'] ?? '?');
    });
  return cluster.objects.some(
    (binding) =>
      binding.kind === 'ClusterRoleBinding' &&
      roles.some(({ metadata }) => metadata.name === Reflect.get(Object(binding['roleRef']), 'name')) &&
      [binding['subjects']].flat().some((subject) => {
        const { name, namespace } = Object(subject);
        return name === pod.serviceAccount && namespace === NAMESPACE;
      }),
  );
}

/** The metadata service, or NMI in front of it, or a proxy that takes its requests. */
function metadataService(world: World): RequestHandler {
  const service = imds({ answer: (request) => ofMachine(world, request) });
  return http.get('http://169.254.169.254/*', async (info) => {
    const { request } = info;
    if (isProxied(world)) return new HttpResponse('Forbidden', { status: 403 });
    if (new URL(request.url).pathname === '/metadata/instance/compute/resourceId') {
      return new HttpResponse(machineIdOf(world));
    }
    if (new URL(request.url).pathname.startsWith('/metadata/instance')) {
      return HttpResponse.json({ compute: { name: world.host.name, resourceGroupName: world.host.group } });
    }
    const { metadataService: answers } = world.cluster;
    const isReachable = world.place === 'machine' || (world.place === 'pod' && answers !== 'nothing');
    const result = await (isReachable ? service : noImds()).run({ request, requestId: info.requestId });
    return result?.response;
  });
}

function isProxied({ place, pod }: World): boolean {
  const { HTTPS_PROXY, NO_PROXY = '' } = pod.environment;
  return place === 'pod' && HTTPS_PROXY !== undefined && !NO_PROXY.split(',').includes('169.254.169.254');
}

function ofMachine(world: World, request: Request): Response | undefined | Promise<Response | undefined> {
  const { cluster, host, place } = world;
  const clientId = new URL(request.url).searchParams.get('client_id');
  if (place === 'pod' && cluster.metadataService === 'nmi') {
    const selector = world.pod.labels['aadpodidbinding'];
    const bound = cluster.objects
      .filter(({ kind }) => kind === 'AzureIdentityBinding')
      .filter(({ spec }) => Object(spec).selector === selector)
      .map(({ spec }) =>
        cluster.objects.find(
          ({ kind, metadata }) => kind === 'AzureIdentity' && metadata.name === Object(spec).azureIdentity,
        ),
      )
      .map((identity) => String(Object(identity?.['spec']).clientID))
      .find((each) => clientId === null || each === clientId);
    if (bound === undefined) return nmiNoBinding(request);
    const identity = world.identities.find((each) => each.clientId === bound);
    if (!identity || !cluster.nodeIdentities.includes(identity.name)) return nmiNotAssigned(request);
    return metadataToken(request, identity, resourceIdOf(identity));
  }
  if (place === 'machine' && clientId === null && host.systemAssigned) {
    const system = systemIdentity(world);
    return metadataToken(request, system, system.resourceId);
  }
  const names = place === 'machine' ? host.identities : cluster.nodeIdentities;
  const assigned = world.identities.filter(({ name }) => names.includes(name));
  const chosen = clientId === null ? assigned : assigned.filter((each) => each.clientId === clientId);
  const [identity, another] = chosen;
  if (!identity) return identityNotFound(request);
  if (another) {
    return imdsRefuses(
      'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request',
    )(request);
  }
  return metadataToken(request, identity, resourceIdOf(identity));
}

function ofApp(world: World, request: Request): Response | undefined | Promise<Response | undefined> {
  const { host } = world;
  const clientId = new URL(request.url).searchParams.get('client_id');
  // App Service never chooses a user-assigned identity.
  if (clientId === null && host.systemAssigned) {
    const system = systemIdentity(world);
    return metadataToken(request, system, system.resourceId);
  }
  const identity = world.identities.find((each) => each.clientId === clientId && host.identities.includes(each.name));
  return identity ? metadataToken(request, identity, resourceIdOf(identity)) : noDefaultIdentity(request);
}

function metadataToken(
  request: Request,
  identity: Pick<ManagedIdentity, 'clientId' | 'objectId' | 'tenantId'>,
  resourceId: string,
): Response {
  const resource = new URL(request.url).searchParams.get('resource') ?? '';
  return HttpResponse.json({
    access_token: tokenOf(resource, identity, { xms_mirid: resourceId }),
    client_id: identity.clientId,
    expires_in: '3600',
    expires_on: String(Math.floor(Date.now() / 1000) + 3600),
    resource,
    token_type: 'Bearer',
  });
}

function claimsOf(request: Request): Record<string, unknown> {
  return readClaims(request.headers.get('Authorization') ?? '') ?? {};
}

function oidOf(request: Request): string {
  return String(claimsOf(request)['oid']);
}

const isWithin = (scope: string, at: string) => `${scope}/`.toLowerCase().startsWith(`${at}/`.toLowerCase());

/** The subscriptions that this principal sees: those with a role anywhere inside. */
function subscriptionsSeen({ subscriptions, roles }: World, objectId: string, tenantId: string): Subscription[] {
  return subscriptions.filter(
    (each) =>
      each.tenantId === tenantId &&
      roles.some((role) => role.objectId === objectId && isWithin(role.scope, `/subscriptions/${each.id}`)),
  );
}

function subscriptionsOf(world: World, request: Request): Subscription[] {
  return subscriptionsSeen(world, oidOf(request), String(claimsOf(request)['tid']));
}

function mayRead({ roles }: World, objectId: string, at: string): boolean {
  return roles.some(
    ({ objectId: holder, role, scope }) =>
      holder === objectId && /^(Reader|Contributor|Owner)$/.test(role) && isWithin(at, scope),
  );
}

const inForm = ({ id, name, tenantId }: Subscription) => ({
  id: `/subscriptions/${id}`,
  subscriptionId: id,
  tenantId,
  displayName: name,
  state: 'Enabled',
});

const noSubscription = (id: unknown): Answer =>
  refuses(404, 'SubscriptionNotFound', `The subscription '${id}' could not be found.`);

function groupsOf(world: World, request: Request, id: string): Response | undefined | Promise<Response | undefined> {
  const subscription = world.subscriptions.find((each) => each.id === id);
  if (!subscription) return noSubscription(id)(request);
  const tenantId = claimsOf(request)['tid'];
  if (subscription.tenantId !== tenantId) {
    return refuses(
      401,
      'InvalidAuthenticationTokenTenant',
      `The access token is from the wrong issuer 'https://sts.windows.net/${tenantId}/'. It must match the tenant 'https://sts.windows.net/${subscription.tenantId}/' associated with this subscription.`,
    )(request);
  }
  const objectId = oidOf(request);
  const scope = `/subscriptions/${id}`;
  const [denied] = world.denyAssignments;
  if (denied !== undefined) {
    return refuses(
      403,
      'DenyAssignmentAuthorizationFailed',
      `The client '${claimsOf(request)['appid']}' with object id '${objectId}' has permission to perform action 'Microsoft.Resources/subscriptions/resourceGroups/read'; however, the access is denied because of the deny assignment with name '${denied}' and Id '55555555555555558555555555555555' at scope '${scope}'.`,
    )(request);
  }
  // A role on the subscription that may not list groups, or none in it.
  const isRefused = !world.roles.some(
    (role) => role.objectId === objectId && isWithin(role.scope, scope) && role.scope !== scope,
  );
  if (isRefused && !mayRead(world, objectId, scope)) {
    return refuses(
      403,
      'AuthorizationFailed',
      `The client '${claimsOf(request)['appid']}' with object id '${objectId}' does not have authorization to perform action 'Microsoft.Resources/subscriptions/resourceGroups/read' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
    )(request);
  }
  const value = subscription.groups
    .map((name) => ({ id: `${scope}/resourceGroups/${name}`, name, location: 'westeurope' }))
    .filter((group) => mayRead(world, objectId, group.id));
  return HttpResponse.json({ value }, CLOSE);
}
