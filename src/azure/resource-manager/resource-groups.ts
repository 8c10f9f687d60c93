import { ResourceManagementClient } from '@azure/arm-resources';
import { SubscriptionClient } from '@azure/arm-resources-subscriptions';
import type { Cloud } from '../cloud.ts';
import { type Deadline, withinDeadline } from '../deadline.ts';
import { AzureFailure } from '../errors.ts';
import type { TokenCache } from '../identity/token-cache.ts';
import type { OnCall } from '../instrument.ts';
import { createPageReader, type ReadPages } from './guard.ts';

/**
 * Ten times the limit of a subscription. A longer list does not come from Resource Manager, and would fill the memory page by
 * page.
 *
 * @see https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
 */
const MAX_GROUPS = 9800;

/** @see https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftresources */
const MAX_NAME_LENGTH = 90;

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** How long to remember that looking up a subscription's name failed. */
const NO_NAME_TTL_MS = 60_000;

interface Subscription {
  id: string;
  /** Undefined if the id is configured and its name was not looked up. */
  name?: string | undefined;
}

export interface ResourceGroups {
  subscription: Subscription;
  /** The names of all its resource groups, in the order of Azure Resource Manager. */
  names: string[];
}

export interface ResourceGroupListing {
  /**
   * Lists all resource groups, never a part of them. Every request to Resource Manager carries `headers`.
   *
   * @throws {AzureFailure} of the category `identity` if authentication or authorization fails, `service` if Azure itself fails
   */
  listResourceGroups(headers?: Record<string, string>): Promise<ResourceGroups>;
  /** Looks up the display name of a subscription; undefined if that fails or takes longer than `withinMs` milliseconds. */
  nameSubscription(id: string, withinMs: number, headers?: Record<string, string>): Promise<string | undefined>;
}

/** Creates the listing for one cloud, and for `subscriptionId` if there is one. */
export function createResourceGroupListing(options: {
  cloud: Cloud;
  credential: TokenCache;
  subscriptionId: string | undefined;
  deadlineMs: number;
  userAgentPrefix: string;
  onCall: OnCall;
}): ResourceGroupListing {
  const { credential, deadlineMs } = options;
  const readPages = createPageReader(options);
  const configured = options.subscriptionId === undefined ? undefined : { id: options.subscriptionId };
  /** The discovered subscription, cached while it works. */
  let discovered: Subscription | undefined;

  function firstSubscription(deadline: Deadline): Promise<Subscription> {
    return readPages('list-subscriptions', deadline, subscriptionClient, async ({ subscriptions }) => {
      for await (const { subscriptionId, displayName } of subscriptions.list()) {
        if (subscriptionId && GUID.test(subscriptionId)) return { id: subscriptionId, name: displayName };
        throw new AzureFailure('broken', 'Resource Manager listed a subscription without a valid id');
      }
      throw new AzureFailure('no-subscription', 'The identity has a token, but no role in any subscription');
    });
  }

  async function groupsOf(deadline: Deadline, subscription: Subscription): Promise<ResourceGroups> {
    deadline.subscriptionId = subscription.id;
    const createClient = (...[sdkCredential, clientOptions]: ClientArguments) =>
      new ResourceManagementClient(sdkCredential, subscription.id, clientOptions);
    return readPages('list-resource-groups', deadline, createClient, async ({ resourceGroups }) => {
      const names: string[] = [];
      for await (const { name = '' } of resourceGroups.list()) {
        if (name === '' || name.length > MAX_NAME_LENGTH) {
          throw new AzureFailure('broken', 'Resource Manager listed a resource group without a valid name');
        }
        if (names.push(name) > MAX_GROUPS) {
          throw new AzureFailure('broken', `Resource Manager listed more than ${MAX_GROUPS} resource groups`);
        }
      }
      return { subscription, names };
    });
  }

  async function groupsOfFirst(deadline: Deadline): Promise<ResourceGroups> {
    const subscription = await firstSubscription(deadline);
    const resourceGroups = await groupsOf(deadline, subscription);
    discovered = subscription;
    return resourceGroups;
  }

  async function list(deadline: Deadline): Promise<ResourceGroups> {
    // The clients would fetch the token themselves, but then we would not know what we are waiting for.
    await credential.getToken();
    if (configured) return groupsOf(deadline, configured);
    if (!discovered) return groupsOfFirst(deadline);
    try {
      return await groupsOf(deadline, discovered);
    } catch (error) {
      discovered = undefined;
      const isGone = error instanceof AzureFailure && error.category === 'identity' && error.kind !== 'token-rejected';
      if (!isGone) throw error;
      deadline.subscriptionId = undefined;
      return groupsOfFirst(deadline);
    }
  }

  /** The name that was looked up last. There is hardly ever another. */
  let named: { id: string; name: string | undefined; lookedUpAtMs: number } | undefined;

  function findName(deadline: Deadline, id: string): Promise<string | undefined> {
    return readPages('list-subscriptions', deadline, subscriptionClient, async ({ subscriptions }) => {
      for await (const { subscriptionId, displayName } of subscriptions.list()) {
        if (subscriptionId?.toLowerCase() === id.toLowerCase() && displayName) return displayName;
      }
      return undefined;
    });
  }

  return {
    listResourceGroups: (headers) => withinDeadline(deadlineMs, list, headers),
    async nameSubscription(id, withinMs, headers) {
      if (named?.id === id && (named.name || performance.now() - named.lookedUpAtMs < NO_NAME_TTL_MS)) {
        return named.name;
      }
      const work = (deadline: Deadline) => findName(deadline, id);
      const name = await withinDeadline(withinMs, work, headers).catch(() => undefined);
      named = { id, name, lookedUpAtMs: performance.now() };
      return name;
    },
  };
}

type ClientArguments = Parameters<Parameters<ReadPages>[2]>;

function subscriptionClient(...[credential, clientOptions]: ClientArguments): SubscriptionClient {
  return new SubscriptionClient(credential, clientOptions);
}
