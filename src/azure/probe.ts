import { hasNoToken } from '../explain/evidence.ts';
import type { Facts } from '../explain/facts.ts';
import type { Attempt, Exchange, Failure, Listed, Outcome } from '../explain/outcome.ts';
import { errorChain } from '../explain/plain-error.ts';
import { type Deadline, withinDeadline } from './deadline.ts';
import { AzureFailure, errorMessage } from './errors.ts';
import type { WatchedAttempt } from './identity/attempt.ts';
import type { TokenCache, TokenClaims } from './identity/token-cache.ts';
import type { ResourceGroupListing, ResourceGroups } from './resource-manager/resource-groups.ts';
import { ResourceManagerError } from './resource-manager/response-error.ts';

/** Who we are and what we see in Azure, at one moment. Every response about Azure is rendered from one look. */
export interface Look {
  /** When the look was complete, ISO 8601. */
  asOf: string;
  /** How long it took. */
  tookMs: number;
  outcome: Outcome;
  /** The names of all resource groups; null if there is no list, or none was asked for. */
  names: readonly string[] | null;
  /** The subscription in use, or null; its name is null if it is not known. */
  subscription: { id: string; name: string | null } | null;
  /** When the token expires, ISO 8601; null without one, or if Azure sent something other than a time. */
  expiresOn: string | null;
}

/** Takes a look. `headers` go to Resource Manager. Throws only for a bug: a failure of Azure is an outcome. */
export type Probe = (headers?: Record<string, string>) => Promise<Look>;

/**
 * Creates the probe: one token, one list, and everything that the diagnosis needs, gathered once. Without a `listing`, it asks for
 * a token and for nothing of Resource Manager.
 */
export function createProbe(deps: {
  credential: TokenCache;
  listing: Pick<ResourceGroupListing, 'listResourceGroups'> | undefined;
  gatherFacts: () => Promise<Facts>;
  deadlineMs: number;
}): Probe {
  const { credential, listing, gatherFacts, deadlineMs } = deps;

  return async (headers) => {
    const startedAtMs = performance.now();
    const [{ listed, failure }, facts] = await Promise.all([list(headers), gatherFacts()]);
    // A list and its identity come from one token.
    const token = failure && hasNoToken(failure) ? undefined : (listed?.token ?? credential.latestToken());
    // The attempts at the time of the failure, or the current ones while an acquisition is pending.
    const attempts = failure?.attempts ?? credential.attempts();
    const renewal = credential.renewalFailure();
    const outcome: Outcome = {
      facts,
      attempts: attempts.map(plainAttempt),
      identity: token ? { ...token.identity, credential: token.credential } : null,
      list: listed ? plainList(listed) : null,
      failure: failure ? plainFailure(failure) : null,
      renewal: token && renewal ? plainFailure(renewal) : null,
    };
    const subscriptionId = listed?.subscription.id ?? failure?.subscriptionId;
    return {
      asOf: new Date().toISOString(),
      tookMs: performance.now() - startedAtMs,
      outcome,
      names: listed?.names ?? null,
      subscription:
        token && subscriptionId !== undefined ? { id: subscriptionId, name: listed?.subscription.name ?? null } : null,
      expiresOn: token ? isoTime(token.expiresOnTimestamp) : null,
    };
  };

  async function list(headers?: Record<string, string>): Promise<{ listed?: ResourceGroups; failure?: AzureFailure }> {
    try {
      if (listing) return { listed: await listing.listResourceGroups(headers) };
      await withinDeadline(deadlineMs, currentToken);
      return {};
    } catch (error) {
      if (!(error instanceof AzureFailure)) throw error;
      return { failure: error };
    }
  }

  function currentToken(deadline: Deadline): Promise<TokenClaims> {
    deadline.pendingExchange = () => credential.pendingExchange();
    return credential.getToken();
  }
}

function plainList({ subscription: { id, name }, names, mayRead }: ResourceGroups): Listed {
  return {
    subscriptionId: id,
    ...(name !== undefined && { subscriptionName: name }),
    resourceGroups: names.length,
    ...(mayRead !== undefined && { mayRead }),
  };
}

function isoTime(ms: number): string | null {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** Reduces an error of the SDK to its informative fields. Never serialize one: it contains requests, and requests contain tokens. */
function plainAttempt({ name, outcome, message, error, exchange, pending }: WatchedAttempt): Attempt {
  // A request without a response says more than an answered one before it.
  const last = pending ?? exchange;
  const attempt = { name, outcome, message, ...(last && { exchange: plainExchange(last) }) };
  if (!(error instanceof Error)) return attempt;
  const code = textOf(error, 'errorCode') ?? textOf(error, 'code');
  const aadsts = [...errorChain(error)].map((member) => Number(Reflect.get(member, 'errorNo'))).find((no) => no > 0);
  return {
    ...attempt,
    errorName: error.name,
    ...(code !== undefined && { code }),
    ...(aadsts !== undefined && { aadsts }),
  };
}

function plainFailure({ kind, message, cause, ...more }: AzureFailure): Failure {
  const { retryAfterSeconds, subscriptionId } = more;
  const error = cause instanceof Error ? cause : undefined;
  const code = textOf(error, 'code');
  const refusal = cause instanceof ResourceManagerError ? cause : undefined;
  return {
    kind,
    message,
    ...(error && { errorName: error.name }),
    ...(code !== undefined && { code }),
    ...(refusal && {
      status: refusal.statusCode,
      said: errorMessage(refusal),
      isAzureError: refusal.isAzureError,
      ...(refusal.wwwAuthenticate !== undefined && { wwwAuthenticate: refusal.wwwAuthenticate }),
    }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    ...(subscriptionId !== undefined && { subscriptionId }),
    ...(more.exchange && { exchange: plainExchange(more.exchange) }),
  };
}

/** The time of a pending request goes on, so this takes it now. */
function plainExchange({ tookMs, ...exchange }: Exchange): Exchange {
  return { ...exchange, ...(tookMs !== undefined && { tookMs: Math.round(tookMs) }) };
}

/** The first such text in an error and its causes. */
function textOf(error: Error | undefined, field: string): string | undefined {
  const value = [...errorChain(error)]
    .map((member): unknown => Reflect.get(member, field))
    .find((found) => typeof found === 'string' && found !== '');
  return typeof value === 'string' ? value : undefined;
}
