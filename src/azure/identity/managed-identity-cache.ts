import type { TokenCredential } from '@azure/core-auth';

/**
 * Makes a ManagedIdentityCredential fetch a new token when it is called with claims, as credentials on MSAL's other clients do.
 * By itself it ignores claims: MSAL has one token cache for the whole process and returns tokens from it for up to a day, even
 * if the metadata service would return another identity by now.
 *
 * MSAL's ManagedIdentityApplication can bypass its cache (`forceRefresh`). The credential has one, private in TypeScript.
 */
export function passCacheOnClaims(credential: TokenCredential, onWarning: (message: string) => void): TokenCredential {
  const application: unknown = Reflect.get(credential, 'managedIdentityApp');
  const acquireToken: unknown = Reflect.get(Object(application), 'acquireToken');
  if (typeof acquireToken !== 'function') {
    onWarning(
      'This version of @azure/identity has changed: tokens of managed identities are not asked for anew before they expire',
    );
    return credential;
  }
  let hasToken = false;
  return {
    async getToken(scope, options) {
      // Do this only after a first token. The credential probes the metadata service before its first request; without the
      // probe, this would wait for minutes if the address drops packets.
      if (options?.claims !== undefined && hasToken) {
        // If it fails, the token in MSAL's cache is still the best available, and the credential returns that.
        await Promise.resolve(acquireToken.call(application, { resource: scope, forceRefresh: true })).catch(() => {});
      }
      const token = await credential.getToken(scope, options);
      hasToken = token !== null;
      return token;
    },
  };
}
