/** DEL and C1 controls, line and paragraph separators, and characters that change the text direction. JSON.stringify escapes C0. */
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Serializes a value to JSON that is safe to show in a terminal: control and direction characters are escaped. */
export function toSafeJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(UNSAFE, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Escapes a text like `toSafeJson`, but without the quotes. */
export function toSafeText(text: unknown): string {
  return toSafeJson(String(text)).slice(1, -1).replaceAll('\\"', '"');
}
