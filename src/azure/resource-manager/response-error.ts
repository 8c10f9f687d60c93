import type { PipelineResponse } from '@azure/core-rest-pipeline';
import { serverAheadSeconds } from '../clock-skew.ts';
import type { Cloud } from '../cloud.ts';
import { AzureFailure } from '../errors.ts';

/** What a client is told that is throttled without being told for how long. */
const DEFAULT_RETRY_AFTER_SECONDS = 5;

/** Milliseconds that a response asks to be left alone for, in one of the ways that the SDK's retry policy understands. */
export function retryAfterMs({ headers }: PipelineResponse): number | undefined {
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const ms = headers.get(name);
    if (ms && Number(ms) >= 0) return Number(ms);
  }
  const value = headers.get('retry-after');
  if (!value) return undefined;
  const ms = Number(value) >= 0 ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** The error of Resource Manager with its own code and message, which the SDK's pager drops. */
export class ResourceManagerError extends Error {
  readonly statusCode: number;
  readonly code: string | undefined;
  /** By how many seconds the clock of Resource Manager was ahead of ours. */
  readonly serverAheadSeconds: number | undefined;

  constructor(response: PipelineResponse) {
    const error = Object(parseJson(response.bodyAsText)?.['error']);
    super(typeof error.message === 'string' ? error.message : excerpt(response));
    this.name = 'ResourceManagerError';
    this.statusCode = response.status;
    this.code = typeof error.code === 'string' ? error.code : undefined;
    this.serverAheadSeconds = serverAheadSeconds(response);
  }
}

export function responseFailure(response: PipelineResponse): AzureFailure {
  const cause = new ResourceManagerError(response);
  const said = `Resource Manager answered ${[response.status, cause.code].join(' ').trim()}: ${cause.message}`;
  switch (response.status) {
    case 401:
      return new AzureFailure('token-rejected', said, { cause });
    case 403:
      // Without a code it was not Resource Manager that refused, but somebody on the way.
      if (cause.code === undefined) return new AzureFailure('broken', said, { cause });
      return new AzureFailure('not-authorized', said, { cause });
    case 404:
      if (cause.code === 'SubscriptionNotFound') return new AzureFailure('no-subscription', said, { cause });
      return new AzureFailure('broken', said, { cause });
    case 429: {
      const waitMs = retryAfterMs(response);
      const retryAfterSeconds =
        waitMs === undefined ? DEFAULT_RETRY_AFTER_SECONDS : Math.max(1, Math.ceil(waitMs / 1000));
      return new AzureFailure('throttled', said, { cause, retryAfterSeconds });
    }
    default:
      return new AzureFailure('broken', said, { cause });
  }
}

/** A body that is no page makes the SDK's deserializer fail with a TypeError that tells nobody what came instead. */
export function assertPage(response: PipelineResponse): void {
  if (!Array.isArray(parseJson(response.bodyAsText)?.['value'])) {
    throw new AzureFailure('broken', `Resource Manager answered 200, but not with a list: ${excerpt(response)}`);
  }
}

function parseJson(text: string | null | undefined): Record<string, unknown> | undefined {
  try {
    return Object(JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}

function excerpt({ headers, bodyAsText }: PipelineResponse): string {
  const body = (bodyAsText ?? '').replace(/\s+/g, ' ').trim();
  const type = headers.get('content-type') ?? 'no content type';
  return body ? `${type}, beginning "${body.slice(0, 100)}"` : `${type}, empty`;
}

/** Whatever the SDK throws by itself: it could not send, was cut off, or could not make sense of what it got. */
export function sdkFailure(cause: unknown, cloud: Cloud): AzureFailure {
  const { name, message } = cause instanceof Error ? cause : new Error(String(cause));
  // Sending fails with a RestError that has a code, the errno; one without is the pager's, which did not like a nextLink.
  const isTransport = name === 'RestError' && Reflect.get(Object(cause), 'code') !== undefined;
  return isTransport || name === 'AbortError'
    ? new AzureFailure('unreachable', `${cloud.resourceManager} cannot be reached: ${message}`, { cause })
    : new AzureFailure('broken', `What Resource Manager answered makes no sense: ${message}`, { cause });
}
