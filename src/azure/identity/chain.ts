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
import { serverAheadSeconds } from '../clock-skew.ts';
import type { Cloud } from '../cloud.ts';
import { untilAborted } from '../deadline.ts';
import { errorChain, errorMessage } from '../errors.ts';
import type { Attempt, Exchange } from './attempt.ts';

/** One request for a token. `attempts` has one entry for each credential of the chain, in order, and is kept up to date while `token` is awaited. */
interface Acquisition {
  attempts: readonly Attempt[];
  token: Promise<AccessToken | null>;
}

export type AcquireToken = (scope: string, options: GetTokenOptions) => Acquisition;

/** Microsoft Entra ID answers in a second; a request that has no answer by now is lost. */
const ENTRA_LIMIT_MS = 15_000;
/** An `az` may take some seconds. */
const PROCESS_LIMIT_MS = 30_000;

interface Member {
  name: string;
  credential: TokenCredential;
  /** Its last request, of whatever acquisition. */
  lastExchange?: Exchange | undefined;
}

/**
 * The chain of @azure/identity: the credentials of a DefaultAzureCredential, and before them, where AKS identity bindings are
 * in force (AZURE_KUBERNETES_TOKEN_PROXY), the one that can use their proxy; DefaultAzureCredential leaves it out on purpose.
 * Each is watched: DefaultAzureCredential itself tells neither which one won nor which ones it silently replaced.
 *
 * @see https://learn.microsoft.com/azure/aks/identity-bindings-concepts
 */
export function defaultChain(options: {
  cloud: Cloud;
  identityBinding: boolean;
  /** Whether there is a projected token, which ManagedIdentityCredential then takes to Microsoft Entra ID. */
  projectedToken: boolean;
  userAgentPrefix: string;
}): AcquireToken {
  const { cloud, userAgentPrefix } = options;
  // A new object each time: the credentials write into their options.
  const credentialOptions = () => ({
    authorityHost: cloud.authorityHost,
    userAgentOptions: { userAgentPrefix },
    httpClient,
    // By default an IMDS that answers 404 or 500 is asked for 15 to 20 seconds, longer than anybody waits for an answer.
    // One retry bridges a hiccup; after that whoever asks next tries again.
    retryOptions: { maxRetries: 1, retryDelayInMs: 500 },
    // Without it an `az` that hangs would never be given up.
    processTimeoutInMs: PROCESS_LIMIT_MS,
  });
  const members = membersOf(new DefaultAzureCredential(credentialOptions()));
  if (options.identityBinding) members.unshift(identityBindingMember(credentialOptions));

  return (scope, getTokenOptions) => {
    const watched = members.map((member) => watch(member, limitOf(member.name, options.projectedToken)));
    const chain = new ChainedTokenCredential(...watched.map(({ credential }) => credential));
    return { attempts: watched.map(({ attempt }) => attempt), token: chain.getToken(scope, getTokenOptions) };
  };
}

/** The credentials that a DefaultAzureCredential has chosen, those with their reason that it left out because their constructor threw. */
function membersOf(chain: DefaultAzureCredential): Member[] {
  // Private to TypeScript, and the only place that has them. Where a version has it no more, the chain is watched as one.
  const sources: unknown = Reflect.get(chain, '_sources');
  if (!Array.isArray(sources)) return [{ name: 'DefaultAzureCredential', credential: chain }];
  return sources.map((credential) => {
    const leftOut: unknown = Reflect.get(credential, 'credentialUnavailableErrorMessage');
    if (leftOut === undefined) return { name: credential.constructor.name, credential };
    // Named after the function that failed to create it: createDefaultWorkloadIdentityCredential.
    const name = String(Reflect.get(credential, 'credentialName')).replace('createDefault', '');
    return { name, credential: unavailable(String(leftOut)) };
  });
}

function identityBindingMember(options: () => object): Member {
  const additionalPolicies = [{ policy: observing, position: 'perRetry' as const }];
  let made: WorkloadIdentityCredential | undefined;
  return {
    name: 'WorkloadIdentityCredential (identity binding)',
    credential: {
      async getToken(scopes, getTokenOptions) {
        // Not before it is asked: its constructor reads the proxy's certificate, which may come later.
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

/** The attempt whose requests these are. */
const attempting = new AsyncLocalStorage<Attempt>();

/**
 * How long a credential may take: none has a time-out of its own, and those behind it are waiting. NMI may take longer than any
 * limit, while it waits for an identity to be assigned; the tools of a developer as long as they are given to end.
 */
function limitOf(name: string, projectedToken: boolean): number | undefined {
  if (name === 'ManagedIdentityCredential' && !projectedToken) return undefined;
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
          attempt.outcome = token ? 'succeeded' : 'unavailable';
          return token;
        } catch (error) {
          attempt.outcome = error instanceof CredentialUnavailableError ? 'unavailable' : 'failed';
          attempt.message = errorMessage(error);
          attempt.error = error;
          // MSAL repeats from memory what it was told, for as long as it was told to wait.
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

/** The largest answer that is read; that of a token has a few kilobytes. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Enough of an error's body to tell what it says. */
const EXCERPT_LENGTH = 500;

async function observe(request: PipelineRequest, send: SendRequest): Promise<PipelineResponse> {
  const attempt: Partial<Attempt> = attempting.getStore() ?? {};
  const { hostname: host } = new URL(request.url);
  attempt.exchange = undefined;
  request.onDownloadProgress = ({ loadedBytes }) => {
    if (loadedBytes > MAX_ANSWER_BYTES) throw new Error(`${host} answered with more than ${MAX_ANSWER_BYTES} bytes`);
  };
  try {
    const response = await send(request);
    attempt.exchange = { host, status: response.status, serverAheadSeconds: serverAheadSeconds(response) };
    if (response.status !== 200) attempt.exchange.body = (response.bodyAsText ?? '').slice(0, EXCERPT_LENGTH);
    return response;
  } catch (error) {
    const code: unknown = Reflect.get(Object(error), 'code');
    attempt.exchange = { host, ...(typeof code === 'string' && { code }) };
    throw error;
  }
}

const transport = createDefaultHttpClient();

/** The SDK's own client, watched. A policy would not do: ManagedIdentityCredential takes none. */
const httpClient: HttpClient = {
  sendRequest: (request) => observe(request, (sent) => transport.sendRequest(sent)),
};

/** The same for the credential that brings its own client, that of the identity binding's proxy. */
const observing: PipelinePolicy = { name: 'observe', sendRequest: observe };
