/** Three parts of base64url, the first of them an encoded JSON object: a JWT, or the larger part of one. */
const JWT = /\beyJ[\w-]{5,}\.[\w-]+(\.[\w-]*)?/g;

/** The user and password of a URL. */
const USER_INFO = /(\/\/)[^\s/@"'\\]+@/g;

/**
 * The last gate of everything that leaves the process as text: takes out tokens and passwords, whoever put them there.
 * JSON stays JSON.
 */
export function redact(text: string): string {
  return text.replace(JWT, '(token removed)').replace(USER_INFO, '$1');
}
