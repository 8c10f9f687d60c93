import type { TokenCredential } from '@azure/core-auth';
import {
  bearerTokenAuthenticationPolicyName,
  type Pipeline,
  type PipelinePolicy,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import type { Cloud } from '../cloud.ts';
import type { Deadline } from '../deadline.ts';
import { AzureFailure } from '../errors.ts';
import type { TokenCache } from '../identity/token-cache.ts';
import { type AzureOperation, instrument, type OnCall } from '../instrument.ts';
import { retryAfterMs, tameRetryAfter } from '../retry-after.ts';
import { reducePage } from './page.ts';
import { responseFailure, sdkFailure } from './response-error.ts';

/**
 * A subscription has at most 980 resource groups, so even pages with a single group stay below this limit. A server that sends
 * more links never stops.
 *
 * @see https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
 */
const MAX_PAGES = 1000;

/**
 * The largest response to read, decompressed. A page of 980 resource groups has a few hundred kilobytes, or three to four
 * megabytes with 15 long tags each. Reading four megabytes takes 40 MiB of memory for a moment, and a small container has 128.
 */
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

/** The options of an ARM client's constructor. */
interface ClientOptions {
  endpoint: string;
  userAgentOptions: { userAgentPrefix: string };
  additionalPolicies: { policy: PipelinePolicy; position: 'perRetry' }[];
}

/** Reads the pages of one list with a new ARM client. */
export type ReadPages = <Client extends { pipeline: Pipeline }, T>(
  operation: Exclude<AzureOperation, 'acquire-token'>,
  deadline: Deadline,
  createClient: (credential: TokenCredential, options: ClientOptions) => Client,
  read: (client: Client) => Promise<T>,
) => Promise<T>;

const LISTS = {
  'list-subscriptions': { waitingFor: 'the list of subscriptions', fields: ['subscriptionId', 'displayName'] },
  'list-resource-groups': { waitingFor: 'the list of resource groups', fields: ['name'] },
} as const;

/**
 * Creates the page reader of one cloud. It ensures that every request goes to the cloud's Resource Manager, ends at the deadline
 * and gets a page.
 *
 * Each list gets a new client (0.1 ms), because the SDK's pagers pass the caller's options to the first page only. The client's
 * policies apply to every page. Sockets outlive a client, because the SDK has one HTTP client per process.
 */
export function createPageReader(options: {
  cloud: Cloud;
  credential: TokenCache;
  userAgentPrefix: string;
  onCall: OnCall;
}): ReadPages {
  const { cloud, credential, userAgentPrefix, onCall } = options;
  const sdkCredential = withoutSdkCache(credential);

  return (operation, deadline, createClient, read) => {
    const { waitingFor, fields } = LISTS[operation];
    deadline.waitingFor = waitingFor;
    deadline.lastFailure = undefined;
    const client = createClient(sdkCredential, {
      endpoint: cloud.resourceManager,
      userAgentOptions: { userAgentPrefix },
      additionalPolicies: [{ policy: watchTries(cloud, deadline), position: 'perRetry' }],
    });
    // An additional policy would run after the one that sets the token and handles claims challenges.
    client.pipeline.addPolicy(guardRequests(cloud, credential, deadline, fields), {
      beforePolicies: [bearerTokenAuthenticationPolicyName],
    });
    return instrument(
      onCall,
      operation,
      async () => {
        try {
          return await read(client);
        } catch (error) {
          if (error instanceof AzureFailure) throw error;
          // The SDK's error does not say that the deadline aborted it.
          if (deadline.signal.aborted) throw deadline.lastFailure ?? error;
          throw sdkFailure(error, cloud);
        }
      },
      deadline.signal,
    );
  };
}

/**
 * Creates the credential for the ARM clients. It marks every token as expired, so that the SDK's token cycler caches none. The
 * cycler would keep using a token that we forgot after a 401. Nothing catches the rejections of its background renewals either,
 * so a refusal near the expiry of a token would end the process. The scope is the credential's own.
 */
function withoutSdkCache(credential: TokenCache): TokenCredential {
  return {
    async getToken(_scopes, options) {
      const { token } = await credential.getToken(options?.claims);
      return { token, expiresOnTimestamp: 0 };
    },
  };
}

/** Guards each request, including its retries: checks the host, sets the deadline, and ensures that the response is a page. */
function guardRequests(
  cloud: Cloud,
  credential: TokenCache,
  deadline: Deadline,
  fields: readonly string[],
): PipelinePolicy {
  const visited = new Set<string>();
  return {
    name: 'guardRequests',
    async sendRequest(request, next) {
      // The SDK follows a nextLink to any host, and sends the bearer token with it.
      if (URL.parse(request.url)?.origin !== cloud.resourceManager) {
        throw new AzureFailure('broken', `A nextLink leads away from ${cloud.resourceManager}; not followed`);
      }
      if (visited.has(request.url)) throw new AzureFailure('broken', 'A nextLink leads back to a page seen before');
      if (visited.size === MAX_PAGES) throw new AzureFailure('broken', `No end after ${MAX_PAGES} pages`);
      visited.add(request.url);
      request.abortSignal = deadline.signal;
      for (const [name, value] of Object.entries(deadline.headers)) request.headers.set(name, value);
      const isTooLarge = limitResponse(request, MAX_RESPONSE_BYTES);
      const response = await next(request).catch((error: unknown) => {
        if (!isTooLarge()) throw error;
        throw new AzureFailure('broken', `Resource Manager answered with more than ${MAX_RESPONSE_BYTES} bytes`);
      });
      if (response.status !== 200) {
        if (response.status === 401) credential.forgetToken();
        throw responseFailure(response);
      }
      // For a body that is not a page, the SDK's deserializer throws a TypeError that does not say what came instead.
      response.bodyAsText = reducePage(response, fields);
      return response;
    },
  };
}

/** Aborts a response that is larger than this when decompressed. The returned function says whether it did. */
function limitResponse(request: PipelineRequest, maxBytes: number): () => boolean {
  let isTooLarge = false;
  request.onDownloadProgress = ({ loadedBytes }) => {
    isTooLarge = loadedBytes > maxBytes;
    if (isTooLarge) throw new Error(`a response of more than ${maxBytes} bytes`);
  };
  return () => isTooLarge;
}

/**
 * Watches each try. Keeps the failure that the SDK retries after, and fails at once if the wait would end after the deadline. The
 * SDK would wait for any Retry-After, even an hour.
 */
function watchTries(cloud: Cloud, deadline: Deadline): PipelinePolicy {
  return {
    name: 'watchTries',
    async sendRequest(request, next) {
      let response: PipelineResponse;
      try {
        response = await next(request);
      } catch (error) {
        if (!deadline.signal.aborted) deadline.lastFailure = sdkFailure(error, cloud);
        throw error;
      }
      tameRetryAfter(response);
      const failure = response.status >= 400 ? responseFailure(response) : undefined;
      // The SDK does not retry after a failure of the identity: after a 401, it asks for another token.
      deadline.lastFailure = failure?.category === 'service' ? failure : undefined;
      const waitMs = response.status === 429 || response.status === 503 ? retryAfterMs(response) : undefined;
      if (failure && waitMs !== undefined && performance.now() + waitMs >= deadline.deadlineAtMs) throw failure;
      return response;
    },
  };
}
