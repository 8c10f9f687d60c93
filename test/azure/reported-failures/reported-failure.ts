import { readFileSync } from 'node:fs';

/** A failure that a user reported in public, as it can be replayed. */
export interface ReportedFailure {
  /** What was wrong. */
  failure: string;
  /** The issue (owner/repository#number) or page that it comes from. */
  source: string;
  /** The way out that the thread gives, or the words of the error. */
  wayOut: string;
  place: PlaceName;
  /** Variables beside those of the place; null takes one away. */
  environment?: Record<string, string | null>;
  /** The labels of the pod, where they are not those of the place. */
  labels?: Record<string, string>;
  /** Claims of the projected token beside the usual ones. */
  projectedToken?: object;
  /** How long the projected token lives. */
  lifetimeSeconds?: number;
  /** The process may not read the projected token. */
  unreadableToken?: true;
  /** Claims of the access token beside the usual ones. */
  accessToken?: object;
  /** What is in the file of the service principal's certificate. */
  certificate?: 'complete' | 'key-only';
  az?: { token: true } | { stderr: string; exitCode: number };
  /** Hosts whose name cannot be resolved. */
  unresolvable?: string[];
  /** Something on the way presents certificates of its own. */
  intercepted?: true;
  answers?: {
    entra?: Reply;
    /** Of a request with a client secret. */
    entraForSecret?: Reply;
    metadataService?: Reply;
    /** The endpoint that IDENTITY_ENDPOINT or MSI_ENDPOINT names. */
    identityEndpoint?: Reply;
    proxy?: Reply;
    subscriptions?: Reply;
    resourceGroups?: Reply;
  };
  /** Reasons that are right; none where the name does not matter. */
  reasons: string[];
  /** Reasons that lead somewhere else. */
  never?: string[];
  /** What hint and commands have to say to lead to the way out: regular expressions, all of them. */
  says: string[];
}

export interface Reply {
  fails?: 'hangs' | 'refused';
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
];

/** The reported failures of one family; `{clientId}` and the like stand for the ids of the fake Azure. */
export function reportedFailures(family: string, ids: Record<string, string>): ReportedFailure[] {
  const text = readFileSync(new URL(`${family}.json`, import.meta.url), 'utf8');
  return JSON.parse(text.replace(/\{(clientId|tenantId|objectId|subscriptionId)\}/g, (_, name) => ids[name] ?? ''));
}
