import type { Attempt } from './identity/attempt.ts';

/** How authentication or authorization failed; the diagnosis finds the reason. */
type IdentityFailureKind = 'no-token' | 'token-rejected' | 'no-subscription' | 'not-authorized';

/** How Azure itself failed; `token-timeout` where no token has come and nobody has refused one either. */
type ServiceFailureKind = 'throttled' | 'unreachable' | 'broken' | 'timeout' | 'token-timeout' | 'unexpected';

export type FailureKind = IdentityFailureKind | ServiceFailureKind;

/** The two decisions that a caller takes: an empty list with its reason, or an HTTP error. */
export type FailureCategory = 'identity' | 'service';

const CATEGORIES: Record<FailureKind, FailureCategory> = {
  'no-token': 'identity',
  'token-rejected': 'identity',
  'no-subscription': 'identity',
  'not-authorized': 'identity',
  throttled: 'service',
  unreachable: 'service',
  broken: 'service',
  timeout: 'service',
  'token-timeout': 'service',
  unexpected: 'service',
};

/** Azure gave no list. `cause` is the original error, untouched. */
export class AzureFailure extends Error {
  readonly kind: FailureKind;
  /** Seconds after which Azure asks to be called again, where it said so. */
  readonly retryAfterSeconds: number | undefined;
  /** What each credential of the chain came to, where none got a token. */
  readonly attempts: readonly Attempt[] | undefined;
  /** The id of the subscription that was listed, where it came that far. */
  subscriptionId?: string | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    options?: ErrorOptions & { retryAfterSeconds?: number | undefined; attempts?: readonly Attempt[] },
  ) {
    super(message, options);
    this.name = 'AzureFailure';
    this.kind = kind;
    this.retryAfterSeconds = options?.retryAfterSeconds;
    this.attempts = options?.attempts;
  }

  get category(): FailureCategory {
    return CATEGORIES[this.kind];
  }
}

/** What an Azure error says of itself; fields it does not have are left out. */
export interface OriginalError {
  name: string;
  message: string;
  /** Azure's error code, a system errno, or the number of an AADSTS error. */
  code?: string | number;
  /** HTTP status. */
  status?: number;
}

/** An error, the errors it gathers (a credential chain keeps one for each of its members) and their causes, outermost first. */
export function* errorChain(error: unknown, depth = 0): Generator<Error> {
  // A chain of causes is a handful long; the bound is for one that loops.
  if (!(error instanceof Error) || depth > 10) return;
  yield error;
  if ('errors' in error && Array.isArray(error.errors)) {
    for (const member of error.errors) yield* errorChain(member, depth + 1);
  }
  yield* errorChain(error.cause, depth + 1);
}

/**
 * Picks the telling fields of an error, for the log and the problem document. The error itself is never serialized: those of
 * the Azure SDK carry requests, and those carry tokens.
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

function field(error: Error, name: string): string | number | undefined {
  const value: unknown = Reflect.get(error, name);
  return (typeof value === 'string' && value !== '') || typeof value === 'number' ? value : undefined;
}

/** Longer than any message that somebody meant to be read; what is longer is a page that came instead of an answer, or a stack trace. */
const LONGEST_MESSAGE = 2000;

/** Without what two libraries append to a message: the whole output of a command, which may be a token, and the headers of a response, which may be cookies. */
export function withoutAppended(message: string): string {
  return message
    .replace(/(Received output:).*/s, '$1 (left out)')
    .replace(/\nHeaders: \{.*?\}(?= - Correlation ID|$)/gs, '');
}

/** The message of an error, as it is, but without what libraries append to it, and not without end. */
export function errorMessage(error: unknown): string {
  const words = withoutAppended(error instanceof Error ? error.message : String(error));
  if (words.length <= LONGEST_MESSAGE) return words;
  // A stack trace of Python has its error at its end.
  const half = LONGEST_MESSAGE / 2;
  return `${words.slice(0, half)} … ${words.slice(-half)}`;
}
