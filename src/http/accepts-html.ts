import type { Context } from 'hono';
import { accepts } from 'hono/accepts';

interface Range {
  type: string;
  q: number;
}

const [JSON_TYPE, HTML_TYPE] = ['application/json', 'text/html'] as const;

/**
 * Whether the client would rather have HTML than JSON: a browser would, curl would not. Wildcards count, which hono's own
 * matching leaves out.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-accept
 */
export function prefersHtml(c: Context): boolean {
  const accept = c.req.header('Accept');
  // What curl and all other programs send that do not care.
  if (accept === undefined || accept === '*/*') return false;
  const match = (ranges: Range[]) => {
    const [json, html] = [weigh(ranges, JSON_TYPE), weigh(ranges, HTML_TYPE)];
    const isHtml = html.q > json.q || (html.q === json.q && html.q > 0 && html.precision > json.precision);
    return isHtml ? HTML_TYPE : JSON_TYPE;
  };
  const supports = [JSON_TYPE, HTML_TYPE];
  return accepts(c, { header: 'Accept', supports, default: JSON_TYPE, match }) === HTML_TYPE;
}

/** What the most precise range that covers a type says of it. */
function weigh(ranges: Range[], type: string): { q: number; precision: number } {
  const covering = ['*/*', `${type.split('/')[0]}/*`, type];
  return ranges
    .map((range) => ({ q: range.q, precision: covering.indexOf(range.type.toLowerCase()) }))
    .filter(({ precision }) => precision >= 0)
    .reduce((best, weight) => (weight.precision > best.precision ? weight : best), { q: 0, precision: -1 });
}
