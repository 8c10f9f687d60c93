import { existsSync, readFileSync } from 'node:fs';
import type { Cloud } from '../cloud.ts';
import { errorMessage } from '../errors.ts';
import { readClaims } from '../identity/claims.ts';
import { readSmallFile } from '../identity/token-file.ts';
import { isProxied, PROXY_VARIABLES, proxyVariable } from '../proxy.ts';
import { misnamedVariables } from './misnamed-variables.ts';

/** What can be found out inside the pod, or on the laptop, about why an identity does not work. Nothing in it is secret. */
export interface Facts {
  /** Our clock, to be held against the times of tokens. */
  now: string;
  cloud: Pick<Cloud, 'authorityHost' | 'resourceManager'>;
  /** The host of the Instance Metadata Service, or of what stands in for it. */
  metadataService: string;
  kubernetes: boolean;
  /** Whether this runs in a container, of Kubernetes or of an engine on its own. */
  container: boolean;
  /** Where this runs, as far as the environment tells; `machine` is a virtual machine or a laptop. */
  place: Place;
  /** Where @azure/identity asks for a managed identity, where the variables name another endpoint than the metadata service. */
  identityEndpoint?: { kind: IdentityEndpoint; host: string };
  /** What the Downward API says of the pod; only what it says. */
  pod?: { name?: string; namespace?: string; serviceAccount?: string; node?: string };
  /** The variables that are set and matter to @azure/identity; the value where it is an id or a choice, `(set)` where it may be secret. */
  variables: Record<string, string>;
  /** Variables that nothing here reads, each with the one that was probably meant and is not set. */
  misnamed?: Record<string, string>;
  /** The service account's token that the Workload ID webhook projects into a pod; only where AZURE_FEDERATED_TOKEN_FILE names one. */
  projectedToken?: ProjectedToken;
  /** The labels of the pod that bind an identity, null where it does not carry one; only where the Downward API mounts them. */
  podLabels?: Record<PodLabel, string | null>;
  proxy: {
    /** The variables that are set. */
    variables: string[];
    /** Host and port of the proxy in use, where its URL can be read. */
    server?: string;
    /** Which of the hosts that matter the Azure SDK therefore asks through the proxy. */
    hosts: string[];
  };
}

export interface ProjectedToken {
  file: string;
  /** Why its claims are not here: a system error code, or what is wrong with the content. */
  problem?: string;
  iss?: string;
  sub?: string;
  aud?: string[];
  /** ISO 8601. */
  nbf?: string;
  exp?: string;
}

type Place =
  | 'kubernetes'
  | 'cloud-shell'
  | 'codespaces'
  | 'devcontainer'
  | 'ci'
  | 'service-fabric'
  | 'functions'
  | 'app-service'
  | 'container-apps'
  | 'azure-ml'
  | 'arc'
  | 'container'
  | 'machine';

/** The local endpoints for managed identities that are not the metadata service, as MSAL tells them apart. */
export type IdentityEndpoint =
  | 'service-fabric'
  | 'functions'
  | 'app-service'
  | 'container-apps'
  | 'azure-ml'
  | 'cloud-shell'
  | 'arc';

type PodLabel = 'aadpodidbinding' | 'azure.workload.identity/use';

/** Stands for the value of a variable that may be secret. */
export const SECRET = '(set)';

/** The same, where white space stands around the value: it is sent along, and is hardly ever meant. */
export const PADDED_SECRET = '(set, with white space around it)';

const IMDS_HOST = '169.254.169.254';

const RELEVANT = /^(AZURE_(?!DEADLINE_MS$)\w+|(IDENTITY|IMDS|MSI)_\w+|KUBERNETES_SERVICE_HOST|NODE_EXTRA_CA_CERTS)$/;

/** The variables whose values may be shown: ids, where they look like one, and choices that the configuration has checked. */
const SHOWN = /^AZURE_(CLIENT_ID|TENANT_ID|SUBSCRIPTION_ID|TOKEN_CREDENTIALS|AUTHORITY_HOST)$/;

/** A GUID, a name such as `prod`, a domain, a resource id, the URL of a cloud; no secret looks like one of these. */
const PUBLIC_VALUE =
  /^([0-9a-f-]{36}|[a-z]{1,30}|([a-z0-9-]{1,63}\.){1,4}[a-z]{2,20}|\/subscriptions\/[\w/.()-]+|https:\/\/[\w.-]+\/?)$/i;

/** Gathers them anew each time: files change while the process runs. Never throws. */
export async function gatherFacts(env: NodeJS.ProcessEnv, cloud: Cloud, podLabelsFile: string): Promise<Facts> {
  const [projectedToken, podLabels] = await Promise.all([
    readProjectedToken(env['AZURE_FEDERATED_TOKEN_FILE']),
    readPodLabels(podLabelsFile),
  ]);
  const { authorityHost, resourceManager } = cloud;
  const metadataService = URL.parse(env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] ?? '')?.hostname || IMDS_HOST;
  const identityEndpoint = identityEndpointOf(env);
  const kubernetes = Boolean(env['KUBERNETES_SERVICE_HOST']);
  const container = kubernetes || isContainer();
  const pod = podOf(env);
  const proxyName = PROXY_VARIABLES.find((name) => proxyVariable(env, name));
  const proxyServer = URL.parse((proxyName && proxyVariable(env, proxyName)) ?? '')?.host;
  const misnamed = misnamedVariables(env);
  const hosts = [metadataService, new URL(authorityHost).hostname, new URL(resourceManager).hostname];
  // MSAL asks the agent of Azure Arc by its address, whatever name the variable has.
  if (identityEndpoint) hosts.push(identityEndpoint.host, ...(isLoopback(identityEndpoint.host) ? ['127.0.0.1'] : []));
  return {
    now: new Date().toISOString(),
    cloud: { authorityHost, resourceManager },
    metadataService,
    kubernetes,
    container,
    place: placeOf(env, { kubernetes, container, identityEndpoint: identityEndpoint?.kind }),
    ...(identityEndpoint && { identityEndpoint }),
    ...(pod && { pod }),
    variables: relevantVariables(env),
    ...(Object.keys(misnamed).length > 0 && { misnamed }),
    ...(projectedToken && { projectedToken }),
    ...(podLabels && { podLabels }),
    proxy: {
      ...(proxyServer && { server: proxyServer }),
      variables: [...PROXY_VARIABLES, 'NO_PROXY'].filter((name) => proxyVariable(env, name)),
      hosts: [...new Set(hosts)].filter((host) => isProxied(env, host)),
    },
  };
}

/**
 * The variables that lead MSAL to another endpoint than the metadata service, in its order.
 *
 * @see https://github.com/AzureAD/microsoft-authentication-library-for-js/blob/dev/lib/msal-node/src/client/ManagedIdentityClient.ts
 */
function identityEndpointOf(env: NodeJS.ProcessEnv): Facts['identityEndpoint'] {
  const kind = identityEndpointKind(env);
  const url = kind && URL.parse(env['IDENTITY_ENDPOINT'] || env['MSI_ENDPOINT'] || '');
  return kind && url ? { kind, host: url.hostname } : undefined;
}

function identityEndpointKind(env: NodeJS.ProcessEnv): IdentityEndpoint | undefined {
  if (env['IDENTITY_ENDPOINT'] && env['IDENTITY_HEADER']) {
    if (env['IDENTITY_SERVER_THUMBPRINT']) return 'service-fabric';
    if (env['CONTAINER_APP_NAME']) return 'container-apps';
    return env['FUNCTIONS_WORKER_RUNTIME'] ? 'functions' : 'app-service';
  }
  if (env['MSI_ENDPOINT']) return env['MSI_SECRET'] ? 'azure-ml' : 'cloud-shell';
  return env['IDENTITY_ENDPOINT'] && env['IMDS_ENDPOINT'] ? 'arc' : undefined;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '127.0.0.1' || host === '[::1]';
}

function placeOf(
  env: NodeJS.ProcessEnv,
  known: { kubernetes: boolean; container: boolean; identityEndpoint: IdentityEndpoint | undefined },
): Place {
  if (known.kubernetes) return 'kubernetes';
  if (env['AZUREPS_HOST_ENVIRONMENT']?.startsWith('cloud-shell') || env['ACC_CLOUD']) return 'cloud-shell';
  if (env['CODESPACES']) return 'codespaces';
  if (env['REMOTE_CONTAINERS'] || env['DEVCONTAINER']) return 'devcontainer';
  if (['GITHUB_ACTIONS', 'TF_BUILD', 'GITLAB_CI', 'JENKINS_URL', 'CI'].some((name) => env[name])) return 'ci';
  if (known.identityEndpoint) return known.identityEndpoint;
  if (env['CONTAINER_APP_NAME']) return 'container-apps';
  if (env['WEBSITE_SITE_NAME']) return env['FUNCTIONS_WORKER_RUNTIME'] ? 'functions' : 'app-service';
  return known.container ? 'container' : 'machine';
}

/** The control groups that engines make for containers. */
const CONTAINER_CGROUP = /\/(kubepods|docker|libpod|crio|containerd)\b/;
/** The files of the engine that a container has in the place of its own. */
const CONTAINER_MOUNT =
  /\/(containers|sandboxes|overlay-containers|pods)\/\S{1,300} \/etc\/(hosts|hostname|resolv\.conf) /;

/** Docker and Podman leave a file in a container, containerd and CRI-O only the names of control groups and mounts. */
function isContainer(): boolean {
  return (
    existsSync('/.dockerenv') ||
    existsSync('/run/.containerenv') ||
    CONTAINER_CGROUP.test(readProc('/proc/1/cgroup')) ||
    CONTAINER_MOUNT.test(readProc('/proc/self/mountinfo'))
  );
}

/** The kernel makes these files in memory: reading one does not wait. */
function readProc(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(0, 100_000);
  } catch {
    return '';
  }
}

function podOf(env: NodeJS.ProcessEnv): Facts['pod'] {
  const pod = {
    ...named('name', env['POD_NAME']),
    ...named('namespace', env['POD_NAMESPACE']),
    ...named('serviceAccount', env['POD_SERVICE_ACCOUNT']),
    ...named('node', env['NODE_NAME']),
  };
  return Object.keys(pod).length > 0 ? pod : undefined;
}

function named(member: string, value: string | undefined): Record<string, string> {
  return value ? { [member]: value.slice(0, 253) } : {};
}

function relevantVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const name of Object.keys(env).sort()) {
    const value = env[name];
    if (!value || !RELEVANT.test(name)) continue;
    const hidden = value === value.trim() ? SECRET : PADDED_SECRET;
    variables[name] = SHOWN.test(name) && PUBLIC_VALUE.test(value) ? value : hidden;
  }
  return variables;
}

async function readProjectedToken(file: string | undefined): Promise<ProjectedToken | undefined> {
  if (!file) return undefined;
  try {
    const text = (await readSmallFile(file)).trim();
    if (text === '') return { file, problem: 'is empty' };
    const claims = readClaims(text);
    if (!claims) return { file, problem: 'does not hold a JWT' };
    const iss = toText(claims['iss']);
    const sub = toText(claims['sub']);
    const aud = [claims['aud']]
      .flat()
      .slice(0, 10)
      .map(toText)
      .filter((audience) => audience !== undefined);
    const nbf = toTime(claims['nbf']);
    const exp = toTime(claims['exp']);
    return { file, ...(iss && { iss }), ...(sub && { sub }), aud, ...(nbf && { nbf }), ...(exp && { exp }) };
  } catch (error) {
    return { file, problem: String(Reflect.get(Object(error), 'code') ?? errorMessage(error)) };
  }
}

/** The file that the Downward API writes: lines of `key="value"`. */
async function readPodLabels(file: string): Promise<Record<PodLabel, string | null> | undefined> {
  const text = await readSmallFile(file).catch(() => undefined);
  if (text === undefined) return undefined;
  const labels = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, key, value] = /^([^=]{1,317})="([^"]{0,63})"$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) labels.set(key, value);
  }
  return {
    aadpodidbinding: labels.get('aadpodidbinding') ?? null,
    'azure.workload.identity/use': labels.get('azure.workload.identity/use') ?? null,
  };
}

/** A claim of a sensible length; the file may hold anything. */
function toText(claim: unknown): string | undefined {
  return typeof claim === 'string' ? claim.slice(0, 300) : undefined;
}

function toTime(seconds: unknown): string | undefined {
  const date = new Date(typeof seconds === 'number' ? seconds * 1000 : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
