import { readFileSync } from 'node:fs';

/** A failure that a user reported in public, in a form that a test can replay. */
export interface ReportedFailure {
  /** What was wrong. */
  failure: string;
  /** The issue (owner/repository#number) or page that it comes from. */
  source: string;
  /** The solution in the thread, or the wording of the error. */
  solution: string;
  place: PlaceName;
  /** Variables in addition to those of the place; null removes one. */
  environment?: Record<string, string | null>;
  /** The labels of the pod, if they differ from those of the place. */
  labels?: Record<string, string>;
  /** Claims of the projected token, in addition to the usual ones. */
  projectedToken?: object;
  /** How long the projected token lives. */
  lifetimeSeconds?: number;
  /** The process may not read the projected token. */
  unreadableToken?: true;
  /** Claims of the access token, in addition to the usual ones. */
  accessToken?: object;
  /** The content of the service principal's certificate file. */
  certificate?: 'complete' | 'key-only';
  az?: { token: true } | { stderr: string; exitCode: number };
  /** Hosts whose name cannot be resolved. */
  unresolvable?: string[];
  /** Something on the way presents its own certificates. */
  intercepted?: true;
  answers?: {
    entra?: Reply;
    /** The reply to a request with a client secret. */
    entraForSecret?: Reply;
    metadataService?: Reply;
    /** The endpoint that IDENTITY_ENDPOINT or MSI_ENDPOINT names. */
    identityEndpoint?: Reply;
    proxy?: Reply;
    subscriptions?: Reply;
    resourceGroups?: Reply;
  };
  /** The right reasons; empty if the reason does not matter. */
  reasons: string[];
  /** Misleading reasons. */
  never?: string[];
  /** Regular expressions that hint and commands must all match, so that they lead to the solution. */
  says: string[];
}

export interface Reply {
  /** `is-dropped`: no packet arrives, so there is no connection. */
  fails?: 'hangs' | 'is-dropped' | 'refused';
  status?: number;
  /** The message of an error of Microsoft Entra ID, and its error code. */
  aadsts?: string;
  error?: string;
  suberror?: string;
  json?: object;
  text?: string;
  headers?: Record<string, string>;
}

export type PlaceName =
  | 'workload-identity'
  | 'pod-identity'
  | 'pod'
  | 'service-principal-pod'
  | 'service-principal'
  | 'machine'
  | 'laptop'
  | 'azure-cli-image'
  | 'cluster-image'
  | 'identity-endpoint'
  | 'arc';

export const FAMILIES = [
  'workload-identity',
  'managed-identity',
  'service-principal',
  'azure-cli',
  'network',
  'resource-manager',
] as const;

/** The reported failures of one family; `{clientId}` and the like become the ids of the fake Azure. */
export function reportedFailures(family: string, ids: Record<string, string>): ReportedFailure[] {
  const text = readFileSync(new URL(`${family}.json`, import.meta.url), 'utf8');
  return JSON.parse(text.replace(/\{(clientId|tenantId|objectId|subscriptionId)\}/g, (_, name) => ids[name] ?? ''));
}
