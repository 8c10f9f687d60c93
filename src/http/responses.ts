import type { Diagnosis } from '../azure/diagnosis/diagnose.ts';
import type { FailureKind } from '../azure/errors.ts';
import type { Snapshot } from '../azure/snapshot.ts';
import type { Warning } from '../azure/whoami.ts';
import { redactValue } from '../redaction.ts';
import { toSafeJson } from '../telemetry/safe-json.ts';
import type { View } from '../view.ts';

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

/** Problem details. With the type about:blank, the title is that of the HTTP status. */
export interface ProblemDetails {
  type: string;
  title: string;
  status: number;
  detail: string;
  [extension: string]: unknown;
}

/** @see https://www.rfc-editor.org/rfc/rfc9457 */
export function problemDetails(
  status: number,
  title: string,
  { type = 'about:blank', ...members }: { type?: string; detail: string; [extension: string]: unknown },
): ProblemDetails {
  return { type, title, status, ...members };
}

/** Prepares responses from JSON documents, and redacts secrets. */
export interface Documents {
  json(document: object): PreparedResponse;
  problem(details: ProblemDetails, headers?: Record<string, string>): PreparedResponse;
}

/** Creates `Documents`; `serialize` turns a value into JSON and redacts secrets. */
export function createDocuments(serialize: (value: object) => string): Documents {
  return {
    json: (document) => prepare(serialize(document), 'application/json'),
    problem: (details, headers) => prepare(serialize(details), 'application/problem+json', details.status, headers),
  };
}

const STATUS_OF: Partial<Record<FailureKind, 502 | 503 | 504>> = {
  throttled: 503,
  timeout: 504,
  'token-timeout': 504,
};

const TITLE_OF: Partial<Record<FailureKind, string>> = {
  broken: 'Azure Resource Manager is broken',
  unreachable: 'Azure Resource Manager cannot be reached',
  throttled: 'Azure Resource Manager throttles',
  timeout: 'Azure Resource Manager did not answer in time',
  'token-timeout': 'No access token in time',
};

/** Status and headers of `GET /`, as JSON and as page. Only this function decides which HTTP status a failure has. */
export function headOf({ listing, warnings }: Snapshot): { status: number; headers: Record<string, string> } {
  const Vary = 'Accept';
  const identityWarning = warnings.map(({ reason }) => reason).join(', ');
  const headers = { Vary, ...(identityWarning !== '' && { 'Identity-Warning': identityWarning }) };
  switch (listing.kind) {
    case 'listed':
      return { status: 200, headers };
    case 'fallback':
      return { status: 200, headers: { ...headers, 'Fallback-Reason': listing.diagnosis.reason } };
    case 'failed': {
      const { kind, retryAfterSeconds } = listing.failure;
      const retryAfter = retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) };
      return { status: STATUS_OF[kind] ?? 502, headers: { Vary, ...retryAfter } };
    }
  }
}

/** `GET /` as JSON: the names, `[]`, or problem details. */
export function listResponse(documents: Documents, snapshot: Snapshot): PreparedResponse {
  const { status, headers } = headOf(snapshot);
  const { listing } = snapshot;
  switch (listing.kind) {
    case 'listed':
      return prepare(toSafeJson(redactValue(listing.names)), 'application/json', status, headers);
    case 'fallback':
      return prepare('[]', 'application/json', status, headers);
    case 'failed':
      return documents.problem(
        problemDetails(
          status,
          TITLE_OF[listing.failure.kind] ?? 'No list, for an unexpected reason',
          explanation(listing.diagnosis),
        ),
        headers,
      );
  }
}

/** The members of problem details that explain a failure. What to do comes last, so it is the last line in a terminal. */
function explanation({ reason, hint, commands, documentation, detail }: Diagnosis) {
  return {
    type: `urn:rg-api:${reason}`,
    detail,
    ...(documentation && { documentation }),
    reason,
    hint,
    ...(commands.length > 0 && { commands }),
  };
}

/** `GET /whoami`: who the token says we are, or problem details that explain why there is none. */
export function whoAmIDocument(view: View): { problem: ProblemDetails } | { identity: object } {
  const { who, subscription, warnings, instance, history } = view;
  if (who.kind === 'unidentified') {
    const { facts, attempts } = who.diagnosis;
    const members = { instance, history, facts, attempts, ...explanation(who.diagnosis) };
    return { problem: problemDetails(503, 'No access token', members) };
  }
  const { identity, credential, expiresOn } = who;
  return {
    identity: {
      identity,
      credential,
      expiresOn,
      subscription,
      instance,
      history,
      warnings: warnings.map(withoutEmpty),
    },
  };
}

/** Leaves out an empty list of commands. */
function withoutEmpty({ commands, ...warning }: Warning): object {
  return { ...warning, ...(commands.length > 0 && { commands }) };
}

export function whoAmIResponse(documents: Documents, view: View): PreparedResponse {
  const document = whoAmIDocument(view);
  return 'problem' in document ? documents.problem(document.problem) : documents.json(document.identity);
}
