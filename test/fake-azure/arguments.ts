import type { ToolError } from './output.ts';

/** The flags of one command. Names are those that the real tool takes; a short form stands beside its long one: `--name/-n`. */
export interface Flags {
  required?: string;
  optional?: string;
  /** Flags without a value. */
  switches?: string;
  /** Which of the above take several values. */
  lists?: string;
}

export interface Parsed {
  positional: string[];
  /** The value of a flag, or '' for a switch; undefined if it is not there. */
  one: (flag: string) => string | undefined;
  /** The value of a flag that is always there. */
  needed: (flag: string) => string;
  many: (flag: string) => string[];
}

/** How a tool words its refusals. */
export interface Wording {
  unknown: (words: string[]) => ToolError;
  missingValue: (names: string) => ToolError;
  missingFlags: (names: string[]) => ToolError;
}

const split = (flags = '') => flags.split(' ').filter(Boolean);

/** Parses as strictly as the real tools: an unknown flag, a missing value or a missing flag is an error. */
export function parse(words: string[], flags: Flags, wording: Wording): Parsed {
  const all = [flags.required, flags.optional, flags.switches].flatMap(split);
  const named = (word: string) => all.find((names) => names.split('/').includes(word));
  const lists = split(flags.lists);
  const switches = split(flags.switches);
  const values = new Map<string, string[]>();
  const positional: string[] = [];
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (!word.startsWith('-') || word === '-') {
      positional.push(word);
      continue;
    }
    const [, name = word, inline] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    const names = named(name);
    const isLong = names?.split('/').includes(name) ?? false;
    if (names === undefined || !isLong) throw wording.unknown([word, ...rest]);
    const key = names.split('/')[0] ?? names;
    if (switches.includes(names)) {
      values.set(key, ['']);
      continue;
    }
    const found = inline === undefined ? [] : [inline];
    const isValue = (next: string | undefined) => next !== undefined && (!next.startsWith('-') || next === '-');
    if (lists.includes(key)) while (isValue(rest[0])) found.push(rest.shift() ?? '');
    else if (inline === undefined && isValue(rest[0])) found.push(rest.shift() ?? '');
    if (found.length === 0) throw wording.missingValue(names);
    values.set(key, [...(values.get(key) ?? []), ...found]);
  }
  const missing = split(flags.required).filter((names) => !values.has(names.split('/')[0] ?? ''));
  if (missing.length > 0) throw wording.missingFlags(missing);
  return {
    positional,
    one: (flag) => values.get(flag)?.at(-1),
    needed: (flag) => values.get(flag)?.at(-1) ?? '',
    many: (flag) => values.get(flag) ?? [],
  };
}
