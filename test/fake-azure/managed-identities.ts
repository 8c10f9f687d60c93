import { ManagedIdentityCredential } from '@azure/identity';

/**
 * Clears what MSAL caches about managed identities for the whole process: their tokens, and the endpoint that it asks.
 * Otherwise, a test of another endpoint, or of an identity without a client id, would get the results of the previous test.
 */
export function forgetManagedIdentities(): void {
  const application: unknown = Reflect.get(new ManagedIdentityCredential(), 'managedIdentityApp');
  const client: unknown = Reflect.get(Object(application), 'managedIdentityClient');
  Reflect.set(Object(application).constructor, 'nodeStorage', undefined);
  Reflect.set(Object(client).constructor, 'identitySource', undefined);
  Reflect.set(Object(client).constructor, 'sourceName', undefined);
}
