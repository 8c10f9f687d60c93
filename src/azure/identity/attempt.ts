import type { Attempt, Exchange } from '../../explain/outcome.ts';

/** The outcome of asking one credential of the chain, with what only the service may see. */
export interface WatchedAttempt extends Omit<Attempt, 'exchange'> {
  error?: unknown;
  /** Its last completed request; @azure/identity drops most of this. */
  exchange?: Exchange | undefined;
  /** Its request that has no response yet. */
  pending?: Exchange | undefined;
}
