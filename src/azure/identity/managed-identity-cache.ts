import type { TokenCredential } from '@azure/core-auth';
import {
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
  type HttpClient,
} from '@azure/core-rest-pipeline';
import { type INetworkModule, ManagedIdentityApplication } from '@azure/msal-node';
import { parseObject } from '../bounded-json.ts';

/**
 * Makes a ManagedIdentityCredential fetch a new token when it is called with claims, as credentials on MSAL's other clients do.
 * By itself it ignores claims: MSAL has one token cache for the whole process and returns tokens from it for up to a day, even
 * if the metadata service would return another identity by now. MSAL's own application can bypass that cache, and fills it.
 */
export function bypassCacheOnClaims(
  credential: TokenCredential,
  options: { clientId: string | undefined; httpClient: HttpClient; userAgentPrefix: string },
): TokenCredential {
  let hasToken = false;
  let refresh: ((resource: string) => Promise<unknown>) | undefined;
  return {
    async getToken(scopes, getTokenOptions) {
      // Do this only after a first token. The credential probes the metadata service before its first request; without the
      // probe, this would wait if the address drops packets.
      if (getTokenOptions?.claims !== undefined && hasToken) {
        refresh ??= refresher(options);
        // If it fails, the token in MSAL's cache is still the best available, and the credential returns that.
        await refresh([scopes].flat()[0] ?? '').catch(() => {});
      }
      const token = await credential.getToken(scopes, getTokenOptions);
      hasToken = token !== null;
      return token;
    },
  };
}

function refresher({ clientId, httpClient, userAgentPrefix }: Parameters<typeof bypassCacheOnClaims>[1]) {
  const application = new ManagedIdentityApplication({
    ...(clientId && { managedIdentityIdParams: { userAssignedClientId: clientId } }),
    system: { networkClient: networkModule(httpClient, userAgentPrefix), disableInternalRetries: true },
  });
  return (resource: string) => application.acquireToken({ resource, forceRefresh: true });
}

/** MSAL's requests through the Azure SDK: its proxy settings, and our own client. */
function networkModule(httpClient: HttpClient, userAgentPrefix: string): INetworkModule {
  const pipeline = createPipelineFromOptions({
    userAgentOptions: { userAgentPrefix },
    retryOptions: { maxRetries: 0 },
  });
  const send =
    (method: 'GET' | 'POST') =>
    async <T>(url: string, options: { headers?: Record<string, string>; body?: string } = {}) => {
      const request = createPipelineRequest({
        url,
        method,
        headers: createHttpHeaders(options.headers),
        ...(options.body !== undefined && { body: options.body }),
        // The metadata service has no TLS.
        allowInsecureConnection: true,
      });
      const { status, headers, bodyAsText } = await pipeline.sendRequest(httpClient, request);
      // MSAL says what it expects, but checks it by itself.
      return { status, headers: headers.toJSON(), body: (parseObject(bodyAsText ?? '') ?? {}) as T };
    };
  return { sendGetRequestAsync: send('GET'), sendPostRequestAsync: send('POST') };
}
