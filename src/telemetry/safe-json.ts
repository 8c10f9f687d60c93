/**
 * Characters that a terminal obeys or does not show, so that a text looks like another one: DEL and C1 controls, formats such as
 * text direction, zero-width characters and tags, variation selectors, blank letters, line and paragraph separators.
 * JSON.stringify escapes C0 controls itself.
 */
const UNSAFE = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Serializes a value to JSON that is safe to show in a terminal: control, direction and invisible characters are escaped. */
export function toSafeJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(UNSAFE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** Escapes a text like `toSafeJson`, but without the quotes, and with quotes and backslashes as they are. */
export function toSafeText(text: unknown): string {
  return toSafeJson(String(text))
    .slice(1, -1)
    .replace(/\\(["\\])/g, '$1');
}
