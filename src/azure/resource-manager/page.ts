import type { PipelineResponse } from '@azure/core-rest-pipeline';
import { fromOutside, redact } from '../../redaction.ts';
import { parseObject } from '../bounded-json.ts';
import { AzureFailure } from '../errors.ts';

/** Longer than any name that Azure allows, so that the caller can still see that a name is too long. */
const MAX_FIELD_LENGTH = 256;

/** Longer than any nextLink of Resource Manager. */
const MAX_LINK_LENGTH = 8192;

/**
 * Reduces a page of a list to its nextLink and the given fields of its elements. The SDK parses the result again and builds a
 * model of every element, so a small result saves time and memory.
 *
 * @throws {AzureFailure} `broken` if the body is not a page of a list
 */
export function reducePage(response: PipelineResponse, fields: readonly string[]): string {
  const page = parseObject(response.bodyAsText ?? '');
  const elements = page?.['value'];
  if (!Array.isArray(elements)) {
    throw new AzureFailure('broken', `Resource Manager answered 200, but not with a list: ${excerpt(response)}`);
  }
  const nextLink = page?.['nextLink'] ?? undefined;
  if (nextLink !== undefined && !(typeof nextLink === 'string' && nextLink.length <= MAX_LINK_LENGTH)) {
    throw new AzureFailure('broken', 'Resource Manager sent a nextLink that is not a URL of a sensible length');
  }
  const value = elements.map((element: unknown) =>
    Object.fromEntries(
      fields.flatMap((name): [string, string | string[]][] => {
        const field: unknown = Reflect.get(Object(element), name);
        if (typeof field === 'string') return [[name, cut(field)]];
        return Array.isArray(field) ? [[name, field.filter((text) => typeof text === 'string').map(cut)]] : [];
      }),
    ),
  );
  return JSON.stringify({ value, nextLink });
}

function cut(field: string): string {
  return field.length <= MAX_FIELD_LENGTH ? field : redact(field).slice(0, MAX_FIELD_LENGTH);
}

/** The declared type of a body, and its beginning. */
export function excerpt({ headers, bodyAsText }: Pick<PipelineResponse, 'headers' | 'bodyAsText'>): string {
  const body = fromOutside(bodyAsText ?? '')
    .replace(/\s+/g, ' ')
    .trim();
  const type = fromOutside(headers.get('content-type') ?? 'no content type', 100);
  return body ? `${type}, beginning "${body.slice(0, 100)}"` : `${type}, empty`;
}
