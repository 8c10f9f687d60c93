/** A change of the reason. */
export interface Change {
  /** ISO 8601. */
  at: string;
  /** The reason from then on; null if everything worked. */
  reason: string | null;
  /** The number of resource groups; null if there was no list. */
  resourceGroups: number | null;
}

const LIMIT = 20;

/** Creates a record of the last 20 changes of the reason. */
export function createHistory() {
  let changes: readonly Change[] = [];
  return {
    record(moment: Change): void {
      if (changes.length > 0 && changes.at(-1)?.reason === moment.reason) return;
      changes = [...changes, moment].slice(-LIMIT);
    },
    /** The latest changes, oldest first. */
    changes: () => changes,
  };
}
