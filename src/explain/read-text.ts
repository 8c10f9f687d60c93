import { type ClaimsChallenge, claimsIn } from './claims-challenge.ts';
import { withoutColors } from './summary.ts';
import {
  APPLICATIONS,
  CERTIFICATES,
  type CertificateProblem,
  FORBIDDEN_SOCKET,
  HOSTS,
  IDENTITIES,
  NEEDED_MODULE,
  NETWORK_CODES,
  PATHS,
  PROBLEMS,
  PROVIDERS,
  type Problem,
  type ProviderProblem,
  STATUSES,
  SUBSCRIPTIONS,
  TENANTS,
  VARIABLES,
  WAITS,
} from './text-forms.ts';

/**
 * The fields of a text: the output of `az` and other tools, a response of NMI or an identity endpoint, or an error of the SDK.
 * Only this file parses such texts; rules match the fields. Texts change with versions and languages, so each field has several
 * patterns.
 */
export interface TextFields {
  /** The error number of Microsoft Entra ID. */
  aadsts?: number | undefined;
  /** Why a server was not reached, as an error code of Node, whichever program reported it. */
  networkCode?: string | undefined;
  /** The connection failed at a proxy. */
  isProxyFailure?: true | undefined;
  /** The status of a proxy's response to CONNECT. */
  proxyStatus?: number | undefined;
  /** The host that was not reached. */
  host?: string | undefined;
  /** The status that the text quotes. */
  status?: number | undefined;
  problem?: Problem | undefined;
  /** The file or directory with the problem. */
  path?: string | undefined;
  /** The tenant, application and subscription in the text: ids or names, as written. */
  tenant?: string | undefined;
  application?: string | undefined;
  subscription?: string | undefined;
  /** The assertion that was presented, as the text quotes it. */
  assertion?: { issuer: string | undefined; subject: string | undefined; audience: string | undefined } | undefined;
  /** Seconds after which to try again. */
  waitSeconds?: number | undefined;
  /** The time of Microsoft Entra ID, and when the assertion is valid, in milliseconds since the epoch. */
  assertionTimes?: { now: number; from: number; to: number } | undefined;
  /** What a service for managed identities says about the identity. */
  identity?: 'not-found' | 'ambiguous' | 'pending' | undefined;
  /** What such a service says about itself or about the request. */
  provider?: ProviderProblem | undefined;
  /** What is wrong with a certificate, its private key, or their file. */
  certificate?: CertificateProblem | undefined;
  /** The variable whose value the SDK cannot use. */
  variable?: string | undefined;
  /** The text names a policy of the tenant's administrator. */
  isPolicy?: true | undefined;
  /** Whose login a tool uses, if the text shows it; otherwise a user's, or unknown. */
  login?: 'service-principal' | 'managed-identity' | undefined;
  /** The claims that Resource Manager demands of a new token, as the text quotes them. */
  claims?: ClaimsChallenge | undefined;
}

/** Longer texts are pages or tracebacks, with the message at the beginning or the end. */
const LONGEST_TEXT = 8000;

/** `az` continues if it cannot load a module of other commands. Only its later messages count, unless it needs that module. */
function withoutSkippedModules(text: string): string {
  if (NEEDED_MODULE.test(text)) return text;
  const others = text.replace(/^ERROR: Error loading command module [^\n]{0,500}\n?/gm, '');
  return /^ERROR: /m.test(others) ? others : text;
}

export function readText(colored: string): TextFields {
  const whole = withoutColors(colored);
  const half = LONGEST_TEXT / 2;
  const text = withoutSkippedModules(
    whole.length <= LONGEST_TEXT ? whole : `${whole.slice(0, half)}\n${whole.slice(-half)}`,
  );
  return readOnDemand({
    aadsts: () => aadstsNumber(text),
    networkCode: () => meaning(text, NETWORK_CODES),
    isProxyFailure: () => PROXY_FAILURE.test(text) || undefined,
    proxyStatus: () =>
      toNumber(/Tunnel connection failed: (\d{3})/.exec(text)?.[1] ?? (/\b407 Proxy/.test(text) ? '407' : undefined)),
    host: () => first(text, HOSTS),
    status: () => toNumber(first(text, STATUSES)),
    problem: () => problemIn(text),
    path: () => first(text, PATHS),
    tenant: () => first(text, TENANTS),
    application: () => first(text, APPLICATIONS),
    subscription: () => first(text, SUBSCRIPTIONS),
    assertion: () => assertionIn(text),
    waitSeconds: () => toNumber(first(text, WAITS)),
    assertionTimes: () => assertionTimes(text),
    identity: () => meaning(text, IDENTITIES),
    provider: () => meaning(text, PROVIDERS),
    certificate: () => meaning(text, CERTIFICATES),
    variable: () => first(text, VARIABLES),
    isPolicy: () => POLICY.test(text) || undefined,
    login: () => loginOf(text),
    claims: () => claimsIn(text),
  });
}

/** There are more patterns than a failure needs, and each costs time when it is first used. So a field is read when it is asked for. */
function readOnDemand(forms: { [Name in keyof TextFields]-?: () => TextFields[Name] }): TextFields {
  const fields = {};
  for (const [name, read] of Object.entries(forms)) {
    let found: { value: unknown } | undefined;
    const get = () => {
      found ??= { value: read() };
      return found.value;
    };
    Object.defineProperty(fields, name, { enumerable: true, get });
  }
  return fields;
}

const PROXY_FAILURE =
  /ProxyError|Cannot connect to proxy|SOCKS support|Tunnel connection failed|proxyconnect|proxy tunnel/i;
const POLICY = /Conditional Access|blocked by (?:a )?(?:tenant )?polic|disabled by policy/i;

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
function assertionIn(text: string): TextFields['assertion'] {
  const value = (name: string) => new RegExp(`[Aa]ssertion ${name}:? '([^'\\n]{1,300})'`, 'i').exec(text)?.[1];
  const [issuer, subject, audience] = ['issuer', 'subject', 'audience'].map(value);
  return (issuer ?? subject ?? audience) ? { issuer, subject, audience } : undefined;
}

/** `Current time: …, assertion valid from …, expiry time of assertion …`: Entra's time, and two times from the assertion. */
function assertionTimes(text: string): TextFields['assertionTimes'] {
  const time = '([\\dT:.-]{19,30})Z?';
  const found = new RegExp(
    `Current time: ${time},? assertion valid from ${time},? expiry time of assertion ${time}`,
  ).exec(text);
  const [now, from, to] = (found?.slice(1, 4) ?? []).map((iso) => Date.parse(`${iso.slice(0, 19)}Z`));
  return [now, from, to].some((ms) => ms === undefined || Number.isNaN(ms))
    ? undefined
    : { now: Number(now), from: Number(from), to: Number(to) };
}

function loginOf(text: string): TextFields['login'] {
  if (/MSI\b|ManagedIdentity|managed identity|169\.254\.169\.254|az login --identity/.test(text))
    return 'managed-identity';
  if (
    /service principal '?[0-9a-f]{8}|[Ss]ecret of service principal|--service-principal|for this service principal/i.test(
      text,
    )
  ) {
    return 'service-principal';
  }
  return undefined;
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
