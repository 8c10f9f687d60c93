import type { AccessToken, TokenCredential } from '@azure/core-auth';
import {
  AggregateAuthenticationError,
  CredentialUnavailableError,
  DefaultAzureCredential,
  WorkloadIdentityCredential,
} from '@azure/identity';
import type { Cloud } from './cloud.ts';
import { untilAborted } from './deadline.ts';
import { errorChain, IdentityFailure, originalError } from './failure.ts';

/** The credential as this process needs it: the token of one scope, kept and renewed. */
export interface Credential {
  /**
   * A token that has not expired, waited for as long as it takes; whoever cannot wait that long turns away, and the
   * acquisition goes on for the next one. `claims` is the challenge of a Resource Manager that refused the present token
   * (Continuous Access Evaluation).
   *
   * @throws {IdentityFailure} `no-credential` or `token-rejected`
   */
  getToken(claims?: string): Promise<AccessToken>;
  /** Drops the token at hand, because Resource Manager refused it. */
  forgetToken(): void;
}

export type WarningLog = { warn(fields: object, message: string): void };

/**
 * After an outcome nobody asks again for this long: not after a failure, so that a broken identity is not hammered, and
 * not after a token that had expired when it came, which a clock that is off makes of every token.
 */
const OUTCOME_HOLDS_MS = 1000;

/** A token this near to its end is not used any more: it could expire on its way. */
const EXPIRY_MARGIN_MS = 1000;

/** How long before its expiry a token is renewed, unless Azure says when. Less than five minutes: before that MSAL answers from its own cache. */
const RENEWAL_WINDOW_MS = 270_000;

/**
 * An acquisition that has not ended by now never will. NMI may hold a request for 80 to 100 seconds while it waits for the
 * identity to be assigned; no credential has a time-out of its own, and without this bound one lost answer would be waited for for ever.
 */
const ACQUISITION_LIMIT_MS = 120_000;

/** The pause between renewals: short enough to try several times before the end, long enough not to start an `az` for every request. */
function renewalPauseMs(remainingMs: number): number {
  return Math.min(30_000, Math.max(OUTCOME_HOLDS_MS, remainingMs / 10));
}

/**
 * Wraps a credential: one acquisition at a time, its token kept, and renewed in the background before it expires.
 * Credentials do not do that by themselves: ten concurrent getToken calls are ten token requests, an Azure CLI credential
 * starts `az` for each, a default chain probes IMDS before it looks into its cache, and none of them heeds an abort signal.
 */
export function keepToken(source: TokenCredential, scope: string, log: WarningLog): Credential {
  let token: { value: AccessToken; usableUntilMs: number; renewAtMs: number } | undefined;
  let failure: { error: IdentityFailure; holdsUntilMs: number } | undefined;
  let acquisition: { outcome: Promise<AccessToken>; claims: string | undefined } | undefined;

  function acquire(claims?: string): Promise<AccessToken> {
    if (acquisition && acquisition.claims === claims) return acquisition.outcome;
    const previous = acquisition?.outcome.catch(() => {});
    const outcome = previous ? previous.then(() => ask(claims)) : ask(claims);
    const current = { outcome, claims };
    acquisition = current;
    const done = () => {
      if (acquisition === current) acquisition = undefined;
    };
    // Also what observes a failure after everybody who waited has gone.
    outcome.then(done, done);
    return outcome;
  }

  async function ask(claims?: string): Promise<AccessToken> {
    const limit = new AbortController();
    const timer = setTimeout(() => {
      limit.abort(new Error(`no token within ${ACQUISITION_LIMIT_MS / 1000} s, and no refusal either`));
    }, ACQUISITION_LIMIT_MS);
    try {
      const request = source.getToken(scope, { enableCae: true, ...(claims !== undefined && { claims }) });
      const value = await untilAborted(request, limit.signal);
      if (!value) throw new CredentialUnavailableError('The credential answered without a token');
      const now = Date.now();
      const { expiresOnTimestamp } = value;
      const usableUntilMs = Math.max(expiresOnTimestamp - EXPIRY_MARGIN_MS, now + OUTCOME_HOLDS_MS);
      const dueMs =
        value.refreshAfterTimestamp ?? expiresOnTimestamp - Math.min(RENEWAL_WINDOW_MS, (expiresOnTimestamp - now) / 2);
      // MSAL answers a renewal that is due with the old token once more, and has the new one for the next call.
      token = { value, usableUntilMs, renewAtMs: Math.max(dueMs, now + renewalPauseMs(usableUntilMs - now)) };
      failure = undefined;
      return value;
    } catch (cause) {
      failure = { error: identityFailure(cause), holdsUntilMs: Date.now() + OUTCOME_HOLDS_MS };
      throw failure.error;
    } finally {
      clearTimeout(timer);
    }
  }

  function renewInBackground(value: AccessToken): void {
    acquire().catch((error: IdentityFailure) => {
      const expires = new Date(value.expiresOnTimestamp).toISOString();
      log.warn(
        { reason: error.reason, original: originalError(error.cause), expires },
        'the token could not be renewed; the present one is used until it expires',
      );
    });
  }

  return {
    async getToken(claims) {
      const now = Date.now();
      if (token && claims === undefined && now < token.usableUntilMs) {
        if (now >= token.renewAtMs && !acquisition) {
          token.renewAtMs = now + renewalPauseMs(token.usableUntilMs - now);
          renewInBackground(token.value);
        }
        return token.value;
      }
      if (failure && now < failure.holdsUntilMs) throw failure.error;
      return acquire(claims);
    },
    forgetToken() {
      token = undefined;
    },
  };
}

/**
 * The chain of @azure/identity: a DefaultAzureCredential, and before it, where AKS identity bindings are in force
 * (AZURE_KUBERNETES_TOKEN_PROXY), the one credential that can use their proxy; DefaultAzureCredential leaves it out on purpose.
 *
 * @see https://learn.microsoft.com/azure/aks/identity-bindings-concepts
 */
export function defaultCredential(cloud: Cloud, identityBinding: boolean, userAgentPrefix: string): TokenCredential {
  // A new object each time: DefaultAzureCredential writes into its options.
  const options = () => ({
    authorityHost: cloud.authorityHost,
    userAgentOptions: { userAgentPrefix },
    // By default an IMDS that answers 404 or 500 is asked for 15 to 20 seconds, longer than anybody waits for an answer.
    // One retry bridges a hiccup; after that whoever asks next tries again.
    retryOptions: { maxRetries: 1, retryDelayInMs: 500 },
    // Without it an `az` that hangs would never be given up.
    processTimeoutInMs: 30_000,
  });
  const chain = new DefaultAzureCredential(options());
  return identityBinding ? firstOf(identityBindingCredential(options), chain) : chain;
}

function identityBindingCredential(options: () => object): TokenCredential {
  let credential: WorkloadIdentityCredential | undefined;
  return {
    async getToken(scopes, getTokenOptions) {
      try {
        credential ??= new WorkloadIdentityCredential({ ...options(), enableAzureProxy: true });
      } catch (cause) {
        throw new CredentialUnavailableError(`WorkloadIdentityCredential (identity binding): ${messageOf(cause)}`, {
          cause,
        });
      }
      return credential.getToken(scopes, getTokenOptions);
    },
  };
}

/** As ChainedTokenCredential, which cannot hold a DefaultAzureCredential: when the inner chain fails, it drops what the first one said. */
function firstOf(first: TokenCredential, chain: TokenCredential): TokenCredential {
  return {
    async getToken(scopes, options) {
      try {
        return await first.getToken(scopes, options);
      } catch (firstError) {
        try {
          return await chain.getToken(scopes, options);
        } catch (error) {
          const others = error instanceof AggregateAuthenticationError ? error.errors : [error];
          throw new AggregateAuthenticationError([firstError, ...others], 'No credential of the chain got a token.');
        }
      }
    },
  };
}

function identityFailure(cause: unknown): IdentityFailure {
  for (const error of errorChain(cause)) {
    // Microsoft Entra ID was asked and said no. MSAL keeps the number of its error, some credentials only the text.
    const errorNo: unknown = Reflect.get(error, 'errorNo');
    if (errorNo !== undefined || /\bAADSTS\d+/.test(error.message)) {
      return new IdentityFailure('token-rejected', 'Microsoft Entra ID refused a token', { cause });
    }
  }
  return new IdentityFailure('no-credential', 'No credential of the chain got a token', { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
