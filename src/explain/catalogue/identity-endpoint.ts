import { assignIdentity, assignUserIdentity, listApps, restartApp, showAppIdentities } from '../app-commands.ts';
import { inOrder, listIdentities } from '../commands.ts';
import { APPS, aboutPlatform, appInWords, at, isApp, platformInWords, responded } from '../endpoint.ts';
import { chooseClientId, correctClientId, dropVariables } from '../environment-commands.ts';
import type { Case } from '../evidence.ts';
import { inPod, only } from '../match.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { clientIdOf, codeOf, isSet, proxyVariableOf, quoted, shown } from '../words.ts';
import { howFar, isProxied, managedIdentity } from './managed-identity.ts';
import { IDENTITY_ENDPOINT_FAILED, IDENTITY_NOT_FOUND, IMDS_PROXIED, MULTIPLE_IDENTITIES } from './reasons.ts';

const NOT_FOUND_THERE = { ...IDENTITY_NOT_FOUND, documentation: aboutPlatform } as const;

const MISSING = {
  reason: 'identity-endpoint-missing',
  title: 'This app has no identity endpoint',
  check: 'configuration',
  documentation: aboutPlatform,
} as const;

/** No variable names an endpoint, so the SDK asked for the metadata service, which apps do not have, whatever answers in its place. */
const ABSENT = only(
  managedIdentity(() => true),
  ({ facts }) => facts.identityEndpointMissing === true,
);

const NOT_FOUND = responded(({ responder, text }) => isApp(responder) && text.identity === 'not-found');

/** The endpoint of the platform that this process runs on: which identities it offers, and what it says. */
export const IDENTITY_ENDPOINT: readonly Row[] = [
  {
    ...MISSING,
    when: only(ABSENT, (e) => isSet(e, 'WEBSITE_DISABLE_MSI')),
    problem: (c) => `WEBSITE_DISABLE_MSI turns off the identity endpoint of ${appInWords(c)}.`,
    hint: () => 'Remove this setting, which restarts the app. The identity of the app must be turned on as well.',
    commands: (c) => dropVariables(c, 'WEBSITE_DISABLE_MSI'),
  },
  {
    ...MISSING,
    when: only(ABSENT, ({ facts }) => facts.place === 'container-apps'),
    problem: missingInWords,
    hint: () =>
      'Assign an identity to this app: that of AZURE_CLIENT_ID if it is set, else the system-assigned one. If it has it, deploy a new revision, and enable it for init containers, if this is one.',
    commands: (c) => [...listApps(c), assignIdentity(c)],
  },
  {
    ...MISSING,
    when: ABSENT,
    problem: missingInWords,
    hint: () =>
      'Assign an identity to this app: that of AZURE_CLIENT_ID if it is set, else the system-assigned one. Restart the app. Slots have identities of their own, and a swap may turn one off.',
    commands: (c) => [...listApps(c), assignIdentity(c), restartApp(c)],
  },
  {
    ...IMDS_PROXIED,
    when: only(
      managedIdentity(({ responder }) => ['http-proxy', 'none'].includes(responder)),
      (e, { host }) => e.facts.identityEndpoint !== undefined && isProxied(e, host),
    ),
    problem: (c) =>
      `${proxyVariableOf(c)} sends the requests for the identity endpoint ${shown(c.finding.host, 'of this machine')} to a proxy.`,
    hint: (c) =>
      `Add ${shown(c.finding.host, 'its host')}, literally, to NO_PROXY, and restart. Ranges and * are not supported.`,
    documentation: aboutPlatform,
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(
      inPod(managedIdentity(({ responder }) => responder !== 'not-asked')),
      ({ facts }) => facts.identityEndpoint !== undefined,
    ),
    problem: (c) =>
      `A variable of this pod, IDENTITY_ENDPOINT or MSI_ENDPOINT, sends it to ${shown(c.finding.host, 'an endpoint')}, which gave no token (${codeOf(c.finding)}).`,
    hint: () =>
      'Remove the variable from the manifest, unless a sidecar serves it: only apps of Azure have such an endpoint.',
    commands: (c) => dropVariables(c, 'IDENTITY_ENDPOINT', 'MSI_ENDPOINT'),
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    ...NOT_FOUND_THERE,
    when: only(NOT_FOUND, (e) => isSet(e, 'AZURE_CLIENT_ID')),
    problem: (c) => `The identity ${shown(clientIdOf(c), 'in AZURE_CLIENT_ID')} is not assigned to ${appInWords(c)}.`,
    hint: () =>
      'Assign it to this app, or correct AZURE_CLIENT_ID: the client id, not the object id, of an assigned identity. Without AZURE_CLIENT_ID, the system-assigned one is used.',
    commands: (c) => inOrder(listApps(c), [showAppIdentities(c), assignUserIdentity(c)], correctClientId(c)),
  },
  {
    ...NOT_FOUND_THERE,
    when: NOT_FOUND,
    problem: (c) => `AZURE_CLIENT_ID is not set, and ${appInWords(c)} has no system-assigned identity.`,
    hint: () =>
      'Set AZURE_CLIENT_ID to the client id of the user-assigned identity, or turn on the system-assigned identity of this app.',
    commands: (c) => inOrder(listApps(c), [showAppIdentities(c)], chooseClientId(c)),
  },
  {
    ...MULTIPLE_IDENTITIES,
    when: responded(({ text }) => text.identity === 'ambiguous'),
    problem: (c) => `This ${platformInWords(c)} has several identities, and the request did not say which one to use.`,
    hint: () => 'Set AZURE_CLIENT_ID to the client id of the right one.',
    commands: (c) => [listIdentities(), ...chooseClientId(c)],
    documentation: aboutPlatform,
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(at('container-apps'), (_, { status }) => status === undefined),
    problem: silentInWords,
    hint: () =>
      'Right after a start, try again. Init containers have no identity until identitySettings enables it for them. Otherwise deploy a new revision.',
    commands: (c) => [...listApps(c), restartApp(c)],
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(at(...APPS), (_, { status }) => status === undefined),
    problem: silentInWords,
    hint: () =>
      'Right after a start, try again. If it lasts, restart the app, and check that an identity is assigned to it.',
    commands: (c) => [...listApps(c), restartApp(c), showAppIdentities(c)],
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(at(...APPS), (_, { status }) => status === 401 || status === 403),
    problem: (c) =>
      `The identity endpoint of ${appInWords(c)} refused the header of IDENTITY_HEADER (${codeOf(c.finding)}).`,
    hint: () =>
      'Restart the app, which gets a new value. Do not set IDENTITY_ENDPOINT or IDENTITY_HEADER yourself: the platform does.',
    commands: (c) => [...listApps(c), restartApp(c)],
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(at('container-apps'), (_, { status = 0 }) => status >= 500 || status === 429),
    problem: withoutTokenInWords,
    hint: () =>
      'Try again. If it lasts, a firewall must allow egress to *.identity.azure.net, *.login.microsoft.com and *.servicebus.windows.net, or the identity was deleted and must be assigned again.',
    commands: (c) => [...listApps(c), showAppIdentities(c), restartApp(c)],
    documentation: DOCUMENTATION.containerAppsFirewall,
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(at(...APPS), (e, { status = 0 }) => status >= 500 && isSet(e, 'WEBSITE_PRIVATE_IP')),
    problem: (c) =>
      `The identity endpoint of ${appInWords(c)}, which is in a virtual network, could not get a token (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Try again. If it lasts, allow AzureActiveDirectory in the routes, firewall and NSG of the network. If the identity was recreated, assign it again, with its roles.',
    commands: (c) => [...listApps(c), showAppIdentities(c), restartApp(c)],
    documentation: DOCUMENTATION.virtualNetworkIntegration,
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(at(...APPS), (_, { status = 0 }) => status >= 500 || status === 429),
    problem: withoutTokenInWords,
    hint: () =>
      'Try again, then restart the app. If the identity was recreated, or the app or its subscription moved, turn it off and on again, or assign it again, with its roles.',
    commands: (c) => [...listApps(c), showAppIdentities(c), restartApp(c)],
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: at(...APPS),
    problem: (c) =>
      `The identity endpoint of ${appInWords(c)} gave no token (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () => 'Check that an identity is assigned to this app. AZURE_CLIENT_ID, if set, must be its client id.',
    commands: (c) => [...listApps(c), showAppIdentities(c)],
  },
];

function missingInWords(c: Case): string {
  return `The platform gives ${appInWords(c)} no IDENTITY_ENDPOINT: either no identity is assigned to it, or it started before one was.`;
}

function silentInWords(c: Case): string {
  return `The identity endpoint of ${appInWords(c)} does not answer (${howFar(c.finding)}).`;
}

function withoutTokenInWords(c: Case): string {
  return `The identity endpoint of ${appInWords(c)} could not get a token (${codeOf(c.finding)}): ${quoted(c.finding)}.`;
}
