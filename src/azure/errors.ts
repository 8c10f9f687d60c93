import type { Exchange, FailureKind } from '../explain/outcome.ts';
import { errorChain } from '../explain/plain-error.ts';
import { fromOutside } from '../redaction.ts';
import type { WatchedAttempt } from './identity/attempt.ts';

/** The kinds that are failures of the identity: the service responds with an empty list and a reason. To the others, with an HTTP error. */
const OF_IDENTITY: readonly FailureKind[] = ['no-token', 'token-rejected', 'no-subscription', 'not-authorized'];

/** Why there is no list. `cause` is the original error, unchanged. */
export class AzureFailure extends Error {
  readonly kind: FailureKind;
  /** Seconds until the next try, if Azure gave them. */
  readonly retryAfterSeconds: number | undefined;
  /** The outcome of each credential of the chain, if none got a token. */
  readonly attempts: readonly WatchedAttempt[] | undefined;
  /** The id of the subscription, if the failure came after it was found. */
  subscriptionId?: string | undefined;
  /** The last request to Resource Manager, or the one that was pending at the deadline. */
  exchange?: Exchange | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    options?: ErrorOptions & { retryAfterSeconds?: number | undefined; attempts?: readonly WatchedAttempt[] },
  ) {
    super(message, options);
    this.name = 'AzureFailure';
    this.kind = kind;
    this.retryAfterSeconds = options?.retryAfterSeconds;
    this.attempts = options?.attempts;
  }

  get category(): 'identity' | 'service' {
    return OF_IDENTITY.includes(this.kind) ? 'identity' : 'service';
  }
}

/** The informative fields of an error; missing ones are left out. */
export interface OriginalError {
  name: string;
  message: string;
  /** Azure's error code, a system errno, or the number of an AADSTS error. */
  code?: string | number;
  /** HTTP status. */
  status?: number;
}

/**
 * Picks the informative fields of an error for the log and the problem document. Never serialize the error itself: errors of the
 * Azure SDK contain requests, and requests contain tokens.
 */
export function originalError(error: unknown): OriginalError {
  if (!(error instanceof Error)) return { name: typeof error, message: errorMessage(error) };
  const original: OriginalError = { name: error.name, message: errorMessage(error) };
  for (const member of errorChain(error)) {
    const code = field(member, 'errorNo') ?? field(member, 'code') ?? field(member, 'errorCode');
    const status = field(member, 'statusCode') ?? field(member, 'status');
    if (original.code === undefined && code !== undefined) original.code = code;
    if (original.status === undefined && typeof status === 'number') original.status = status;
  }
  return original;
}

/** Longer than any error code. */
const MAX_CODE_LENGTH = 200;

function field(error: object, name: string): string | number | undefined {
  const value: unknown = Reflect.get(error, name);
  if (typeof value === 'string' && value !== '') return fromOutside(value, MAX_CODE_LENGTH);
  return typeof value === 'number' ? value : undefined;
}

/**
 * Removes what two libraries append to a message: the whole output of a command, which may be a token, and the headers of a
 * response, which may be cookies.
 */
export function withoutAppended(message: string): string {
  // This runs before the message is cut, which may have any length. So it uses no regular expression.
  const output = message.indexOf(OUTPUT);
  let rest = output < 0 ? message : `${message.slice(0, output + OUTPUT.length)} (left out)`;
  let kept = '';
  while (true) {
    const begin = rest.indexOf(HEADERS);
    if (begin < 0) return kept + rest;
    kept += rest.slice(0, begin);
    const end = rest.indexOf(AFTER_HEADERS, begin);
    if (end < 0) return kept;
    rest = rest.slice(end + 1);
  }
}

const OUTPUT = 'Received output:';
const HEADERS = '\nHeaders: {';
const AFTER_HEADERS = '} - Correlation ID';

/** The message of an error, without what libraries append to it and without secrets, and cut. */
export function errorMessage(error: unknown): string {
  return fromOutside(withoutAppended(error instanceof Error ? error.message : String(error)));
}
