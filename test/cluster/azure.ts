import { readFileSync } from 'node:fs';
import { createServer as createMetadataService } from 'node:http';
import { createServer } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import { getResponse, HttpResponse, http } from 'msw';
import { aadsts, entra, imds } from '../fake-azure/identity.ts';
import { groups, RESOURCE_MANAGER, subscriptions } from '../fake-azure/resource-manager.ts';
import type { Answer } from '../fake-azure/responses.ts';
import { IDENTITY, madeUpToken } from '../fake-azure/tokens.ts';

/** A namespace and a service account that are not of the sample. */
export const FOREIGN = { namespace: 'rgapi-foreign', serviceAccount: 'orders' };

/** The managed identities of this Azure: the subject of their federated credential, and whether they have a role. */
export const IDENTITIES = {
  rgapi: { clientId: IDENTITY.clientId, subject: 'system:serviceaccount:rgapi:rgapi', hasRole: true },
  noRole: {
    clientId: '44444444-4444-4444-8444-444444444444',
    subject: 'system:serviceaccount:rgapi:no-role',
    hasRole: false,
  },
  foreign: {
    clientId: '55555555-5555-4555-8555-555555555555',
    subject: `system:serviceaccount:${FOREIGN.namespace}:${FOREIGN.serviceAccount}`,
    // The check asks only for a token.
    hasRole: false,
  },
};

/** What the metadata service of each node says about its tokens. */
const OF_NODE = {
  appid: '66666666-6666-4666-8666-666666666666',
  xms_mirid:
    '/subscriptions/made-up/resourcegroups/made-up/providers/Microsoft.ManagedIdentity/userAssignedIdentities/made-up-agentpool',
};

export const GROUP_COUNT = 20;

const byClientId = new Map(Object.values(IDENTITIES).map((identity) => [identity.clientId, identity]));

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

/** Like Entra: the identity's federated credential must name the subject and audience of the cluster's token. */
const exchange: Answer = async (request) => {
  const form = new URLSearchParams(await request.text());
  const clientId = form.get('client_id') ?? '';
  const identity = byClientId.get(clientId);
  if (!identity) return aadsts(700016, `Application with identifier '${clientId}' was not found.`)(request);
  const { sub, aud } = claimsOf(form.get('client_assertion') ?? '');
  if (sub !== identity.subject) {
    return aadsts(
      700213,
      `No matching federated identity record found for presented assertion subject '${sub}'.`,
    )(request);
  }
  if (![aud].flat().includes('api://AzureADTokenExchange')) {
    return aadsts(
      700212,
      `No matching federated identity record found for presented assertion audience '${aud}'.`,
    )(request);
  }
  const expiresIn = 3600;
  const audience = form.get('scope')?.match(/\S+(?=\/\.default)/)?.[0] ?? RESOURCE_MANAGER;
  return HttpResponse.json({
    token_type: 'Bearer',
    expires_in: expiresIn,
    ext_expires_in: expiresIn,
    access_token: madeUpToken(audience, expiresIn, { appid: clientId }),
  });
};

/** An identity without a role sees no subscription, and Resource Manager does not call that an error. */
const withoutRole = http.get(`${RESOURCE_MANAGER}/subscriptions`, ({ request }) => {
  const { appid } = claimsOf(request.headers.get('Authorization') ?? '');
  return byClientId.get(String(appid))?.hasRole === false ? HttpResponse.json({ value: [] }) : undefined;
});

const handlers = [
  entra({ answer: exchange }),
  imds({ claims: OF_NODE }),
  withoutRole,
  subscriptions(['Cluster']),
  groups(GROUP_COUNT),
];

/** Responds as the Entra and the Resource Manager of this Azure. */
export async function answer(request: Request): Promise<Response> {
  return (await getResponse(handlers, request)) ?? new Response('the fake Azure does not know this', { status: 599 });
}

/** Responds as the metadata service of a node, at whatever address it was asked. */
export function answerOfNode(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  return answer(new Request(`http://169.254.169.254${pathname}${search}`, request));
}

if (import.meta.main) {
  const [directory = '/tls', port = '443', metadataPort = '80'] = process.argv.slice(2);
  const pair = { cert: readFileSync(`${directory}/tls.crt`), key: readFileSync(`${directory}/tls.key`) };
  createServer(pair, getRequestListener(answer)).listen(Number(port));
  createMetadataService(getRequestListener(answerOfNode)).listen(Number(metadataPort));
  // PID 1 ignores a signal without a handler.
  process.once('SIGTERM', () => process.exit(0));
}
