import { ResourceManagementClient } from '@azure/arm-resources';
import { SubscriptionClient } from '@azure/arm-resources-subscriptions';
import { isGuid } from '../../explain/bash.ts';
import { type Identity, isSameIdentity } from '../../explain/claims.ts';
import type { Cloud } from '../cloud.ts';
import { type Deadline, withinDeadline } from '../deadline.ts';
import { AzureFailure } from '../errors.ts';
import type { TokenCache, TokenClaims } from '../identity/token-cache.ts';
import type { OnCall } from '../instrument.ts';
import { createPageReader, IdentityChanged, type ReadPages } from './guard.ts';
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

/** How long to use what was learnt about the permissions of the identity. */
const PERMISSION_TTL_MS = 5000;
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
  /** The discovered subscription, cached while it works, for the identity that sees it. */
  let discovered: { subscription: Subscription; identity: Identity } | undefined;

  function firstSubscription(deadline: Deadline, identity: Identity): Promise<Subscription> {
    return readPages('list-subscriptions', deadline, identity, subscriptionClient, async ({ subscriptions }) => {
      for await (const { subscriptionId, displayName } of subscriptions.list()) {
        if (isGuid(subscriptionId)) return { id: subscriptionId, name: displayName };
        throw new AzureFailure('broken', 'Resource Manager listed a subscription without a valid id');
      }
      throw new AzureFailure('no-subscription', 'The identity has a token, but no role in any subscription');
    });
  }

  async function groupsOf(deadline: Deadline, token: TokenClaims, subscription: Subscription): Promise<ResourceGroups> {
    deadline.subscriptionId = subscription.id;
    const createClient = (...[sdkCredential, clientOptions]: ClientArguments) =>
      new ResourceManagementClient(sdkCredential, subscription.id, clientOptions);
    const { names } = await readPages('list-resource-groups', deadline, token.identity, createClient, readNames);
    return { token, subscription, names, ...(names.length === 0 && { mayRead: await mayRead(token, subscription) }) };

    async function readNames({ resourceGroups }: ResourceManagementClient) {
      const names: string[] = [];
      for await (const { name = '' } of resourceGroups.list()) {
        if (name === '' || name.length > MAX_NAME_LENGTH) {
          throw new AzureFailure('broken', 'Resource Manager listed a resource group without a valid name');
        }
        if (names.push(name) > MAX_GROUPS) {
          throw new AzureFailure('broken', `Resource Manager listed more than ${MAX_GROUPS} resource groups`);
        }
      }
      return { names };
    }
  }

  /** The answer that was looked up last. An empty list is rare, and what the identity may do hardly ever changes. */
  let permission: { id: string; identity: Identity; mayRead: boolean | undefined; lookedUpAtMs: number } | undefined;

  /** Never fails, and has a time limit of its own: it only explains a list that is there. */
  async function mayRead({ identity }: TokenClaims, { id }: Subscription): Promise<boolean | undefined> {
    const isFresh = permission && performance.now() - permission.lookedUpAtMs < PERMISSION_TTL_MS;
    if (permission?.id !== id || !isSameIdentity(permission.identity, identity) || !isFresh) {
      const work = (deadline: Deadline) =>
        mayReadGroups(readPages, deadline, identity, { cloud: options.cloud, subscriptionId: id });
      const answer = await withinDeadline(PERMISSION_TIMEOUT_MS, work).catch(() => undefined);
      permission = { id, identity, mayRead: answer, lookedUpAtMs: performance.now() };
    }
    return permission.mayRead;
  }

  async function groupsOfFirst(deadline: Deadline, token: TokenClaims): Promise<ResourceGroups> {
    deadline.subscriptionId = undefined;
    const { identity } = token;
    const subscription = await firstSubscription(deadline, identity);
    const resourceGroups = await groupsOf(deadline, token, subscription);
    discovered = { subscription, identity };
    return resourceGroups;
  }

  async function list(deadline: Deadline): Promise<ResourceGroups> {
    for (let beginnings = 1; ; beginnings++) {
      const token = await firstToken(deadline);
      try {
        return await listAs(token, deadline);
      } catch (error) {
        if (error instanceof IdentityChanged && beginnings < MAX_BEGINNINGS) continue;
        // Somebody may log in to another account or tenant at any time, which the token of the former login does not show.
        if (isOfTool(token) && error instanceof AzureFailure && error.category === 'identity') credential.forgetToken();
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
    if (!discovered || !isSameIdentity(discovered.identity, token.identity)) return groupsOfFirst(deadline, token);
    try {
      return await groupsOf(deadline, token, discovered.subscription);
    } catch (error) {
      discovered = undefined;
      const isGone = error instanceof AzureFailure && error.category === 'identity' && error.kind !== 'token-rejected';
      if (!isGone) throw error;
      return groupsOfFirst(deadline, token);
    }
  }

  /** The name that was looked up last. There is hardly ever another. */
  let named: { id: string; name: string | undefined; lookedUpAtMs: number } | undefined;

  async function findName(deadline: Deadline, id: string): Promise<string | undefined> {
    const { identity } = await firstToken(deadline);
    return readPages('list-subscriptions', deadline, identity, subscriptionClient, async ({ subscriptions }) => {
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

/** Whether the token is that of a login on this machine. */
function isOfTool({ credential }: TokenClaims): boolean {
  return /Cli|PowerShell|VisualStudioCode/.test(credential);
}

type ClientArguments = Parameters<Parameters<ReadPages>[3]>;

function subscriptionClient(...[credential, clientOptions]: ClientArguments): SubscriptionClient {
  return new SubscriptionClient(credential, clientOptions);
}
