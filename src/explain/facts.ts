import { type Clean, readClaims } from './claims.ts';
import { misnamedVariables } from './misnamed-variables.ts';
import { type Pod, podFrom } from './pod.ts';
import { isProxied, PROXY_VARIABLES, proxyVariable } from './proxy.ts';

/** What the pod or laptop itself can tell about why an identity does not work. Nothing in it is secret. */
export interface Facts {
  /** Our clock, to compare with the times in tokens. */
  now: string;
  cloud: { authorityHost: string; resourceManager: string };
  /** The host of the Instance Metadata Service, or the configured one in its place. */
  metadataService: string;
  kubernetes: boolean;
  /** Whether this runs in a container, with or without Kubernetes. */
  container: boolean;
  windows?: true;
  /** Where this runs, as far as the environment tells; `machine` is a virtual machine or a laptop. */
  place: Place;
  /** Where @azure/identity asks for a managed identity, if variables name an endpoint other than the metadata service. */
  identityEndpoint?: { kind: IdentityEndpoint; host: string };
  /** The platform of Azure that this runs on offers an identity endpoint, but no variable names one. */
  identityEndpointMissing?: true;
  /** The name of the app on a platform of Azure. */
  app?: string;
  /** The deployment slot of App Service or Functions, if it is not the production slot. It has identities of its own. */
  slot?: string;
  /** The systemd service that this process belongs to, on a machine. */
  unit?: string;
  /** What the Downward API and mounted files say about the pod; unknown members are missing. */
  pod?: Pod;
  /** The variables that are set and matter to @azure/identity: the value if it is an id or a choice, else one of the notes below. */
  variables: Record<string, string>;
  /** Such variables that are set, but empty. The Workload ID webhook leaves them alone, and the SDK takes them as missing. */
  emptyVariables?: string[];
  /** Variables that nothing here reads, each with the unset variable that was probably meant. */
  misnamed?: Record<string, string>;
  /** The service account's token that the Workload ID webhook projects into a pod; only if AZURE_FEDERATED_TOKEN_FILE names one. */
  projectedToken?: ProjectedToken;
  /** The pod labels that bind an identity, null for a missing label; only if the Downward API mounts the labels. */
  podLabels?: Record<'aadpodidbinding' | 'azure.workload.identity/use', string | null>;
  proxy: {
    /** The proxy variables that are set. */
    variables: string[];
    /** Host and port of the proxy in use, if its URL can be parsed. */
    server?: string;
    /** The relevant hosts that the Azure SDK reaches through the proxy. */
    hosts: string[];
    /** What is wrong with the URL or with NO_PROXY. */
    problem?: 'user-info-malformed' | 'no-proxy-range';
  };
}

export interface ProjectedToken {
  file: string;
  /** Whether the path is one that the Workload ID webhook injects itself, not one from a manifest. */
  isInjected?: boolean;
  /** Why there are no claims: a system error code, or what is wrong with the content. */
  problem?: string;
  iss?: string;
  sub?: string;
  aud?: string[];
  /** ISO 8601. */
  nbf?: string;
  exp?: string;
}

/** The local endpoints for managed identities other than the metadata service, as MSAL distinguishes them. */
export type IdentityEndpoint =
  | 'service-fabric'
  | 'functions'
  | 'app-service'
  | 'container-apps'
  | 'azure-ml'
  | 'cloud-shell'
  | 'arc';

/** The platforms of Azure that have such an endpoint are places, too. */
export type Place = IdentityEndpoint | 'kubernetes' | 'codespaces' | 'devcontainer' | 'ci' | 'container' | 'machine';

/** Replaces the value of a variable that may be secret. */
export const SECRET = '(set)';
/** The same for a value with white space or quotation marks around it, which are sent too and hardly ever intended. */
export const PADDED_SECRET = '(set, with white space or quotation marks around it)';
/** The same for a secret that is far too short: cut off at a `#`, `$`, quote or `%` on its way. */
export const SHORT_SECRET = '(set, but too short)';

const IMDS_HOST = '169.254.169.254';

const RELEVANT =
  /^(AZURE_(?!DEADLINE_MS$)\w+|(IDENTITY|IMDS|MSI)_\w+|KUBERNETES_SERVICE_HOST|NODE_EXTRA_CA_CERTS|WEBSITE_(DISABLE_MSI|PRIVATE_IP))$/;

/** The variables whose values may be shown: ids, if they look like one, and choices that the configuration has checked. */
const SHOWN = /^AZURE_(CLIENT_ID|TENANT_ID|SUBSCRIPTION_ID|TOKEN_CREDENTIALS|AUTHORITY_HOST)$/;

/** A GUID, a name such as `prod`, a domain, a resource id, the URL of a cloud; no secret looks like one of these. */
const PUBLIC_VALUE =
  /^([0-9a-f-]{36}|[a-z]{1,30}|([a-z0-9-]{1,63}\.){1,4}[a-z]{2,20}|\/subscriptions\/[\w/.()-]+|https:\/\/[\w.-]+\/?)$/i;

/** A file for `docker run --env-file` and many a form keep quotation marks. */
const PADDED = /^\s|\s$|^(['"]).*\1$/s;

/** Microsoft Entra ID generates secrets of 34 to 40 characters; older ones had at least 16. */
const SHORTEST_CLIENT_SECRET = 16;

/** The paths that releases of the webhook inject. */
const INJECTED_PATH = /^\/var\/run\/secrets\/azure\/(wi\/token|tokens)\/azure-identity-token$/;

/** What the facts are gathered from. Nothing else is read. */
export interface FactSources {
  env: Readonly<Record<string, string | undefined>>;
  /**
   * Reads a small text file.
   *
   * @throws an error with a `code`, such as ENOENT
   */
  readText: (file: string) => Promise<string>;
  /** Whether this runs in a container; by default, only Kubernetes tells. */
  isContainer?: boolean;
  /** The operating system, as `process.platform` names it. */
  platform?: string;
  /** By default the public cloud. */
  cloud?: Facts['cloud'];
  /** Where the Downward API mounts the labels of the pod, if it does. */
  podLabelsFile?: string;
  /** Where the kernel shows the control groups of this process, if it does. */
  cgroupFile?: string;
  /** Removes secrets from claims, which may have anything in them. */
  clean?: Clean;
}

const PUBLIC_CLOUD = {
  authorityHost: 'https://login.microsoftonline.com',
  resourceManager: 'https://management.azure.com',
};

/** What is known without any source: for an error alone. */
export const NO_FACTS: Facts = {
  now: '',
  cloud: PUBLIC_CLOUD,
  metadataService: IMDS_HOST,
  kubernetes: false,
  container: false,
  place: 'machine',
  variables: {},
  proxy: { variables: [], hosts: [] },
};

/** Kubernetes mounts it into every pod that does not opt out. Only its claims are read. */
const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** Gathers the facts at each call, because files change while the process runs. Never throws. */
export async function gatherFacts(sources: FactSources): Promise<Facts> {
  const { env, readText, platform, cloud = PUBLIC_CLOUD, podLabelsFile, cgroupFile, clean } = sources;
  // Container Apps run on a cluster that is not theirs to see.
  const kubernetes = Boolean(env['KUBERNETES_SERVICE_HOST']) && !env['CONTAINER_APP_NAME'];
  const [projectedToken, labels, ownToken] = await Promise.all([
    readProjectedToken(env['AZURE_FEDERATED_TOKEN_FILE'], readText, clean),
    podLabelsFile === undefined ? undefined : readLabels(podLabelsFile, readText),
    kubernetes ? readText(SERVICE_ACCOUNT_TOKEN).catch(() => '') : '',
  ]);
  const { authorityHost, resourceManager } = cloud;
  const metadataService = URL.parse(env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] ?? '')?.hostname || IMDS_HOST;
  const identityEndpoint = identityEndpointOf(env);
  const container = kubernetes || (sources.isContainer ?? false);
  const place = placeOf(env, { kubernetes, container, identityEndpoint: identityEndpoint?.kind });
  const isPlatform = ['app-service', 'functions', 'container-apps'].includes(place);
  const mayBeUnit = ['machine', 'container', 'arc'].includes(place);
  const unit = cgroupFile !== undefined && mayBeUnit ? unitIn(await readText(cgroupFile).catch(() => '')) : undefined;
  const pod = kubernetes
    ? podFrom({ env, labels, subject: projectedToken?.sub, claims: readClaims(ownToken.trim(), clean) })
    : undefined;
  const misnamed = misnamedVariables(env);
  const emptyVariables = Object.keys(env).filter((name) => env[name] === '' && RELEVANT.test(name));
  const app = env['WEBSITE_SITE_NAME'] || env['CONTAINER_APP_NAME'];
  const slot = env['WEBSITE_SITE_NAME'] && env['WEBSITE_SLOT_NAME'];
  return {
    now: new Date().toISOString(),
    cloud: { authorityHost, resourceManager },
    metadataService,
    kubernetes,
    container,
    ...(platform === 'win32' && { windows: true }),
    place,
    ...(identityEndpoint && { identityEndpoint }),
    ...(!identityEndpoint && isPlatform && { identityEndpointMissing: true as const }),
    ...(app && { app: app.slice(0, 64) }),
    ...(slot && slot.toLowerCase() !== 'production' && { slot: slot.slice(0, 64) }),
    ...(unit && { unit }),
    ...(pod && { pod }),
    variables: relevantVariables(env),
    ...(emptyVariables.length > 0 && { emptyVariables: emptyVariables.sort() }),
    ...(Object.keys(misnamed).length > 0 && { misnamed }),
    ...(projectedToken && { projectedToken }),
    ...(labels && {
      podLabels: {
        aadpodidbinding: labels.get('aadpodidbinding') ?? null,
        'azure.workload.identity/use': labels.get('azure.workload.identity/use') ?? null,
      },
    }),
    proxy: proxyFacts(env, metadataService, cloud, identityEndpoint?.host),
  };
}

/**
 * These start programs that are not part of them: a restart would not reach this process, and would hit others. They are schedulers,
 * what runs at boot or for an agent of Azure, what gives somebody a shell, and managers of containers and processes.
 */
const STARTS_OTHERS = new RegExp(
  `^(${[
    'run-|user@|session|systemd-|dbus',
    'crond?|anacron|atd|rc[.-]local|cloud-|walinuxagent|waagent|himds|extd|gcad',
    'sshd?[.@]|([a-z]+-)?getty|tailscaled|teleport|xrdp|gdm|lightdm|sddm|ttyd|code-|jupyter\\w*',
    'docker|containerd|podman|nomad|supervisord?|pm2|monit|runsvdir',
  ].join('|')})\\b`,
);

/** The service of systemd that a line such as `0::/system.slice/rgapi.service` ends with. A container below it has variables of its own. */
function unitIn(cgroups: string): string | undefined {
  const [, unit] =
    /^(?:0:|\d{1,4}:name=systemd):(?:\/[^/\n]{1,250}\.slice){1,9}\/([^/\n]{1,250}\.service)$/m.exec(cgroups) ?? [];
  return unit !== undefined && !STARTS_OTHERS.test(unit) ? unit : undefined;
}

function proxyFacts(
  env: FactSources['env'],
  metadataService: string,
  { authorityHost, resourceManager }: Facts['cloud'],
  endpoint: string | undefined,
): Facts['proxy'] {
  const name = PROXY_VARIABLES.find((variable) => proxyVariable(env, variable));
  const url = URL.parse((name && proxyVariable(env, name)) ?? '');
  const hosts = [metadataService, new URL(authorityHost).hostname, new URL(resourceManager).hostname];
  // MSAL reaches the Azure Arc agent by its address, whatever host the variable names.
  if (endpoint) hosts.push(endpoint, ...(isLoopback(endpoint) ? ['127.0.0.1'] : []));
  const problem = !isDecodable(`${url?.username ?? ''}${url?.password ?? ''}`)
    ? ('user-info-malformed' as const)
    : name !== undefined && /[*/]/.test(proxyVariable(env, 'NO_PROXY') ?? '')
      ? ('no-proxy-range' as const)
      : undefined;
  return {
    variables: [...PROXY_VARIABLES, 'NO_PROXY'].filter((variable) => proxyVariable(env, variable)),
    ...(url?.host && { server: url.host }),
    hosts: [...new Set(hosts)].filter((host) => isProxied(env, host)),
    ...(problem && { problem }),
  };
}

function isDecodable(userInfo: string): boolean {
  try {
    decodeURIComponent(userInfo);
    return true;
  } catch {
    return false;
  }
}

/**
 * Finds the endpoint that the variables make MSAL use instead of the metadata service, in MSAL's order.
 *
 * @see https://github.com/AzureAD/microsoft-authentication-library-for-js/blob/dev/lib/msal-node/src/client/ManagedIdentityClient.ts
 */
function identityEndpointOf(env: FactSources['env']): Facts['identityEndpoint'] {
  const kind = identityEndpointKind(env);
  const url = URL.parse(env['IDENTITY_ENDPOINT'] || env['MSI_ENDPOINT'] || '');
  return kind && url ? { kind, host: url.hostname } : undefined;
}

function identityEndpointKind(env: FactSources['env']): IdentityEndpoint | undefined {
  if (env['IDENTITY_ENDPOINT'] && env['IDENTITY_HEADER']) {
    if (env['IDENTITY_SERVER_THUMBPRINT']) return 'service-fabric';
    return env['CONTAINER_APP_NAME'] ? 'container-apps' : appService(env);
  }
  if (env['MSI_ENDPOINT']) {
    // Function apps on Linux Consumption have the older variables, which MSAL takes for those of Azure Machine Learning.
    if (env['WEBSITE_SITE_NAME']) return appService(env);
    return env['MSI_SECRET'] ? 'azure-ml' : 'cloud-shell';
  }
  return env['IDENTITY_ENDPOINT'] && env['IMDS_ENDPOINT'] ? 'arc' : undefined;
}

/** Functions run on App Service. */
function appService(env: FactSources['env']): 'functions' | 'app-service' {
  return env['FUNCTIONS_WORKER_RUNTIME'] ? 'functions' : 'app-service';
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '127.0.0.1' || host === '[::1]';
}

function placeOf(
  env: FactSources['env'],
  known: { kubernetes: boolean; container: boolean; identityEndpoint: IdentityEndpoint | undefined },
): Place {
  if (known.kubernetes) return 'kubernetes';
  if (env['AZUREPS_HOST_ENVIRONMENT']?.startsWith('cloud-shell') || env['ACC_CLOUD']) return 'cloud-shell';
  if (env['CODESPACES']) return 'codespaces';
  if (env['REMOTE_CONTAINERS'] || env['DEVCONTAINER']) return 'devcontainer';
  if (['GITHUB_ACTIONS', 'TF_BUILD', 'GITLAB_CI', 'JENKINS_URL', 'CI'].some((name) => env[name])) return 'ci';
  if (known.identityEndpoint) return known.identityEndpoint;
  if (env['CONTAINER_APP_NAME']) return 'container-apps';
  if (env['WEBSITE_SITE_NAME']) return appService(env);
  return known.container ? 'container' : 'machine';
}

function relevantVariables(env: FactSources['env']): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const name of Object.keys(env).sort()) {
    const value = env[name];
    if (!value || !RELEVANT.test(name)) continue;
    variables[name] = SHOWN.test(name) && PUBLIC_VALUE.test(value) ? value : noteAbout(name, value);
  }
  return variables;
}

function noteAbout(name: string, value: string): string {
  if (PADDED.test(value)) return PADDED_SECRET;
  return name === 'AZURE_CLIENT_SECRET' && value.length < SHORTEST_CLIENT_SECRET ? SHORT_SECRET : SECRET;
}

async function readProjectedToken(
  file: string | undefined,
  readText: FactSources['readText'],
  clean: Clean | undefined,
): Promise<ProjectedToken | undefined> {
  if (!file) return undefined;
  const path = { file: file.slice(0, 300), isInjected: INJECTED_PATH.test(file) };
  try {
    const text = (await readText(file)).trim();
    if (text === '') return { ...path, problem: 'is empty' };
    const claims = readClaims(text, clean);
    if (!claims) return { ...path, problem: 'does not hold a JWT' };
    const iss = toText(claims['iss']);
    const sub = toText(claims['sub']);
    const aud = [claims['aud']]
      .flat()
      .slice(0, 10)
      .map(toText)
      .filter((audience) => audience !== undefined);
    const nbf = toTime(claims['nbf']);
    const exp = toTime(claims['exp']);
    return { ...path, ...(iss && { iss }), ...(sub && { sub }), aud, ...(nbf && { nbf }), ...(exp && { exp }) };
  } catch (error) {
    const { code, message } = Object(error);
    return { ...path, problem: String(code ?? message ?? error) };
  }
}

/** Reads the file that the Downward API writes: lines of `key="value"`. */
async function readLabels(file: string, readText: FactSources['readText']): Promise<Map<string, string> | undefined> {
  const text = await readText(file).catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.matchAll(/^(?<key>[^=\n]{1,317})="(?<value>[^"\n]{0,63})"$/gm);
  return new Map([...lines].map(({ groups: { key = '', value = '' } = {} }) => [key, value]));
}

/** Cuts a claim to a sensible length, because the file may contain anything. */
function toText(claim: unknown): string | undefined {
  return typeof claim === 'string' ? claim.slice(0, 300) : undefined;
}

function toTime(seconds: unknown): string | undefined {
  const date = new Date(typeof seconds === 'number' ? seconds * 1000 : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
