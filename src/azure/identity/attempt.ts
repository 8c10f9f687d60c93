/** What one credential of the chain came to when it was asked for a token. */
export interface Attempt {
  /** The credential's class, as @azure/identity documents it. */
  name: string;
  outcome: 'succeeded' | 'failed' | 'unavailable' | 'pending' | 'not-tried';
  /** What the credential said, untouched; empty where it has said nothing (yet). */
  message: string;
  error?: unknown;
  /** The last request of it that ended; @azure/identity drops most of this. */
  exchange?: Exchange | undefined;
}

/** One request of a credential: a response, or the system's code for why there was none. */
export interface Exchange {
  host: string;
  code?: string;
  status?: number;
  contentType?: string;
  /** The beginning of a response that is no token. */
  body?: string;
  /** By how many seconds the server's clock was ahead of ours. */
  serverAheadSeconds?: number | undefined;
  /** The request only asked whether a metadata service is there: its status refuses nothing. */
  isProbe?: true;
}
