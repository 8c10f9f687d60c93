import type { TokenCredential } from '@azure/core-auth';

/**
 * Makes a ManagedIdentityCredential ask its source for a new token where it is called with claims, as credentials that use
 * MSAL's other clients do. By itself it does not hand claims on: MSAL keeps its tokens in one cache for the whole process
 * and answers from there for up to a day, even where the metadata service would give us another identity by now.
 *
 * MSAL's own ManagedIdentityApplication can pass its cache by (`forceRefresh`); the credential has one, private to TypeScript.
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
      // Only behind a token that came: the credential probes the metadata service first, and without that, where its
      // address is a black hole, this would wait for minutes.
      if (options?.claims !== undefined && hasToken) {
        // Where it fails, the token in MSAL's cache is still the best there is, and the credential answers with that.
        await Promise.resolve(acquireToken.call(application, { resource: scope, forceRefresh: true })).catch(() => {});
      }
      const token = await credential.getToken(scope, options);
      hasToken = token !== null;
      return token;
    },
  };
}
