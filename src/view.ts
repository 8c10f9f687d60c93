import type { Change, History } from './history.ts';
import { describeInstance, type Instance } from './instance.ts';
import { reasonOf, type Snapshot } from './snapshot.ts';

/** A snapshot with everything that `/whoami`, the page and `--check` show. */
export interface View extends Snapshot {
  instance: Instance;
  /** The changes of the reason, oldest first. The last one is the current state. */
  history: readonly Change[];
}

/** Adds the name of the subscription, the instance and the history to a snapshot. */
export async function createView(
  snapshot: Snapshot,
  deps: {
    /** Looks up the display name of a subscription; undefined if that fails or takes longer than this many milliseconds. */
    nameSubscription: (id: string, withinMs: number) => Promise<string | undefined>;
    deadlineMs: number;
    history: History;
    process: Pick<Instance, 'version' | 'startedAt'>;
  },
): Promise<View> {
  const { subscription, tookMs, outcome } = snapshot;
  // The name of a configured subscription is not in the snapshot. The lookup gets the rest of the deadline.
  const name =
    subscription &&
    (subscription.name ??
      (await deps.nameSubscription(subscription.id, Math.max(1, deps.deadlineMs - tookMs))) ??
      null);
  return {
    ...snapshot,
    subscription: subscription && { id: subscription.id, name },
    instance: describeInstance(outcome.facts, deps.process),
    history: deps.history.changes(),
  };
}

export function changeOf(snapshot: Snapshot): Change {
  return { at: snapshot.asOf, reason: reasonOf(snapshot), resourceGroups: snapshot.names?.length ?? null };
}
