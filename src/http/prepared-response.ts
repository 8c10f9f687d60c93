import { STATUS_CODES } from 'node:http';
import { redactValue } from '../redaction.ts';
import { toSafeJson } from '../telemetry/safe-json.ts';

/** The body and headers of a response, prepared once for all requests that share a snapshot. */
export interface PreparedResponse {
  body: string | Uint8Array<ArrayBuffer>;
  init: { status: number; headers: Record<string, string> };
}

/** A response describes one moment, so nobody may cache it. Only its own origin may read it. */
const COMMON_HEADERS = {
  'Cache-Control': 'no-store',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

/** Encode longer bodies once. A shorter one costs less as a string, because Node sends it in one write with the headers. */
const LONGEST_STRING_BYTES = 4096;

export function prepare(body: string, type: string, status = 200, headers?: Record<string, string>): PreparedResponse {
  const bytes = Buffer.from(body);
  // Without it, Node would compute the length for every response.
  const length = { 'Content-Length': String(bytes.length) };
  const init = { status, headers: { ...length, 'Content-Type': type, ...COMMON_HEADERS, ...headers } };
  return { body: bytes.length > LONGEST_STRING_BYTES ? bytes : body, init };
}

/** @see https://www.rfc-editor.org/rfc/rfc9457 */
export const PROBLEM_JSON = 'application/problem+json';

/** Prepares a JSON document. The last net: no token leaves, whoever brought it. Secrets are removed where a text enters. */
export function prepareJson(
  document: object,
  status?: number,
  headers?: Record<string, string>,
  type = 'application/json',
): PreparedResponse {
  return prepare(`${toSafeJson(redactValue(document), 2)}\n`, type, status, headers);
}

/** Prepares problem details of the server itself. With the type about:blank, the title is that of the HTTP status. */
export function prepareProblem(status: number, detail: string, headers?: Record<string, string>): PreparedResponse {
  const document = { type: 'about:blank', title: STATUS_CODES[status], status, detail };
  return prepareJson(document, status, headers, PROBLEM_JSON);
}
