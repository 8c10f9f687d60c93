import type { Azure } from './azure/azure.ts';
import { reasonOf, type Snapshot } from './azure/snapshot.ts';
import type { Change, History } from './history.ts';
import { describeInstance, type Instance } from './instance.ts';

/** All that there is to show of a snapshot: for `/whoami`, the page and `--check`. */
export interface View extends Snapshot {
  /** The subscription in use; its name is null where nobody knows it. */
  subscription: { id: string; name: string | null } | null;
  instance: Instance;
  /** When the reason changed, oldest first; the last one is the present one. */
  history: readonly Change[];
}

/** Whether a gate opens: the list is whole, and nothing about the identity is wrong. */
export function isWell({ listing, warnings }: Snapshot): boolean {
  return listing.kind === 'listed' && warnings.length === 0;
}

/** Adds to a snapshot what does not come with the list. */
export async function createView(
  snapshot: Snapshot,
  deps: {
    azure: Azure;
    deadlineMs: number;
    history: History;
    process: Pick<Instance, 'version' | 'startedAt'>;
  },
): Promise<View> {
  return {
    ...snapshot,
    subscription: await subscriptionOf(snapshot, deps.azure, deps.deadlineMs),
    instance: describeInstance(snapshot.facts, deps.process),
    history: deps.history.changes(),
  };
}

async function subscriptionOf({ who, listing, tookMs }: Snapshot, azure: Azure, deadlineMs: number) {
  const { id, name } =
    listing.kind === 'listed' ? listing.subscription : { id: listing.failure.subscriptionId, name: undefined };
  if (who.kind === 'unidentified' || id === undefined) return null;
  // A configured subscription comes without its name. Looking it up has what the snapshot left of the deadline.
  const found = name ?? (await azure.nameSubscription(id, Math.max(1, deadlineMs - tookMs))) ?? null;
  return { id, name: found };
}

export function changeOf(snapshot: Snapshot): Change {
  const { listing, asOf } = snapshot;
  return {
    at: asOf,
    reason: reasonOf(snapshot),
    resourceGroups: listing.kind === 'listed' ? listing.names.length : null,
  };
}
