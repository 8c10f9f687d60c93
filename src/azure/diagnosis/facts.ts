import { existsSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { Cloud } from '../cloud.ts';
import { readClaims } from '../identity/claims.ts';
import { isProxied, PROXY_VARIABLES, proxyVariable } from '../proxy.ts';

/** What can be found out inside the pod, or on the laptop, about why an identity does not work. Nothing in it is secret. */
export interface Facts {
  /** Our clock, to be held against the times of tokens. */
  now: string;
  cloud: Pick<Cloud, 'authorityHost' | 'resourceManager'>;
  /** The host of the Instance Metadata Service, or of what stands in for it. */
  metadataService: string;
  kubernetes: boolean;
  /** Whether this runs in a Docker or Podman container. */
  container: boolean;
  /** The variables that are set and matter to @azure/identity; the value where it is an id or a choice, `(set)` where it may be secret. */
  variables: Record<string, string>;
  /** The service account's token that the Workload ID webhook projects into a pod; only where AZURE_FEDERATED_TOKEN_FILE names one. */
  projectedToken?: ProjectedToken;
  /** The labels of the pod that bind an identity, null where it does not carry one; only where the Downward API mounts them. */
  podLabels?: Record<PodLabel, string | null>;
  proxy: {
    /** The variables that are set. */
    variables: string[];
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

type PodLabel = 'aadpodidbinding' | 'azure.workload.identity/use';

const IMDS_HOST = '169.254.169.254';

const RELEVANT = /^(AZURE_(?!DEADLINE_MS$)\w+|(IDENTITY|IMDS|MSI)_\w+|KUBERNETES_SERVICE_HOST|NODE_EXTRA_CA_CERTS)$/;

/** The variables whose values may be shown: ids, where they look like one, and choices that the configuration has checked. */
const SHOWN = /^AZURE_(CLIENT_ID|TENANT_ID|SUBSCRIPTION_ID|TOKEN_CREDENTIALS|AUTHORITY_HOST)$/;

/** A GUID, a name such as `prod`, a domain, a resource id, the URL of a cloud; no secret looks like one of these. */
const PUBLIC_VALUE =
  /^([0-9a-f-]{36}|[a-z]{1,30}|([a-z0-9-]{1,63}\.){1,4}[a-z]{2,20}|\/subscriptions\/[\w/.()-]+|https:\/\/[\w.-]+\/?)$/i;

/** A projected token has about 1,500 characters. */
const TOKEN_FILE_LIMIT = 65_536;

/** Gathers them anew each time: files change while the process runs. Never throws. */
export async function gatherFacts(env: NodeJS.ProcessEnv, cloud: Cloud, podLabelsFile: string): Promise<Facts> {
  const [projectedToken, podLabels] = await Promise.all([
    readProjectedToken(env['AZURE_FEDERATED_TOKEN_FILE']),
    readPodLabels(podLabelsFile),
  ]);
  const { authorityHost, resourceManager } = cloud;
  const metadataService = URL.parse(env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] ?? '')?.hostname || IMDS_HOST;
  return {
    now: new Date().toISOString(),
    cloud: { authorityHost, resourceManager },
    metadataService,
    kubernetes: Boolean(env['KUBERNETES_SERVICE_HOST']),
    container: existsSync('/.dockerenv') || existsSync('/run/.containerenv'),
    variables: relevantVariables(env),
    ...(projectedToken && { projectedToken }),
    ...(podLabels && { podLabels }),
    proxy: {
      variables: [...PROXY_VARIABLES, 'NO_PROXY'].filter((name) => proxyVariable(env, name)),
      hosts: [metadataService, new URL(authorityHost).hostname, new URL(resourceManager).hostname].filter((host) =>
        isProxied(env, host),
      ),
    },
  };
}

function relevantVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const name of Object.keys(env).sort()) {
    const value = env[name];
    if (!value || !RELEVANT.test(name)) continue;
    variables[name] = SHOWN.test(name) && PUBLIC_VALUE.test(value) ? value : '(set)';
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
    return { file, problem: String(Reflect.get(Object(error), 'code') ?? Reflect.get(Object(error), 'message')) };
  }
}

/** The file that the Downward API writes: lines of `key="value"`. */
async function readPodLabels(file: string): Promise<Record<PodLabel, string | null> | undefined> {
  const text = await readSmallFile(file).catch(() => undefined);
  if (text === undefined) return undefined;
  const labels = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, key, value] = /^(.+?)="(.*)"$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) labels.set(key, value);
  }
  return {
    aadpodidbinding: labels.get('aadpodidbinding') ?? null,
    'azure.workload.identity/use': labels.get('azure.workload.identity/use') ?? null,
  };
}

async function readSmallFile(file: string): Promise<string> {
  // Checked before it is opened: opening a named pipe would wait until somebody writes.
  if (!(await stat(file)).isFile()) throw new Error('is not a file');
  await using handle = await open(file);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(TOKEN_FILE_LIMIT), 0, TOKEN_FILE_LIMIT, 0);
  return buffer.toString('utf8', 0, bytesRead);
}

/** A claim of a sensible length; whoever wrote the file may have written anything. */
function toText(claim: unknown): string | undefined {
  return typeof claim === 'string' ? claim.slice(0, 300) : undefined;
}

function toTime(seconds: unknown): string | undefined {
  const date = new Date(typeof seconds === 'number' ? seconds * 1000 : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
