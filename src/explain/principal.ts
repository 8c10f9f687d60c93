import { type AadstsClass, isWithin } from './aadsts.ts';
import { guid, isGuid, type Word } from './bash.ts';
import { type Case, type Evidence, type Finding, isTool } from './evidence.ts';
import { only, type When } from './match.ts';
import { isPod } from './place.ts';
import { clientIdOf, hasValue, isSet, managedName, shown, tenantIdOf } from './words.ts';

/** Who asks for the token, and whose the token is: predicates and words. */

export type FindingOf = Pick<Case, 'facts' | 'finding'>;

/** The application id of the Azure CLI itself. An error about it is about a person's login. */
const AZURE_CLI_APPLICATION = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';

/** The application that asked. Only the message of a tool shows its own. */
export function applicationOf({ facts, finding }: FindingOf): string | undefined {
  return isTool(finding) ? finding.text.application : (clientIdOf({ facts }) ?? finding.text.application);
}

/** The tenant that was asked. Only the message of a tool, or of a metadata service, shows theirs. */
export function tenantOf({ facts, finding }: FindingOf): string | undefined {
  const configured = isTool(finding) || finding.credential === 'managed-identity' ? undefined : tenantIdOf({ facts });
  return configured ?? finding.text.tenant;
}

/** "the application 5d2c…", or "this application". */
export function applicationInWords(c: FindingOf): string {
  const application = applicationOf(c);
  return hasValue(application) ? `the application ${shown(application, '')}` : 'this application';
}

/** "the tenant 72a1…", or "this tenant". */
export function tenantInWords(c: FindingOf): string {
  const tenant = tenantOf(c);
  return hasValue(tenant) ? `the tenant ${shown(tenant, '')}` : 'this tenant';
}

/** What Microsoft Entra ID says of applications only. */
const OF_APPLICATIONS: readonly AadstsClass[] = [
  'client-secret',
  'client-certificate',
  'assertion',
  'application-unknown',
];

/** Whether a person is logged in to the tool. A message about a secret or certificate is about a service principal. */
export function isPerson({ credential, aadstsClass, text: { application, login } }: Finding): boolean {
  if (!isTool({ credential })) return credential === 'user-password';
  if (application === AZURE_CLI_APPLICATION) return true;
  if (login !== undefined) return false;
  return !OF_APPLICATIONS.some((name) => isWithin(aadstsClass, name));
}

/** Matches if the variables of this process are the credential. */
export function fromEnvironment(when: When): When {
  return only(when, (_, { credential }) =>
    ['client-secret', 'client-certificate', 'user-password'].includes(credential ?? ''),
  );
}

/** What may have been meant instead of the service principal in the variables of this process. */
export function otherLogin(e: Pick<Evidence, 'facts'>): string {
  return isPod(e) ? 'Workload ID' : 'another login';
}

/** The application as a word of a command. */
export function applicationWord(c: FindingOf): Word {
  return guid(applicationOf(c), 'CLIENT_ID');
}

/** Whether the application of the request has the form of a client id. */
export function hasClientIdForm(c: FindingOf): boolean {
  return isGuid(applicationOf(c));
}

export function isUser({ identity }: Evidence): boolean {
  return identity?.type === 'user';
}

function isManaged({ identity }: Evidence): boolean {
  return identity?.credential === 'ManagedIdentityCredential';
}

export function isSystemAssigned(e: Evidence): boolean {
  const id = e.identity?.managedIdentityResourceId;
  return isManaged(e) && id !== undefined && !/\/userAssignedIdentities\//i.test(id);
}

/** Nothing chose this one: it is the only one here, and user-assigned. */
export function isUnchosen(e: Evidence): boolean {
  return isManaged(e) && !isSystemAssigned(e) && !isSet(e, 'AZURE_CLIENT_ID') && !e.facts.kubernetes;
}

/** The identity of a deployment slot is another than that of the app in production. */
export function isOfSlot(e: Evidence): boolean {
  return /\/slots\//i.test(e.identity?.managedIdentityResourceId ?? '');
}

/** A service principal from the environment, which comes before every login. */
export function isFromEnvironment({ identity, facts }: Evidence): boolean {
  return identity?.credential === 'EnvironmentCredential' && !facts.kubernetes;
}

/** "the system-assigned identity of build-01", "your login", "the service principal 1111…" and the like. */
export function principalInWords(e: Evidence): string {
  const { identity } = e;
  const id = shown(identity?.clientId ?? identity?.objectId, 'of this token');
  const resource = managedName(e);
  if (isUser(e)) return `the login of ${toolOf(identity?.credential)}`;
  if (isSystemAssigned(e)) return `the system-assigned identity of ${shown(resource, 'this resource')}`;
  if (resource !== undefined) return `the managed identity ${shown(resource, '')} (${id})`;
  if (identity?.credential === 'EnvironmentCredential') return `the service principal ${id} of AZURE_CLIENT_ID`;
  return `the identity ${id}`;
}

function toolOf(credential: string | undefined): string {
  switch (credential) {
    case 'AzureDeveloperCliCredential':
      return 'the Azure Developer CLI (azd)';
    case 'AzurePowerShellCredential':
      return 'Azure PowerShell';
    default:
      return 'the Azure CLI';
  }
}
