import type { Identity } from './claims.ts';
import type { Facts } from './facts.ts';

/**
 * Everything that one look at Azure brought: plain data, so that it can be recorded, sent and replayed. `azure/probe.ts` makes
 * one; `outcomeOf` makes one from a plain error.
 */
export interface Outcome {
  facts: Facts;
  /** The outcome of each credential of the chain that was asked, in order. */
  attempts: readonly Attempt[];
  /** Who the latest token says we are; null if there never was one. */
  identity: TokenIdentity | null;
  /** What was listed; null if there is no list, or none was asked for. */
  list: Listed | null;
  /** Why there is no list (or no token, where only a token was asked for); null if there is one. */
  failure: Failure | null;
  /** Why a token that still works cannot be renewed; null if the last renewal succeeded. */
  renewal: Failure | null;
}

export interface TokenIdentity extends Identity {
  /** The credential of the chain that got the token, by its class. */
  credential: string;
}

export interface Listed {
  subscriptionId: string;
  /** Its display name, if it was discovered. */
  subscriptionName?: string;
  /** How many resource groups there are. */
  resourceGroups: number;
  /** Of an empty list: whether the identity may read the groups of the whole subscription; missing if that is not known. */
  mayRead?: boolean;
}

/** The outcome of asking one credential of the chain for a token. */
export interface Attempt {
  /** The credential's class, as @azure/identity documents it. */
  name: string;
  outcome: 'succeeded' | 'failed' | 'unavailable' | 'pending' | 'not-tried';
  /** The credential's own message; empty if there is none (yet). */
  message: string;
  /** The name of its error. */
  errorName?: string;
  /** The error code of MSAL or of the system, if the error has one. */
  code?: string;
  /** The error number of Microsoft Entra ID, if the error has it in a field. */
  aadsts?: number;
  /** Its last request, completed or not; @azure/identity drops most of this. */
  exchange?: Exchange;
}

/** One request: its response, the error code if there was none, or how far it has come. */
export interface Exchange {
  host: string;
  /** What it was waiting for when it ended without a response, or waits for now; unknown through a proxy. */
  phase?: 'lookup' | 'connect' | 'tls' | 'response';
  /** The remote IP address, as far as it is known. */
  address?: string;
  /** How long it took, or has taken so far, in milliseconds. */
  readonly tookMs?: number;
  /** The system or TLS error code. */
  code?: string;
  status?: number;
  contentType?: string;
  /** The Server header of the response. */
  server?: string;
  /** The beginning of a response that is not a token. */
  body?: string;
  /** How many seconds the server's clock was ahead of ours. */
  serverAheadSeconds?: number;
  /** The request only probed for a metadata service, so its status is not a refusal. */
  isProbe?: true;
}

/** How authentication or authorization failed, then how Azure itself did. `token-timeout` means neither a token nor a refusal. */
export type FailureKind =
  | 'no-token'
  | 'token-rejected'
  | 'no-subscription'
  | 'not-authorized'
  | 'throttled'
  | 'unreachable'
  | 'broken'
  | 'timeout'
  | 'token-timeout'
  | 'unexpected';

/** Why there is no list. */
export interface Failure {
  kind: FailureKind;
  /** The original message. */
  message: string;
  /** The name of the original error. */
  errorName?: string;
  /** Azure's error code, or a system errno. */
  code?: string;
  /** HTTP status of Resource Manager. */
  status?: number;
  /** The message in Resource Manager's response, without what we or the SDK add. */
  said?: string;
  /** The WWW-Authenticate header of a 401. */
  wwwAuthenticate?: string;
  /** Whether the body was an error of Azure. If not, something on the way may have responded. */
  isAzureError?: boolean;
  /** Seconds until the next try, if Azure gave them. */
  retryAfterSeconds?: number;
  /** The subscription, if the failure came after it was found. */
  subscriptionId?: string;
  /** The request to Resource Manager. */
  exchange?: Exchange;
}
