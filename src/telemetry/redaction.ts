import { html } from 'hono/html';
import { PROXY_VARIABLES } from '../azure/proxy.ts';

/** Three parts of base64url, the first of them an encoded JSON object: a JWT, or the larger part of one. */
const JWT = /\beyJ[\w-]{5,}\.[\w-]+(\.[\w-]*)?/g;

/** The user and password of a URL. */
const USER_INFO = /(\/\/)[^\s/@"'\\]+@/g;

const SECRET_VARIABLES =
  /^(AZURE_CLIENT_SECRET|AZURE_PASSWORD|AZURE_CLIENT_CERTIFICATE_PASSWORD|IDENTITY_HEADER|MSI_SECRET)$/;
const URL_VARIABLES = new Set<string>(['AZURE_KUBERNETES_TOKEN_PROXY', ...PROXY_VARIABLES]);

/** A shorter one cannot be instrument from ordinary text. */
const SHORTEST_SECRET = 4;

/**
 * The last gate of everything that leaves the process as text: takes out tokens, and the secrets of this environment, whoever
 * put them there. JSON stays JSON.
 */
export function createRedaction(env: NodeJS.ProcessEnv): (text: string) => string {
  const secrets = Object.entries(env).flatMap(([name, value = '']) => {
    if (SECRET_VARIABLES.test(name)) return [value];
    const url = URL_VARIABLES.has(name.toUpperCase()) ? URL.parse(value) : null;
    return url ? [url.username && url.password, url.search.slice(1)] : [];
  });
  // As it is, in a URL or a form, in JSON, in HTML.
  const forms = secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      new URLSearchParams({ '': secret }).toString().slice(1),
      JSON.stringify(secret).slice(1, -1),
      String(html`${secret}`),
    ]);
  return (text) => {
    let redacted = text.replace(JWT, '(token removed)').replace(USER_INFO, '$1');
    for (const form of forms) redacted = redacted.replaceAll(form, '(secret removed)');
    return redacted;
  };
}
