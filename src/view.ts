import type { Azure } from './azure/azure.ts';
import { explain } from './explain/explain.ts';
import { type Change, createHistory } from './history.ts';
import { reasonOf, type Snapshot } from './snapshot.ts';

/** The process that responds, to tell replicas apart; null for what is unknown. */
export interface Instance {
  pod: string | null;
  namespace: string | null;
  serviceAccount: string | null;
  node: string | null;
  version: string;
  /** ISO 8601. */
  startedAt: string;
}

/** A snapshot with everything that `/whoami`, the page and `--check` show. */
export interface View extends Snapshot {
  instance: Instance;
  /** The changes of the reason, oldest first. The last one is the current state. */
  history: readonly Change[];
}

/** Creates the looks at Azure with their history, and the view of one of them. */
export function createViews(
  azure: Pick<Azure, 'look' | 'nameSubscription'>,
  deadlineMs: number,
  process: Pick<Instance, 'version' | 'startedAt'>,
) {
  const history = createHistory();
  return {
    /** Takes a look. `headers` go to Resource Manager. */
    async look(headers?: Record<string, string>): Promise<Snapshot> {
      const look = await azure.look(headers);
      const snapshot = { ...look, ...explain(look.outcome) };
      const { asOf, names } = snapshot;
      history.record({ at: asOf, reason: reasonOf(snapshot), resourceGroups: names?.length ?? null });
      return snapshot;
    },
    /** Adds the name of the subscription, the instance and the history. */
    async viewOf(snapshot: Snapshot): Promise<View> {
      const { subscription, tookMs } = snapshot;
      const { pod = {} } = snapshot.outcome.facts;
      // The name of a configured subscription is not in the snapshot. The lookup gets the rest of the deadline.
      const restMs = Math.max(1, deadlineMs - tookMs);
      const name =
        subscription && (subscription.name ?? (await azure.nameSubscription(subscription.id, restMs)) ?? null);
      return {
        ...snapshot,
        subscription: subscription && { id: subscription.id, name },
        instance: {
          pod: pod.name ?? null,
          namespace: pod.namespace ?? null,
          serviceAccount: pod.serviceAccount ?? null,
          node: pod.node ?? null,
          ...process,
        },
        history: history.changes(),
      };
    },
  };
}
