import type { AccessToken } from '@azure/core-auth';
import { untilAborted } from '../deadline.ts';
import { AzureFailure } from '../errors.ts';
import { instrument, type OnCall } from '../instrument.ts';
import type { Attempt } from './attempt.ts';
import type { AcquireToken } from './chain.ts';

/** A token, and the credential of the chain that got it. */
interface Token extends AccessToken {
  credential: string;
}

/** Caches and renews the token for one scope. */
export interface TokenCache {
  /**
   * Returns a token that has not expired. This has no deadline: a caller may stop waiting, and the acquisition continues for the
   * next one. `claims` is the claims challenge of a Resource Manager that refused the current token (Continuous Access
   * Evaluation).
   *
   * @throws {AzureFailure} `no-token`
   */
  getToken(claims?: string): Promise<Token>;
  /** Drops the current token, because Resource Manager refused it. The next call replaces it, if the credential can do that. */
  forgetToken(): void;
  /** The outcome of each credential in the last acquisition, in order. It still changes while an acquisition is pending. */
  attempts(): readonly Attempt[];
  /** The latest token, expired or not, to read its claims. */
  latestToken(): Token | undefined;
  /** Why the current token cannot be renewed; undefined if the last renewal succeeded. */
  renewalFailure(): AzureFailure | undefined;
}

export interface TokenCacheOptions {
  /** Called after each acquisition. */
  onCall?: OnCall;
  /** How long later callers share a refusal, in milliseconds. This keeps requests off a broken identity. */
  refusalHoldsMs?: number;
  /** Whether to fetch a new token every minute in the background, because this one may be for the wrong identity. */
  shouldRecheck?: (token: Token) => boolean | Promise<boolean>;
}

/** How long to use a token that had expired on arrival: with a wrong clock, every token has. */
const EXPIRED_TOKEN_HOLDS_MS = 1000;

/** Stop using a token this long before its expiry, because it could expire on its way. */
const EXPIRY_MARGIN_MS = 1000;

/** How long before its expiry to renew a token, unless Azure says when. Earlier than five minutes, MSAL returns its cached token. */
const RENEWAL_WINDOW_MS = 270_000;

/**
 * The time limit of an acquisition. NMI may hold a request for 80 to 100 seconds while it waits for an assignment. No credential
 * has a timeout of its own, so without this limit one lost response would block all callers.
 */
const ACQUISITION_LIMIT_MS = 120_000;
const NO_ANSWER = `No token within ${ACQUISITION_LIMIT_MS / 1000} s, and no refusal either`;

/** The pause between renewals: short enough for several tries before the expiry, long enough not to start `az` for every request. */
function renewalPauseMs(remainingMs: number): number {
  return Math.min(30_000, Math.max(1000, remainingMs / 10));
}

/** Empty claims. With any claims MSAL bypasses its cache, so they replace a refused token. */
const NO_CLAIMS = '{"access_token":{}}';

/** The pause between such requests, in case Resource Manager refuses each new token as well. */
const REPLACEMENT_PAUSE_MS = 5000;

/** The pause between rechecks of a token that may be for the wrong identity. */
const RECHECK_MS = 60_000;

/**
 * Whether a credential can replace a token that Resource Manager refused. A managed identity cannot: the metadata service has its
 * own cache. Developer tools cannot: they take no claims and cache tokens themselves.
 */
export function canReplaceToken(credentialName: string): boolean {
  return /^(WorkloadIdentity|Environment)Credential\b/.test(credentialName);
}

/**
 * Creates the token cache of a credential chain: one acquisition at a time, renewed in the background before the token expires.
 *
 * Credentials do not do this themselves: ten concurrent getToken calls are ten token requests, an Azure CLI credential starts
 * `az` for each, a default chain probes IMDS before it reads its cache, and none of them obeys an abort signal.
 */
export function createTokenCache(
  acquireToken: AcquireToken,
  scope: string,
  options: TokenCacheOptions = {},
): TokenCache {
  const { onCall = () => {}, refusalHoldsMs = 1000, shouldRecheck } = options;
  let token: { value: Token; usableUntilMs: number; renewAtMs: number } | undefined;
  let failure: { error: AzureFailure; holdsUntilMs: number } | undefined;
  let acquisition: { outcome: Promise<Token>; claims: string | undefined } | undefined;
  let attempts: readonly Attempt[] = [];
  let latest: Token | undefined;
  /** Whether MSAL's cache holds a token that Resource Manager refused. */
  let isRefused = false;
  let nextReplacementAtMs = 0;

  function acquire(claims?: string, isRecheck = false): Promise<Token> {
    if (acquisition && acquisition.claims === claims) return acquisition.outcome;
    const previous = acquisition?.outcome.catch(() => {});
    const start = () => instrument(onCall, 'acquire-token', () => requestToken(claims, isRecheck));
    const outcome = previous ? previous.then(start) : start();
    const current = { outcome, claims };
    acquisition = current;
    const done = () => {
      if (acquisition === current) acquisition = undefined;
    };
    // This also handles a rejection after all callers have given up.
    outcome.then(done, done);
    return outcome;
  }

  async function requestToken(claims: string | undefined, isRecheck: boolean): Promise<Token> {
    const request = acquireToken(scope, { enableCae: true, ...(claims !== undefined && { claims }) });
    if (!isRecheck) attempts = request.attempts;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new Error(NO_ANSWER)), ACQUISITION_LIMIT_MS);
    try {
      const accessToken = await untilAborted(request.token, limit.signal);
      if (!accessToken) throw new Error('The credential chain returned no token');
      const winner = request.attempts.find(({ outcome }) => outcome === 'succeeded');
      const value = { ...accessToken, credential: winner?.name ?? 'unknown' };
      const now = Date.now();
      const { expiresOnTimestamp } = value;
      const usableUntilMs = Math.max(expiresOnTimestamp - EXPIRY_MARGIN_MS, now + EXPIRED_TOKEN_HOLDS_MS);
      const dueMs =
        value.refreshAfterTimestamp ?? expiresOnTimestamp - Math.min(RENEWAL_WINDOW_MS, (expiresOnTimestamp - now) / 2);
      // When a renewal is due, MSAL returns the old token once more and the new one to the next call.
      token = { value, usableUntilMs, renewAtMs: Math.max(dueMs, now + renewalPauseMs(usableUntilMs - now)) };
      latest = value;
      attempts = request.attempts;
      failure = undefined;
      if (claims !== undefined) isRefused = false;
      return value;
    } catch (cause) {
      const message = limit.signal.aborted ? NO_ANSWER : 'No credential of the chain got a token';
      // Copy the attempts, because a request that timed out may still change its own.
      const error = new AzureFailure('no-token', message, {
        cause,
        attempts: request.attempts.map((attempt) => ({ ...attempt })),
      });
      if (!isRecheck) failure = { error, holdsUntilMs: Date.now() + refusalHoldsMs };
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async function recheck(): Promise<void> {
    if (!token || acquisition || Date.now() >= token.usableUntilMs) return;
    try {
      if (await shouldRecheck?.(token.value)) await acquire(NO_CLAIMS, true);
    } catch {
      // Keep the current token.
    }
  }

  if (shouldRecheck) setInterval(recheck, RECHECK_MS).unref();

  /** The claims that make MSAL replace a refused token; undefined if none was refused or the last try is too recent. */
  function replacementClaims(now: number): string | undefined {
    if (!isRefused || now < nextReplacementAtMs) return undefined;
    nextReplacementAtMs = now + REPLACEMENT_PAUSE_MS;
    return NO_CLAIMS;
  }

  return {
    async getToken(claims) {
      const now = Date.now();
      if (token && claims === undefined && now < token.usableUntilMs) {
        if (now >= token.renewAtMs && !acquisition) {
          token.renewAtMs = now + renewalPauseMs(token.usableUntilMs - now);
          // `renewalFailure` reports a rejection, and /whoami warns.
          acquire().catch(() => {});
        }
        return token.value;
      }
      if (failure && now < failure.holdsUntilMs) throw failure.error;
      return acquire(claims ?? replacementClaims(now));
    },
    forgetToken() {
      if (token && canReplaceToken(token.value.credential)) isRefused = true;
      token = undefined;
    },
    attempts: () => attempts,
    latestToken: () => latest,
    renewalFailure: () => failure?.error,
  };
}
