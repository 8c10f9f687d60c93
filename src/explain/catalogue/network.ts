import { bash } from '../bash.ts';
import { type Case, type Finding, isTool } from '../evidence.ts';
import { either, inPod, only, stillIn, unreached, unreachedWith } from '../match.ts';
import { isApp, isContainer } from '../place.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { authorityHost, codeOf, hostOf, quoted, shown } from '../words.ts';
import { PROXY_FAILED } from './proxy.ts';
import { CONNECTION_BROKEN, ENTRA_BROKEN } from './reasons.ts';
import { TLS } from './tls.ts';
import { connect, lookUp, type UnreachedRow } from './unreached.ts';

const DNS = { reason: 'dns-failure', title: 'A host name of Azure cannot be resolved' } as const;
const EGRESS = { reason: 'egress-blocked', title: 'Connections to Azure are blocked' } as const;

/** A name was not resolved. */
const NAME_FAILURE = /^(ENOTFOUND|EAI_\w{1,20}|ENODATA|ESERVFAIL|ETIMEOUT|EREFUSED)$/;
/** The name does not exist; with the other codes the name server has failed. */
const NO_SUCH_NAME = /^(ENOTFOUND|ENODATA)$/;
/** With EACCES and EPERM, a firewall or a policy on this machine forbids it. */
const NO_WAY = /^(ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EACCES|EPERM|UND_ERR_CONNECT_TIMEOUT)$/;

/** No address or no connection: an error code says so, or there was none until the deadline. */
const noAddress = either(unreachedWith(NAME_FAILURE), stillIn('lookup'));
const noConnection = either(unreachedWith(NO_WAY), stillIn('connect'));

const NAMES: readonly UnreachedRow[] = [
  {
    ...DNS,
    check: 'resource-manager',
    when: only(unreachedWith(NO_SUCH_NAME), (_, { credential }) => credential === undefined),
    problem: (c) =>
      `DNS has no address for ${hostOf(c)} here. A private DNS zone of Private Link may hide the public one.`,
    hint: () =>
      'If this network has the private DNS zone privatelink.azure.com, add the record of the private endpoint or unlink the zone. Otherwise check the nameserver and the VPN.',
    commands: (c) => [
      ...lookUp(c),
      bash`az resource list --resource-type Microsoft.Network/privateDnsZones --query '[].[name,resourceGroup]' -o table`,
    ],
    documentation: DOCUMENTATION.privateLink,
  },
  {
    ...DNS,
    when: inPod(noAddress),
    problem: (c) => `DNS of the cluster does not resolve ${hostOf(c)} (${reached(c.finding)}).`,
    hint: () =>
      'Check CoreDNS and what it forwards to, network policies for port 53 (UDP and TCP), and private DNS zones of the network.',
    commands: lookUp,
    documentation: DOCUMENTATION.aksEgress,
  },
  {
    ...DNS,
    when: only(noAddress, isApp),
    problem: (c) => `DNS of this app does not resolve ${hostOf(c)} (${reached(c.finding)}).`,
    hint: () =>
      'Check the DNS servers of the virtual network that the app is integrated with, and its private DNS zones.',
    documentation: networkOfApp,
  },
  {
    ...DNS,
    when: only(noAddress, isContainer),
    problem: (c) => `DNS of this container does not resolve ${hostOf(c)} (${reached(c.finding)}).`,
    hint: () => 'Check DNS on the host first (network, VPN), then the nameserver that the container got from it.',
    commands: (c) => [...lookUp(c), bash`cat /etc/resolv.conf`],
  },
  {
    ...DNS,
    when: noAddress,
    problem: (c) => `DNS of this machine does not resolve ${hostOf(c)} (${reached(c.finding)}).`,
    hint: () =>
      'Check the network connection, the VPN and the nameserver of this machine (in WSL, that of its resolv.conf).',
    commands: lookUp,
  },
];

const CONNECTIONS: readonly UnreachedRow[] = [
  {
    ...EGRESS,
    when: only(noConnection, (_, { address = '' }) => address.includes(':')),
    problem: (c) =>
      `${hostOf(c)} does not respond at its IPv6 address ${shown(c.finding.address, '')} (${reached(c.finding)}).`,
    hint: () =>
      'Repair the IPv6 route of this network, or prefer IPv4. If IPv4 fails as well, a firewall blocks the host.',
    commands: connect,
  },
  {
    ...EGRESS,
    when: inPod(noConnection),
    problem: (c) => `This pod cannot connect to ${hostOf(c)}, port 443 (${reached(c.finding)}).`,
    hint: (c) =>
      `Allow it in the network policies of the namespace, in the firewall or NSG${serviceTag(c)}, and check the route of the subnet.`,
    commands: (c) => [...connect(c), bash`kubectl get networkpolicy -A`],
    documentation: DOCUMENTATION.aksEgress,
  },
  {
    ...EGRESS,
    when: only(noConnection, isApp),
    problem: (c) => `This app cannot connect to ${hostOf(c)}, port 443 (${reached(c.finding)}).`,
    hint: (c) =>
      `Allow it in the NSG, firewall and routes of the virtual network that the app is integrated with${serviceTag(c)}.`,
    documentation: networkOfApp,
  },
  {
    ...EGRESS,
    check: 'resource-manager',
    // A managed identity that gave a token means a machine of Azure.
    when: only(noConnection, ({ identity }) => /^ManagedIdentity/.test(identity?.credential ?? '')),
    problem: (c) => `This machine cannot connect to ${hostOf(c)}, port 443 (${reached(c.finding)}).`,
    hint: (c) =>
      `Give its subnet a way out (NAT gateway, outbound rule, public address) and allow outbound traffic in the NSG, firewall and routes${serviceTag(c)}.`,
    commands: connect,
    documentation: DOCUMENTATION.outboundAccess,
  },
  {
    ...EGRESS,
    when: noConnection,
    problem: (c) => `This machine cannot connect to ${hostOf(c)}, port 443 (${reached(c.finding)}).`,
    hint: () =>
      'Check the network connection, the VPN and the firewalls, also that of this machine or of its sandbox. If this network needs a proxy, set HTTPS_PROXY to it.',
    commands: connect,
  },
  {
    ...CONNECTION_BROKEN,
    when: only(unreached, (_, { responder }) => responder === 'none'),
    problem: (c) => `The connection to ${hostOf(c)} broke off (${codeOf(c.finding)}).`,
    hint: () =>
      'Ask again. If it lasts, look for what cuts connections on the way: firewall, proxy, VPN or service mesh.',
    commands: connect,
  },
];

/** Microsoft Entra ID or Resource Manager was not reached, or something else responded in its place. */
export const NETWORK: readonly Row[] = [
  ...[...PROXY_FAILED, ...NAMES, ...TLS, ...CONNECTIONS].flatMap(atEachLink),
  {
    ...ENTRA_BROKEN,
    when: ({ findings }) => findings.find(isInNameOfEntra),
    problem: (c) => `Something else responds as ${hostOf(c)} (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: (c) =>
      `Have the web filter, proxy or captive portal on the way let ${hostOf(c)} pass. In a hotel or guest network, sign in to the network first.`,
    commands: connect,
  },
];

/** The same row for whoever gives the token and for Resource Manager, unless it is about one of them. */
function atEachLink({ check, ...row }: UnreachedRow): Row[] {
  if (check) return [{ ...row, check }];
  return [
    { ...row, check: 'identity-provider', when: only(row.when, (_, { credential }) => credential !== undefined) },
    { ...row, check: 'resource-manager', when: only(row.when, (_, { credential }) => credential === undefined) },
  ];
}

/** Whether something else responded in the name of Microsoft Entra ID, or changed its response. */
function isInNameOfEntra({ credential, status, aadsts, responder }: Finding): boolean {
  if (credential === 'managed-identity' || aadsts !== undefined) return false;
  return (responder === 'unknown' && status !== undefined) || (responder === 'entra' && status === 200);
}

/** How far the connection came: the error code, or how long it has been tried. */
function reached({ networkCode, tookMs }: Finding): string {
  if (networkCode !== undefined) return networkCode;
  return tookMs === undefined ? 'packets are lost' : `no response for ${Math.round(tookMs / 1000)} s`;
}

/** The name under which a network security group or Azure Firewall knows the host. */
function serviceTag({ facts, finding }: Case): string {
  if (isTool(finding)) return '';
  const tags = new Map([
    [authorityHost({ facts }), 'AzureActiveDirectory'],
    [new URL(facts.cloud.resourceManager).hostname, 'AzureResourceManager'],
  ]);
  const tag = tags.get(finding.host ?? '');
  return tag === undefined ? '' : ` (service tag ${tag})`;
}

function networkOfApp({ facts }: Case): string {
  return facts.place === 'container-apps'
    ? DOCUMENTATION.containerAppsNetworking
    : DOCUMENTATION.virtualNetworkIntegration;
}
