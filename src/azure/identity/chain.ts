import { AsyncLocalStorage } from 'node:async_hooks';
import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/core-auth';
import {
  createDefaultHttpClient,
  type HttpClient,
  type PipelinePolicy,
  type PipelineRequest,
  type PipelineResponse,
  type SendRequest,
} from '@azure/core-rest-pipeline';
import {
  AuthenticationError,
  ChainedTokenCredential,
  ClientAssertionCredential,
  CredentialUnavailableError,
  WorkloadIdentityCredential,
} from '@azure/identity';
import type { Exchange } from '../../explain/outcome.ts';
import { errorChain } from '../../explain/plain-error.ts';
import type { Cloud } from '../cloud.ts';
import { untilAborted } from '../deadline.ts';
import { errorMessage } from '../errors.ts';
import { recordExchange } from '../transport.ts';
import type { WatchedAttempt } from './attempt.ts';
import { azureCliCredential } from './azure-cli.ts';
import { defaultCredentials, type NamedCredential, unavailable } from './default-credentials.ts';
import { bypassCacheOnClaims } from './managed-identity-cache.ts';
import { readSmallFile } from './token-file.ts';
import { hasJumped, wallClockOffsetMs } from './wall-clock.ts';

/** One request for a token. `attempts` has one entry for each credential of the chain, in order, and is kept up to date while `token` is awaited. */
interface Acquisition {
  attempts: readonly WatchedAttempt[];
  token: Promise<AccessToken | null>;
}

export type AcquireToken = (scope: string, options: GetTokenOptions) => Acquisition;

/** Microsoft Entra ID responds within a second. A request without a response after this time is lost. */
const ENTRA_TIMEOUT_MS = 15_000;
/** Developers' command-line tools may take some seconds. */
const PROCESS_TIMEOUT_MS = 30_000;
/** The SDK's own limit, one second, is too short for a cold process on a busy machine. */
const PROBE_TIMEOUT_MS = 3000;
/**
 * A metadata service or endpoint responds within a second or two. After this time the answer is lost, and the retry still gets one
 * within the usual deadline.
 */
const MANAGED_IDENTITY_TIMEOUT_MS = 8000;

const MANAGED_IDENTITY = 'ManagedIdentityCredential';

interface Member extends NamedCredential {
  /** Its last request, in any acquisition. */
  lastExchange?: Exchange | undefined;
}

interface ChainOptions {
  cloud: Cloud;
  identityBinding: boolean;
  /** AZURE_TOKEN_CREDENTIALS. */
  selection?: string | undefined;
  /** AZURE_CLIENT_ID. */
  clientId?: string | undefined;
  /** Workload ID, if all its variables are set. */
  workloadIdentity?: WorkloadIdentity | undefined;
  /** Whether NMI may hold a request until an identity is assigned to the pod. */
  waitsForNmi?: () => Promise<boolean>;
  userAgentPrefix: string;
  /** Called with one sentence when something works less well than it could. */
  onWarning?: (message: string) => void;
}

interface WorkloadIdentity {
  clientId: string;
  tenantId: string;
  /** The path of the projected token. */
  file: string;
}

/**
 * Creates the chain of @azure/identity: the credentials of a DefaultAzureCredential. With AKS identity bindings
 * (AZURE_KUBERNETES_TOKEN_PROXY), the credential that can use their proxy comes first; DefaultAzureCredential leaves it out on
 * purpose. We watch each credential, because DefaultAzureCredential does not say which one won or which ones it silently replaced.
 *
 * @see https://learn.microsoft.com/azure/aks/identity-bindings-concepts
 */
export function defaultChain(options: ChainOptions): AcquireToken {
  let members = membersOf(options);
  let clockOffsetMs = wallClockOffsetMs();

  return (scope, getTokenOptions) => {
    // MSAL remembers tokens and refusals by the wall clock, so after that was set it could keep them for years.
    if (hasJumped(clockOffsetMs)) {
      members = membersOf(options);
      clockOffsetMs = wallClockOffsetMs();
    }
    const watched = members.map((member) => watch(member, options));
    const chain = new ChainedTokenCredential(...watched.map(({ credential }) => credential));
    return { attempts: watched.map(({ attempt }) => attempt), token: chain.getToken(scope, getTokenOptions) };
  };
}

function membersOf(options: ChainOptions): Member[] {
  const { cloud, userAgentPrefix, selection, clientId, onWarning = () => {} } = options;
  // A new object each time, because the credentials modify their options.
  const credentialOptions = () => ({
    authorityHost: cloud.authorityHost,
    userAgentOptions: { userAgentPrefix },
    httpClient,
    // By default the SDK retries a 404 or 500 of IMDS for 15 to 20 seconds, longer than anybody waits for a response. One
    // retry bridges a hiccup; after that, the next request tries again.
    retryOptions: { maxRetries: 1, retryDelayInMs: 500 },
    // Without it, the SDK would wait forever for a tool that hangs.
    processTimeoutInMs: PROCESS_TIMEOUT_MS,
  });
  const credentials = defaultCredentials({ credentialOptions, selection, clientId, onWarning });
  const names = credentials.map(({ name }) => name);
  const members = credentials.map(({ name, credential }) => ({
    name,
    credential: adapt(name, credential, { ...options, names, credentialOptions }),
  }));
  return options.identityBinding ? [identityBinding(options, credentialOptions), ...members] : members;
}

/** Replaces a credential of the SDK that does not do what the service needs. */
function adapt(
  name: string,
  credential: TokenCredential,
  { names, credentialOptions, ...options }: ChainOptions & { names: string[]; credentialOptions: () => object },
): TokenCredential {
  const { workloadIdentity, clientId, userAgentPrefix } = options;
  switch (name) {
    case 'AzureCliCredential':
      return azureCliCredential();
    case MANAGED_IDENTITY:
      if (!workloadIdentity) {
        return probingLonger(bypassCacheOnClaims(credential, { clientId, httpClient, userAgentPrefix }));
      }
      // It would make the exchange of WorkloadIdentityCredential with its own HTTP client, which cannot be watched or limited.
      return names.includes('WorkloadIdentityCredential')
        ? unavailable('Left out: WorkloadIdentityCredential makes the same token exchange')
        : tokenExchange(workloadIdentity, credentialOptions);
    case 'WorkloadIdentityCredential':
      return workloadIdentity ? tokenExchange(workloadIdentity, credentialOptions) : credential;
    default:
      return credential;
  }
}

/**
 * The exchange of WorkloadIdentityCredential, which opens whatever is at the path of its token: a named pipe would block a thread,
 * and a device would fill the memory. It also keeps a token for five minutes by the wall clock.
 */
function tokenExchange({ tenantId, clientId, file }: WorkloadIdentity, options: () => object): TokenCredential {
  try {
    return checkingFile(new ClientAssertionCredential(tenantId, clientId, () => readToken(file), options()), file);
  } catch (cause) {
    return unavailable(errorMessage(cause));
  }
}

/** MSAL wraps an error of its own callback, so a file without a token is reported before MSAL is asked. */
function checkingFile(credential: TokenCredential, file: string): TokenCredential {
  return {
    async getToken(scopes, options) {
      await readToken(file);
      return credential.getToken(scopes, options);
    },
  };
}

/** @throws {CredentialUnavailableError} */
async function readToken(file: string): Promise<string> {
  const token = await readSmallFile(file).catch((cause: unknown) => {
    throw new CredentialUnavailableError(`The projected token ${file}: ${errorMessage(cause)}`, { cause });
  });
  if (token.trim() === '') throw new CredentialUnavailableError(`No content on the file ${file}.`);
  return token.trim();
}

function probingLonger(credential: TokenCredential): TokenCredential {
  return {
    getToken: (scopes, options) =>
      credential.getToken(scopes, { ...options, requestOptions: { timeout: PROBE_TIMEOUT_MS } }),
  };
}

function identityBinding({ workloadIdentity }: ChainOptions, options: () => object): Member {
  const additionalPolicies = [{ policy: observing, position: 'perRetry' as const }];
  let made: WorkloadIdentityCredential | undefined;
  const credential: TokenCredential = {
    async getToken(scopes, getTokenOptions) {
      // Create it on first use: its constructor reads the proxy's certificate, which may come later.
      try {
        made ??= new WorkloadIdentityCredential({ ...options(), enableAzureProxy: true, additionalPolicies });
      } catch (cause) {
        throw new CredentialUnavailableError(errorMessage(cause), { cause });
      }
      return made.getToken(scopes, getTokenOptions);
    },
  };
  return {
    name: 'WorkloadIdentityCredential (identity binding)',
    credential: workloadIdentity ? checkingFile(credential, workloadIdentity.file) : credential,
  };
}

/** The attempt that the current requests belong to, and how long one of them may take. */
const attempting = new AsyncLocalStorage<{ attempt: WatchedAttempt; requestTimeoutMs: number | undefined }>();

/** How long a credential may take, and each of its requests. The SDK has no timeouts, and the next credential must wait. */
interface Timeouts {
  totalMs?: number;
  requestMs?: number;
}

async function timeoutsOf(name: string, { workloadIdentity, waitsForNmi }: ChainOptions): Promise<Timeouts> {
  if (name === MANAGED_IDENTITY && !workloadIdentity) {
    return (await waitsForNmi?.()) ? {} : { requestMs: MANAGED_IDENTITY_TIMEOUT_MS };
  }
  return { totalMs: /Cli|PowerShell/.test(name) ? PROCESS_TIMEOUT_MS + 1000 : ENTRA_TIMEOUT_MS };
}

function watch(member: Member, options: ChainOptions): { attempt: WatchedAttempt; credential: TokenCredential } {
  const attempt: WatchedAttempt = { name: member.name, outcome: 'not-tried', message: '' };
  return {
    attempt,
    credential: {
      async getToken(scopes, getTokenOptions) {
        attempt.outcome = 'pending';
        try {
          const { totalMs, requestMs } = await timeoutsOf(member.name, options);
          const asked = attempting.run({ attempt, requestTimeoutMs: requestMs }, () =>
            member.credential.getToken(scopes, getTokenOptions),
          );
          const token = await (totalMs === undefined ? asked : withTimeout(asked, totalMs));
          // A tool's output may hold anything, whatever the types of the SDK say.
          if (token && typeof token.token !== 'string') throw new Error(`${member.name} got ${NOT_A_TEXT}`);
          attempt.outcome = token ? 'succeeded' : 'unavailable';
          attempt.message = '';
          return token;
        } catch (error) {
          attempt.outcome = error instanceof CredentialUnavailableError ? 'unavailable' : 'failed';
          attempt.message ||= errorMessage(error);
          attempt.error = error;
          // After a response that asks for a wait, MSAL repeats the error from memory until the wait is over.
          if (isOfMsal(error)) attempt.exchange ??= member.lastExchange;
          throw error;
        } finally {
          member.lastExchange = attempt.exchange;
        }
      },
    },
  };
}

async function withTimeout<T>(asked: Promise<T>, timeoutMs: number): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(new CredentialUnavailableError(`No answer within ${timeoutMs / 1000} s`));
  }, timeoutMs);
  return untilAborted(asked, limit.signal).finally(() => clearTimeout(timer));
}

/** The SDK wraps some errors of MSAL without a cause. */
function isOfMsal(error: unknown): boolean {
  return [...errorChain(error)].some(
    (member) => member instanceof AuthenticationError || typeof Reflect.get(member, 'errorCode') === 'string',
  );
}

/**
 * A response with a token has a few kilobytes. The one with the most values describes the endpoints of Microsoft Entra ID and has
 * about a hundred.
 */
const LIMITS = { maxBytes: 64 * 1024, maxElements: 1000 };

const NO_TEXT = /"access_token"\s{0,20}:\s{0,20}[^"\s]/;
const NOT_A_TEXT = 'an access token that is not a text';

async function observe(request: PipelineRequest, send: SendRequest): Promise<PipelineResponse> {
  const { attempt, requestTimeoutMs } = attempting.getStore() ?? {};
  if (request.timeout === 0 && requestTimeoutMs !== undefined) request.timeout = requestTimeoutMs;
  const response = await recordExchange(request, send, attempt ?? {}, LIMITS);
  if (response.status === 200 && NO_TEXT.test(response.bodyAsText ?? '')) {
    // MSAL would cache such a token until its expiry. It calls every error of its transport a network error, without the message.
    const message = `${new URL(request.url).hostname} answered with ${NOT_A_TEXT}`;
    if (attempt) attempt.message = message;
    throw new Error(message);
  }
  return response;
}

const transport = createDefaultHttpClient();

/** Watches the SDK's own client. A policy would not work, because ManagedIdentityCredential takes none. */
const httpClient: HttpClient = {
  sendRequest: (request) => observe(request, (sent) => transport.sendRequest(sent)),
};

/** The same for the credential of an identity binding, which has its own client. */
const observing: PipelinePolicy = { name: 'observe', sendRequest: observe };
