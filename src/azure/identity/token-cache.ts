import type { AccessToken } from '@azure/core-auth';
import { untilAborted } from '../deadline.ts';
import { AzureFailure } from '../errors.ts';
import { instrument, type OnCall } from '../instrument.ts';
import type { Attempt } from './attempt.ts';
import type { AcquireToken } from './chain.ts';

/** A token, and which credential of the chain got it. */
interface Token extends AccessToken {
  credential: string;
}

/** The credential as this process needs it: the token of one scope, kept and renewed. */
export interface TokenCache {
  /**
   * A token that has not expired, however long that takes. A caller that cannot wait that long turns away; the acquisition
   * goes on for the next one. `claims` is the challenge of a Resource Manager that refused the present token (Continuous
   * Access Evaluation).
   *
   * @throws {AzureFailure} `no-token`
   */
  getToken(claims?: string): Promise<Token>;
  /** Drops the token at hand, because Resource Manager refused it, and replaces it where the credential can do that. */
  forgetToken(): void;
  /** What each credential of the chain came to when a token was last asked for, in order; still changing while that goes on. */
  attempts(): readonly Attempt[];
  /** The token that came last, still good or not: to read who it says we are. */
  latestToken(): Token | undefined;
  /** Why the token at hand cannot be renewed, while that is so. */
  renewalFailure(): AzureFailure | undefined;
}

export interface TokenCacheOptions {
  /** The chain of credentials was asked. */
  onCall?: OnCall;
  /** How long a refusal answers later callers, in milliseconds, so that a broken identity is not hammered. */
  refusalHoldsMs?: number;
  /** Whether to ask for this token anew every minute, in the background, because its identity may be the wrong one. */
  shouldRecheck?: (token: Token) => boolean | Promise<boolean>;
}

/** A token that had expired when it came is used for this long: a clock that is off makes every token such a one. */
const EXPIRED_TOKEN_HOLDS_MS = 1000;

/** A token this near to its end is not used any more: it could expire on its way. */
const EXPIRY_MARGIN_MS = 1000;

/** How long before its expiry a token is renewed, unless Azure says when. Less than five minutes: before that MSAL answers from its own cache. */
const RENEWAL_WINDOW_MS = 270_000;

/**
 * An acquisition that has not ended by now never will. NMI may hold a request for 80 to 100 seconds while it waits for the
 * identity to be assigned; no credential has a time-out of its own, and without this limit one lost answer would block all callers.
 */
const ACQUISITION_LIMIT_MS = 120_000;
const NO_ANSWER = `No token within ${ACQUISITION_LIMIT_MS / 1000} s, and no refusal either`;

/** The pause between renewals: short enough to try several times before the end, long enough not to start an `az` for every request. */
function renewalPauseMs(remainingMs: number): number {
  return Math.min(30_000, Math.max(1000, remainingMs / 10));
}

/** Claims that ask for nothing. MSAL answers a request with any claims past its cache, so a token that was refused is replaced. */
const NO_CLAIMS = '{"access_token":{}}';

/** The pause between such requests, where Resource Manager refuses each new token as well. */
const REPLACEMENT_PAUSE_MS = 5000;

/** The pause between rechecks of a token whose identity may be the wrong one. */
const RECHECK_MS = 60_000;

/**
 * Whether a credential gets a new token in place of one that Resource Manager refused. Not a managed identity: the metadata
 * service has a cache of its own. Not the tools of a developer, which take no claims and keep their own tokens.
 */
export function canReplaceToken(credentialName: string): boolean {
  return /^(WorkloadIdentity|Environment)Credential\b/.test(credentialName);
}

/**
 * Keeps the token of a chain of credentials: one acquisition at a time, its token kept, and renewed in the background before it expires.
 * Credentials do not do that by themselves: ten concurrent getToken calls are ten token requests, an Azure CLI credential
 * starts `az` for each, a default chain probes IMDS before it looks into its cache, and none of them heeds an abort signal.
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
    const begin = () => instrument(onCall, 'acquire-token', () => ask(claims, isRecheck));
    const outcome = previous ? previous.then(begin) : begin();
    const current = { outcome, claims };
    acquisition = current;
    const done = () => {
      if (acquisition === current) acquisition = undefined;
    };
    // Also observes a failure after all who waited have gone.
    outcome.then(done, done);
    return outcome;
  }

  async function ask(claims: string | undefined, isRecheck: boolean): Promise<Token> {
    const request = acquireToken(scope, { enableCae: true, ...(claims !== undefined && { claims }) });
    if (!isRecheck) attempts = request.attempts;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new Error(NO_ANSWER)), ACQUISITION_LIMIT_MS);
    try {
      const accessToken = await untilAborted(request.token, limit.signal);
      if (!accessToken) throw new Error('The chain of credentials answered without a token');
      const winner = request.attempts.find(({ outcome }) => outcome === 'succeeded');
      const value = { ...accessToken, credential: winner?.name ?? 'unknown' };
      const now = Date.now();
      const { expiresOnTimestamp } = value;
      const usableUntilMs = Math.max(expiresOnTimestamp - EXPIRY_MARGIN_MS, now + EXPIRED_TOKEN_HOLDS_MS);
      const dueMs =
        value.refreshAfterTimestamp ?? expiresOnTimestamp - Math.min(RENEWAL_WINDOW_MS, (expiresOnTimestamp - now) / 2);
      // MSAL answers a renewal that is due with the old token once more, and has the new one for the next call.
      token = { value, usableUntilMs, renewAtMs: Math.max(dueMs, now + renewalPauseMs(usableUntilMs - now)) };
      latest = value;
      attempts = request.attempts;
      failure = undefined;
      if (claims !== undefined) isRefused = false;
      return value;
    } catch (cause) {
      const message = limit.signal.aborted ? NO_ANSWER : 'No credential of the chain got a token';
      // As they are now: what was given up may go on.
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
      // The token at hand is as good as before.
    }
  }

  if (shouldRecheck) setInterval(recheck, RECHECK_MS).unref();

  /** The claims that make MSAL replace a token that was refused, where one was and the last try is some seconds ago. */
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
          // `renewalFailure` says so, and /whoami warns.
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
