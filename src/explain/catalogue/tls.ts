import { bash, name } from '../bash.ts';
import type { Case } from '../evidence.ts';
import { credential, either, inPod, ofAzureCli, ofTool, only, stillIn, unreachedWith } from '../match.ts';
import { isPod } from '../place.ts';
import { DOCUMENTATION } from '../row.ts';
import { codeOf, hostOf, isSet, quoted, shown } from '../words.ts';
import { showClocks } from './clock.ts';
import { CONNECTION_BROKEN } from './reasons.ts';
import { connect, showCertificate, type UnreachedRow } from './unreached.ts';

const EXPIRED = { reason: 'certificate-expired', title: 'A TLS certificate is not valid at this time' } as const;
const UNTRUSTED = { reason: 'tls-intercepted', title: 'TLS to Azure is intercepted or not trusted' } as const;

const OTHER_NAME = /ALTNAME|HOSTNAME_MISMATCH/;
/** What Python refuses in a CA certificate since version 3.13, although browsers take it. */
const STRICT = /KEY_IDENTIFIER|BCONS|CA_CERT_MISSING_KEY_USAGE/;
const NOT_TRUSTED = /CERT|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH/;

/** Shows the time of this machine and of a server that has the right one. */
function showTimes(c: Case): string {
  return isPod(c)
    ? bash`kubectl debug node/${name(c.facts.pod?.node, 'NODE')} --image=busybox:1.37 -i -- date -u`
    : showClocks();
}

/** A server was reached, but is not trusted. */
export const TLS: readonly UnreachedRow[] = [
  {
    reason: 'ca-bundle-missing',
    title: 'The file of CA certificates is missing',
    check: 'configuration',
    when: credential(['azure-cli', 'azd', 'powershell'], ({ text }) => text.problem === 'ca-bundle-missing'),
    problem: ({ finding }) =>
      `The tool cannot read its CA certificates from ${shown(finding.text.path, 'the file that a variable names')}.`,
    hint: () =>
      'REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE names that file, perhaps set by another program. Correct or unset the variable, and restart this service.',
    commands: () => [bash`env | grep -e CA_BUNDLE -e SSL_CERT`],
    documentation: DOCUMENTATION.azureCliProxy,
  },
  {
    ...EXPIRED,
    when: unreachedWith(/CERT_NOT_YET_VALID|CERT_HAS_EXPIRED/),
    problem: (c) =>
      `The certificate of ${hostOf(c)} has expired or is not valid yet (${codeOf(c.finding)}): either the clock here is wrong, or something on the way presents it.`,
    hint: () =>
      'Compare the clock with the real time first. If it is right, the issuer of the certificate tells who has to renew it; adding a CA does not help.',
    commands: (c) => [showTimes(c), ...showCertificate(c)],
  },
  {
    ...UNTRUSTED,
    when: unreachedWith(OTHER_NAME),
    problem: (c) =>
      `What responds as ${hostOf(c)} presents a certificate for another name: DNS or a proxy on the way leads to another server.`,
    hint: (c) =>
      `Find out what responds in place of ${hostOf(c)}: look at its address and certificate. Adding a CA does not help.`,
    commands: showCertificate,
  },
  {
    ...UNTRUSTED,
    check: 'identity-provider',
    when: ofTool(unreachedWith(STRICT)),
    problem: (c) =>
      `The CA that re-signs the connection to ${hostOf(c)} fails the strict checks of newer versions of Python (${quoted(c.finding)}).`,
    hint: () =>
      "Have the proxy's CA certificate reissued with the missing extension. Until then use a version of the Azure CLI before 2.77, or another network.",
    commands: showCertificate,
    documentation: DOCUMENTATION.azureCliProxy,
  },
  {
    ...UNTRUSTED,
    check: 'identity-provider',
    when: ofAzureCli(unreachedWith(NOT_TRUSTED)),
    problem: (c) =>
      `The Azure CLI does not trust the certificate of ${hostOf(c)}: a proxy on the way probably re-signs TLS.`,
    hint: () =>
      "Add the proxy's CA certificate to a copy of the bundle of az and set REQUESTS_CA_BUNDLE to it; this service needs the CA in NODE_EXTRA_CA_CERTS.",
    commands: showCertificate,
    documentation: DOCUMENTATION.azureCliProxy,
  },
  {
    ...UNTRUSTED,
    check: 'identity-provider',
    when: ofTool(unreachedWith(NOT_TRUSTED)),
    problem: (c) =>
      `The tool does not trust the certificate of ${hostOf(c)}: a proxy on the way probably re-signs TLS.`,
    hint: () =>
      "Add the proxy's CA certificate to the trusted certificates of this system; this service needs it in NODE_EXTRA_CA_CERTS.",
    commands: showCertificate,
  },
  {
    ...UNTRUSTED,
    when: only(unreachedWith(NOT_TRUSTED), (e) => isSet(e, 'NODE_EXTRA_CA_CERTS')),
    problem: (c) =>
      `The certificate of ${hostOf(c)} comes from a CA that is not in the file of NODE_EXTRA_CA_CERTS (${shown(c.finding.networkCode, 'not trusted')}).`,
    hint: () =>
      'Add the CA of whatever re-signs TLS on the way, usually the company proxy, to that file, and restart this service. Check that the file exists.',
    commands: showCertificate,
  },
  {
    ...UNTRUSTED,
    when: inPod(unreachedWith(NOT_TRUSTED)),
    problem: (c) =>
      `The certificate of ${hostOf(c)} is not trusted (${shown(c.finding.networkCode, 'TLS')}): a firewall or proxy on the way probably re-signs TLS.`,
    hint: () =>
      'Mount the CA certificate of that proxy into the pod and set NODE_EXTRA_CA_CERTS to its path, or exempt the host from inspection.',
    commands: showCertificate,
    documentation: DOCUMENTATION.aksEgress,
  },
  {
    ...UNTRUSTED,
    when: unreachedWith(NOT_TRUSTED),
    problem: (c) =>
      `The certificate of ${hostOf(c)} is not trusted (${shown(c.finding.networkCode, 'TLS')}): a proxy on the way probably re-signs TLS.`,
    hint: () => 'Set NODE_EXTRA_CA_CERTS to a file with the CA certificate of that proxy, and restart this service.',
    commands: showCertificate,
  },
  {
    ...CONNECTION_BROKEN,
    when: either(stillIn('tls'), unreachedWith(/HANDSHAKE_TIMEOUT/)),
    problem: (c) =>
      `${hostOf(c)} accepts connections, but the TLS handshake does not finish: something on the way swallows its packets.`,
    hint: () =>
      'Look for TLS inspection or a proxy on the way, and for an MTU that is too large (VPN, tunnel, overlay network): try a smaller one.',
    commands: connect,
  },
  {
    ...UNTRUSTED,
    when: unreachedWith(/EPROTO|SSL|TLS/),
    problem: (c) =>
      `The TLS handshake with ${hostOf(c)} failed (${shown(c.finding.networkCode, 'TLS')}): something on the way does not speak TLS or cuts it off.`,
    hint: () => 'Look for a proxy, firewall, VPN or service mesh that handles this connection, and let the host pass.',
    commands: connect,
  },
];
