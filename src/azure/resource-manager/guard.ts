import type { TokenCredential } from '@azure/core-auth';
import { bearerTokenAuthenticationPolicyName, type Pipeline, type PipelinePolicy } from '@azure/core-rest-pipeline';
import { type Identity, isSameIdentity } from '../../explain/claims.ts';
import type { Cloud } from '../cloud.ts';
import type { Deadline } from '../deadline.ts';
import { AzureFailure } from '../errors.ts';
import type { TokenCache } from '../identity/token-cache.ts';
import { type AzureOperation, instrument, type OnCall } from '../instrument.ts';
import { retryAfterMs } from '../retry-after.ts';
import { type ExchangeRecord, recordExchange } from '../transport.ts';
import { reducePage } from './page.ts';
import { responseFailure, sdkFailure } from './response-error.ts';

/**
 * A subscription has at most 980 resource groups, so even pages with a single group stay below this limit. A server that sends
 * more links never stops.
 *
 * @see https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
 */
const MAX_PAGES = 1000;

const LIMITS = {
  /**
   * A page of 980 resource groups has a few hundred kilobytes, or three to four megabytes with 15 long tags each. Reading four
   * megabytes takes 40 MiB of memory for a moment, and a small container has 128.
   */
  maxBytes: 4 * 1024 * 1024,
  /** The largest page of Azure has about 60,000 values: 980 resource groups with 50 tags each. */
  maxElements: 100_000,
};

/** The options of an ARM client's constructor. */
interface ClientOptions {
  endpoint: string;
  userAgentOptions: { userAgentPrefix: string };
  additionalPolicies: { policy: PipelinePolicy; position: 'perRetry' }[];
}

/** A list was begun with a token of one identity, and its next page would come with that of another. */
export class IdentityChanged extends AzureFailure {
  constructor() {
    super('broken', 'The identity changed while its list was read');
  }
}

/** Reads the pages of one list with a new ARM client, all of them as one identity. */
export type ReadPages = <Client extends { pipeline: Pipeline }, T>(
  operation: Exclude<AzureOperation, 'acquire-token'>,
  deadline: Deadline,
  identity: Identity,
  createClient: (credential: TokenCredential, options: ClientOptions) => Client,
  read: (client: Client) => Promise<T>,
) => Promise<T>;

const LISTS = {
  'list-subscriptions': { waitingFor: 'the list of subscriptions', fields: ['subscriptionId', 'displayName'] },
  'list-resource-groups': { waitingFor: 'the list of resource groups', fields: ['name'] },
  'list-permissions': { waitingFor: 'the list of permissions', fields: ['actions', 'notActions'] },
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

  return (operation, deadline, identity, createClient, read) => {
    const { waitingFor, fields } = LISTS[operation];
    const record: ExchangeRecord = {};
    deadline.waitingFor = waitingFor;
    deadline.pendingExchange = () => record.pending ?? credential.pendingExchange();
    deadline.lastFailure = undefined;
    const client = createClient(withoutSdkCache(credential, identity), {
      endpoint: cloud.resourceManager,
      userAgentOptions: { userAgentPrefix },
      additionalPolicies: [{ policy: watchTries(cloud, deadline, record), position: 'perRetry' }],
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
          // The SDK's error does not say that the deadline aborted it.
          if (deadline.signal.aborted && !(error instanceof AzureFailure)) throw deadline.lastFailure ?? error;
          const failure = error instanceof AzureFailure ? error : sdkFailure(error, cloud);
          failure.exchange ??= record.exchange;
          throw failure;
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
 *
 * @throws {IdentityChanged} instead of a token of another identity, which may see other subscriptions and groups
 */
function withoutSdkCache(credential: TokenCache, identity: Identity): TokenCredential {
  return {
    async getToken(_scopes, options) {
      const token = await credential.getToken(options?.claims);
      if (!isSameIdentity(token.identity, identity)) throw new IdentityChanged();
      return { token: token.token, expiresOnTimestamp: 0 };
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
      const response = await next(request);
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

/**
 * Watches each try. Keeps the failure that the SDK retries after, and fails at once if the wait would end after the deadline. The
 * SDK would wait for any Retry-After, even an hour.
 */
function watchTries(cloud: Cloud, deadline: Deadline, record: ExchangeRecord): PipelinePolicy {
  return {
    name: 'watchTries',
    async sendRequest(request, next) {
      const response = await recordExchange(request, next, record, LIMITS).catch((error: unknown) => {
        const failure = sdkFailure(error, cloud);
        if (!deadline.signal.aborted) deadline.lastFailure = failure;
        throw error;
      });
      const failure = response.status >= 400 ? responseFailure(response) : undefined;
      // The SDK does not retry after a failure of the identity: after a 401, it asks for another token.
      deadline.lastFailure = failure?.category === 'service' ? failure : undefined;
      const waitMs = response.status === 429 || response.status === 503 ? retryAfterMs(response) : undefined;
      if (failure && waitMs !== undefined && performance.now() + waitMs >= deadline.deadlineAtMs) throw failure;
      return response;
    },
  };
}
