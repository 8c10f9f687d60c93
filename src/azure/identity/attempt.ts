/** What one credential of the chain came to when it was asked for a token. */
export interface Attempt {
  /** The credential's class, as @azure/identity documents it. */
  name: string;
  outcome: 'succeeded' | 'failed' | 'unavailable' | 'pending' | 'not-tried';
  /** What the credential said, untouched; empty where it has said nothing (yet). */
  message: string;
  error?: unknown;
  /** What became of its last request, if that has ended; @azure/identity drops most of it. */
  exchange?: Exchange | undefined;
}

/** One request of a credential: an answer, or the system's code for why there was none. */
export interface Exchange {
  host: string;
  code?: string;
  status?: number;
  /** The beginning of an answer that is no token. */
  body?: string;
  /** By how many seconds the server's clock was ahead of ours. */
  serverAheadSeconds?: number | undefined;
}
