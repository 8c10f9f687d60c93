import type { Case, Evidence, Finding, Responder } from './evidence.ts';
import type { IdentityEndpoint } from './facts.ts';
import { credential, only, type When } from './match.ts';
import { DOCUMENTATION } from './row.ts';
import { clientIdOf, isSet, shown } from './words.ts';

/** The endpoints for managed identities that platforms of Azure have instead of the metadata service. */

/** The platforms whose apps az manages alike. */
export const APPS: readonly IdentityEndpoint[] = ['app-service', 'functions', 'container-apps'];

/** The endpoint of one of these platforms was asked, and responded or not. */
export function at(...kinds: IdentityEndpoint[]): When {
  return only(
    credential(['managed-identity'], ({ responder }) => responder !== 'not-asked'),
    (e, finding) => kinds.some((kind) => kind === platformOf(e, finding)),
  );
}

/** AZURE_CLIENT_ID is set on a platform where the SDK refuses to ask with it, or the endpoint ignores it. */
export function clientIdRefusedAt(kind: IdentityEndpoint): When {
  return only(
    credential(['managed-identity'], ({ text }) => text.provider === 'client-id-unsupported'),
    (e, finding) => isSet(e, 'AZURE_CLIENT_ID') && platformOf(e, finding) === kind,
  );
}

export function responded(predicate: (finding: Finding) => boolean): When {
  return credential(
    ['managed-identity'],
    (finding) => isEndpoint(finding.responder) && finding.status !== undefined && predicate(finding),
  );
}

function isEndpoint(responder: Responder): responder is IdentityEndpoint {
  return Object.hasOwn(PLATFORMS, responder);
}

export function isApp(responder: Responder): boolean {
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

export function platformInWords(c: Case): string {
  const platform = platformOf(c, c.finding) ?? APPS.find((app) => app === c.facts.place);
  return platform === undefined ? 'app' : PLATFORMS[platform];
}

/** "the web app rgapi", with its slot. */
export function appInWords(c: Case): string {
  const { app, slot } = c.facts;
  const place = slot === undefined ? '' : ` (slot ${shown(slot, '')})`;
  return app === undefined ? `this ${platformInWords(c)}` : `the ${platformInWords(c)} ${shown(app, '')}${place}`;
}

export function requestedInWords(c: Case): string {
  const clientId = clientIdOf(c);
  return clientId === undefined ? '' : ` for the client id ${shown(clientId, '')}`;
}

export function aboutPlatform(c: Case): string {
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
