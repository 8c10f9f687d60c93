import { type FactSources, gatherFacts } from '../../src/explain/facts.ts';
import type { Attempt, Outcome } from '../../src/explain/outcome.ts';

export const CLIENT_ID = '22222222-2222-4222-8222-222222222222';
export const TENANT_ID = '11111111-1111-4111-8111-111111111111';
export const ISSUER = `https://westeurope.oic.prod-aks.azure.com/${TENANT_ID}/0d3a4b5c-6d7e-4f80-9a1b-2c3d4e5f6a7b/`;
export const TOKEN_FILE = '/var/run/secrets/azure/wi/token/azure-identity-token';
const LABELS_FILE = '/etc/podinfo/labels';

/** Where a test runs: a pod, unless `env` says something else. */
interface Place {
  env?: Record<string, string>;
  /** The labels that the Downward API mounts; undefined if it does not. */
  labels?: Record<string, string>;
  /** The content of files, or the error code of reading one. */
  files?: Record<string, string | { code: string }>;
}

/** Gathers the facts of a pod. Nothing of this machine is read. */
export function factsOf({ env = {}, labels, files = {} }: Place): ReturnType<typeof gatherFacts> {
  const sources: FactSources = {
    env: { KUBERNETES_SERVICE_HOST: '10.0.0.1', ...env },
    isContainer: true,
    platform: 'linux',
    podLabelsFile: LABELS_FILE,
    readText: async (file) => {
      const content =
        file === LABELS_FILE && labels
          ? Object.entries(labels)
              .map(([key, value]) => `${key}="${value}"\n`)
              .join('')
          : (files[file] ?? { code: 'ENOENT' });
      if (typeof content === 'string') return content;
      throw Object.assign(new Error(content.code), content);
    },
  };
  return gatherFacts(sources);
}

/** An unsigned token with these claims. */
export function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.made-up`;
}

/** A look that brought no token. */
export async function withoutToken(place: Place, attempts: readonly Attempt[]): Promise<Outcome> {
  return {
    facts: await factsOf(place),
    attempts,
    identity: null,
    list: null,
    failure: { kind: 'no-token', message: 'made-up' },
    renewal: null,
  };
}

/** What the SDK's chain says in a pod into which nothing was injected, and whose node has no metadata service. */
export const NOTHING_INJECTED: readonly Attempt[] = [
  { name: 'EnvironmentCredential', outcome: 'unavailable', message: 'EnvironmentCredential is unavailable.' },
  {
    name: 'WorkloadIdentityCredential',
    outcome: 'unavailable',
    message: 'WorkloadIdentityCredential: is unavailable. clientId is a required parameter.',
  },
  {
    name: 'ManagedIdentityCredential',
    outcome: 'unavailable',
    message: 'Attempted to use the IMDS endpoint, but it is not available.',
    exchange: { host: '169.254.169.254', isProbe: true, code: 'ECONNREFUSED' },
  },
];

/** Microsoft Entra ID refuses the projected token with this number. */
export function refusedByEntra(number: number, message: string): Attempt[] {
  return [
    {
      name: 'WorkloadIdentityCredential',
      outcome: 'failed',
      message: `AADSTS${number}: ${message}`,
      exchange: {
        host: 'login.microsoftonline.com',
        status: 401,
        contentType: 'application/json',
        body: JSON.stringify({ error: 'invalid_client', error_description: `AADSTS${number}: ${message}` }),
      },
    },
  ];
}
