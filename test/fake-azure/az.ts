import { randomUUID } from 'node:crypto';
import { type Flags, type Parsed, parse, type Wording } from './arguments.ts';
import { format, type Ran, select, ToolError } from './output.ts';
import { madeUpToken } from './tokens.ts';
import { SERVICE_ACCOUNT } from './workload-identity.ts';
import {
  type Application,
  type Host,
  type ManagedIdentity,
  machineIdOf,
  resourceIdOf,
  systemIdentity,
  USER,
  type World,
} from './world.ts';

interface Command extends Flags {
  /** Returns what az shows, or undefined for nothing. */
  run: (world: World, flags: Parsed) => unknown;
  /** Whether it works without a login. */
  isLocal?: true;
}

const GROUP = '--resource-group/-g';
const NAMED = `${GROUP} --name/-n`;
const IDS = { lists: '--ids' };

/** The fake az: as strict as the real one about its arguments, with the commands that the service prints and their like. */
export function az(world: World, words: string[]): Ran {
  const notes: string[] = [];
  const isCommand = (path: string) => COMMANDS[path] !== undefined;
  const depth = words.findIndex((word) => word.startsWith('-'));
  const head = depth < 0 ? words : words.slice(0, depth);
  // Commands have at most four words; `config set` and `rest` take positional ones after theirs.
  const length = [4, 3, 2, 1].find((each) => isCommand(head.slice(0, each).join(' ')) && head.length >= each);
  try {
    if (length === undefined) {
      throw new ToolError(`the az of the demo has no '${head.join(' ')}'. It knows what the page prints.`, 2);
    }
    const path = head.slice(0, length).join(' ');
    const command = COMMANDS[path];
    if (!command) throw new ToolError(`'${path}' is misspelled or not recognized by the system.`, 2);
    const flags = parse(words.slice(length), withGlobal(command), WORDING);
    if (flags.positional.length > 0 && path !== 'config set') throw WORDING.unknown(flags.positional);
    if (!command.isLocal && world.cli.login === null) throw new ToolError(PLEASE_LOG_IN);
    if (!command.isLocal && !path.startsWith('account')) tokenError(world);
    const data = command.run(world, flags);
    const query = flags.one('--query');
    const isQuiet = data === undefined;
    const stdout = isQuiet
      ? ''
      : format(query === undefined ? data : select(data, query), flags.one('--output') ?? 'json');
    return { code: 0, stdout, stderr: notes.join('') };
  } catch (error) {
    if (error instanceof ToolError) return { code: error.code, stdout: '', stderr: `ERROR: ${error.message}\n` };
    throw error;
  }
}

const PLEASE_LOG_IN = "Please run 'az login' to setup account.";

const WORDING: Wording = {
  unknown: (words) => new ToolError(`unrecognized arguments: ${words.join(' ')}`, 2),
  missingValue: (names) => new ToolError(`argument ${names}: expected one argument`, 2),
  missingFlags: (names) => new ToolError(`the following arguments are required: ${names.join(', ')}`, 2),
};

function withGlobal({ required, optional = '', switches = '', lists, isLocal }: Command): Flags {
  const subscription = isLocal || /--subscription/.test(`${required} ${optional}`) ? '' : '--subscription';
  return {
    ...(required && { required }),
    optional: `${optional} --output/-o --query ${subscription}`,
    switches: `${switches} --only-show-errors --debug --verbose`,
    ...(lists && { lists }),
  };
}

/** Throws what az says if the login can give no token. */
function tokenError({ cli: { login, brokenExtension } }: World): void {
  if (brokenExtension !== undefined) {
    throw new ToolError(
      `Error loading command module: Unable to load extension '${brokenExtension}: cannot import name 'made_up''. Use --debug for more information.`,
    );
  }
  if (login?.isExpired) {
    throw new ToolError(
      login.type === 'servicePrincipal'
        ? `AADSTS7000222: The provided client secret keys for app '${login.user}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds. Trace ID: made-up Correlation ID: made-up Timestamp: 2026-01-01 00:00:00Z`
        : 'AADSTS700082: The refresh token has expired due to inactivity. The token was issued on 2026-01-01T00:00:00.0000000Z and was inactive for 90.00:00:00. Trace ID: made-up Correlation ID: made-up Timestamp: 2026-01-01 00:00:00Z\nInteractive authentication is needed. Please run:\naz login',
    );
  }
  if (login?.hasSecondFactor === false) {
    throw new ToolError(
      'AADSTS50076: Due to a configuration change made by your administrator, or because you moved to a new location, you must use ' +
        "multi-factor authentication to access '797f4846-ba00-4fd7-ba43-dac1f8f63013'. Trace ID: made-up Correlation ID: made-up " +
        'Timestamp: 2026-01-01 00:00:00Z\nInteractive authentication is needed. Please run:\n' +
        `az login --tenant "${login.tenantId}" --scope "https://management.core.windows.net//.default"`,
    );
  }
}

const notFound = (type: string, name: string | undefined, group: string | undefined) =>
  new ToolError(
    `(ResourceNotFound) The Resource '${type}/${name}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    3,
  );

const isSame = (a: string | undefined, b: string | undefined) => a?.toLowerCase() === b?.toLowerCase();

function shownIdentity(identity: ManagedIdentity) {
  const { name, group, clientId, objectId, tenantId } = identity;
  return {
    clientId,
    id: resourceIdOf(identity),
    location: 'westeurope',
    name,
    principalId: objectId,
    resourceGroup: group,
    tenantId,
  };
}

function identityOf({ identities }: World, flags: Parsed): ManagedIdentity {
  const name = flags.one('--identity-name') ?? flags.one('--name');
  const group = flags.one('--resource-group');
  const [id] = flags.many('--ids');
  const found = identities.find((each) =>
    id === undefined ? each.name === name && isSame(each.group, group) : isSame(resourceIdOf(each), id),
  );
  if (!found) throw notFound('Microsoft.ManagedIdentity/userAssignedIdentities', id ?? name, group);
  return found;
}

/** The managed identity with this resource id, for a platform that assigns it. */
function assignable({ identities }: World, id: string): ManagedIdentity {
  const found = identities.find((each) => isSame(resourceIdOf(each), id));
  if (!found) throw new ToolError(`(FailedIdentityOperation) Resource '${id}' was not found.`);
  return found;
}

function applicationOf({ applications }: World, flags: Parsed) {
  const id = flags.one('--id');
  const found = applications.find(({ clientId }) => clientId === id);
  if (!found) {
    throw new ToolError(
      `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
      3,
    );
  }
  return found;
}

/** Gives the application what its tenant lacks of it. */
function grant(world: World, flags: Parsed, what: NonNullable<Application['lacks']>) {
  const application = applicationOf(world, flags);
  if (application.lacks === what) delete application.lacks;
  return { appId: application.clientId };
}

/** By the client id or the object id, as the real one finds it. */
function servicePrincipalOf(world: World, flags: Parsed) {
  const found = world.applications.find(({ objectId }) => objectId === flags.one('--id'));
  return found ?? applicationOf(world, flags);
}

function accounts({ cli, subscriptions }: World) {
  const { login } = cli;
  if (!login) return [];
  return subscriptions
    .filter(({ tenantId }) => tenantId === login.tenantId)
    .map(({ id, name, tenantId }) => ({
      cloudName: cli.cloud,
      id,
      isDefault: id === login.subscriptionId,
      name,
      state: 'Enabled',
      tenantId,
      user: { name: login.user, type: login.type },
    }));
}

function currentAccount(world: World) {
  const found = accounts(world).find(({ isDefault }) => isDefault);
  if (!found) throw new ToolError(PLEASE_LOG_IN);
  return found;
}

function logIn(world: World, flags: Parsed): unknown {
  const user = flags.one('--username');
  const wanted = flags.one('--tenant');
  const tenant = world.tenants.find(({ id, domain }) => id === wanted || domain === wanted);
  if (wanted !== undefined && !tenant) throw new ToolError(`AADSTS90002: Tenant '${wanted}' not found.`);
  const tenantId = tenant?.id ?? world.tenants[0]?.id ?? '';
  const isPrincipal = flags.one('--service-principal') !== undefined;
  if (isPrincipal) {
    const application = world.applications.find(({ clientId }) => clientId === user);
    const secret = application?.secrets.find(({ value }) => value === flags.one('--password'));
    if (!application || !secret)
      throw new ToolError(`AADSTS7000215: Invalid client secret provided for app '${user}'.`);
  }
  const subscriptionId = world.subscriptions.find((each) => each.tenantId === tenantId)?.id ?? null;
  world.cli.login = {
    user: isPrincipal ? (user ?? '') : USER.name,
    type: isPrincipal ? 'servicePrincipal' : 'user',
    tenantId,
    subscriptionId,
    hasSecondFactor: true,
    isExpired: false,
  };
  return accounts(world);
}

function accessToken(world: World, flags: Parsed) {
  const { login } = world.cli;
  if (!login) throw new ToolError(PLEASE_LOG_IN);
  tokenError(world);
  const application = world.applications.find(({ clientId }) => clientId === login.user);
  const resource =
    flags.one('--resource') ?? flags.many('--scope')[0]?.replace(/\/\.default$/, '') ?? 'https://management.azure.com';
  if (world.cli.cloud !== 'AzureCloud') {
    throw new ToolError(
      `AADSTS500011: The resource principal named ${resource} was not found in the tenant named Contoso. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant. Trace ID: made-up Correlation ID: made-up Timestamp: 2026-01-01 00:00:00Z`,
    );
  }
  const principal = application
    ? { appid: application.clientId, oid: application.objectId }
    : { appid: '04b07795-8ddb-461a-bbee-02f9e1bf7b46', oid: USER.objectId, idtyp: 'user', upn: login.user };
  return {
    accessToken: madeUpToken(resource.replace(/\/+$/, ''), 3600, { ...principal, tid: login.tenantId }),
    expiresOn: '2099-01-01 00:00:00.000000',
    expires_on: Math.floor(Date.now() / 1000) + 3600,
    subscription: login.subscriptionId,
    tenant: login.tenantId,
    tokenType: 'Bearer',
  };
}

function assignRole(world: World, flags: Parsed) {
  const objectId = flags.one('--assignee-object-id') ?? flags.one('--assignee');
  const principals = [
    ...world.identities.map((each) => each.objectId),
    ...world.applications.map((each) => each.objectId),
    systemIdentity(world).objectId,
    USER.objectId,
  ];
  if (objectId === undefined || !principals.includes(objectId)) {
    throw new ToolError(`(PrincipalNotFound) Principal ${objectId} does not exist in the directory.`);
  }
  const assigned = { objectId, role: flags.needed('--role'), scope: flags.needed('--scope') };
  world.roles.push(assigned);
  return { id: `${assigned.scope}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`, ...assigned };
}

const listed = (host: Host) => ({ name: host.name, resourceGroup: host.group, location: 'westeurope' });

function hostOf(world: World, kind: Host['kind'], flags: Parsed): Host {
  const { host } = world;
  const { name, group } = host;
  const [id] = flags.many('--ids');
  const isNamed =
    id === undefined
      ? isSame(flags.one('--name'), name) && isSame(flags.one('--resource-group'), group)
      : isSame(id, machineIdOf(world));
  const isThis = host.kind === kind && isNamed;
  if (!isThis) throw notFound(kind, flags.one('--name'), flags.one('--resource-group'));
  return host;
}

function hostIdentity(world: World) {
  const { host } = world;
  const user = world.identities.filter(({ name }) => host.identities.includes(name));
  const system = systemIdentity(world);
  return {
    principalId: host.systemAssigned ? system.objectId : null,
    tenantId: host.systemAssigned ? system.tenantId : null,
    userAssignedIdentities: Object.fromEntries(
      user.map((each) => [resourceIdOf(each), { clientId: each.clientId, principalId: each.objectId }]),
    ),
  };
}

/** The commands of a host that has identities: `flag` is what the kind calls the list of those to assign. */
function hostCommands(kind: Host['kind'], flag: string, more: Pick<Command, 'switches'> = {}): Record<string, Command> {
  // A machine can be named by its resource id, too.
  const named =
    kind === 'vm' ? { optional: `${NAMED} --ids`, lists: '--ids' } : { required: NAMED, optional: '', lists: '' };
  const isHere = (world: World) => world.place !== 'pod' && world.place !== 'laptop' && world.host.kind === kind;
  return {
    [`${kind} list`]: { optional: GROUP, run: (world) => (isHere(world) ? [listed(world.host)] : []) },
    [`${kind} identity show`]: {
      ...named,
      optional: `${named.optional} --slot/-s`,
      run: (world, flags) => hostOf(world, kind, flags) && hostIdentity(world),
    },
    [`${kind} identity assign`]: {
      ...named,
      optional: `${named.optional} --slot/-s --role --scope ${flag}`,
      lists: `${named.lists} ${flag}`,
      ...more,
      run(world, flags) {
        const host = hostOf(world, kind, flags);
        const ids = flags.many(flag);
        if (ids.length === 0) host.systemAssigned = true;
        for (const id of ids) {
          const { name } = assignable(world, id);
          if (!host.identities.includes(name)) host.identities.push(name);
        }
        return hostIdentity(world);
      },
    },
  };
}

/** `NAME=VALUE` of settings. */
function applySettings(host: Host, settings: string[]): void {
  for (const setting of settings) {
    const [, name, value] = /^([A-Z_][A-Z_0-9]*)=(.*)$/is.exec(setting) ?? [];
    if (name === undefined || value === undefined) throw new ToolError(`Invalid setting: ${setting}`);
    host.settings[name] = value;
  }
}

function removeSettings(host: Host, names: string[]): void {
  for (const name of names) delete host.settings[name];
}

function siteCommands(kind: 'webapp' | 'functionapp'): Record<string, Command> {
  const optional = '--slot/-s';
  return {
    [`${kind} config appsettings set`]: {
      required: `${NAMED} --settings`,
      optional,
      lists: '--settings',
      run(world, flags) {
        const host = hostOf(world, kind, flags);
        applySettings(host, flags.many('--settings'));
        return Object.entries(host.settings).map(([name, value]) => ({ name, slotSetting: false, value }));
      },
    },
    [`${kind} config appsettings delete`]: {
      required: `${NAMED} --setting-names`,
      optional,
      lists: '--setting-names',
      run(world, flags) {
        const host = hostOf(world, kind, flags);
        removeSettings(host, flags.many('--setting-names'));
        return Object.entries(host.settings).map(([name, value]) => ({ name, slotSetting: false, value }));
      },
    },
    [`${kind} config appsettings list`]: {
      required: NAMED,
      optional,
      run: (world, flags) =>
        Object.entries(hostOf(world, kind, flags).settings).map(([name, value]) => ({
          name,
          slotSetting: false,
          value,
        })),
    },
    [`${kind} restart`]: {
      required: NAMED,
      optional,
      run(world, flags) {
        hostOf(world, kind, flags).restarts += 1;
      },
    },
  };
}

function shownCluster({ cluster }: World) {
  return {
    name: cluster.name,
    resourceGroup: cluster.group,
    nodeResourceGroup: cluster.nodeGroup,
    oidcIssuerProfile: { enabled: true, issuerUrl: cluster.issuer },
    securityProfile: { workloadIdentity: { enabled: cluster.webhook } },
  };
}

function clusterOf(world: World, flags: Parsed) {
  const name = flags.one('--name') ?? flags.one('--cluster-name');
  const { cluster } = world;
  if (world.place !== 'pod' || !isSame(name, cluster.name) || !isSame(flags.one('--resource-group'), cluster.group)) {
    throw notFound('Microsoft.ContainerService/managedClusters', name, flags.one('--resource-group'));
  }
  return cluster;
}

const shownCredential = (each: { name: string; issuer: string; subject: string; audiences: string[] }) => ({
  audiences: each.audiences,
  issuer: each.issuer,
  name: each.name,
  subject: each.subject,
});

function createFederatedCredential(world: World, flags: Parsed) {
  const identity = identityOf(world, flags);
  const made = {
    name: flags.needed('--name'),
    issuer: flags.needed('--issuer'),
    subject: flags.needed('--subject'),
    audiences: flags.many('--audiences'),
  };
  const others = identity.federatedCredentials.filter(({ name }) => name !== made.name);
  if (others.some(({ issuer, subject }) => issuer === made.issuer && subject === made.subject)) {
    throw new ToolError(
      '(Conflict) Issuer and subject combination already exists for this Managed Identity. There is already a Federated Identity Credential with the same values.',
    );
  }
  identity.federatedCredentials = [...others, made];
  return shownCredential(made);
}

const COMMANDS: Record<string, Command> = {
  'account clear': {
    isLocal: true,
    run(world) {
      world.cli.login = null;
    },
  },
  'account get-access-token': {
    isLocal: true,
    optional: '--resource --resource-type --scope --tenant/-t --subscription/-s',
    lists: '--scope',
    run: accessToken,
  },
  'account list': { isLocal: true, switches: '--all --refresh', run: accounts },
  'account set': {
    isLocal: true,
    required: '--subscription/-s/--name/-n',
    run(world, flags) {
      const wanted = flags.one('--subscription');
      const found = accounts(world).find(({ id, name }) => id === wanted || isSame(name, wanted));
      if (!found || !world.cli.login) {
        throw new ToolError(`The subscription of '${wanted}' doesn't exist in cloud '${world.cli.cloud}'.`);
      }
      world.cli.login.subscriptionId = found.id;
    },
  },
  'account show': { isLocal: true, optional: '--subscription/-s', run: currentAccount },
  'ad app credential list': {
    required: '--id',
    switches: '--cert',
    run: (world, flags) => applicationOf(world, flags).secrets.map(({ expires }) => ({ endDateTime: expires })),
  },
  'ad app credential reset': {
    required: '--id',
    optional: '--cert --years --display-name --end-date',
    switches: '--append --create-cert',
    run(world, flags) {
      const application = applicationOf(world, flags);
      const secret = { value: `made8Q~up.secret-${randomUUID()}`, expires: '2099-01-01T00:00:00Z' };
      application.secrets = flags.one('--append') === undefined ? [secret] : [...application.secrets, secret];
      return { appId: application.clientId, password: secret.value, tenant: application.tenantId };
    },
  },
  'ad app federated-credential list': { required: '--id', run: (world, flags) => applicationOf(world, flags) && [] },
  'ad app list': {
    optional: '--display-name --app-id --filter',
    switches: '--all --show-mine',
    run: ({ applications }) => applications.map(({ clientId, name }) => ({ appId: clientId, displayName: name })),
  },
  'ad app show': {
    required: '--id',
    run(world, flags) {
      const { clientId, name } = applicationOf(world, flags);
      return { appId: clientId, displayName: name };
    },
  },
  'ad app permission admin-consent': { required: '--id', run: (world, flags) => grant(world, flags, 'consent') },
  'ad app permission list': { required: '--id', run: (world, flags) => applicationOf(world, flags) && [] },
  'ad sp create': { required: '--id', run: (world, flags) => grant(world, flags, 'service principal') },
  'ad sp show': {
    required: '--id',
    run(world, flags) {
      const { clientId, name, objectId, enabled } = servicePrincipalOf(world, flags);
      return { accountEnabled: enabled, appId: clientId, displayName: name, id: objectId };
    },
  },
  'ad sp update': {
    required: '--id',
    optional: '--set --add --remove',
    lists: '--set --add --remove',
    run(world, flags) {
      const application = applicationOf(world, flags);
      if (flags.many('--set').includes('accountEnabled=true')) application.enabled = true;
    },
  },
  'aks list': { optional: GROUP, run: (world) => (world.place === 'pod' ? [shownCluster(world)] : []) },
  'aks show': { required: NAMED, run: (world, flags) => clusterOf(world, flags) && shownCluster(world) },
  'aks update': {
    required: NAMED,
    switches: '--enable-oidc-issuer --enable-workload-identity --yes/-y --no-wait',
    run(world, flags) {
      const cluster = clusterOf(world, flags);
      if (flags.one('--enable-oidc-issuer') !== undefined) cluster.issuer = SERVICE_ACCOUNT.iss;
      if (flags.one('--enable-workload-identity') !== undefined) cluster.webhook = true;
      return shownCluster(world);
    },
  },
  'aks identity-binding list': {
    required: `${GROUP} --cluster-name`,
    run: (world, flags) => clusterOf(world, flags) && [],
  },
  'cloud list': {
    isLocal: true,
    run: ({ cli }) =>
      ['AzureCloud', 'AzureChinaCloud', 'AzureUSGovernment'].map((name) => ({ isActive: name === cli.cloud, name })),
  },
  'cloud set': {
    isLocal: true,
    required: '--name/-n',
    run(world, flags) {
      world.cli.cloud = flags.needed('--name');
    },
  },
  'cloud show': {
    isLocal: true,
    optional: '--name/-n',
    run: ({ cli }) => ({ name: cli.cloud, endpoints: { activeDirectory: 'https://login.microsoftonline.com' } }),
  },
  'config set': { isLocal: true, switches: '--local', run: () => undefined },
  'extension add': {
    isLocal: true,
    optional: '--name/-n --source',
    switches: '--upgrade --yes/-y',
    run: () => undefined,
  },
  'extension list': {
    isLocal: true,
    run: ({ cli }) => (cli.brokenExtension === undefined ? [] : [{ name: cli.brokenExtension }]),
  },
  'extension update': {
    isLocal: true,
    required: '--name/-n',
    run({ cli }, flags) {
      if (cli.brokenExtension === flags.one('--name')) delete cli.brokenExtension;
    },
  },
  'identity list': { optional: GROUP, run: ({ identities }) => identities.map(shownIdentity) },
  'identity show': {
    optional: `${NAMED} --ids`,
    ...IDS,
    run: (world, flags) => shownIdentity(identityOf(world, flags)),
  },
  'identity federated-credential create': {
    required: `${GROUP} --identity-name --name/-n --issuer`,
    optional: '--subject --audiences',
    lists: '--audiences',
    run: createFederatedCredential,
  },
  'identity federated-credential list': {
    required: `${GROUP} --identity-name`,
    run: (world, flags) => identityOf(world, flags).federatedCredentials.map(shownCredential),
  },
  'identity federated-credential update': {
    required: `${GROUP} --identity-name --name/-n`,
    optional: '--issuer --subject --audiences',
    lists: '--audiences',
    run(world, flags) {
      const name = flags.needed('--name');
      if (!identityOf(world, flags).federatedCredentials.some((each) => each.name === name)) {
        throw notFound('Microsoft.ManagedIdentity/federatedIdentityCredentials', name, flags.one('--resource-group'));
      }
      return createFederatedCredential(world, flags);
    },
  },
  login: {
    isLocal: true,
    optional: '--username/-u --password/-p --tenant/-t --scope --claims-challenge --certificate --federated-token',
    switches: '--service-principal --use-device-code --identity/-i --allow-no-subscriptions',
    lists: '--scope',
    run: logIn,
  },
  logout: {
    isLocal: true,
    optional: '--username',
    run(world) {
      world.cli.login = null;
    },
  },
  'network private-dns zone list': { optional: GROUP, run: () => [] },
  'resource list': { optional: '--resource-type --name/-n --resource-group/-g', run: () => [] },
  rest: {
    required: '--url/--uri/-u',
    optional: '--method/-m --body/-b --headers --url-parameters/--uri-parameters --resource',
    lists: '--headers --url-parameters',
    run({ denyAssignments }, flags) {
      if (!flags.needed('--url').endsWith('/denyAssignments'))
        throw new ToolError('the fake Azure does not know this URL');
      return { value: denyAssignments.map((denyAssignmentName) => ({ properties: { denyAssignmentName } })) };
    },
  },
  'role assignment create': {
    required: '--role --scope',
    optional: '--assignee --assignee-object-id --assignee-principal-type --description',
    run: assignRole,
  },
  'role assignment list': {
    optional: '--assignee --scope --role',
    switches: '--all --include-inherited --include-groups',
    run({ roles, identities }, flags) {
      const assignee = flags.one('--assignee');
      const objectId = identities.find((each) => each.clientId === assignee)?.objectId ?? assignee;
      return roles
        .filter((each) => objectId === undefined || each.objectId === objectId)
        .map(({ objectId: principalId, role, scope }) => ({ principalId, roleDefinitionName: role, scope }));
    },
  },
  upgrade: { isLocal: true, switches: '--yes/-y', run: () => undefined },
  version: { isLocal: true, run: () => ({ 'azure-cli': '2.74.0 (the fake one)' }) },
  'vmss list': {
    optional: GROUP,
    run: ({ place, cluster }) =>
      place === 'pod' ? [{ name: cluster.scaleSet, resourceGroup: cluster.nodeGroup, location: 'westeurope' }] : [],
  },
  'vmss identity show': {
    required: NAMED,
    run: ({ identities, cluster }) => ({
      userAssignedIdentities: Object.fromEntries(
        identities
          .filter(({ name }) => cluster.nodeIdentities.includes(name))
          .map((each) => [resourceIdOf(each), { clientId: each.clientId, principalId: each.objectId }]),
      ),
    }),
  },
  'vmss identity assign': {
    required: NAMED,
    optional: '--identities',
    lists: '--identities',
    run(world, flags) {
      const { cluster } = world;
      if (!isSame(flags.one('--name'), cluster.scaleSet) || !isSame(flags.one('--resource-group'), cluster.nodeGroup)) {
        throw notFound('Microsoft.Compute/virtualMachineScaleSets', flags.one('--name'), flags.one('--resource-group'));
      }
      for (const id of flags.many('--identities')) cluster.nodeIdentities.push(assignable(world, id).name);
      return {};
    },
  },
  ...hostCommands('vm', '--identities'),
  ...hostCommands('webapp', '--identities'),
  ...hostCommands('functionapp', '--identities'),
  ...hostCommands('containerapp', '--user-assigned', { switches: '--system-assigned' }),
  ...siteCommands('webapp'),
  ...siteCommands('functionapp'),
  'containerapp update': {
    required: NAMED,
    optional: '--set-env-vars --remove-env-vars',
    lists: '--set-env-vars --remove-env-vars',
    run(world, flags) {
      const host = hostOf(world, 'containerapp', flags);
      applySettings(host, flags.many('--set-env-vars'));
      removeSettings(host, flags.many('--remove-env-vars'));
      return listed(host);
    },
  },
  'containerapp show': {
    required: NAMED,
    run: (world, flags) => ({
      ...listed(hostOf(world, 'containerapp', flags)),
      properties: { latestRevisionName: 'rgapi--1' },
    }),
  },
  'containerapp revision restart': {
    required: `${GROUP} --name/-n --revision`,
    run(world, flags) {
      hostOf(world, 'containerapp', flags).restarts += 1;
    },
  },
};
