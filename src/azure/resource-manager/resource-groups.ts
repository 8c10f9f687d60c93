import { ResourceManagementClient } from '@azure/arm-resources';
import { SubscriptionClient } from '@azure/arm-resources-subscriptions';
import type { Cloud } from '../cloud.ts';
import { type Deadline, withinDeadline } from '../deadline.ts';
import { AzureFailure } from '../errors.ts';
import type { TokenCache } from '../identity/token-cache.ts';
import type { OnCall } from '../instrument.ts';
import { guardResourceManager } from './guard.ts';

/**
 * Ten times what a subscription may hold, and names ten times as long as they may be: whoever lists more is not Resource Manager,
 * and would fill the memory page by page.
 *
 * @see https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
 */
const MAX_GROUPS = 9800;
const MAX_NAMES_LENGTH = MAX_GROUPS * 900;

interface Subscription {
  id: string;
  /** Unknown where the id was configured, so that nobody has asked. */
  name?: string | undefined;
}

export interface ResourceGroups {
  subscription: Subscription;
  /** The names of all its resource groups, in the order of Azure Resource Manager. */
  names: string[];
}

export interface ResourceGroupListing {
  /**
   * The whole list or an error. `headers` go along on every request to Resource Manager.
   *
   * @throws {AzureFailure} when authentication or authorization fails
   * @throws {AzureFailure} when Azure itself fails
   */
  listResourceGroups(headers?: Record<string, string>): Promise<ResourceGroups>;
  /** The display name of a subscription; undefined where it cannot be found out within so many milliseconds. */
  nameSubscription(id: string, withinMs: number, headers?: Record<string, string>): Promise<string | undefined>;
}

/** Makes the listing for one cloud and, where `subscriptionId` is given, one subscription; its clients are made once and kept. */
export function createResourceGroupListing(options: {
  cloud: Cloud;
  credential: TokenCache;
  subscriptionId: string | undefined;
  deadlineMs: number;
  userAgentPrefix: string;
  onCall: OnCall;
}): ResourceGroupListing {
  const { cloud, credential, deadlineMs } = options;
  const guarded = guardResourceManager(cloud, credential, options.userAgentPrefix, options.onCall);
  const { subscriptions } = guarded.guard(new SubscriptionClient(guarded.credential, guarded.clientOptions));
  /** The subscription in use and its client; a discovered one is remembered only while it works. */
  let current: { subscription: Subscription; client: ResourceManagementClient } | undefined;
  const configured = options.subscriptionId === undefined ? undefined : { id: options.subscriptionId };

  async function firstSubscription(budget: Deadline): Promise<Subscription> {
    budget.waitingFor = 'the list of subscriptions';
    return guarded.walk('list-subscriptions', budget, async () => {
      for await (const { subscriptionId, displayName } of subscriptions.list()) {
        if (subscriptionId) return { id: subscriptionId, name: displayName };
        throw new AzureFailure('broken', 'Resource Manager listed a subscription without an id');
      }
      throw new AzureFailure('no-subscription', 'The identity has a token, but no role in any subscription');
    });
  }

  async function groupsOf(budget: Deadline, subscription: Subscription): Promise<ResourceGroups> {
    budget.waitingFor = 'the list of resource groups';
    if (current?.subscription.id !== subscription.id) {
      const client = new ResourceManagementClient(guarded.credential, subscription.id, guarded.clientOptions);
      current = { subscription, client: guarded.guard(client) };
    }
    const { resourceGroups } = current.client;
    try {
      return await guarded.walk('list-resource-groups', budget, async () => {
        const names: string[] = [];
        let length = 0;
        for await (const { name } of resourceGroups.list()) {
          // Typed as a string, but nobody has looked.
          if (typeof name !== 'string' || name === '') {
            throw new AzureFailure('broken', 'Resource Manager listed a resource group without a name');
          }
          names.push(name);
          length += name.length;
          if (names.length > MAX_GROUPS || length > MAX_NAMES_LENGTH) {
            throw new AzureFailure(
              'broken',
              `Resource Manager listed more than ${MAX_GROUPS} resource groups, or names without end`,
            );
          }
        }
        return { subscription, names };
      });
    } catch (error) {
      if (error instanceof AzureFailure) error.subscriptionId = subscription.id;
      throw error;
    }
  }

  async function list(budget: Deadline): Promise<ResourceGroups> {
    // The clients would ask for it themselves, but nobody could tell then what is being waited for.
    await credential.getToken();
    if (configured) return groupsOf(budget, configured);

    const remembered = current?.subscription;
    try {
      return await groupsOf(budget, remembered ?? (await firstSubscription(budget)));
    } catch (error) {
      current = undefined;
      const isGone = error instanceof AzureFailure && error.category === 'identity' && error.kind !== 'token-rejected';
      if (remembered === undefined || !isGone) throw error;
      return groupsOf(budget, await firstSubscription(budget));
    }
  }

  /** The name that was looked up last; there is hardly ever another. */
  let named: { id: string; name: string } | undefined;

  async function findName(budget: Deadline, id: string): Promise<string | undefined> {
    budget.waitingFor = 'the list of subscriptions';
    await guarded.walk('list-subscriptions', budget, async () => {
      for await (const { subscriptionId, displayName } of subscriptions.list()) {
        if (subscriptionId?.toLowerCase() !== id.toLowerCase() || !displayName) continue;
        named = { id, name: displayName };
        return;
      }
    });
    return named?.id === id ? named.name : undefined;
  }

  return {
    listResourceGroups: (headers) => withinDeadline(deadlineMs, list, headers),
    async nameSubscription(id, withinMs, headers) {
      if (named?.id === id) return named.name;
      return withinDeadline(withinMs, (budget) => findName(budget, id), headers).catch(() => undefined);
    },
  };
}
