import type { Finding } from './evidence.ts';

/**
 * What continuous access evaluation demands, if it refused the token: the message and the claims, which the WWW-Authenticate
 * header has in base64; undefined for another refusal.
 *
 * @see https://learn.microsoft.com/entra/identity/conditional-access/concept-continuous-access-evaluation
 */
export function challengeOf({ wwwAuthenticate = '', message }: Finding): string | undefined {
  const claims = /claims="([A-Za-z0-9+/=_-]{1,4000})"/.exec(wwwAuthenticate)?.[1] ?? '';
  const demand = `${message} ${Buffer.from(claims, 'base64').toString('utf8')}`;
  const isEvaluation = /insufficient_claims/.test(wwwAuthenticate) || /continuous access evaluation/i.test(demand);
  return isEvaluation ? demand.replace(/authorization_uri|Location(?=:)/g, '') : undefined;
}
