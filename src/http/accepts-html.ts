import { parseAccept } from 'hono/utils/accept';

/**
 * Whether the client prefers HTML to JSON, as browsers do and curl does not. The header must name `text/html`: a wildcard is not
 * enough, and neither is a list with a bare `*`, which only old programs send (Java's HttpURLConnection).
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-accept
 */
export function acceptsHtml(accept: string | undefined): boolean {
  // curl and most other programs send this.
  if (accept === undefined || accept === '*/*') return false;
  const ranges = parseAccept(accept).map(({ type, q }) => ({ type: type.toLowerCase(), q }));
  const html = ranges.find(({ type }) => type === 'text/html');
  if (!html || html.q === 0 || ranges.some(({ type }) => type === '*')) return false;
  const json = ['application/json', 'application/*', '*/*']
    .map((type) => ranges.find((range) => range.type === type))
    .find((range) => range !== undefined);
  if (!json || html.q > json.q) return true;
  return html.q === json.q && json.type !== 'application/json';
}
