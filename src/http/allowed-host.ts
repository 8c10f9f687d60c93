import { isIP } from 'node:net';

/**
 * Whether to accept a request with this Host. A malicious web page can point its own host name at a laptop (DNS rebinding) and
 * read the response. It cannot do that with an IP address or localhost.
 *
 * @param allowedHosts more accepted names, in lower case
 */
export function isAllowedHost(host: string | undefined, allowedHosts: readonly string[]): boolean {
  // HTTP/1.0 requests have none, but browsers always send one.
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
