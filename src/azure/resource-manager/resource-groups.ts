import { ResourceManagementClient } from '@azure/arm-resources';
import { SubscriptionClient } from '@azure/arm-resources-subscriptions';
import { isGuid } from '../../explain/bash.ts';
import { type Identity, isSameIdentity } from '../../explain/claims.ts';
import type { Cloud } from '../cloud.ts';
import { type Deadline, withinDeadline } from '../deadline.ts';
import { AzureFailure, isOfIdentity } from '../errors.ts';
import type { TokenCache, TokenClaims } from '../identity/token-cache.ts';
import type { OnCall } from '../instrument.ts';
import { createPageReader, IdentityChanged } from './guard.ts';
import { mayReadGroups } from './permissions.ts';

/**
 * Ten times the limit of a subscription. A longer list does not come from Resource Manager, and would fill the memory page by
 * page.
 *
 * @see https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
 */
const MAX_GROUPS = 9800;

/** @see https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftresources */
const MAX_NAME_LENGTH = 90;

/** How often to begin a list when the identity keeps changing. */
const MAX_BEGINNINGS = 3;

const PERMISSION_TIMEOUT_MS = 2000;

/** How long to remember that looking up a subscription's name failed. */
const NO_NAME_TTL_MS = 60_000;

interface Subscription {
  id: string;
  /** Undefined if the id is configured and its name was not looked up. */
  name?: string | undefined;
}

export interface ResourceGroups {
  /** Whose token the list came with. */
  token: TokenClaims;
  subscription: Subscription;
  /** The names of all its resource groups, in the order of Azure Resource Manager. */
  names: string[];
  /** If there is none: whether the identity may read those of the whole subscription; undefined if that is not known. */
  mayRead?: boolean | undefined;
}

export interface ResourceGroupListing {
  /**
   * Lists all resource groups, never a part of them. Every request to Resource Manager carries `headers`.
   *
   * @throws {AzureFailure} if authentication or authorization fails (see `isOfIdentity`), or Azure itself
   */
  listResourceGroups(headers?: Record<string, string>): Promise<ResourceGroups>;
  /** Looks up the display name of a subscription; undefined if that fails or takes longer than `withinMs` milliseconds. */
  nameSubscription(id: string, withinMs: number): Promise<string | undefined>;
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
  /** The discovered subscription, cached while it works, for the identity that sees it. */
  let discovered: { subscription: Subscription; identity: Identity } | undefined;

  function readSubscriptions<T>(
    deadline: Deadline,
    identity: Identity,
    read: (subscriptions: ReturnType<SubscriptionClient['subscriptions']['list']>) => Promise<T>,
  ): Promise<T> {
    return readPages(
      'list-subscriptions',
      deadline,
      identity,
      (sdkCredential, clientOptions) => new SubscriptionClient(sdkCredential, clientOptions),
      ({ subscriptions }) => read(subscriptions.list()),
    );
  }

  function firstSubscription(deadline: Deadline, identity: Identity): Promise<Subscription> {
    return readSubscriptions(deadline, identity, async (subscriptions) => {
      for await (const { subscriptionId, displayName } of subscriptions) {
        if (isGuid(subscriptionId)) return { id: subscriptionId, name: displayName };
        throw new AzureFailure('broken', 'Resource Manager listed a subscription without a valid id');
      }
      throw new AzureFailure('no-subscription', 'The identity has a token, but no role in any subscription');
    });
  }

  async function groupsOf(deadline: Deadline, token: TokenClaims, subscription: Subscription): Promise<ResourceGroups> {
    deadline.subscriptionId = subscription.id;
    const names: string[] = [];
    await readPages(
      'list-resource-groups',
      deadline,
      token.identity,
      (sdkCredential, clientOptions) => new ResourceManagementClient(sdkCredential, subscription.id, clientOptions),
      async ({ resourceGroups }) => {
        for await (const { name = '' } of resourceGroups.list()) {
          if (name === '' || name.length > MAX_NAME_LENGTH) {
            throw new AzureFailure('broken', 'Resource Manager listed a resource group without a valid name');
          }
          if (names.push(name) > MAX_GROUPS) {
            throw new AzureFailure('broken', `Resource Manager listed more than ${MAX_GROUPS} resource groups`);
          }
        }
      },
    );
    return { token, subscription, names, ...(names.length === 0 && { mayRead: await mayRead(token, subscription) }) };
  }

  /** Never fails, and has a time limit of its own: it only explains a list that is there. */
  function mayRead({ identity }: TokenClaims, { id }: Subscription): Promise<boolean | undefined> {
    const target = { cloud: options.cloud, subscriptionId: id };
    const work = (deadline: Deadline) => mayReadGroups(readPages, deadline, identity, target);
    return withinDeadline(PERMISSION_TIMEOUT_MS, work).catch(() => undefined);
  }

  async function list(deadline: Deadline): Promise<ResourceGroups> {
    for (let beginnings = 1; ; beginnings++) {
      const token = await firstToken(deadline);
      try {
        return await listAs(token, deadline);
      } catch (error) {
        if (error instanceof IdentityChanged && beginnings < MAX_BEGINNINGS) continue;
        // Somebody may log in to another account or tenant at any time, which the token of the former login does not show.
        if (isOfTool(token) && isOfIdentity(error)) credential.forgetToken();
        throw error;
      }
    }
  }

  /** The clients would fetch the token themselves, but then we would know neither what we wait for nor whose list it is. */
  async function firstToken(deadline: Deadline): Promise<TokenClaims> {
    deadline.waitingFor = 'a token';
    deadline.pendingExchange = () => credential.pendingExchange();
    const { credential: name, identity, expiresOnTimestamp } = await credential.getToken();
    return { credential: name, identity, expiresOnTimestamp };
  }

  async function listAs(token: TokenClaims, deadline: Deadline): Promise<ResourceGroups> {
    if (configured) return groupsOf(deadline, token, configured);
    const { identity } = token;
    if (discovered && isSameIdentity(discovered.identity, identity)) {
      try {
        return await groupsOf(deadline, token, discovered.subscription);
      } catch (error) {
        discovered = undefined;
        if (!isOfIdentity(error) || error.kind === 'token-rejected') throw error;
      }
    }
    deadline.subscriptionId = undefined;
    const subscription = await firstSubscription(deadline, identity);
    const resourceGroups = await groupsOf(deadline, token, subscription);
    discovered = { subscription, identity };
    return resourceGroups;
  }

  /** The name that was looked up last. There is hardly ever another. */
  let named: { id: string; name: string | undefined; lookedUpAtMs: number } | undefined;

  async function findName(deadline: Deadline, id: string): Promise<string | undefined> {
    const { identity } = await firstToken(deadline);
    return readSubscriptions(deadline, identity, async (subscriptions) => {
      for await (const { subscriptionId, displayName } of subscriptions) {
        if (subscriptionId?.toLowerCase() === id.toLowerCase() && displayName) return displayName;
      }
      return undefined;
    });
  }

  return {
    listResourceGroups: (headers) => withinDeadline(deadlineMs, list, headers),
    async nameSubscription(id, withinMs) {
      if (named?.id === id && (named.name || performance.now() - named.lookedUpAtMs < NO_NAME_TTL_MS)) {
        return named.name;
      }
      const work = (deadline: Deadline) => findName(deadline, id);
      const name = await withinDeadline(withinMs, work).catch(() => undefined);
      named = { id, name, lookedUpAtMs: performance.now() };
      return name;
    },
  };
}

/** Whether the token is that of a login on this machine. */
function isOfTool({ credential }: TokenClaims): boolean {
  return /Cli|PowerShell|VisualStudioCode/.test(credential);
}
