import { PROXY_VARIABLES } from './explain/proxy.ts';

const SECRET_VARIABLES = [
  'AZURE_CLIENT_SECRET',
  'AZURE_PASSWORD',
  'AZURE_CLIENT_CERTIFICATE_PASSWORD',
  'IDENTITY_HEADER',
  'MSI_SECRET',
];

/** URLs that may have a password or a key in their query. The path of a proxy may be a key, too; that of an endpoint is not. */
const ENDPOINT_VARIABLES = ['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'IMDS_ENDPOINT', 'AZURE_POD_IDENTITY_AUTHORITY_HOST'];
const PROXIES: readonly string[] = [...PROXY_VARIABLES, 'AZURE_KUBERNETES_TOKEN_PROXY'];

/** Ids that everybody may see, even if somebody put one where a secret belongs. */
const PUBLIC_VARIABLES = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID', 'AZURE_SUBSCRIPTION_ID'];

/** A shorter one would leave little of any message. */
const SHORTEST_SECRET = 4;

/** A shorter one may fill no whole base64 block, so the text around it changes all its characters. */
const SHORTEST_SECRET_IN_BASE64 = 8;

/** The length of a message for people. Longer texts are HTML pages or stack traces. */
const MAX_LENGTH = 2000;

/** The patterns of the secrets of this process. The process has one environment, and libraries log and throw from anywhere. */
let everySecret: RegExp[] = [];
let unmistakable: RegExp[] = [];

/** Makes the secrets of this environment known. */
export function hideSecretsOf(env: NodeJS.ProcessEnv): void {
  const secrets = secretsOf(env);
  everySecret = patternsOf(secrets);
  unmistakable = patternsOf(secrets.filter(isUnmistakable));
}

/**
 * A text that somebody else wrote, such as the message of an error: without tokens and secrets, then cut in the middle. Apply it
 * where the text enters, before anything else takes a part of it: half a secret cannot be recognized.
 */
export function fromOutside(text: string, maxLength = MAX_LENGTH): string {
  const redacted = without(everySecret, withoutMiddle(text));
  if (redacted.length <= maxLength) return redacted;
  // A Python stack trace has the error at its end.
  const half = Math.floor(maxLength / 2);
  return `${redacted.slice(0, half)} … ${redacted.slice(-half)}`;
}

/** More than this on each side is not searched, because a search of megabytes takes as much memory again. */
const SEARCHED_LENGTH = 65_536;

/** Removes the middle of a huge text, together with the words that the cut would leave in halves. */
function withoutMiddle(text: string): string {
  if (text.length <= 2 * SEARCHED_LENGTH) return text;
  const head = text.slice(0, SEARCHED_LENGTH);
  const tail = text.slice(-SEARCHED_LENGTH);
  const firstBreak = tail.search(/\s/);
  return `${head.slice(0, lastBreak(head))}…${firstBreak < 0 ? '' : tail.slice(firstBreak)}`;
}

/** Where the last word begins. A pattern that ends in `$` would take quadratic time for one long word. */
function lastBreak(text: string): number {
  let index = text.length;
  while (index > 0 && /\S/.test(text.charAt(index - 1))) index -= 1;
  return index;
}

/**
 * Removes tokens, and secrets that cannot be words of ours: for values that we show on purpose, and as a net under everything that
 * leaves the process. A secret such as `true` or `access` stays: it would garble keys, hints and commands.
 */
export function redact(text: string): string {
  return without(unmistakable, text);
}

/** Redacts all strings of a JSON value except keys. */
export function redactValue<Value>(value: Value): Value {
  // Strings stay strings, so the type does not change.
  return redacted(value) as Value;
}

function redacted(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map(redacted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, redacted(member)]));
}

function without(secrets: readonly RegExp[], text: string): string {
  let rest = text.replace(TOKEN_CHARACTERS, withoutToken).replace(USER_INFO, '$1');
  for (const secret of secrets) rest = rest.replace(secret, '(secret removed)');
  return rest.replace(KEY, '$1(token removed)');
}

/** How URLs, JSON, JSON within JSON, and HTML write a dot. */
const DOT = String.raw`\.|%(?:25){0,3}2[Ee]|\\{1,4}u002[Ee]|\\{1,4}x2[Ee]|&#(?:46|x2[Ee]);`;
const NEWLINE = String.raw`\r?\n|(?:\\{1,4}r)?\\{1,4}n`;

/**
 * A run of JWT characters, possibly wrapped into lines. A further line counts only if it has nothing else on it. Matching runs and
 * then searching them takes linear time; a pattern for the whole token would not.
 */
const TOKEN_CHARACTERS = new RegExp(
  String.raw`(?:[\w-]|${DOT}){20,65536}(?:(?:${NEWLINE})(?:[\w-]|${DOT}){1,4096}(?=[\r\n"'\\]|$)){0,100}`,
  'g',
);

/** The shortest header of a JWT, `{"alg":"none"}`, has 19 characters in base64url. */
const SHORTEST_HEADER = 17;

/** Removes a JWT, whole or cut off, from a run of its characters, and keeps the text before it. */
function withoutToken(run: string): string {
  const dots = new RegExp(DOT, 'g');
  while (true) {
    const header = run.indexOf('eyJ', dots.lastIndex);
    if (header < 0) return run;
    dots.lastIndex = header;
    const dot = dots.exec(run);
    if (!dot) return run;
    if (dot.index - header >= SHORTEST_HEADER && dots.lastIndex < run.length) {
      return `${run.slice(0, header)}(token removed)`;
    }
  }
}

/** The key or token of an Authorization header: it has a digit, a capital or a padding, unlike the words "Basic authentication". */
const KEY =
  /\b((?:[Bb]asic|[Bb]earer)(?:\s|%20|\+){1,5})(?=[a-z+/.~_-]{0,200}[\dA-Z=])(?!\w{1,100}=["']?[\w/])[\w+/.~%-]{12,65536}={0,2}/g;

/** The user and password of a URL. */
const USER_INFO = /(\/\/)[^\s/@"'\\]{1,2048}@/g;

function secretsOf(env: NodeJS.ProcessEnv): string[] {
  const secrets = SECRET_VARIABLES.flatMap((name) => env[name] ?? []);
  for (const [name, value = ''] of Object.entries(env)) {
    const isProxy = PROXIES.includes(name.toUpperCase());
    const url = isProxy || ENDPOINT_VARIABLES.includes(name) ? URL.parse(value) : null;
    if (!url) continue;
    const user = decoded(url.username);
    const password = decoded(url.password);
    secrets.push(password || user, url.search.slice(1), ...url.searchParams.values());
    if (password !== '') secrets.push(Buffer.from(`${user}:${password}`).toString('base64'));
    if (isProxy) secrets.push(decoded(url.pathname.slice(1)));
  }
  const shared = PUBLIC_VARIABLES.map((name) => env[name]);
  return secrets.filter((secret) => secret.length >= SHORTEST_SECRET && !shared.includes(secret));
}

/** Whether a secret cannot be a word of ours. */
function isUnmistakable(secret: string): boolean {
  return secret.length >= 12 && /\d/.test(secret) && /[a-z]/i.test(secret);
}

function patternsOf(secrets: string[]): RegExp[] {
  const forms = secrets.flatMap((secret) => [secret, ...base64FormsOf(secret)]);
  // In pieces, because a pattern has a limit.
  const pieces = forms.flatMap((form) => form.match(/.{200}(?=.{16})|.+/gs) ?? []);
  // Longest first, because one may be part of another.
  return [...new Set(pieces)]
    .sort((a, b) => b.length - a.length)
    .map((piece) => new RegExp([...piece].map(quoted).join(''), 'g'));
}

/** A character as itself, or as URLs, forms, JSON and HTML write it. Nobody encodes letters and digits. */
function quoted(character: string): string {
  if (/[a-z\d]/i.test(character)) return character;
  const inUrl = [...Buffer.from(character)].map((byte) => `%(?:25){0,3}${anyCase(byte, 2)}`).join('');
  const inJson = character
    .split('')
    .map((unit) => String.raw`\\{1,4}u${anyCase(unit.charCodeAt(0), 4)}`)
    .join('');
  const point = character.codePointAt(0) ?? 0;
  const [, short] = /^"\\?(.+)"$/s.exec(JSON.stringify(character)) ?? [];
  const others = [
    ...(character === ' ' ? [String.raw`\+`] : []),
    ...(point < 0x80 ? [String.raw`\\{1,4}x${anyCase(point, 2)}`] : []),
    ...Object.entries(ENTITIES).flatMap(([name, meant]) => (meant === character ? [`&${name};`] : [])),
  ];
  return `(?:${[
    String.raw`\\{0,4}${RegExp.escape(character)}`,
    String.raw`\\{1,4}${RegExp.escape(short ?? character)}`,
    inUrl,
    inJson,
    `&#(?:0{0,4}${point}|[xX]0{0,4}${anyCase(point, 1)});`,
    ...others,
  ].join('|')})`;
}

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function anyCase(code: number, digits: number): string {
  return code
    .toString(16)
    .padStart(digits, '0')
    .replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}

/**
 * A secret in base64 after any number of other bytes, such as the user of a Basic authorization. There are three forms, one per
 * offset, without the characters that also encode bits of neighbouring bytes.
 */
function base64FormsOf(secret: string): string[] {
  if (secret.length < SHORTEST_SECRET_IN_BASE64) return [];
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    const own = (text: string) => text.slice(offset === 0 ? 0 : offset + 1, Math.floor((bytes.length * 4) / 3));
    return [own(bytes.toString('base64')), own(bytes.toString('base64url'))];
  });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
