/** DEL and C1 controls, line and paragraph separators, and all that changes the direction of text. JSON.stringify escapes C0. */
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** JSON that a terminal can show: what it could take for a command or a change of direction is escaped, so the parsed value stays what it is. */
export function toSafeJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(UNSAFE, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** A text as it stands in JSON, so nothing in it is a command to the terminal, but without the quotes. */
export function toSafeText(text: unknown): string {
  return toSafeJson(String(text)).slice(1, -1).replaceAll('\\"', '"');
}
