import {
  assignSystemIdentity,
  assignUserIdentity,
  listApps,
  replaceClientId,
  restartApp,
  setClientId,
  showAppIdentities,
  unsetSettings,
} from '../app-commands.ts';
import { bash, isGuid, part } from '../bash.ts';
import { listIdentities, unsetVariable } from '../commands.ts';
import type { Case, Evidence, Finding, Responder } from '../evidence.ts';
import type { IdentityEndpoint } from '../facts.ts';
import { only, type When } from '../match.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { clientIdOf, codeOf, isSet, misnamed, proxyVariableOf, quoted, shown } from '../words.ts';
import {
  howFar,
  IDENTITY_NOT_FOUND,
  IMDS_PROXIED,
  inBrackets,
  isProxied,
  MULTIPLE_IDENTITIES,
  managedIdentity,
} from './managed-identity.ts';

const MISSING = {
  reason: 'identity-endpoint-missing',
  title: 'This app has no identity endpoint',
  check: 'configuration',
} as const;
const UNSUPPORTED = {
  reason: 'client-id-not-supported',
  title: 'This platform does not let a process choose its identity',
  check: 'configuration',
} as const;
const FAILED = {
  reason: 'identity-endpoint-failed',
  title: 'The identity endpoint gave no token',
  check: 'identity-provider',
} as const;

const APPS: readonly IdentityEndpoint[] = ['app-service', 'functions', 'container-apps'];

/** No variable names an endpoint, so the SDK asked for the metadata service, which apps do not have. */
const ABSENT = only(
  managedIdentity(({ responder }) => responder !== 'imds'),
  ({ facts }) => facts.identityEndpointMissing === true,
);

/** Variables of the manifest make this pod ask an endpoint that only apps of Azure have. */
const IN_POD = only(
  managedIdentity(({ responder }) => responder !== 'not-asked'),
  ({ facts }) => facts.kubernetes && facts.identityEndpoint !== undefined,
);

const NOT_FOUND = responded(({ text }) => text.identity === 'not-found');
const AMBIGUOUS = responded(({ text }) => text.identity === 'ambiguous');

/** The endpoint of the platform that this process runs on: which identities it offers, and what it says. */
export const IDENTITY_ENDPOINT: readonly Row[] = [
  {
    ...MISSING,
    when: only(ABSENT, (e) => isSet(e, 'WEBSITE_DISABLE_MSI')),
    problem: (c) => `WEBSITE_DISABLE_MSI turns off the identity endpoint of ${appInWords(c)}.`,
    hint: () => 'Remove this setting, which restarts the app. The identity of the app must be turned on as well.',
    commands: (c) => [...listApps(c), unsetSettings(c, part`WEBSITE_DISABLE_MSI`)],
    documentation: aboutPlatform,
  },
  {
    ...MISSING,
    when: only(ABSENT, ({ facts }) => facts.place === 'container-apps' && isGuid(facts.variables['AZURE_CLIENT_ID'])),
    problem: missingInWords,
    hint: () =>
      'Assign the identity in AZURE_CLIENT_ID to this app. If it is assigned, deploy a new revision, and enable the identity for init containers, too, if this is one.',
    commands: (c) => [...listApps(c), assignUserIdentity(c)],
    documentation: aboutPlatform,
  },
  {
    ...MISSING,
    when: only(ABSENT, ({ facts }) => facts.place === 'container-apps'),
    problem: missingInWords,
    hint: () =>
      'Assign an identity to this app, such as the system-assigned one. If it has one, deploy a new revision, and enable the identity for init containers, too, if this is one.',
    commands: (c) => [...listApps(c), assignSystemIdentity(c)],
    documentation: aboutPlatform,
  },
  {
    ...MISSING,
    when: only(ABSENT, ({ facts }) => isGuid(facts.variables['AZURE_CLIENT_ID'])),
    problem: missingInWords,
    hint: () =>
      'Assign the identity in AZURE_CLIENT_ID to this app, and restart the app. Slots have identities of their own, and a swap may turn one off.',
    commands: (c) => [...listApps(c), assignUserIdentity(c), restartApp(c)],
    documentation: aboutPlatform,
  },
  {
    ...MISSING,
    when: ABSENT,
    problem: missingInWords,
    hint: () =>
      'Assign an identity to this app: turn on the system-assigned one, and restart the app. Slots have identities of their own, and a swap may turn one off.',
    commands: (c) => [...listApps(c), assignSystemIdentity(c), restartApp(c)],
    documentation: aboutPlatform,
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
    ...UNSUPPORTED,
    when: clientIdRefusedAt('service-fabric'),
    problem: (c) =>
      `AZURE_CLIENT_ID is ${shown(clientIdOf(c), 'set')}, but in Service Fabric the application's manifest chooses the identity.`,
    hint: () =>
      'Remove AZURE_CLIENT_ID from the environment of this service, and name the identity in its manifest (IdentityBindingPolicy).',
    documentation: DOCUMENTATION.serviceFabric,
  },
  {
    ...UNSUPPORTED,
    when: clientIdRefusedAt('cloud-shell'),
    problem: () => 'AZURE_CLIENT_ID is set, but the endpoint of Cloud Shell gives tokens for its own user only.',
    hint: () => 'Unset AZURE_CLIENT_ID, or use the login of the Azure CLI.',
    commands: () => [bash`az login`],
    documentation: DOCUMENTATION.cloudShell,
  },
  {
    ...UNSUPPORTED,
    when: clientIdRefusedAt('arc'),
    problem: () => 'AZURE_CLIENT_ID is set, but Azure Arc gives a server only its system-assigned identity.',
    hint: () => 'Remove AZURE_CLIENT_ID from the environment of this process, and restart it.',
    documentation: DOCUMENTATION.arc,
  },
  {
    ...IDENTITY_NOT_FOUND,
    when: only(NOT_FOUND, (e, { responder }) => isApp(responder) && isGuid(clientIdOf(e))),
    problem: (c) => `The identity ${shown(clientIdOf(c), '')} is not assigned to ${appInWords(c)}.`,
    hint: () =>
      'Assign it to this app, or correct AZURE_CLIENT_ID: it must be the client id, not the object id, of an assigned identity.',
    commands: (c) => [...listApps(c), showAppIdentities(c), assignUserIdentity(c), replaceClientId(c)],
    documentation: aboutPlatform,
  },
  {
    ...IDENTITY_NOT_FOUND,
    when: only(NOT_FOUND, (e, { responder }) => isApp(responder) && isSet(e, 'AZURE_CLIENT_ID')),
    problem: (c) => `The value of AZURE_CLIENT_ID${inBrackets(clientIdOf(c))} is not a client id.`,
    hint: () =>
      'Set AZURE_CLIENT_ID to the client id of an identity that is assigned to this app, or remove it to use the system-assigned one.',
    commands: (c) => [...listApps(c), showAppIdentities(c), setClientId(c)],
    documentation: aboutPlatform,
  },
  {
    ...IDENTITY_NOT_FOUND,
    when: only(NOT_FOUND, (e, { responder }) => isApp(responder) && misnamed(e, 'AZURE_CLIENT_ID') !== undefined),
    problem: (c) =>
      `${misnamed(c, 'AZURE_CLIENT_ID')} is set where the SDK reads AZURE_CLIENT_ID, and ${appInWords(c)} has no system-assigned identity.`,
    hint: () => 'Set AZURE_CLIENT_ID to the client id of the user-assigned identity. The other variable is not read.',
    commands: (c) => [...listApps(c), showAppIdentities(c), setClientId(c)],
    documentation: aboutPlatform,
  },
  {
    ...IDENTITY_NOT_FOUND,
    when: only(NOT_FOUND, (_, { responder }) => isApp(responder)),
    problem: (c) => `AZURE_CLIENT_ID is not set, and ${appInWords(c)} has no system-assigned identity.`,
    hint: () =>
      'Set AZURE_CLIENT_ID to the client id of the user-assigned identity, or turn on the system-assigned identity of this app.',
    commands: (c) => [...listApps(c), showAppIdentities(c), setClientId(c)],
    documentation: aboutPlatform,
  },
  {
    ...IDENTITY_NOT_FOUND,
    when: only(NOT_FOUND, (_, { responder }) => responder === 'azure-ml'),
    problem: (c) =>
      `The endpoint of Azure Machine Learning has no identity${requestedInWords(c)}: ${quoted(c.finding)}.`,
    hint: () =>
      'Set AZURE_CLIENT_ID to the client id, not the object id, of an identity that is assigned to the compute. In a function app, assign the identity to the app.',
    commands: () => [listIdentities()],
    documentation: DOCUMENTATION.machineLearning,
  },
  {
    ...IDENTITY_NOT_FOUND,
    when: NOT_FOUND,
    problem: (c) => `The identity endpoint of this ${platformInWords(c)} has no identity${requestedInWords(c)}.`,
    hint: () => 'Check which identity the platform gives this process. AZURE_CLIENT_ID, if set, must be its client id.',
    documentation: aboutPlatform,
  },
  {
    ...MULTIPLE_IDENTITIES,
    when: only(AMBIGUOUS, (_, { responder }) => isApp(responder)),
    problem: (c) =>
      `Several identities are assigned to ${appInWords(c)}, and the request did not say which one to use.`,
    hint: () => 'Set AZURE_CLIENT_ID to the client id of the right one.',
    commands: (c) => [...listApps(c), showAppIdentities(c), setClientId(c)],
    documentation: aboutPlatform,
  },
  {
    ...MULTIPLE_IDENTITIES,
    when: AMBIGUOUS,
    problem: (c) => `This ${platformInWords(c)} has several identities, and the request did not say which one to use.`,
    hint: () => 'Set AZURE_CLIENT_ID to the client id of the right one, and restart the process.',
    commands: () => [listIdentities()],
    documentation: aboutPlatform,
  },
  {
    ...FAILED,
    when: only(IN_POD, (e) => isSet(e, 'MSI_ENDPOINT') && !isSet(e, 'IDENTITY_ENDPOINT')),
    problem: (c) =>
      `MSI_ENDPOINT sends this pod to ${shown(c.finding.host, 'an endpoint')}, which gave no token (${codeOf(c.finding)}).`,
    hint: () =>
      'Remove the variable from the manifest, unless a sidecar serves it: only apps of Azure have such an endpoint.',
    commands: (c) => unsetVariable(c, part`MSI_ENDPOINT- MSI_SECRET`),
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    ...FAILED,
    when: IN_POD,
    problem: (c) =>
      `IDENTITY_ENDPOINT sends this pod to ${shown(c.finding.host, 'an endpoint')}, which gave no token (${codeOf(c.finding)}).`,
    hint: () =>
      'Remove it and IDENTITY_HEADER from the manifest, unless a sidecar serves them: only apps of Azure have such an endpoint.',
    commands: (c) => unsetVariable(c, part`IDENTITY_ENDPOINT- IDENTITY_HEADER`),
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    ...FAILED,
    when: at('cloud-shell'),
    problem: (c) => `The endpoint of Cloud Shell gave no token for this audience (${codeOf(c.finding)}).`,
    hint: () => 'Log in with the Azure CLI in Cloud Shell, and let AZURE_TOKEN_CREDENTIALS, if it is set, allow it.',
    commands: () => [bash`az login`],
    documentation: DOCUMENTATION.cloudShell,
  },
  {
    ...FAILED,
    when: only(at('arc'), (e, { text }) => text.provider === 'key-unreadable' && e.facts.windows === true),
    problem: () => 'This process may not read the key that the agent of Azure Arc writes for each request.',
    hint: () =>
      'Add its user to the local group Hybrid Agent Extension Applications, and start a new session. Administrators need not be in it.',
    documentation: DOCUMENTATION.arc,
  },
  {
    ...FAILED,
    when: only(at('arc'), (_, { text }) => text.provider === 'key-unreadable'),
    problem: () => 'This process may not read the key that the agent of Azure Arc writes to /var/opt/azcmagent/tokens.',
    hint: () => 'Add its user to the group himds, then start a new session or restart the service.',
    commands: () => [bash`sudo usermod -aG himds $USER`],
    documentation: DOCUMENTATION.arc,
  },
  {
    ...FAILED,
    when: only(at('arc'), (_, { text }) => text.provider === 'key-not-named'),
    problem: (c) =>
      `Something other than the agent of Azure Arc answers at IDENTITY_ENDPOINT (${codeOf(c.finding)}): it names no key file.`,
    hint: () =>
      'Check what listens there, and that no proxy is in between. On a machine without Azure Arc, unset IDENTITY_ENDPOINT and IMDS_ENDPOINT.',
    commands: () => [bash`azcmagent show`],
    documentation: DOCUMENTATION.arc,
  },
  {
    ...FAILED,
    when: only(at('arc'), (_, { status }) => status !== undefined),
    problem: (c) => `The agent of Azure Arc gave no token (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Look at the state of the agent. Connect the server again if it is disconnected or expired, which it is after 45 days without contact.',
    commands: () => [bash`azcmagent show`, bash`azcmagent check`],
    documentation: DOCUMENTATION.arc,
  },
  {
    ...FAILED,
    when: only(at('arc'), ({ facts }) => facts.windows === true),
    problem: (c) => `The agent of Azure Arc does not answer (${howFar(c.finding)}).`,
    hint: () => 'Start the service himds on this server. A container reaches it only on the network of its host.',
    commands: () => [bash`azcmagent show`],
    documentation: DOCUMENTATION.arc,
  },
  {
    ...FAILED,
    when: at('arc'),
    problem: (c) => `The agent of Azure Arc does not answer (${howFar(c.finding)}).`,
    hint: () => 'Start its service, himdsd. A container reaches the agent only on the network of its host.',
    commands: () => [bash`sudo systemctl restart himdsd`, bash`azcmagent show`],
    documentation: DOCUMENTATION.arc,
  },
  {
    ...FAILED,
    when: only(at('service-fabric'), (_, { networkCode = '' }) => /CERT|SIGN|ISSUER|TLS|SSL/.test(networkCode)),
    problem: (c) =>
      `The identity endpoint of Service Fabric has a certificate that is not trusted (${shown(c.finding.networkCode, 'TLS')}).`,
    hint: () =>
      'Its certificate is self-signed and meant to be checked by IDENTITY_SERVER_THUMBPRINT. Check that both agree, and let Node trust it with NODE_EXTRA_CA_CERTS.',
    documentation: DOCUMENTATION.serviceFabric,
  },
  {
    ...FAILED,
    when: at('service-fabric'),
    problem: (c) =>
      `The identity endpoint of Service Fabric gave no token (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      "Check that the cluster's managed identity token service is healthy, and that the application's identity is assigned and named in its manifest.",
    documentation: DOCUMENTATION.serviceFabric,
  },
  {
    ...FAILED,
    when: at('azure-ml'),
    problem: (c) =>
      `The endpoint of Azure Machine Learning gave no token${requestedInWords(c)} (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Assign an identity to the compute, and set AZURE_CLIENT_ID to its client id, not its object id. On a compute instance, signing in again renews the single sign-on.',
    commands: () => [listIdentities()],
    documentation: DOCUMENTATION.machineLearning,
  },
  {
    ...FAILED,
    when: only(at('container-apps'), (_, { status }) => status === undefined),
    problem: (c) => `The identity endpoint of ${appInWords(c)} does not answer (${howFar(c.finding)}).`,
    hint: () =>
      'Right after a start, try again. Init containers have no identity until identitySettings enables it for them. Otherwise deploy a new revision.',
    commands: (c) => [...listApps(c), restartApp(c)],
    documentation: aboutPlatform,
  },
  {
    ...FAILED,
    when: only(at(...APPS), (_, { status }) => status === undefined),
    problem: (c) => `The identity endpoint of ${appInWords(c)} does not answer (${howFar(c.finding)}).`,
    hint: () =>
      'Right after a start, try again. If it lasts, restart the app, and check that an identity is assigned to it.',
    commands: (c) => [...listApps(c), restartApp(c), showAppIdentities(c)],
    documentation: aboutPlatform,
  },
  {
    ...FAILED,
    when: only(at(...APPS), (_, { status }) => status === 401 || status === 403),
    problem: (c) =>
      `The identity endpoint of ${appInWords(c)} refused the header of IDENTITY_HEADER (${codeOf(c.finding)}).`,
    hint: () =>
      'Restart the app, which gets a new value. Do not set IDENTITY_ENDPOINT or IDENTITY_HEADER yourself: the platform does.',
    commands: (c) => [...listApps(c), restartApp(c)],
    documentation: aboutPlatform,
  },
  {
    ...FAILED,
    when: only(at('container-apps'), (_, { status = 0 }) => status >= 500 || status === 429),
    problem: (c) =>
      `The identity endpoint of ${appInWords(c)} could not get a token (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Try again. If it lasts, a firewall must allow egress to *.identity.azure.net, *.login.microsoft.com and *.servicebus.windows.net, or the identity was deleted and must be assigned again.',
    commands: (c) => [...listApps(c), showAppIdentities(c), restartApp(c)],
    documentation: DOCUMENTATION.containerAppsFirewall,
  },
  {
    ...FAILED,
    when: only(at(...APPS), (_, { status = 0 }) => status >= 500 || status === 429),
    problem: (c) =>
      `The identity endpoint of ${appInWords(c)} could not get a token (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Try again, then restart the app. If the identity was recreated, or the app or its subscription moved, turn it off and on again, or assign it again, with its roles.',
    commands: (c) => [...listApps(c), showAppIdentities(c), restartApp(c)],
    documentation: aboutPlatform,
  },
  {
    ...FAILED,
    when: at(...APPS),
    problem: (c) =>
      `The identity endpoint of ${appInWords(c)} gave no token (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () => 'Check that an identity is assigned to this app. AZURE_CLIENT_ID, if set, must be its client id.',
    commands: (c) => [...listApps(c), showAppIdentities(c)],
    documentation: aboutPlatform,
  },
];

/** The endpoint of one of these platforms was asked, and responded or not. */
function at(...kinds: IdentityEndpoint[]): When {
  return only(
    managedIdentity(({ responder }) => responder !== 'not-asked'),
    (e, finding) => kinds.some((kind) => kind === platformOf(e, finding)),
  );
}

/** AZURE_CLIENT_ID is set on a platform where the SDK refuses to ask with it, or the endpoint ignores it. */
function clientIdRefusedAt(kind: IdentityEndpoint): When {
  return only(
    managedIdentity(({ text }) => text.provider === 'client-id-unsupported'),
    (e, finding) => isSet(e, 'AZURE_CLIENT_ID') && platformOf(e, finding) === kind,
  );
}

function responded(predicate: (finding: Finding) => boolean): When {
  return managedIdentity(
    (finding) => isEndpoint(finding.responder) && finding.status !== undefined && predicate(finding),
  );
}

const ENDPOINTS: readonly Responder[] = [...APPS, 'service-fabric', 'azure-ml', 'cloud-shell', 'arc'];

function isEndpoint(responder: Responder): responder is IdentityEndpoint {
  return ENDPOINTS.includes(responder);
}

function isApp(responder: Responder): boolean {
  return APPS.some((app) => app === responder);
}

function platformOf({ facts }: Evidence, { responder }: Finding): IdentityEndpoint | undefined {
  return isEndpoint(responder) ? responder : facts.identityEndpoint?.kind;
}

const PLATFORMS: Record<IdentityEndpoint, string> = {
  'app-service': 'web app',
  functions: 'function app',
  'container-apps': 'container app',
  'azure-ml': 'compute of Azure Machine Learning',
  'service-fabric': 'Service Fabric application',
  'cloud-shell': 'Cloud Shell',
  arc: 'server with Azure Arc',
};

function platformInWords(c: Case): string {
  const platform = platformOf(c, c.finding) ?? APPS.find((app) => app === c.facts.place);
  return platform === undefined ? 'app' : PLATFORMS[platform];
}

/** "the web app rgapi", with its slot. */
function appInWords(c: Case): string {
  const { app, slot } = c.facts;
  const place = slot === undefined ? '' : ` (slot ${shown(slot, '')})`;
  return app === undefined ? `this ${platformInWords(c)}` : `the ${platformInWords(c)} ${shown(app, '')}${place}`;
}

function missingInWords(c: Case): string {
  return `The platform gives ${appInWords(c)} no IDENTITY_ENDPOINT: either no identity is assigned to it, or it started before one was.`;
}

function requestedInWords(c: Case): string {
  const clientId = clientIdOf(c);
  return clientId === undefined ? '' : ` for the client id ${shown(clientId, '')}`;
}

function aboutPlatform(c: Case): string {
  const platform = platformOf(c, c.finding) ?? c.facts.place;
  return LINKS[platform] ?? DOCUMENTATION.appService;
}

const LINKS: Partial<Record<string, string>> = {
  'container-apps': DOCUMENTATION.containerApps,
  'service-fabric': DOCUMENTATION.serviceFabric,
  'azure-ml': DOCUMENTATION.machineLearning,
  'cloud-shell': DOCUMENTATION.cloudShell,
  arc: DOCUMENTATION.arc,
};
