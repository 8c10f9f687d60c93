import type { Azure } from './azure/azure.ts';
import { reasonOf, type Snapshot } from './azure/snapshot.ts';
import type { Change, History } from './history.ts';
import { describeInstance, type Instance } from './instance.ts';

/** A snapshot with everything that `/whoami`, the page and `--check` show. */
export interface View extends Snapshot {
  /** The subscription in use; its name is null if unknown. */
  subscription: { id: string; name: string | null } | null;
  instance: Instance;
  /** The changes of the reason, oldest first. The last one is the current state. */
  history: readonly Change[];
}

/** Whether everything works: there is a list, and no warning about the identity. */
export function isWell({ listing, warnings }: Snapshot): boolean {
  return listing.kind === 'listed' && warnings.length === 0;
}

/** Adds the name of the subscription, the instance and the history to a snapshot. */
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
  // The name of a configured subscription is not in the snapshot. The lookup gets the rest of the deadline.
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
