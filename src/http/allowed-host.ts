import { isIP } from 'node:net';

/**
 * Whether a request may be meant for this process, by its Host. A web page elsewhere can make a browser ask a laptop under a
 * name of its own (DNS rebinding) and would read the answer; it cannot do so under an address or localhost.
 *
 * @param allowedHosts further names, in lower case
 */
export function isAllowedHost(host: string | undefined, allowedHosts: readonly string[]): boolean {
  // HTTP/1.0 has none; a browser always sends one.
  if (host === undefined || host === '') return true;
  const name = host
    .replace(/:\d{1,5}$/, '')
    .replace(/\.$/, '')
    .toLowerCase();
  return (
    isIP(name) !== 0 ||
    (name.startsWith('[') && name.endsWith(']') && isIP(name.slice(1, -1)) === 6) ||
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    allowedHosts.includes(name)
  );
}
