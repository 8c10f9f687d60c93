import type { PipelineResponse } from '@azure/core-rest-pipeline';
import { fromOutside } from '../../redaction.ts';
import { parseObject } from '../bounded-json.ts';
import { serverAheadSeconds } from '../clock-skew.ts';
import type { Cloud } from '../cloud.ts';
import { AzureFailure, errorMessage } from '../errors.ts';
import { MAX_RETRY_AFTER_SECONDS, retryAfterMs } from '../retry-after.ts';
import { RESPONSE_TOO_LARGE } from '../transport.ts';
import { excerpt } from './page.ts';

/** Our Retry-After if Azure throttles without giving one. */
const DEFAULT_RETRY_AFTER_SECONDS = 5;

/** Longer than any error code of Azure. */
const MAX_CODE_LENGTH = 200;

/** An error of Resource Manager with its code and message, which the SDK's pager drops. */
export class ResourceManagerError extends Error {
  readonly statusCode: number;
  readonly code: string | undefined;
  /** Whether the body was an error of Azure. If not, something on the way may have responded. */
  readonly isAzureError: boolean;
  /** The challenge of a 401, cut. */
  readonly wwwAuthenticate: string | undefined;
  /** How many seconds the clock of Resource Manager was ahead of ours. */
  readonly serverAheadSeconds: number | undefined;

  constructor(response: PipelineResponse) {
    const error = readErrorBody(response.bodyAsText ?? '');
    super(error?.message ?? excerpt(response));
    this.name = 'ResourceManagerError';
    this.statusCode = response.status;
    this.code = error?.code;
    this.isAzureError = error !== undefined;
    const challenge = response.status === 401 ? response.headers.get('www-authenticate') : undefined;
    this.wwwAuthenticate = challenge === undefined ? undefined : fromOutside(challenge);
    this.serverAheadSeconds = serverAheadSeconds(response);
  }
}

/** Code and message of an error of Azure, without secrets, and cut. */
interface ErrorBody {
  code: string;
  message: string | undefined;
}

/**
 * Reads the body of an error in the forms that Azure has: `{"error":{"code","message","details"}}` of Resource Manager,
 * `{"Error":{"Code","Message"}}`, a flat `{"code","message"}` and XML of resource providers. Undefined for any other body.
 *
 * @see https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#handling-errors
 */
export function readErrorBody(body: string): ErrorBody | undefined {
  const text = body.trimStart();
  if (text.startsWith('<')) return readXmlError(text);
  const document = parseObject(text);
  const error = Object(document?.['error'] ?? document?.['Error'] ?? document);
  const code: unknown = error.code ?? error.Code;
  if (typeof code !== 'string' || code === '' || code.length > MAX_CODE_LENGTH) return undefined;
  const message: unknown = error.message ?? error.Message ?? Object(Object(error.details)[0]).message;
  return errorBody(code, typeof message === 'string' ? message : undefined);
}

function readXmlError(text: string): ErrorBody | undefined {
  if (!/^(<\?xml[^>]{0,200}>\s{0,20})?<Error[\s>]/.test(text)) return undefined;
  const code = /<Code>([^<]{1,200})<\/Code>/.exec(text)?.[1];
  const message = /<Message>([^<]*)/.exec(text)?.[1];
  return code === undefined ? undefined : errorBody(code, message);
}

function errorBody(code: string, message: string | undefined): ErrorBody {
  return { code: fromOutside(code), message: message === undefined ? undefined : fromOutside(message) };
}

/** Translates a response other than 200 into a failure. */
export function responseFailure(response: PipelineResponse): AzureFailure {
  const cause = new ResourceManagerError(response);
  const said = `Resource Manager answered ${[response.status, cause.code].join(' ').trim()}: ${cause.message}`;
  switch (response.status) {
    case 401:
      return new AzureFailure('token-rejected', said, { cause });
    case 403:
      return new AzureFailure(cause.isAzureError ? 'not-authorized' : 'broken', said, { cause });
    case 404:
      return new AzureFailure(cause.code === 'SubscriptionNotFound' ? 'no-subscription' : 'broken', said, { cause });
    case 429: {
      const waitMs = retryAfterMs(response);
      const waitSeconds = waitMs === undefined ? secondsToWait(cause.message) : Math.ceil(waitMs / 1000);
      const retryAfterSeconds = Math.min(
        MAX_RETRY_AFTER_SECONDS,
        Math.max(1, waitSeconds ?? DEFAULT_RETRY_AFTER_SECONDS),
      );
      return new AzureFailure('throttled', said, { cause, retryAfterSeconds });
    }
    default:
      return new AzureFailure('broken', said, { cause });
  }
}

const WAIT_IN_TEXT = /\b(?:try again|retry|wait)[^\d\n]{0,60}(\d{1,6})\W{0,3}(second|minute)/i;

/** The wait in seconds, if Azure gives it only in the message: "Please try again after '6' minutes." */
export function secondsToWait(message: string): number | undefined {
  const [, amount, unit] = WAIT_IN_TEXT.exec(message) ?? [];
  return amount === undefined ? undefined : Number(amount) * (unit?.toLowerCase() === 'minute' ? 60 : 1);
}

/** Translates an error of the SDK itself: it could not send, lost the connection, or could not read the response. */
export function sdkFailure(cause: unknown, cloud: Cloud): AzureFailure {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const message = errorMessage(error);
  // A RestError with a code, the errno, means that sending failed. One without is from the pager, for an invalid nextLink.
  const code: unknown = Reflect.get(Object(cause), 'code');
  if (code === RESPONSE_TOO_LARGE) return new AzureFailure('broken', message, { cause });
  const isTransport = error.name === 'RestError' && code !== undefined;
  return isTransport || error.name === 'AbortError'
    ? new AzureFailure('unreachable', `${cloud.resourceManager} cannot be reached: ${message}`, { cause })
    : new AzureFailure('broken', `The SDK cannot read the response of Resource Manager: ${message}`, { cause });
}
