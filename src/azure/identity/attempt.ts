<<<<<<< HEAD
import type { Attempt, Exchange } from '../../explain/outcome.ts';

/** The outcome of asking one credential of the chain, with what only the service may see. */
export interface WatchedAttempt extends Omit<Attempt, 'exchange'> {
  error?: unknown;
  /** Its last completed request; @azure/identity drops most of this. */
  exchange?: Exchange | undefined;
  /** Its request that has no response yet. */
  pending?: Exchange | undefined;
=======
/** The outcome of asking one credential of the chain for a token. */
export interface Attempt {
  /** The credential's class, as @azure/identity documents it. */
  name: string;
  outcome: 'succeeded' | 'failed' | 'unavailable' | 'pending' | 'not-tried';
  /** What failed, mostly in the credential's own words, without secrets and cut; empty if there is none (yet). */
  message: string;
  error?: unknown;
  /** Its last completed request; @azure/identity drops most of this. */
  exchange?: Exchange | undefined;
}

/** One request of a credential: its response, or the system error code if there was none. */
export interface Exchange {
  host: string;
  code?: string;
  status?: number;
  contentType?: string;
  /** A response that is not a token, without secrets and cut. */
  body?: string;
  /** How many seconds the server's clock was ahead of ours. */
  serverAheadSeconds?: number | undefined;
  /** The request only probed for a metadata service, so its status is not a refusal. */
  isProbe?: true;
>>>>>>> w22-secrets
}
