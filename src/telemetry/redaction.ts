import { PROXY_VARIABLES } from '../azure/proxy.ts';

/** Takes secrets out of a text. */
export type Redact = (text: string) => string;

/**
 * Characters of a JWT, also broken into lines. A line that follows counts only where nothing else stands on it. Matching runs
 * and looking into them takes time in proportion to the text; a pattern for the whole token would not.
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

/** A shorter one cannot be told from ordinary text. */
const SHORTEST_SECRET = 4;

/** A shorter one has less than a block of its own in base64, whatever stands around it. */
const SHORTEST_SECRET_IN_BASE64 = 8;

/**
 * Makes the gate for every text that leaves the process: it takes out tokens, and the secrets of this environment in all the
 * forms that they come in. It is meant for the strings of a value before they are serialized, see `redactValue`: in JSON, a
 * short secret such as `true` would garble the document.
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
  // The longest first: one may be part of another.
  const unique = [...new Set([...basic, ...forms])].sort((a, b) => b.length - a.length);
  return (text) => {
    let redacted = text.replace(TOKEN_CHARACTERS, withoutToken).replace(USER_INFO, '$1');
    for (const form of unique) redacted = redacted.replaceAll(form, '(secret removed)');
    return redacted;
  };
}

/** Redacts all strings of a JSON value, keys excepted. */
export function redactValue<Value>(redact: Redact, value: Value): Value {
  // Strings stay strings, whatever holds them: the type is the same.
  return redacted(redact, value) as Value;
}

function redacted(redact: Redact, value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map((element) => redacted(redact, element));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, redacted(redact, member)]));
}

/** Takes a JWT, whole or cut off, out of a run of its characters; what stands before it stays. */
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

/** As it is, in JSON, in a URL, in a form, in base64. */
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
 * How a secret looks in base64 behind any number of other bytes, such as the user of a Basic authorization: three forms, less
 * the characters that its neighbours have a share in.
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
