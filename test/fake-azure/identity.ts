import { HttpResponse, http } from 'msw';
import type { Answer } from './responses.ts';
import { IDENTITY, madeUpToken } from './tokens.ts';

const IMDS_TOKEN_URL = 'http://169.254.169.254/metadata/identity/oauth2/token';

/**
 * The Instance Metadata Service, or NMI in front of it. Its tokens live for `expiresIn` seconds, unless `answer` responds to the
 * token request. The probe, which comes without `Metadata: true`, always gets a 400.
 */
export function imds({
  expiresIn = 86_400,
  answer,
  claims,
}: {
  expiresIn?: number;
  answer?: Answer;
  /** Claims of its tokens, in addition to the usual ones. */
  claims?: object;
} = {}) {
  return http.get(IMDS_TOKEN_URL, async ({ request }) => {
    if (request.headers.get('Metadata') !== 'true') {
      return HttpResponse.json(
        { error: 'invalid_request', error_description: 'Required metadata header not specified' },
        // Because of msw, as in resource-manager.ts.
        { status: 400, headers: { Connection: 'close' } },
      );
    }
    const other = await answer?.(request);
    if (other) return other;
    const { searchParams } = new URL(request.url);
    const resource = searchParams.get('resource') ?? '';
    const appid = searchParams.get('client_id') ?? IDENTITY.clientId;
    return HttpResponse.json({
      access_token: madeUpToken(resource, expiresIn, { appid, ...claims }),
      client_id: appid,
      expires_in: String(expiresIn),
      expires_on: String(Math.floor(Date.now() / 1000) + expiresIn),
      resource,
      token_type: 'Bearer',
    });
  });
}

/** No IMDS at all: nothing answers at its address. */
export function noImds() {
  return http.get(IMDS_TOKEN_URL, () => HttpResponse.error());
}

/** IMDS refuses with 400 and this description. */
export function imdsRefuses(description: string): Answer {
  return () => HttpResponse.json({ error: 'invalid_request', error_description: description }, { status: 400 });
}

/** The answer of IMDS while no identity is assigned. */
export const identityNotFound = imdsRefuses('Identity not found');

/** NMI refuses with plain text, as Go servers do. IMDS itself would send JSON. */
function nmiRefuses(status: number, message: string): Answer {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };
  return () => new HttpResponse(`${message}\n`, { status, headers });
}

/** The answer of NMI while MIC has not yet assigned the identity. */
export const nmiNotReady = nmiRefuses(
  404,
  'getting assigned identities for pod rgapi/rgapi in CREATED state failed after 16 attempts, retry duration [5]s, ' +
    'error: <nil>. Check MIC pod logs for identity assignment errors',
);

/** The answer of NMI in managed mode if no AzureIdentityBinding of the namespace selects the pod. */
export const nmiNoBinding = nmiRefuses(404, 'no azure identity found for request clientID ');

/** The answer of NMI in managed mode if the identity is bound, but not assigned to the node. */
export const nmiNotAssigned = nmiRefuses(
  403,
  "failed to refresh token, error: adal: Refresh request failed. Status Code = '400'. Response body: " +
    '{"error":"invalid_request","error_description":"Identity not found"}',
);

/** The managed identity endpoint of App Service, which IDENTITY_ENDPOINT names. */
export function appServiceEndpoint(answer: Answer) {
  return http.get('http://127.0.0.1:41741/msi/token', ({ request }) => answer(request));
}

/** The answer of that endpoint if the app has a user-assigned identity, but the request names none. */
export const noDefaultIdentity: Answer = () =>
  HttpResponse.json(
    { statusCode: 400, message: 'Unable to load the proper Managed Identity.', correlationId: 'made-up' },
    { status: 400 },
  );

/** The proxy of AKS identity bindings. */
export function tokenProxy(answer: Answer) {
  return http.post('https://token-proxy.example/*', ({ request }) => answer(request));
}

/** The answer of the API server if the service account lacks the permission. */
export const mayNotUseIdentity: Answer = () =>
  HttpResponse.json(
    {
      kind: 'Status',
      status: 'Failure',
      reason: 'Forbidden',
      message: 'User "system:serviceaccount:rgapi:rgapi" cannot use-managed-identity resource',
      code: 403,
    },
    { status: 403 },
  );

/** Microsoft Entra ID: exchanges any assertion for a token, unless `answer` responds. */
export function entra({
  authorityHost = 'https://login.microsoftonline.com',
  expiresIn = 3600,
  answer,
}: {
  authorityHost?: string;
  expiresIn?: number;
  answer?: Answer;
} = {}) {
  return http.post(`${authorityHost}/:tenant/oauth2/v2.0/token`, async ({ request }) => {
    const other = await answer?.(request.clone());
    return other ?? exchange(expiresIn)(request);
  });
}

/** Returns a token for any assertion or secret, with these claims in addition to the usual ones. */
export function exchange(expiresIn = 3600, claims: object = {}): Answer {
  return async (request) => {
    const form = new URLSearchParams(await request.text());
    if (!form.get('client_assertion') && !form.get('client_secret')) return aadsts(7000216, 'no assertion')(request);
    const audience = (form.get('scope') ?? '').split(' ')[0]?.replace(/\/\.default$/, '') ?? '';
    return HttpResponse.json({
      token_type: 'Bearer',
      expires_in: expiresIn,
      ext_expires_in: expiresIn,
      access_token: madeUpToken(audience, expiresIn, claims),
    });
  };
}

/** The names of the cloud, which the Azure CLI asks for before it gives up a login. */
export function instanceDiscovery() {
  return http.get('https://login.microsoftonline.com/common/discovery/instance', () => {
    const host = 'login.microsoftonline.com';
    return HttpResponse.json({
      tenant_discovery_endpoint: `https://${host}/common/v2.0/.well-known/openid-configuration`,
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    });
  });
}

/** A refusal in the form of Microsoft Entra ID. */
export function aadsts(errorNo: number, description: string): Answer {
  return () =>
    HttpResponse.json(
      {
        error: 'invalid_client',
        error_description: `AADSTS${errorNo}: ${description} Trace ID: made-up Correlation ID: made-up Timestamp: made-up`,
        error_codes: [errorNo],
        timestamp: '2026-01-01 00:00:00Z',
        trace_id: 'made-up',
        correlation_id: 'made-up',
      },
      { status: 401 },
    );
}

/** An answer from a server whose clock is this many seconds ahead of ours. */
export function dated(aheadSeconds: number, answer: Answer): Answer {
  return async (request) => {
    const response = await answer(request);
    response?.headers.set('Date', new Date(Date.now() + aheadSeconds * 1000).toUTCString());
    return response;
  };
}
