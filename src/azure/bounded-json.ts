const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const LEFT_BRACKET = 0x5b;
const LEFT_BRACE = 0x7b;

/**
 * Whether a JSON text has more values than this: counts opening brackets, opening braces and commas, without parsing. A limit on
 * bytes is not enough, because a value of two bytes, such as `{}`, takes dozens of bytes of memory once it is parsed.
 */
export function hasMoreElements(json: string, maxElements: number): boolean {
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
      if (elements > maxElements) return true;
    }
  }
  return false;
}

/** Parses a JSON object whose size the caller has checked; undefined for any other text. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
