/**
 * Complete lines for bash. Values come from claims, variables, labels and messages, so anybody may have chosen them: each becomes
 * one word that is no option, no file and no code, or else the shell variable that stands for it. The template takes nothing but
 * such words, and this file is the only place that quotes.
 */

/** Text that is safe in a command as it stands. */
class Word {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type { Word };

/** Builds one line: bash`kubectl get pod ${name(pod, 'POD')}`. The constant parts are code. */
export function bash(parts: TemplateStringsArray, ...words: Word[]): string {
  return parts.reduce((line, part, index) => line + (words[index - 1]?.text ?? '') + part);
}

/** Builds a part of a line, for use in others. */
export function part(parts: TemplateStringsArray, ...words: Word[]): Word {
  return new Word(bash(parts, ...words));
}

/** A value of this form as a word, or the shell variable that stands for it. */
function word(value: string | null | undefined, variable: string, form: RegExp): Word {
  return new Word(isFit(value, form) ? quote(value) : `$${variable}`);
}

function isFit(value: string | null | undefined, form: RegExp): value is string {
  return typeof value === 'string' && value.length <= 500 && form.test(value);
}

/** In single quotes where bash would read a character. JSON would escape double quotes and backslashes. */
function quote(value: string): string {
  return /^[\w%+:,./@-]+$/.test(value) ? value : `'${value}'`;
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** A name of Kubernetes or Azure. */
const NAME = /^[a-z0-9_](?:[\w.()-]{0,252}[\w)])?$/i;
/** A service of systemd. Its name is also that of a directory, so that no specifier (%) and no escape may be in it. */
const UNIT = /^[a-z0-9](?:[\w:.@-]{0,200})\.service$/i;
/** A host name or address, with a port or without. */
const HOST = /^[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?(?::\d{1,5})?$/i;
const URL_FORM = /^https?:\/\/[\w.-]{1,253}(?::\d{1,5})?(?:\/[\w%+:,./~-]{0,300})?$/i;
/** A resource id of Azure. */
const RESOURCE_ID = /^\/subscriptions\/[\w/.()-]{1,450}$/i;
/** An absolute path. */
const PATH = /^\/[\w%+:,./ -]{1,300}$/;
/** Printable ASCII without quotes, backslashes and backticks, that begins with a letter or digit. */
const TEXT = /^[a-z0-9][ !#-&(-[\]-_a-~]{0,400}$/i;

export const guid = (value: string | null | undefined, variable: string) => word(value, variable, GUID);
export const name = (value: string | null | undefined, variable: string) => word(value, variable, NAME);
export const unit = (value: string | null | undefined, variable: string) => word(value, variable, UNIT);
export const host = (value: string | null | undefined, variable: string) => word(value, variable, HOST);
export const url = (value: string | null | undefined, variable: string) => word(value, variable, URL_FORM);
export const resourceId = (value: string | null | undefined, variable: string) => word(value, variable, RESOURCE_ID);
export const path = (value: string | null | undefined, variable: string) => word(value, variable, PATH);
/** A subject, an audience, a display name and the like. */
export const text = (value: string | null | undefined, variable: string) => word(value, variable, TEXT);

/** Whether this value would stand in a command as itself. */
export const isGuid = (value: string | null | undefined): value is string => isFit(value, GUID);
export const isResourceId = (value: string | null | undefined): value is string => isFit(value, RESOURCE_ID);
export const isUnit = (value: string | null | undefined): value is string => isFit(value, UNIT);
export const isName = (value: string | null | undefined): value is string => isFit(value, NAME);

/** One of a few words that we chose ourselves. */
export function choice<Choice extends string>(value: Choice): Word {
  return new Word(value);
}
