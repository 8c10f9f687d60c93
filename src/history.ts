/** From this moment on the reason was another one than before. */
export interface Change {
  /** ISO 8601. */
  at: string;
  /** Null where all was well. */
  reason: string | null;
  /** How many there were; null where there was no list. */
  resourceGroups: number | null;
}

const LIMIT = 20;

export interface History {
  record(moment: Change): void;
  /** The last changes, oldest first. */
  changes(): readonly Change[];
}

/** Remembers when the reason changed, bounded to the last 20 changes. */
export function createHistory(): History {
  let changes: readonly Change[] = [];
  return {
    record(moment) {
      if (changes.length > 0 && changes.at(-1)?.reason === moment.reason) return;
      changes = [...changes, moment].slice(-LIMIT);
    },
    changes: () => changes,
  };
}
