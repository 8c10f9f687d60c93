import type { PipelineResponse } from '@azure/core-rest-pipeline';
import { fromOutside, redact } from '../../redaction.ts';
import { AzureFailure } from '../errors.ts';

/**
 * The limit of values on a page. The largest page of Azure has about 60,000: 980 resource groups with 50 tags each. A limit on
 * bytes is not enough, because a value of two bytes, such as `{}`, takes dozens of bytes of memory once it is parsed.
 */
const MAX_ELEMENTS = 100_000;

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
  const text = response.bodyAsText ?? '';
  if (hasTooManyElements(text)) {
    throw new AzureFailure('broken', `Resource Manager answered with more than ${MAX_ELEMENTS} elements on a page`);
  }
  const page = parse(text);
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
      fields.flatMap((name) => {
        const field: unknown = Reflect.get(Object(element), name);
        return typeof field === 'string' ? [[name, cut(field)]] : [];
      }),
    ),
  );
  return JSON.stringify({ value, nextLink });
}

function cut(field: string): string {
  return field.length <= MAX_FIELD_LENGTH ? field : redact(field).slice(0, MAX_FIELD_LENGTH);
}

/** Parses a JSON object; undefined for any other text, and for one with too many elements. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  return hasTooManyElements(text) ? undefined : parse(text);
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** The declared type of a body, and its beginning. */
export function excerpt({ headers, bodyAsText }: Pick<PipelineResponse, 'headers' | 'bodyAsText'>): string {
  const body = fromOutside(bodyAsText ?? '')
    .replace(/\s+/g, ' ')
    .trim();
  const type = fromOutside(headers.get('content-type') ?? 'no content type', 100);
  return body ? `${type}, beginning "${body.slice(0, 100)}"` : `${type}, empty`;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const LEFT_BRACKET = 0x5b;
const LEFT_BRACE = 0x7b;

/** Counts opening brackets, opening braces and commas, without parsing. */
function hasTooManyElements(json: string): boolean {
  let elements = 0;
  let isInString = false;
  for (let i = 0; i < json.length; i++) {
    const character = json.charCodeAt(i);
    if (isInString) {
      if (character === BACKSLASH) i += 1;
      else if (character === QUOTE) isInString = false;
    } else if (character === QUOTE) {
      isInString = true;
    } else if (character === COMMA || character === LEFT_BRACE || character === LEFT_BRACKET) {
      elements += 1;
      if (elements > MAX_ELEMENTS) return true;
    }
  }
  return false;
}
