import type { Diagnosis } from '../azure/diagnosis/diagnose.ts';
import type { FailureKind } from '../azure/errors.ts';
import type { ResourceGroups } from '../azure/resource-manager/resource-groups.ts';
import type { Diagnosed } from '../listing.ts';

const STATUS_OF: Partial<Record<FailureKind, 502 | 503 | 504>> = {
  broken: 502,
  unreachable: 502,
  unexpected: 502,
  throttled: 503,
  timeout: 504,
  'token-timeout': 504,
};

const TITLE_OF: Partial<Record<FailureKind, string>> = {
  broken: 'Azure Resource Manager is broken',
  unreachable: 'Azure Resource Manager cannot be reached',
  unexpected: 'No list, for a reason that nobody foresaw',
  throttled: 'Azure Resource Manager throttles',
  timeout: 'Azure Resource Manager did not answer in time',
  'token-timeout': 'No access token in time',
};

/** An answer tells of one moment: the next one may differ. */
const ALWAYS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };

/** What is longer is encoded once; what is shorter costs less as a string, which leaves in one piece with its headers. */
const LONGEST_STRING_BYTES = 4096;

/** A response before it is made, which may be made many times. */
export interface Answer {
  body: string | Uint8Array<ArrayBuffer>;
  init: { status: number; headers: Record<string, string> };
}

export interface Answers {
  /** A JSON document for a person in a terminal: one member a line. */
  document(body: object): Answer;
  /** A problem document (RFC 9457). Where its type is about:blank, its title is that of the HTTP status. */
  problem(status: number, title: string, members: ProblemMembers, headers?: Record<string, string>): Answer;
  /** What GET / answers: the names, `[]` and why, or a problem document; made once for all who share the outcome. */
  list(outcome: ResourceGroups | Diagnosed): Answer;
}

interface ProblemMembers {
  type?: string;
  detail: string;
  attempts?: object;
  facts?: object;
}

/** Makes the answers of the service. */
export function createAnswers(deps: {
  /** Takes secrets out of a text. */
  redact: (text: string) => string;
  /** A list is answered with `[]`, for this reason. */
  onFallback: (reason: string) => void;
}): Answers {
  let latest: { outcome: ResourceGroups | Diagnosed; answer: Answer } | undefined;

  function document(body: object, type = 'application/json', status = 200, headers?: Record<string, string>): Answer {
    return answer(deps.redact(`${JSON.stringify(body, null, 2)}\n`), type, status, headers);
  }

  function problem(
    status: number,
    title: string,
    { type = 'about:blank', ...members }: ProblemMembers,
    headers?: Record<string, string>,
  ): Answer {
    return document({ type, title, status, ...members }, 'application/problem+json', status, headers);
  }

  function answerOf(outcome: ResourceGroups | Diagnosed): Answer {
    const { status, headers } = headOf(outcome);
    if ('names' in outcome) return answer(JSON.stringify(outcome.names), 'application/json', status, headers);
    const { failure, diagnosis } = outcome;
    if (failure.category === 'identity') return answer('[]', 'application/json', status, headers);
    return problem(status, TITLE_OF[failure.kind] ?? 'No list', explained(diagnosis), headers);
  }

  return {
    document,
    problem,
    list(outcome) {
      if ('failure' in outcome && outcome.failure.category === 'identity') deps.onFallback(outcome.diagnosis.reason);
      if (latest?.outcome !== outcome) latest = { outcome, answer: answerOf(outcome) };
      return latest.answer;
    },
  };
}

/** Status and headers of GET /, in whatever form it is answered. */
export function headOf(outcome: ResourceGroups | Diagnosed): { status: number; headers: Record<string, string> } {
  const Vary = 'Accept';
  if ('names' in outcome) return { status: 200, headers: { Vary } };
  const { failure, diagnosis } = outcome;
  if (failure.category === 'identity') {
    return { status: 200, headers: { Vary, 'Fallback-Reason': diagnosis.reason } };
  }
  const { retryAfterSeconds } = failure;
  const retryAfter = retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) };
  return { status: STATUS_OF[failure.kind] ?? 502, headers: { Vary, ...retryAfter } };
}

export function answer(body: string, type: string, status = 200, headers?: Record<string, string>): Answer {
  const bytes = Buffer.from(body);
  // With its length, or Node would look for it in every response that is made of this.
  const length = { 'Content-Length': String(bytes.length) };
  const init = { status, headers: { 'Content-Type': type, ...length, ...ALWAYS, ...headers } };
  return { body: bytes.length > LONGEST_STRING_BYTES ? bytes : body, init };
}

/** The members of a problem document that explain a failure; what to do comes last, where a terminal leaves the eye. */
export function explained({ reason, hint, commands, documentation, detail }: Diagnosis) {
  return {
    type: `urn:rg-api:${reason}`,
    detail,
    documentation,
    reason,
    hint,
    ...(commands.length > 0 && { commands }),
  };
}
