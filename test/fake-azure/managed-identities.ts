import { ManagedIdentityCredential } from '@azure/identity';

/**
 * Makes MSAL forget what it keeps of managed identities for the whole process: their tokens, and which endpoint it asks.
 * A test of another endpoint, or of an identity without a client id, would go by what the test before it found.
 */
export function forgetManagedIdentities(): void {
  const application: unknown = Reflect.get(new ManagedIdentityCredential(), 'managedIdentityApp');
  const client: unknown = Reflect.get(Object(application), 'managedIdentityClient');
  Reflect.set(Object(application).constructor, 'nodeStorage', undefined);
  Reflect.set(Object(client).constructor, 'identitySource', undefined);
  Reflect.set(Object(client).constructor, 'sourceName', undefined);
}
