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
  ChainedTokenCredential,
  CredentialUnavailableError,
  DefaultAzureCredential,
  WorkloadIdentityCredential,
} from '@azure/identity';
import { fromOutside } from '../../redaction.ts';
import { serverAheadSeconds } from '../clock-skew.ts';
import type { Cloud } from '../cloud.ts';
import { untilAborted } from '../deadline.ts';
import { errorChain, errorMessage } from '../errors.ts';
import { tameRetryAfter } from '../retry-after.ts';
import type { Attempt, Exchange } from './attempt.ts';
import { azureCliCredential } from './azure-cli.ts';
import { passCacheOnClaims } from './managed-identity-cache.ts';
import { checkRegularFile } from './token-file.ts';

/** One request for a token. `attempts` has one entry for each credential of the chain, in order, and is kept up to date while `token` is awaited. */
interface Acquisition {
  attempts: readonly Attempt[];
  token: Promise<AccessToken | null>;
}

export type AcquireToken = (scope: string, options: GetTokenOptions) => Acquisition;

/** Microsoft Entra ID responds within a second. A request without a response after this time is lost. */
const ENTRA_LIMIT_MS = 15_000;
/** Developers' command-line tools may take some seconds. */
const PROCESS_LIMIT_MS = 30_000;
/** The SDK's own limit, one second, is too short for a cold process on a busy machine. */
const PROBE_LIMIT_MS = 3000;

const MANAGED_IDENTITY = 'ManagedIdentityCredential';

interface Member {
  name: string;
  credential: TokenCredential;
  /** Its last request, in any acquisition. */
  lastExchange?: Exchange | undefined;
}

interface ChainOptions {
  cloud: Cloud;
  identityBinding: boolean;
  /** AZURE_FEDERATED_TOKEN_FILE, if AZURE_CLIENT_ID and AZURE_TENANT_ID are set too: Workload ID is configured. */
  workloadIdentityFile: string | undefined;
  userAgentPrefix: string;
  /** Called with one sentence when something works less well than it could. */
  onWarning?: (message: string) => void;
}

/**
 * Creates the chain of @azure/identity: the credentials of a DefaultAzureCredential. With AKS identity bindings
 * (AZURE_KUBERNETES_TOKEN_PROXY), the credential that can use their proxy comes first; DefaultAzureCredential leaves it out on
 * purpose. We watch each credential, because DefaultAzureCredential does not say which one won or which ones it silently replaced.
 *
 * @see https://learn.microsoft.com/azure/aks/identity-bindings-concepts
 */
export function defaultChain(options: ChainOptions): AcquireToken {
  const { cloud, userAgentPrefix, onWarning = () => {} } = options;
  // A new object each time, because the credentials modify their options.
  const credentialOptions = () => ({
    authorityHost: cloud.authorityHost,
    userAgentOptions: { userAgentPrefix },
    httpClient,
    // By default the SDK retries a 404 or 500 of IMDS for 15 to 20 seconds, longer than anybody waits for a response. One
    // retry bridges a hiccup; after that, the next request tries again.
    retryOptions: { maxRetries: 1, retryDelayInMs: 500 },
    // Without it, the SDK would wait forever for a tool that hangs.
    processTimeoutInMs: PROCESS_LIMIT_MS,
  });
  let members = membersOf(new DefaultAzureCredential(credentialOptions()), onWarning);
  if (options.identityBinding) members.unshift(identityBindingMember(credentialOptions));
  members = members.map((member) => adapt(member, members, options.workloadIdentityFile, credentialOptions, onWarning));

  return (scope, getTokenOptions) => {
    const watched = members.map((member) => watch(member, limitOf(member.name, options.workloadIdentityFile)));
    const chain = new ChainedTokenCredential(...watched.map(({ credential }) => credential));
    return { attempts: watched.map(({ attempt }) => attempt), token: chain.getToken(scope, getTokenOptions) };
  };
}

/** The credentials of a DefaultAzureCredential. One that it left out, because the constructor threw, fails with that reason. */
function membersOf(chain: DefaultAzureCredential, onWarning: (message: string) => void): Member[] {
  // Private in TypeScript, but the only access. If a new version lacks it, we watch the chain as a whole.
  const sources: unknown = Reflect.get(chain, '_sources');
  if (!Array.isArray(sources)) {
    onWarning(
      'This version of @azure/identity hides the credentials of its chain: a failure cannot say which credential failed',
    );
    return [{ name: 'DefaultAzureCredential', credential: chain }];
  }
  return sources.map((credential) => {
    const leftOut: unknown = Reflect.get(credential, 'credentialUnavailableErrorMessage');
    if (leftOut === undefined) return { name: credential.constructor.name, credential };
    // Named after the function that failed to create it, such as createDefaultWorkloadIdentityCredential. The function without
    // a name creates a ManagedIdentityCredential that was chosen as the only credential.
    const name = String(Reflect.get(credential, 'credentialName')).replace('createDefault', '') || MANAGED_IDENTITY;
    return { name, credential: unavailable(String(leftOut)) };
  });
}

/** Replaces a credential of the SDK that does not do what the service needs. */
function adapt(
  member: Member,
  members: readonly Member[],
  workloadIdentityFile: string | undefined,
  options: () => object,
  onWarning: (message: string) => void,
): Member {
  const { name, credential } = member;
  if (name === 'AzureCliCredential') return { name, credential: azureCliCredential() };
  if (name === MANAGED_IDENTITY) {
    if (workloadIdentityFile === undefined)
      return { name, credential: probingLonger(passCacheOnClaims(credential, onWarning)) };
    // It would repeat the exchange of WorkloadIdentityCredential with its own HTTP client, which cannot be watched or limited.
    if (members.some((other) => other.name === 'WorkloadIdentityCredential')) {
      return { name, credential: unavailable('Left out: WorkloadIdentityCredential makes the same token exchange') };
    }
    return { name, credential: checkingFile(tokenExchange(options), workloadIdentityFile) };
  }
  if (name.startsWith('WorkloadIdentityCredential') && workloadIdentityFile !== undefined) {
    return { name, credential: checkingFile(credential, workloadIdentityFile) };
  }
  return member;
}

function tokenExchange(options: () => object): TokenCredential {
  try {
    return new WorkloadIdentityCredential(options());
  } catch (cause) {
    return unavailable(errorMessage(cause));
  }
}

function probingLonger(credential: TokenCredential): TokenCredential {
  return {
    getToken: (scopes, options) =>
      credential.getToken(scopes, { ...options, requestOptions: { timeout: PROBE_LIMIT_MS } }),
  };
}

/** The SDK opens any kind of file: a named pipe would block a thread, and a device would fill the memory. */
function checkingFile(credential: TokenCredential, file: string): TokenCredential {
  return {
    async getToken(scopes, options) {
      try {
        await checkRegularFile(file);
      } catch (cause) {
        throw new CredentialUnavailableError(`The projected token ${file}: ${errorMessage(cause)}`, { cause });
      }
      return credential.getToken(scopes, options);
    },
  };
}

function identityBindingMember(options: () => object): Member {
  const additionalPolicies = [{ policy: observing, position: 'perRetry' as const }];
  let made: WorkloadIdentityCredential | undefined;
  return {
    name: 'WorkloadIdentityCredential (identity binding)',
    credential: {
      async getToken(scopes, getTokenOptions) {
        // Create it on first use: its constructor reads the proxy's certificate, which may come later.
        try {
          made ??= new WorkloadIdentityCredential({ ...options(), enableAzureProxy: true, additionalPolicies });
        } catch (cause) {
          throw new CredentialUnavailableError(errorMessage(cause), { cause });
        }
        return made.getToken(scopes, getTokenOptions);
      },
    },
  };
}

function unavailable(message: string): TokenCredential {
  return {
    async getToken() {
      throw new CredentialUnavailableError(message);
    },
  };
}

/** The attempt that the current requests belong to. */
const attempting = new AsyncLocalStorage<Attempt>();

/**
 * How long a credential may take. None has its own timeout, and the next one must wait for it. NMI has no limit, because it may
 * wait for an identity to be assigned. Developer tools have the time that their processes get.
 */
function limitOf(name: string, workloadIdentityFile: string | undefined): number | undefined {
  if (name === MANAGED_IDENTITY && workloadIdentityFile === undefined) return undefined;
  return /Cli|PowerShell/.test(name) ? PROCESS_LIMIT_MS + 1000 : ENTRA_LIMIT_MS;
}

function watch(member: Member, limitMs: number | undefined): { attempt: Attempt; credential: TokenCredential } {
  const attempt: Attempt = { name: member.name, outcome: 'not-tried', message: '' };
  return {
    attempt,
    credential: {
      async getToken(scopes, options) {
        attempt.outcome = 'pending';
        try {
          const asked = attempting.run(attempt, () => member.credential.getToken(scopes, options));
          const token = await (limitMs === undefined ? asked : withinLimit(asked, limitMs));
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

async function withinLimit<T>(asked: Promise<T>, limitMs: number): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(new CredentialUnavailableError(`No answer within ${limitMs / 1000} s`));
  }, limitMs);
  return untilAborted(asked, limit.signal).finally(() => clearTimeout(timer));
}

function isOfMsal(error: unknown): boolean {
  return [...errorChain(error)].some((member) => typeof Reflect.get(member, 'errorCode') === 'string');
}

/** The largest response to read. One with a token has a few kilobytes. */
const MAX_ANSWER_BYTES = 1024 * 1024;

const NO_TEXT = /"access_token"\s{0,20}:\s{0,20}[^"\s]/;
const NOT_A_TEXT = 'an access token that is not a text';

async function observe(request: PipelineRequest, send: SendRequest): Promise<PipelineResponse> {
  const attempt: Partial<Attempt> = attempting.getStore() ?? {};
  const { hostname: host, pathname } = new URL(request.url);
  // The SDK's probe leaves out the header on purpose: if something refuses the request, it is a metadata service.
  const isProbe = pathname.startsWith('/metadata/identity/') && !request.headers.has('Metadata');
  const common = { host, ...(isProbe && { isProbe }) };
  request.onDownloadProgress = ({ loadedBytes }) => {
    if (loadedBytes > MAX_ANSWER_BYTES) throw new Error(`${host} answered with more than ${MAX_ANSWER_BYTES} bytes`);
  };
  let response: PipelineResponse;
  try {
    response = await send(request);
  } catch (error) {
    attempt.exchange = { ...common, ...codeOf(error) };
    throw error;
  }
  const { status, bodyAsText, headers } = response;
  const contentType = headers.get('content-type');
  attempt.exchange = {
    ...common,
    status,
    ...(contentType !== undefined && { contentType: fromOutside(contentType, 100) }),
    ...(status !== 200 && { body: fromOutside(bodyAsText ?? '') }),
    serverAheadSeconds: serverAheadSeconds(response),
  };
  tameRetryAfter(response);
  if (status === 200 && NO_TEXT.test(bodyAsText ?? '')) {
    // MSAL would cache such a token until its expiry. It calls every error of its transport a network error, without the message.
    attempt.message = `${host} answered with ${NOT_A_TEXT}`;
    throw new Error(attempt.message);
  }
  return response;
}

/** The system error code. The SDK's own timeout has none. */
function codeOf(error: unknown): { code?: string } {
  const code: unknown = Reflect.get(Object(error), 'code');
  if (typeof code === 'string') return { code };
  return error instanceof Error && error.name === 'AbortError' ? { code: 'ETIMEDOUT' } : {};
}

const transport = createDefaultHttpClient();

/** Watches the SDK's own client. A policy would not work, because ManagedIdentityCredential takes none. */
const httpClient: HttpClient = {
  sendRequest: (request) => observe(request, (sent) => transport.sendRequest(sent)),
};

/** The same for the credential of an identity binding, which has its own client. */
const observing: PipelinePolicy = { name: 'observe', sendRequest: observe };
