import { AsyncLocalStorage } from 'node:async_hooks';
import type { TokenCredential } from '@azure/core-auth';
import {
  bearerTokenAuthenticationPolicyName,
  type Pipeline,
  type PipelinePolicy,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import { serverAheadSeconds } from '../clock-skew.ts';
import type { Cloud } from '../cloud.ts';
import type { Deadline } from '../deadline.ts';
import { AzureFailure } from '../errors.ts';
import type { TokenCache } from '../identity/token-cache.ts';
import { type AzureOperation, instrument, type OnCall } from '../instrument.ts';

/**
 * A subscription holds at most 980 resource groups, so that even pages of a single one end before this. Whoever sends
 * more links than that never ends.
 *
 * @see https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
 */
const MAX_PAGES = 1000;

/**
 * The largest answer that is read. A page of resource groups has some hundred kilobytes, with the most and longest tags that
 * Azure allows some megabytes; whoever sends more would fill the memory of a small container.
 */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** What a client is told that is throttled without being told for how long. */
const DEFAULT_RETRY_AFTER_SECONDS = 5;

/** One walk through the pages of a list. */
interface Walk extends Pick<Deadline, 'signal' | 'deadlineAtMs'> {
  /** Headers that each of its requests carries along. */
  headers: Record<string, string>;
  visited: Set<string>;
}

/**
 * What the ARM clients of one cloud are made with, and the walk within which they may be used: every request of a walk stays
 * at the cloud's Resource Manager, ends at the time limit and answers with a page.
 */
export function guardResourceManager(cloud: Cloud, credential: TokenCache, userAgentPrefix: string, onCall: OnCall) {
  // The clients outlive a walk, and their pagers hand options to page one only: what every request has to keep to
  // reaches the policies through the asynchronous context.
  const walks = new AsyncLocalStorage<Walk>();
  return {
    credential: withoutSdkCache(credential),
    clientOptions: {
      endpoint: cloud.resourceManager,
      userAgentOptions: { userAgentPrefix },
      additionalPolicies: [{ policy: refuseLongWaits(walks), position: 'perRetry' as const }],
    },
    /** Puts the guard into a client made with them, as its outermost policy. */
    guard<Client extends { pipeline: Pipeline }>(client: Client): Client {
      // An additional policy would stand behind the one that sets the token and answers claims challenges.
      client.pipeline.addPolicy(guardRequests(cloud, credential, walks), {
        beforePolicies: [bearerTokenAuthenticationPolicyName],
      });
      return client;
    },
    /**
     * Reads the pages of one list.
     *
     * @throws {AzureFailure} when authentication or authorization fails
     * @throws {AzureFailure} when Azure itself fails
     */
    walk<T>(operation: AzureOperation, budget: Deadline, read: () => Promise<T>): Promise<T> {
      const { signal, deadlineAtMs, headers } = budget;
      return instrument(
        onCall,
        operation,
        async () => {
          try {
            return await walks.run({ signal, deadlineAtMs, headers, visited: new Set() }, read);
          } catch (error) {
            throw error instanceof AzureFailure ? error : sdkFailure(error, cloud);
          }
        },
        signal,
      );
    },
  };
}

/**
 * What the ARM clients get for a credential. It says of every token that it has expired already, so that the SDK's own token
 * cycler keeps none: the cycler would go on using a token that was forgotten after a 401, and what it renews in the background
 * it does not watch, so that a refusal at the end of a token would end the process. The scope is that of the credential.
 */
function withoutSdkCache(credential: TokenCache): TokenCredential {
  return {
    async getToken(_scopes, options) {
      const { token } = await credential.getToken(options?.claims);
      return { token, expiresOnTimestamp: 0 };
    },
  };
}

/** Around each call with all its tries: where it may go, how long it may take, and that its answer is a page. */
function guardRequests(cloud: Cloud, credential: TokenCache, walks: AsyncLocalStorage<Walk>): PipelinePolicy {
  return {
    name: 'guardRequests',
    async sendRequest(request, next) {
      const walk = walks.getStore();
      if (!walk) throw new Error('a request outside of a walk');
      // The SDK follows a nextLink wherever it leads, and takes the bearer token along.
      if (URL.parse(request.url)?.origin !== cloud.resourceManager) {
        throw new AzureFailure('broken', `A nextLink leads away from ${cloud.resourceManager}; not followed`);
      }
      if (walk.visited.has(request.url))
        throw new AzureFailure('broken', 'A nextLink leads back to a page seen before');
      if (walk.visited.size === MAX_PAGES) throw new AzureFailure('broken', `No end after ${MAX_PAGES} pages`);
      walk.visited.add(request.url);
      request.abortSignal = walk.signal;
      for (const [name, value] of Object.entries(walk.headers)) request.headers.set(name, value);
      const tooMuch = limitAnswer(request, MAX_ANSWER_BYTES);
      const response = await next(request).catch((error: unknown) => {
        if (!tooMuch()) throw error;
        throw new AzureFailure('broken', `Resource Manager answered with more than ${MAX_ANSWER_BYTES} bytes`);
      });
      if (response.status !== 200) {
        if (response.status === 401) credential.forgetToken();
        throw responseFailure(response);
      }
      assertPage(response);
      return response;
    },
  };
}

/** Breaks off an answer that is larger, decompressed; says whether it had to. */
function limitAnswer(request: PipelineRequest, maxBytes: number): () => boolean {
  let isTooMuch = false;
  request.onDownloadProgress = ({ loadedBytes }) => {
    isTooMuch = loadedBytes > maxBytes;
    if (isTooMuch) throw new Error(`an answer of more than ${maxBytes} bytes`);
  };
  return () => isTooMuch;
}

/** Around each try: the SDK would wait for any Retry-After, an hour too; a wait that ends after the deadline is refused at once. */
function refuseLongWaits(walks: AsyncLocalStorage<Walk>): PipelinePolicy {
  return {
    name: 'refuseLongWaits',
    async sendRequest(request, next) {
      const response = await next(request);
      const walk = walks.getStore();
      const waitMs = response.status === 429 || response.status === 503 ? retryAfterMs(response) : undefined;
      if (walk && waitMs !== undefined && performance.now() + waitMs >= walk.deadlineAtMs) {
        throw responseFailure(response);
      }
      return response;
    },
  };
}

/** Milliseconds that a response asks to be left alone for, in one of the ways that the SDK's retry policy understands. */
function retryAfterMs({ headers }: PipelineResponse): number | undefined {
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const ms = headers.get(name);
    if (ms && Number(ms) >= 0) return Number(ms);
  }
  const value = headers.get('retry-after');
  if (!value) return undefined;
  const ms = Number(value) >= 0 ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** The error of Resource Manager with its own code and message, which the SDK's pager drops. */
export class ResourceManagerError extends Error {
  readonly statusCode: number;
  readonly code: string | undefined;
  /** By how many seconds the clock of Resource Manager was ahead of ours. */
  readonly serverAheadSeconds: number | undefined;

  constructor(response: PipelineResponse) {
    const error = Object(parseJson(response.bodyAsText)?.['error']);
    super(typeof error.message === 'string' ? error.message : excerpt(response));
    this.name = 'ResourceManagerError';
    this.statusCode = response.status;
    this.code = typeof error.code === 'string' ? error.code : undefined;
    this.serverAheadSeconds = serverAheadSeconds(response);
  }
}

function responseFailure(response: PipelineResponse): AzureFailure {
  const cause = new ResourceManagerError(response);
  const said = `Resource Manager answered ${[response.status, cause.code].join(' ').trim()}: ${cause.message}`;
  switch (response.status) {
    case 401:
      return new AzureFailure('token-rejected', said, { cause });
    case 403:
      // Without a code it was not Resource Manager that refused, but somebody on the way.
      if (cause.code === undefined) return new AzureFailure('broken', said, { cause });
      return new AzureFailure('not-authorized', said, { cause });
    case 404:
      if (cause.code === 'SubscriptionNotFound') return new AzureFailure('no-subscription', said, { cause });
      return new AzureFailure('broken', said, { cause });
    case 429: {
      const waitMs = retryAfterMs(response);
      const retryAfterSeconds =
        waitMs === undefined ? DEFAULT_RETRY_AFTER_SECONDS : Math.max(1, Math.ceil(waitMs / 1000));
      return new AzureFailure('throttled', said, { cause, retryAfterSeconds });
    }
    default:
      return new AzureFailure('broken', said, { cause });
  }
}

/** A body that is no page makes the SDK's deserializer fail with a TypeError that tells nobody what came instead. */
function assertPage(response: PipelineResponse): void {
  if (!Array.isArray(parseJson(response.bodyAsText)?.['value'])) {
    throw new AzureFailure('broken', `Resource Manager answered 200, but not with a list: ${excerpt(response)}`);
  }
}

function parseJson(text: string | null | undefined): Record<string, unknown> | undefined {
  try {
    return Object(JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}

function excerpt({ headers, bodyAsText }: PipelineResponse): string {
  const body = (bodyAsText ?? '').replace(/\s+/g, ' ').trim();
  const type = headers.get('content-type') ?? 'no content type';
  return body ? `${type}, beginning "${body.slice(0, 100)}"` : `${type}, empty`;
}

/** Whatever the SDK throws by itself: it could not send, was cut off, or could not make sense of what it got. */
function sdkFailure(cause: unknown, cloud: Cloud): AzureFailure {
  const { name, message } = cause instanceof Error ? cause : new Error(String(cause));
  // Sending fails with a RestError that has a code, the errno; one without is the pager's, which did not like a nextLink.
  const isTransport = name === 'RestError' && Reflect.get(Object(cause), 'code') !== undefined;
  return isTransport || name === 'AbortError'
    ? new AzureFailure('unreachable', `${cloud.resourceManager} cannot be reached: ${message}`, { cause })
    : new AzureFailure('broken', `What Resource Manager answered makes no sense: ${message}`, { cause });
}
