/** Longer than any id, name or URL that a claim has. */
const MAX_CLAIM_LENGTH = 300;

/** Nobody has more audiences. */
const MAX_CLAIM_ELEMENTS = 10;

/** Control and invisible characters, and the backtick, which hints and commands must not have. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}`]/gu;

type Claim = string | number | readonly string[] | Claims;

interface Claims {
  readonly [name: string]: Claim;
}

/** `kubernetes.io` has objects in it; nothing is deeper. */
const MAX_DEPTH = 2;

/** Removes secrets from a text. Half of one cannot be recognized, so this happens before the text is cut. */
export type Clean = (text: string) => string;

/**
 * Reads the claims of a JWT without verifying it, for display and diagnosis only; undefined if the text is not a JWT. Whoever made
 * the token may have put anything into it: texts are cleaned and cut, and a claim that is no text, number, list of texts or object of
 * these is left out.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7519
 */
export function readClaims(token: string, clean: Clean = String): Claims | undefined {
  const [, payload, signature] = token.split('.', 3);
  if (payload === undefined || signature === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined;
    return claimsOf(claims, clean, 0);
  } catch {
    return undefined;
  }
}

function claimsOf(claims: object, clean: Clean, depth: number): Claims {
  return Object.fromEntries(
    Object.entries(claims).flatMap(([name, value]) => {
      const claim = claimOf(value, clean, depth);
      return claim === undefined ? [] : [[name, claim]];
    }),
  );
}

function claimOf(value: unknown, clean: Clean, depth: number): Claim | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return textOf(value, clean);
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Array.isArray(value)) return depth < MAX_DEPTH ? claimsOf(value, clean, depth + 1) : undefined;
  return value
    .slice(0, MAX_CLAIM_ELEMENTS)
    .filter((element) => typeof element === 'string')
    .map((element) => textOf(element, clean));
}

function textOf(claim: string, clean: Clean): string {
  return clean(claim).replace(UNSAFE, ' ').slice(0, MAX_CLAIM_LENGTH);
}

/** Who the token says we are; null for a missing claim. For display only: a token is opaque to its client. */
export interface Identity {
  type: 'app' | 'user' | null;
  tenantId: string | null;
  objectId: string | null;
  clientId: string | null;
  /** The ARM id of the managed identity, if the token has one. */
  managedIdentityResourceId?: string;
}

/**
 * Reads the claims of an access token of Microsoft Entra ID.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
export function readIdentity(token: string, clean?: Clean): Identity {
  const claims = readClaims(token, clean) ?? {};
  const text = (...names: string[]) => {
    const value = names.map((name) => claims[name]).find((claim) => typeof claim === 'string' && claim !== '');
    return typeof value === 'string' ? value : null;
  };
  const managedIdentityResourceId = text('xms_mirid');
  return {
    type: typeOf(text('idtyp'), text('scp')),
    tenantId: text('tid'),
    objectId: text('oid'),
    // Tokens of version 2.0 call it azp.
    clientId: text('appid', 'azp'),
    ...(managedIdentityResourceId !== null && { managedIdentityResourceId }),
  };
}

/** `idtyp` is an optional claim. Only users have delegated permissions (`scp`). */
function typeOf(idtyp: string | null, scp: string | null): Identity['type'] {
  if (idtyp === 'app' || idtyp === 'user') return idtyp;
  return scp === null ? null : 'user';
}

/** Whether two tokens belong to one identity. Those that say nothing are taken for the same. */
export function isSameIdentity(one: Identity, other: Identity): boolean {
  return one.tenantId === other.tenantId && one.objectId === other.objectId && one.clientId === other.clientId;
}
