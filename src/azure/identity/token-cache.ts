import type { AccessToken } from '@azure/core-auth';
import { type Identity, readIdentity } from '../../explain/claims.ts';
import type { Exchange } from '../../explain/outcome.ts';
import { redact } from '../../redaction.ts';
import { untilAborted } from '../deadline.ts';
import { AzureFailure } from '../errors.ts';
import { instrument, type OnCall } from '../instrument.ts';
import type { WatchedAttempt } from './attempt.ts';
import type { AcquireToken } from './chain.ts';
import { hasJumped, wallClockOffsetMs } from './wall-clock.ts';

/** What a token says, without the token itself. */
export interface TokenClaims {
  /** The credential of the chain that got it. */
  credential: string;
  identity: Identity;
  expiresOnTimestamp: number;
}

type Token = AccessToken & TokenClaims;

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
  attempts(): readonly WatchedAttempt[];
  /** The request of the current acquisition that has no response yet. */
  pendingExchange(): Exchange | undefined;
  /** The latest token, expired or not, to read its claims. */
  latestToken(): Token | undefined;
  /** Why the current token cannot be renewed; undefined if the last renewal succeeded. */
  renewalFailure(): AzureFailure | undefined;
}

export interface TokenCacheOptions {
  /** Called after each acquisition. */
  onCall?: OnCall;
  /** How long later callers share a refusal, in milliseconds. This keeps requests off a broken identity. */
  refusalTtlMs?: number;
  /** Whether to fetch a new token every minute in the background, because this one may be for the wrong identity. */
  shouldRecheck?: (token: Token) => boolean | Promise<boolean>;
}

/** How long to use a token that had expired on arrival: with a clock that is ahead, every token has. */
const EXPIRED_TOKEN_TTL_MS = 1000;

/**
 * The longest use of one token. Those of managed identities live for a day, others with Continuous Access Evaluation for up to 28
 * hours. With a clock that is behind, a token seems to live for longer, even for years.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes
 */
const MAX_TOKEN_TTL_MS = 28 * 3600_000;

/** Stop using a token this long before its expiry, because it could expire on its way. */
const EXPIRY_MARGIN_MS = 1000;

/** How long before its expiry to renew a token, unless Azure says when. Earlier than five minutes, MSAL returns its cached token. */
const RENEWAL_WINDOW_MS = 270_000;

/**
 * The time limit of an acquisition. NMI may hold a request for 80 to 100 seconds while it waits for an assignment. No credential
 * has a timeout of its own, so without this limit one lost response would block all callers.
 */
const ACQUISITION_TIMEOUT_MS = 120_000;
const NO_ANSWER = `No token within ${ACQUISITION_TIMEOUT_MS / 1000} s, and no refusal either`;

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

/** Whether a credential gets a new token when it is called with claims, although MSAL has one. The others take no claims. */
function bypassesCacheOnClaims(credentialName: string): boolean {
  return canReplaceToken(credentialName) || credentialName === 'ManagedIdentityCredential';
}

/**
 * Creates the token cache of a credential chain: one acquisition at a time, renewed in the background before the token expires.
 *
 * Credentials do not do this themselves: ten concurrent getToken calls are ten token requests, an Azure CLI credential starts
 * `az` for each, a default chain probes IMDS before it reads its cache, and none of them obeys an abort signal.
 *
 * Whatever is due is due by the monotonic clock. The wall clock converts an expiry once, when the token arrives. If that clock was
 * wrong and is set later, the token is renewed at once, past all caches that still go by the old time.
 */
export function createTokenCache(
  acquireToken: AcquireToken,
  scope: string,
  options: TokenCacheOptions = {},
): TokenCache {
  const { onCall = () => {}, refusalTtlMs = 1000, shouldRecheck } = options;
  /** Times are in milliseconds of the monotonic clock. */
  let token: { value: Token; usableUntilMs: number; renewAtMs: number; wallClockOffsetMs: number } | undefined;
  let failure: { error: AzureFailure; expiresAtMs: number } | undefined;
  let acquisition: { outcome: Promise<Token>; claims: string | undefined } | undefined;
  let attempts: readonly WatchedAttempt[] = [];
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
    const timer = setTimeout(() => limit.abort(new Error(NO_ANSWER)), ACQUISITION_TIMEOUT_MS);
    try {
      const accessToken = await untilAborted(request.token, limit.signal);
      if (!accessToken) throw new Error('The credential chain returned no token');
      const winner = request.attempts.find(({ outcome }) => outcome === 'succeeded');
      const identity = readIdentity(accessToken.token, redact);
      const value = { ...accessToken, credential: winner?.name ?? 'unknown', identity };
      token = { value, ...whenDue(value), wallClockOffsetMs: wallClockOffsetMs() };
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
        attempts: request.attempts.map((attempt) => ({
          ...attempt,
          pending: attempt.pending && { ...attempt.pending },
        })),
      });
      if (!isRecheck) failure = { error, expiresAtMs: performance.now() + refusalTtlMs };
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async function recheck(): Promise<void> {
    if (!token || acquisition || performance.now() >= token.usableUntilMs) return;
    try {
      if (await shouldRecheck?.(token.value)) await acquire(NO_CLAIMS, true);
    } catch {
      // Keep the current token.
    }
  }

  if (shouldRecheck) setInterval(recheck, RECHECK_MS).unref();

  /** The claims that make MSAL replace a refused token; undefined if none was refused or the last try is too recent. */
  function replacementClaims(nowMs: number): string | undefined {
    if (!isRefused || nowMs < nextReplacementAtMs) return undefined;
    nextReplacementAtMs = nowMs + REPLACEMENT_PAUSE_MS;
    return NO_CLAIMS;
  }

  return {
    async getToken(claims) {
      const nowMs = performance.now();
      // A machine that slept: the monotonic clock stood still, and the token expired.
      if (token && hasJumped(token.wallClockOffsetMs) && Date.now() >= token.value.expiresOnTimestamp)
        token = undefined;
      if (token && claims === undefined && nowMs < token.usableUntilMs) {
        const isClockSet = hasJumped(token.wallClockOffsetMs);
        if ((isClockSet || nowMs >= token.renewAtMs) && !acquisition) {
          token.renewAtMs = nowMs + renewalPauseMs(token.usableUntilMs - nowMs);
          token.wallClockOffsetMs = wallClockOffsetMs();
          const bypass = isClockSet && bypassesCacheOnClaims(token.value.credential);
          // `renewalFailure` reports a rejection, and /whoami warns.
          acquire(bypass ? NO_CLAIMS : undefined).catch(() => {});
        }
        return token.value;
      }
      if (failure && nowMs < failure.expiresAtMs) throw failure.error;
      return acquire(claims ?? replacementClaims(nowMs));
    },
    forgetToken() {
      if (token && bypassesCacheOnClaims(token.value.credential)) isRefused = true;
      token = undefined;
    },
    attempts: () => attempts,
    pendingExchange: () => attempts.findLast(({ pending }) => pending)?.pending,
    latestToken: () => latest,
    renewalFailure: () => failure?.error,
  };
}

/** When a token that has just arrived is no longer usable, and when to renew it, in milliseconds of the monotonic clock. */
function whenDue({ expiresOnTimestamp, refreshAfterTimestamp }: AccessToken): {
  usableUntilMs: number;
  renewAtMs: number;
} {
  const nowMs = performance.now();
  const wallClockMs = Date.now();
  const expiresInMs = Math.min(expiresOnTimestamp - wallClockMs, MAX_TOKEN_TTL_MS);
  const usableForMs = Math.max(expiresInMs - EXPIRY_MARGIN_MS, EXPIRED_TOKEN_TTL_MS);
  const dueInMs =
    refreshAfterTimestamp === undefined
      ? expiresInMs - Math.min(RENEWAL_WINDOW_MS, expiresInMs / 2)
      : refreshAfterTimestamp - wallClockMs;
  // When a renewal is due, MSAL returns the old token once more and the new one to the next call.
  const renewInMs = Math.max(dueInMs, renewalPauseMs(usableForMs));
  return { usableUntilMs: nowMs + usableForMs, renewAtMs: nowMs + renewInMs };
}
