import type { Evidence } from './evidence.ts';
import { isSet, shown } from './words.ts';

/** Whose token it is: predicates and words for rows about what an identity may do. */

export function isUser({ identity }: Evidence): boolean {
  return identity?.type === 'user';
}

function isManaged({ identity }: Evidence): boolean {
  return identity?.credential === 'ManagedIdentityCredential';
}

/** The name of the resource that the managed identity belongs to, or its own name if it is user-assigned. */
function managedName({ identity }: Evidence): string | undefined {
  return identity?.managedIdentityResourceId?.split('/').at(-1);
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

/** The same at the beginning of a sentence. */
export function principalAtStart(e: Evidence): string {
  const words = principalInWords(e);
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
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
