import { PROXY_VARIABLES } from '../explain/proxy.ts';

/** Removes secrets from a text. */
export type Redact = (text: string) => string;

/**
 * A run of JWT characters, possibly wrapped into lines. A further line counts only if it has nothing else on it. Matching runs and
 * then searching them takes linear time; a pattern for the whole token would not.
 */
const TOKEN_CHARACTERS = /[\w.-]{20,65536}(?:\r?\n[\w.-]{1,4096}(?=[\r\n"']|$)){0,100}/g;

/** The shortest header of a JWT, `{"alg":"none"}`, has 19 characters in base64url. */
const SHORTEST_HEADER = 17;

/** The user and password of a URL. */
const USER_INFO = /(\/\/)[^\s/@"'\\]{1,2048}@/g;

const SECRET_VARIABLES = [
  'AZURE_CLIENT_SECRET',
  'AZURE_PASSWORD',
  'AZURE_CLIENT_CERTIFICATE_PASSWORD',
  'IDENTITY_HEADER',
  'MSI_SECRET',
];

/** Redacting a shorter one would also change ordinary text. */
const SHORTEST_SECRET = 4;

/** A shorter one may fill no whole base64 block, so the text around it changes all its characters. */
const SHORTEST_SECRET_IN_BASE64 = 8;

/**
 * Creates the redaction for every text that leaves the process. It removes tokens, and the secrets of this environment in all
 * their encodings. Apply it to strings before they are serialized, see `redactValue`: in JSON, a short secret such as `true` would
 * break the document.
 */
export function createRedaction(env: NodeJS.ProcessEnv): Redact {
  const secrets = SECRET_VARIABLES.flatMap((name) => env[name] ?? []);
  const basic: string[] = [];
  for (const [name, value = ''] of Object.entries(env)) {
    const isProxy = PROXY_VARIABLES.some((proxy) => proxy === name.toUpperCase());
    if (!isProxy && name !== 'AZURE_KUBERNETES_TOKEN_PROXY') continue;
    const url = URL.parse(value);
    if (!url) continue;
    const password = decoded(url.password);
    secrets.push(password, url.password, url.search.slice(1));
    if (password !== '') basic.push(toBase64(`${decoded(url.username)}:${password}`));
  }
  const forms = secrets.filter((secret) => secret.length >= SHORTEST_SECRET).flatMap(formsOf);
  // Longest first, because one may be part of another.
  const unique = [...new Set([...basic, ...forms])].sort((a, b) => b.length - a.length);
  return (text) => {
    let redacted = text.replace(TOKEN_CHARACTERS, withoutToken).replace(USER_INFO, '$1');
    for (const form of unique) redacted = redacted.replaceAll(form, '(secret removed)');
    return redacted;
  };
}

/** Redacts all strings of a JSON value except keys. */
export function redactValue<Value>(redact: Redact, value: Value): Value {
  // Strings stay strings, so the type does not change.
  return redacted(redact, value) as Value;
}

function redacted(redact: Redact, value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map((element) => redacted(redact, element));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, redacted(redact, member)]));
}

/** Removes a JWT, whole or cut off, from a run of its characters, and keeps the text before it. */
function withoutToken(run: string): string {
  let begin = 0;
  while (true) {
    const header = run.indexOf('eyJ', begin);
    if (header < 0) return run;
    const dot = run.indexOf('.', header);
    if (dot < 0) return run;
    if (dot - header >= SHORTEST_HEADER && dot + 1 < run.length) return `${run.slice(0, header)}(token removed)`;
    begin = dot + 1;
  }
}

/** A secret as it is, in JSON, in a URL, in a form and in base64. */
function formsOf(secret: string): string[] {
  const inUrl = encodeURIComponent(secret);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    inUrl,
    inUrl.replace(/%../g, (code) => code.toLowerCase()),
    new URLSearchParams({ '': secret }).toString().slice(1),
    ...(secret.length >= SHORTEST_SECRET_IN_BASE64 ? base64FormsOf(secret) : []),
  ];
}

/**
 * A secret in base64 after any number of other bytes, such as the user of a Basic authorization. There are three forms, one per
 * offset, without the characters that also encode bits of neighbouring bytes.
 */
function base64FormsOf(secret: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    const own = (text: string) => text.slice(offset === 0 ? 0 : offset + 1, Math.floor((bytes.length * 4) / 3));
    return [own(bytes.toString('base64')), own(bytes.toString('base64url'))];
  });
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
