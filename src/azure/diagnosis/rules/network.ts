import { argument, command } from '../commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { azureCliHas, isTool, unreached } from '../match.ts';
import { errorCodeOf, hostOf, orUnknown, proxyVariableOf, quoted } from '../values.ts';
import { DOCUMENTATION, type Rule } from './rule.ts';

/** TLS error codes: a server was reached, but is not trusted. */
const TLS = /CERT|SELF_SIGNED|UNABLE_TO_|INVALID_CA|HOSTNAME_MISMATCH|TLS|SSL|EPROTO/;

/** The error codes for a name that cannot be resolved. */
const NAME_FAILURE = /^(ENOTFOUND|EAI_\w{1,20}|ENODATA|ESERVFAIL|ETIMEOUT|EREFUSED)$/;

function isNameFailure({ networkCode }: Finding): boolean {
  return NAME_FAILURE.test(networkCode ?? '');
}

/** Microsoft Entra ID or Resource Manager was not reached, or something else responded in its place. */
export const NETWORK: Rule[] = [
  {
    reason: 'proxy-failed',
    match: (e) => {
      const finding = unreached(e);
      // A company proxy that intercepts TLS is another failure. EPROTO means a proxy that does not speak TLS.
      const isTls = TLS.test(finding?.networkCode ?? '') && finding?.networkCode !== 'EPROTO';
      return finding && isProxys(e, finding) && !isTls ? finding : undefined;
    },
    hint: (e, finding) => {
      const variable = isTool(finding) ? 'HTTPS_PROXY' : proxyVariableOf(e);
      const status = finding.text.proxyStatus ?? finding.status;
      const proxy = e.facts.proxy.server === undefined ? 'the proxy' : `the proxy ${orUnknown(e.facts.proxy.server)}`;
      if (status === 407) {
        return (
          `Put the user and password that the proxy wants into the URL of ${variable} (percent-encoded), or name ${hostOf(finding)} in NO_PROXY: ` +
          'the proxy demands authentication (407).'
        );
      }
      return (
        `Correct or unset ${variable}, let its proxy pass ${hostOf(finding)}, or name that host in NO_PROXY: ` +
        (isNameFailure(finding)
          ? `the name of ${proxy} cannot be resolved (${errorCodeOf(finding)}).`
          : `it cannot be reached through ${proxy} (${errorCodeOf(finding)}).`)
      );
    },
    documentation: (finding) => (isTool(finding) ? DOCUMENTATION.azureCliProxy : DOCUMENTATION.egress),
  },
  {
    reason: 'dns-failure',
    match: withCode(NAME_FAILURE),
    hint: (e, finding) =>
      `Check DNS ${dnsOf(e)}: the name ${hostOf(finding)} cannot be resolved (${errorCodeOf(finding)}).`,
    commands: (e, finding) =>
      e.facts.kubernetes
        ? [
            command`kubectl get pods -n kube-system -l k8s-app=kube-dns`,
            command`kubectl run dns-test --rm -it --restart=Never --image=busybox:1.37 -- nslookup ${argument(finding.host, 'HOST')}`,
          ]
        : [command`getent hosts ${argument(finding.host, 'HOST')}`],
    documentation: DOCUMENTATION.egress,
  },
  {
    reason: 'certificate-expired',
    match: withCode(/CERT_(HAS_EXPIRED|NOT_YET_VALID)/),
    hint: (_, finding) =>
      `Check the clock of this machine: the certificate of ${hostOf(finding)} is not valid now (${errorCodeOf(finding)}). ` +
      'If the clock is right, something on the way presents a bad one.',
    commands: () => [command`timedatectl`],
    documentation: DOCUMENTATION.egress,
  },
  {
    reason: 'tls-intercepted',
    match: (e) => withCode(TLS)(e) ?? azureCliHas(e, 'ca-bundle-missing'),
    hint: (_, finding) => {
      if (finding.text.problem === 'ca-bundle-missing') {
        return `Correct or unset REQUESTS_CA_BUNDLE: it names a bundle of CA certificates that az cannot read (${orUnknown(finding.text.path)}).`;
      }
      return isTool(finding)
        ? `Add the CA certificate of your company's proxy to the bundle that az trusts, and set REQUESTS_CA_BUNDLE to that file (this service needs it in NODE_EXTRA_CA_CERTS): ` +
            `the certificate of ${hostOf(finding)} is not trusted, so something on the way probably intercepts TLS.`
        : "Mount the CA certificate of your company's proxy, set NODE_EXTRA_CA_CERTS to its path and restart: the certificate " +
            `of ${hostOf(finding)} is not trusted (${errorCodeOf(finding)}), so something on the way probably intercepts TLS.`;
    },
    commands: (_, finding) => [
      command`openssl s_client -connect ${argument(finding.host, 'HOST')}:443 -showcerts`,
      ...(isTool(finding) ? [command`export REQUESTS_CA_BUNDLE=$CA_BUNDLE NODE_EXTRA_CA_CERTS=$CA_BUNDLE`] : []),
    ],
    documentation: (finding) => (isTool(finding) ? DOCUMENTATION.azureCliProxy : DOCUMENTATION.egress),
  },
  {
    reason: 'egress-blocked',
    match: withCode(
      /^(ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EACCES|EPERM|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT)$/,
    ),
    hint: (e, finding) =>
      `Allow egress to ${hostOf(finding)}, port 443: check ${e.facts.kubernetes ? 'the network policies, the firewall or NSG and the routes of this pod' : 'the firewall, the VPN or proxy and the routes of this machine'}. ` +
      `It cannot be reached (${errorCodeOf(finding)})${serviceTag(e, finding)}.`,
    commands: reachability,
    documentation: DOCUMENTATION.egress,
  },
  {
    reason: 'connection-broken',
    match: (e) => {
      const finding = unreached(e);
      return finding?.party === 'nobody' && !finding.words.startsWith('No answer within') ? finding : undefined;
    },
    hint: (_, finding) =>
      'Ask again, and look for what cuts connections on the way if it lasts (firewall, proxy, VPN, service mesh): ' +
      `that to ${hostOf(finding)} broke off (${errorCodeOf(finding)}).`,
    commands: reachability,
    documentation: DOCUMENTATION.egress,
  },
  {
    reason: 'entra-broken',
    match: (e) =>
      e.findings.find(
        ({ party, credential, aadsts, status }) =>
          credential !== 'managed-identity' &&
          status !== undefined &&
          (party === 'stranger' || (party === 'entra' && aadsts === undefined)),
      ),
    hint: (_, finding) =>
      `Look for a proxy, web filter, firewall or captive portal on the way to ${hostOf(finding)}, which must let it pass, or for an outage (${DOCUMENTATION.status}): ` +
      `what answered ${errorCodeOf(finding)} gave neither a token nor a reason, but ${quoted(finding)}.`,
    commands: reachability,
    documentation: DOCUMENTATION.status,
  },
];

/** Whether the failure is that of a proxy: the request went through one, or a tool says so. */
function isProxys({ facts }: Evidence, finding: Finding): boolean {
  if (finding.party === 'http-proxy') return true;
  return !isTool(finding) && finding.host !== undefined && facts.proxy.hosts.includes(finding.host);
}

/** The name under which a network security group or Azure Firewall knows the host. */
export function serviceTag({ facts }: Evidence, { host }: Pick<Finding, 'host'>): string {
  if (host === new URL(facts.cloud.authorityHost).hostname) return '; its service tag is AzureActiveDirectory';
  return host === new URL(facts.cloud.resourceManager).hostname ? '; its service tag is AzureResourceManager' : '';
}

function withCode(codes: RegExp) {
  return (e: Evidence): Finding | undefined => {
    const finding = unreached(e);
    return finding?.networkCode !== undefined && codes.test(finding.networkCode) ? finding : undefined;
  };
}

function dnsOf({ facts }: Evidence): string {
  if (facts.kubernetes)
    return 'of the cluster (CoreDNS and its forwarder, network policies for port 53, private DNS zones)';
  return facts.container
    ? 'of this container and its host (resolver, VPN, private DNS zones)'
    : 'of this machine (resolver, VPN, private DNS zones)';
}

function reachability(_: Evidence, finding: Finding): readonly string[] {
  return [command`curl -sS -o /dev/null -v https://${argument(finding.host, 'HOST')}`];
}
