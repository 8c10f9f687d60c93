import { claimsIn } from './claims-challenge.ts';
import { withoutColors, withoutSkippedModules } from './summary.ts';
import {
  APPLICATIONS,
  CERTIFICATES,
  CLOUDS,
  FORBIDDEN_SOCKET,
  HOSTS,
  IDENTITIES,
  NETWORK_CODES,
  PATHS,
  PROBLEMS,
  PROVIDERS,
  type Problem,
  STATUSES,
  TENANTS,
  VARIABLES,
  WAITS,
} from './text-forms.ts';

/**
 * Reads the fields of a text: the output of `az` and other tools, a response of NMI or an identity endpoint, or an error of the SDK.
 * Only this file parses such texts; rules match the fields. Texts change with versions and languages, so each field has several
 * patterns.
 */
const FIELDS = {
  /** The error number of Microsoft Entra ID. */
  aadsts: aadstsNumber,
  /** Why a server was not reached, as an error code of Node, whichever program reported it. */
  networkCode: (text) => meaning(text, NETWORK_CODES),
  /** The connection failed at a proxy. */
  isProxyFailure: (text) =>
    /ProxyError|Cannot connect to proxy|SOCKS support|Tunnel connection failed|proxyconnect|proxy tunnel/i.test(text),
  /** The status of a proxy's response to CONNECT. */
  proxyStatus: (text) => toNumber(first(text, [/Tunnel connection failed: (\d{3})/, /\b(407) Proxy/])),
  /** The host that was not reached. */
  host: (text) => first(text, HOSTS),
  /** The status that the text quotes. */
  status: (text) => toNumber(first(text, STATUSES)),
  problem: problemIn,
  /** The file or directory with the problem. */
  path: (text) => first(text, PATHS),
  /** The tenant and the application in the text: ids or names, as written. */
  tenant: (text) => first(text, TENANTS),
  application: (text) => first(text, APPLICATIONS),
  /** The assertion that was presented, as the text quotes it. */
  assertion: assertionIn,
  /** Seconds after which to try again. */
  waitSeconds: (text) => toNumber(first(text, WAITS)),
  /** The time of Microsoft Entra ID, and when the assertion is valid, in milliseconds since the epoch. */
  assertionTimes,
  /** What a service for managed identities says about the identity. */
  identity: (text) => meaning(text, IDENTITIES),
  /** Why such a service gave no token, apart from the identity itself. */
  provider: (text) => meaning(text, PROVIDERS),
  certificate: (text) => meaning(text, CERTIFICATES),
  /** Another cloud than the public one, whose hosts the text names. */
  cloud: (text) => meaning(text, CLOUDS),
  /** The variable whose value the SDK cannot use. */
  variable: (text) => first(text, VARIABLES),
  /** The text names a policy of the tenant's administrator. */
  isPolicy: (text) => /Conditional Access|blocked by (?:a )?(?:tenant )?polic|disabled by policy/i.test(text),
  /** Whose login a tool uses, if the text shows it; otherwise a user's, or unknown. */
  login: loginOf,
  /** The claims that Resource Manager demands of a new token, as the text quotes them. */
  claims: claimsIn,
} satisfies Record<string, (text: string) => unknown>;

export type TextFields = { readonly [Name in keyof typeof FIELDS]?: ReturnType<(typeof FIELDS)[Name]> };

/** Longer texts are pages or tracebacks, with the message at the beginning or the end. */
const LONGEST_TEXT = 8000;

/** There are more patterns than a failure needs, and each costs time when it is first used. So a field is read when it is asked for. */
export function readText(colored: string): TextFields {
  const whole = withoutColors(colored);
  const half = LONGEST_TEXT / 2;
  const text = withoutSkippedModules(
    whole.length <= LONGEST_TEXT ? whole : `${whole.slice(0, half)}\n${whole.slice(-half)}`,
  );
  const fields = {};
  for (const [name, read] of Object.entries(FIELDS)) {
    let found: { value: unknown } | undefined;
    const get = () => {
      found ??= { value: read(text) };
      return found.value;
    };
    Object.defineProperty(fields, name, { enumerable: true, get });
  }
  return fields;
}

function problemIn(text: string): Problem | undefined {
  // The system refused the connection, not a file.
  const isSocket = FORBIDDEN_SOCKET.test(text);
  return PROBLEMS.find(([problem, form]) => form.test(text) && !(isSocket && problem === 'permission-denied'))?.[0];
}

/**
 * Matches all digits, because a longer number contains a shorter one. If a message has two numbers, 70002 only wraps the other
 * one.
 */
function aadstsNumber(text: string): number | undefined {
  const numbers = [...text.matchAll(/AADSTS(\d{4,8})/g)].map(([, digits]) => Number(digits));
  const [inList] = [/(?:error_codes"?:\s?\[|Error\(s\): )(\d{4,8})/.exec(text)?.[1]].map(toNumber);
  const [number = inList] = numbers.filter((candidate) => candidate !== 70002);
  return number ?? numbers[0];
}

/** A refusal quotes what it compared: `Assertion Issuer: '…'` or `presented assertion issuer '…'`. */
function assertionIn(text: string) {
  const value = (name: string) => new RegExp(`[Aa]ssertion ${name}:? '([^'\\n]{1,300})'`, 'i').exec(text)?.[1];
  const [issuer, subject, audience] = ['issuer', 'subject', 'audience'].map(value);
  return (issuer ?? subject ?? audience) ? { issuer, subject, audience } : undefined;
}

/** `Current time: …, assertion valid from …, expiry time of assertion …`: Entra's time, and two times from the assertion. */
function assertionTimes(text: string) {
  const time = '([\\dT:.-]{19,30})Z?';
  const found = new RegExp(
    `Current time: ${time},? assertion valid from ${time},? expiry time of assertion ${time}`,
  ).exec(text);
  const [now = Number.NaN, from = 0, to = 0] = (found?.slice(1) ?? []).map((iso) => Date.parse(`${iso.slice(0, 19)}Z`));
  return Number.isNaN(now + from + to) ? undefined : { now, from, to };
}

function loginOf(text: string): 'service-principal' | 'managed-identity' | undefined {
  if (/MSI\b|ManagedIdentity|managed identity|169\.254\.169\.254|az login --identity/.test(text))
    return 'managed-identity';
  const isServicePrincipal =
    /service principal '?[0-9a-f]{8}|secret of service principal|--service-principal|for this service principal/i.test(
      text,
    );
  return isServicePrincipal ? 'service-principal' : undefined;
}

/** What the first of these patterns that matches stands for. */
function meaning<Name>(text: string, forms: readonly (readonly [Name, RegExp])[]): Name | undefined {
  return forms.find(([, form]) => form.test(text))?.[0];
}

function first(text: string, forms: readonly RegExp[]): string | undefined {
  for (const form of forms) {
    const found = form.exec(text)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

function toNumber(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}
