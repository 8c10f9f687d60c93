import type { Exchange, FailureKind } from '../explain/outcome.ts';
import { errorChain } from '../explain/plain-error.ts';
import { fromOutside } from '../redaction.ts';
import type { WatchedAttempt } from './identity/attempt.ts';

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
}

const OF_IDENTITY: readonly FailureKind[] = ['no-token', 'token-rejected', 'no-subscription', 'not-authorized'];

/** Whether a failure is one of the identity: the service responds with an empty list and a reason. To the others, with an HTTP error. */
export function isOfIdentity(error: unknown): error is AzureFailure {
  return error instanceof AzureFailure && OF_IDENTITY.includes(error.kind);
}

/** Longer than any error code. */
const MAX_CODE_LENGTH = 200;

/**
 * The informative fields of an error, for the log. Never log the error itself: errors of the Azure SDK contain requests, and
 * requests contain tokens.
 */
export function originalError(error: unknown): { name: string; message: string; code?: string } {
  const code = textOf(error, 'code');
  return {
    name: error instanceof Error ? error.name : typeof error,
    message: errorMessage(error),
    ...(code !== undefined && { code: fromOutside(code, MAX_CODE_LENGTH) }),
  };
}

/** The first such text in an error and its causes. */
export function textOf(error: unknown, field: string): string | undefined {
  const value = [...errorChain(error)]
    .map((member): unknown => Reflect.get(member, field))
    .find((found) => typeof found === 'string' && found !== '');
  return typeof value === 'string' ? value : undefined;
}

/**
 * Removes what two libraries append to a message: the whole output of a command, which may be a token, and the headers of a
 * response, which may be cookies.
 */
export function withoutAppended(message: string): string {
  // This runs before the message is cut, which may have any length. So it uses no regular expression.
  const output = message.indexOf(OUTPUT);
  const [begin = '', ...parts] = (output < 0 ? message : `${message.slice(0, output)}${OUTPUT} (left out)`).split(
    HEADERS,
  );
  const rests = parts.map((part) => {
    const end = part.indexOf(AFTER_HEADERS);
    return end < 0 ? '' : part.slice(end + 1);
  });
  return begin + rests.join('');
}

const OUTPUT = 'Received output:';
const HEADERS = '\nHeaders: {';
const AFTER_HEADERS = '} - Correlation ID';

/** The message of an error, without what libraries append to it and without secrets, and cut. */
export function errorMessage(error: unknown): string {
  return fromOutside(withoutAppended(error instanceof Error ? error.message : String(error)));
}
