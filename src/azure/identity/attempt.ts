/** The outcome of asking one credential of the chain for a token. */
export interface Attempt {
  /** The credential's class, as @azure/identity documents it. */
  name: string;
  outcome: 'succeeded' | 'failed' | 'unavailable' | 'pending' | 'not-tried';
  /** The credential's own message, unchanged; empty if there is none (yet). */
  message: string;
  error?: unknown;
  /** Its last completed request; @azure/identity drops most of this. */
  exchange?: Exchange | undefined;
  /** Its request that has no response yet. */
  pending?: Exchange | undefined;
}

/** One request to Azure: how far it came, and its response, or the system error code if there was none. */
export interface Exchange {
  host: string;
  /** What it was waiting for when it ended without a response, or waits for now; unknown through a proxy. */
  phase?: 'lookup' | 'connect' | 'tls' | 'response';
  /** The remote IP address, as far as it is known. */
  address?: string;
  /** How long it took, or has taken so far. */
  readonly tookMs?: number;
  code?: string;
  status?: number;
  contentType?: string;
  /** The `Server` header, cut. */
  server?: string;
  /** The beginning of a response that is not a token. */
  body?: string;
  /** How many seconds the server's clock was ahead of ours. */
  serverAheadSeconds?: number | undefined;
  /** The request only probed for a metadata service, so its status is not a refusal. */
  isProbe?: true;
}
