/** The identity that the fake Azure gives tokens to. All ids are made up. */
export const IDENTITY = {
  tenantId: '11111111-1111-4111-8111-111111111111',
  clientId: '22222222-2222-4222-8222-222222222222',
  objectId: '33333333-3333-4333-8333-333333333333',
};

let issued = 0;

/** An unsigned JWT, different each time, that only the fake Azure accepts; `more` claims add to the usual ones. */
export function madeUpToken(audience: string, lifetimeSeconds: number, more: object = {}): string {
  issued += 1;
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    aud: audience,
    iss: `https://sts.windows.net/${IDENTITY.tenantId}/`,
    iat: now,
    nbf: now,
    exp: now + lifetimeSeconds,
    appid: IDENTITY.clientId,
    idtyp: 'app',
    oid: IDENTITY.objectId,
    tid: IDENTITY.tenantId,
    uti: `made-up-${issued}`,
  };
  return jwt({ ...claims, ...more });
}

/** An unsigned JWT. */
export function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.made-up-signature`;
}

/** The audience and expiry (milliseconds since the epoch) of such a token; undefined for any other string. */
export function readToken(token: string): { audience: string; expiresAtMs: number } | undefined {
  if (!token.endsWith('.made-up-signature')) return undefined;
  const { aud, exp } = readClaims(token) ?? {};
  return { audience: String(aud), expiresAtMs: Number(exp) * 1000 };
}

/** The claims of such a token. */
export function readClaims(token: string): Record<string, unknown> | undefined {
  if (!token.endsWith('.made-up-signature')) return undefined;
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}
