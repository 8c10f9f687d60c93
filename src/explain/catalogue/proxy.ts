import { bash, host, url, type Word } from '../bash.ts';
import { findWorkload, listVariables } from '../commands.ts';
import { type Case, type Evidence, type Finding, isTool } from '../evidence.ts';
import { only, unreached, type When } from '../match.ts';
import { isPod } from '../place.ts';
import { DOCUMENTATION } from '../row.ts';
import { capitalized, codeOf, hostOf, proxyVariableOf, shown } from '../words.ts';
import { hostWord, isProxied, type UnreachedRow } from './unreached.ts';

const PROXY = {
  reason: 'proxy-failed',
  title: 'The proxy does not let the request through',
  documentation: ({ finding }: Case) => (isTool(finding) ? DOCUMENTATION.azureCliProxy : DOCUMENTATION.proxy),
} as const;

/** The codes of a TLS failure behind the proxy. EPROTO instead means a proxy that does not speak TLS itself. */
const TLS = /CERT|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME_MISMATCH|KEY_IDENTIFIER|BCONS/;

const proxied: When = only(unreached, (e, finding) => isProxied(e, finding) && !TLS.test(finding.networkCode ?? ''));

function proxiedWith(condition: (finding: Finding, e: Evidence) => boolean): When {
  return only(proxied, (e, finding) => condition(finding, e));
}

/** The proxy by its address; a tool may have its own. */
function server({ facts }: Evidence): string {
  return facts.proxy.server === undefined ? 'the proxy' : `the proxy ${shown(facts.proxy.server, '')}`;
}

function variable(c: Case): string {
  return isTool(c.finding) ? 'HTTPS_PROXY' : proxyVariableOf(c);
}

/** Asks the proxy for the host as this process does, or shows the variables of the pod. */
function askProxy(c: Case): string[] {
  return isPod(c) ? showVariables(c) : [bash`curl -sS -o /dev/null -v --proxy ${proxyWord(c)} https://${hostWord(c)}`];
}

function showVariables(c: Case): string[] {
  if (!isPod(c)) return [];
  return [...findWorkload(c), bash`${listVariables(c)}`];
}

function proxyWord({ facts }: Evidence): Word {
  return facts.proxy.server === undefined
    ? host(undefined, 'HTTPS_PROXY')
    : url(`http://${facts.proxy.server}`, 'HTTPS_PROXY');
}

/** A proxy stands between this process and Azure, and fails. */
export const PROXY_FAILED: readonly UnreachedRow[] = [
  {
    ...PROXY,
    when: only(
      unreached,
      (e, finding) =>
        e.facts.proxy.problem === 'user-info-malformed' && isProxied(e, finding) && finding.status === undefined,
    ),
    problem: (c) =>
      `The user or password in ${variable(c)} is not percent-encoded correctly, so nothing is sent to ${hostOf(c)}.`,
    hint: (c) =>
      `Encode special characters in the user and password of ${variable(c)} (% as %25, @ as %40, # as %23), and restart this service.`,
    commands: showVariables,
  },
  {
    ...PROXY,
    when: only(proxied, (e, finding) => e.facts.proxy.problem === 'no-proxy-range' && !isTool(finding)),
    problem: (c) =>
      `NO_PROXY has a * or a range, which the Azure SDK ignores: requests for ${hostOf(c)} go to ${server(c)}, which fails (${codeOf(c.finding)}).`,
    hint: (c) =>
      `If ${hostOf(c)} should bypass the proxy, name it in NO_PROXY without a star: exactly, or as a suffix such as .${parentDomain(c)}.`,
    commands: askProxy,
  },
  {
    ...PROXY,
    when: proxiedWith(({ text, status }) => (text.proxyStatus ?? status) === 407),
    problem: (c) => `${capitalized(server(c))} demands a user and password for ${hostOf(c)} (HTTP 407).`,
    hint: (c) =>
      `Put the user and password into the URL of ${variable(c)}, percent-encoded, or name ${hostOf(c)} in NO_PROXY if it can be reached directly.`,
    commands: askProxy,
  },
  {
    ...PROXY,
    check: 'identity-provider',
    when: proxiedWith((finding, { facts }) => isTool(finding) && facts.proxy.variables.length === 0),
    problem: (c) =>
      `The tool reaches ${hostOf(c)} only through a proxy that no variable of this process names, and that proxy fails (${codeOf(c.finding)}).`,
    hint: () =>
      'Correct the proxy in the settings of the system or of the tool, or set HTTPS_PROXY to one that works. NO_PROXY names hosts that need none.',
    commands: (c) => [bash`curl -sS -o /dev/null -v https://${hostWord(c)}`],
  },
  {
    ...PROXY,
    when: proxiedWith(({ networkCode }) => networkCode === 'EPROTO'),
    problem: (c) =>
      `${capitalized(server(c))} does not speak TLS: the URL in ${variable(c)} probably needs http instead of https.`,
    hint: (c) => `Correct the scheme of the URL in ${variable(c)}, and restart this service.`,
    commands: askProxy,
  },
  {
    ...PROXY,
    when: proxiedWith(
      ({ networkCode, status, text }) => networkCode === undefined && (text.proxyStatus ?? status) !== undefined,
    ),
    problem: (c) => `${capitalized(server(c))} does not let requests pass to ${hostOf(c)} (${codeOf(c.finding)}).`,
    hint: (c) =>
      `Have the proxy allow ${hostOf(c)}, or name that host in NO_PROXY if it can be reached directly. ${variable(c)} names the proxy.`,
    commands: askProxy,
  },
  {
    ...PROXY,
    when: proxied,
    problem: (c) => `${hostOf(c)} cannot be reached through ${server(c)} in ${variable(c)} (${codeOf(c.finding)}).`,
    hint: (c) =>
      `Check the name and port of the proxy, and whether it runs. Correct or unset ${variable(c)}, or name ${hostOf(c)} in NO_PROXY if it can be reached directly.`,
    commands: askProxy,
  },
];

function parentDomain(c: Case): string {
  return hostOf(c).split('.').slice(1).join('.');
}
