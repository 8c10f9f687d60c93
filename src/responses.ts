import type { Diagnosis } from './explain/explain.ts';
import type { FailureKind } from './explain/outcome.ts';
import { PROBLEM_JSON, type PreparedResponse, prepare, prepareJson } from './http/prepared-response.ts';
import { redactValue } from './redaction.ts';
import { findings, identityWarnings, type Snapshot } from './snapshot.ts';
import { toSafeJson } from './telemetry/safe-json.ts';
import type { View } from './view.ts';

/** Only failures of Azure itself have a status of their own. The others are failures of the identity: 200 and an empty list. */
const STATUS_OF: Partial<Record<FailureKind, 502 | 503 | 504>> = {
  throttled: 503,
  unreachable: 502,
  broken: 502,
  unexpected: 502,
  timeout: 504,
  'token-timeout': 504,
};

/** Whether `GET /` answers with an empty list and a reason. */
export function isFallback({ outcome: { failure } }: Snapshot): boolean {
  return failure !== null && STATUS_OF[failure.kind] === undefined;
}

/** Status and headers of `GET /`, as JSON and as page. Only this function decides which HTTP status a failure has. */
export function statusAndHeaders(snapshot: Snapshot): { status: number; headers: Record<string, string> } {
  const { outcome, failure } = snapshot;
  const warnings = identityWarnings(snapshot).map(({ reason }) => reason);
  const headers = { Vary: 'Accept', ...(warnings.length > 0 && { 'Identity-Warning': warnings.join(', ') }) };
  if (!outcome.failure || !failure) return { status: 200, headers };
  const status = STATUS_OF[outcome.failure.kind];
  if (status === undefined) return { status: 200, headers: { ...headers, 'Fallback-Reason': failure.reason } };
  const { retryAfterSeconds } = outcome.failure;
  const retryAfter = retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) };
  return { status, headers: { Vary: 'Accept', ...retryAfter } };
}

/** `GET /` as JSON: the names, `[]`, or problem details. */
export function listResponse(snapshot: Snapshot): PreparedResponse {
  const { status, headers } = statusAndHeaders(snapshot);
  const { names, failure } = snapshot;
  if (failure && status !== 200) return prepareJson(problem(status, failure), status, headers, PROBLEM_JSON);
  return prepare(`${toSafeJson(redactValue(names ?? []))}\n`, 'application/json', status, headers);
}

/** Problem details about a failure. The diagnosis comes last, so that it ends the output in a terminal. */
function problem(status: number, failure: Diagnosis, members: object = {}): object {
  const { reason } = failure;
  return { type: `urn:rg-api:${reason}`, status, ...members, ...diagnosisMembers(failure) };
}

/** The members of a diagnosis in the order of the contract. An empty original message is left out. */
function diagnosisMembers({ reason, title, problem, hint, commands, detail, documentation }: Diagnosis) {
  return {
    reason,
    title,
    problem,
    hint,
    commands,
    ...(detail !== '' && { detail }),
    ...(documentation !== undefined && { documentation }),
  };
}

/** `GET /whoami`: the checks, then who the token says we are, or problem details that explain why there is none. */
function whoAmIDocument(view: View): { status: 200 | 503; members: object } {
  const { checks, outcome, failure, subscription, instance, history, expiresOn } = view;
  const { identity, facts, attempts } = outcome;
  if (identity) {
    const { credential, ...claims } = identity;
    const warnings = identityWarnings(view).map(diagnosisMembers);
    return {
      status: 200,
      members: { checks, identity: claims, credential, expiresOn, subscription, instance, history, warnings },
    };
  }
  const about = { instance, history, facts, attempts };
  return { status: 503, members: { checks, ...(failure ? problem(503, failure, about) : about) } };
}

export function whoAmIResponse(view: View): PreparedResponse {
  const { status, members } = whoAmIDocument(view);
  return prepareJson(members, status, {}, status === 200 ? 'application/json' : PROBLEM_JSON);
}

/** The report for machines: the verdict, then the document of `/whoami`, and how many resource groups there are. */
export function checkDocument(view: View): object {
  const [first] = findings(view);
  return {
    ok: first === undefined,
    reason: first?.reason ?? null,
    title: first?.title ?? null,
    hint: first?.hint ?? null,
    ...whoAmIDocument(view).members,
    resourceGroups: view.names?.length ?? null,
  };
}
