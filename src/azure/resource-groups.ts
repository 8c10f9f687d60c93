import { ResourceManagementClient } from '@azure/arm-resources';
import { SubscriptionClient } from '@azure/arm-resources-subscriptions';
import type { Cloud } from './cloud.ts';
import type { Credential } from './credential.ts';
import { untilAborted } from './deadline.ts';
import { AzureFailure, IdentityFailure } from './failure.ts';
import { guardResourceManager, type TimeLimit } from './resource-manager.ts';

/**
 * The names of all resource groups of the subscription, in the order of Azure Resource Manager; the whole list or an error.
 *
 * @throws {IdentityFailure} when authentication or authorization fails
 * @throws {AzureFailure} when Azure itself fails
 */
export type ListResourceGroups = () => Promise<string[]>;

/** The time limit of one answer, and what it is waiting for, to say so when that does not come in time. */
interface Budget extends TimeLimit {
  waitingFor: string;
}

/** Makes the listing for one cloud and, where `subscriptionId` is given, one subscription; its clients are made once and kept. */
export function createResourceGroupListing(options: {
  cloud: Cloud;
  credential: Credential;
  subscriptionId: string | undefined;
  deadlineMs: number;
  userAgentPrefix: string;
}): ListResourceGroups {
  const { cloud, credential, deadlineMs } = options;
  const guarded = guardResourceManager(cloud, credential, options.userAgentPrefix);
  const { subscriptions } = guarded.guard(new SubscriptionClient(guarded.credential, guarded.clientOptions));
  /** The client of the subscription in use; a discovered one is remembered only while it works. */
  let current: { subscriptionId: string; client: ResourceManagementClient } | undefined;

  async function firstSubscription(budget: Budget): Promise<string> {
    budget.waitingFor = 'the list of subscriptions';
    return guarded.walk(budget, async () => {
      for await (const { subscriptionId } of subscriptions.list()) {
        if (subscriptionId) return subscriptionId;
        throw new AzureFailure('broken', 'Resource Manager listed a subscription without an id');
      }
      throw new IdentityFailure('no-subscription', 'The identity has a token, but no role in any subscription');
    });
  }

  async function groupNames(budget: Budget, subscriptionId: string): Promise<string[]> {
    budget.waitingFor = 'the list of resource groups';
    if (current?.subscriptionId !== subscriptionId) {
      const client = new ResourceManagementClient(guarded.credential, subscriptionId, guarded.clientOptions);
      current = { subscriptionId, client: guarded.guard(client) };
    }
    const { resourceGroups } = current.client;
    return guarded.walk(budget, async () => {
      const names: string[] = [];
      for await (const { name } of resourceGroups.list()) {
        // Typed as a string, but nobody has looked.
        if (typeof name !== 'string' || name === '') {
          throw new AzureFailure('broken', 'Resource Manager listed a resource group without a name');
        }
        names.push(name);
      }
      return names;
    });
  }

  async function list(budget: Budget): Promise<string[]> {
    // The clients would ask for it themselves, but nobody could tell then what is being waited for.
    await credential.getToken();
    if (options.subscriptionId !== undefined) return groupNames(budget, options.subscriptionId);

    const remembered = current?.subscriptionId;
    try {
      return await groupNames(budget, remembered ?? (await firstSubscription(budget)));
    } catch (error) {
      current = undefined;
      const isGone = error instanceof IdentityFailure && error.reason !== 'token-rejected';
      if (remembered === undefined || !isGone) throw error;
      return groupNames(budget, await firstSubscription(budget));
    }
  }

  return async () => {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), deadlineMs);
    const budget = {
      signal: deadline.signal,
      deadlineAtMs: performance.now() + deadlineMs,
      waitingFor: 'a token',
    };
    try {
      return await untilAborted(list(budget), deadline.signal);
    } catch (cause) {
      if (!deadline.signal.aborted) throw cause;
      throw new AzureFailure('timeout', `Still waiting for ${budget.waitingFor} after ${deadlineMs} ms`, { cause });
    } finally {
      clearTimeout(timer);
    }
  };
}
