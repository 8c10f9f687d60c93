import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { setTimeout } from 'node:timers/promises';
import { makeCertificate } from '../fake-azure/certificate.ts';
import { madeUpToken } from '../fake-azure/tokens.ts';

/** The fake Azure of the benchmark: TLS under the real host names, IMDS at its real address, and almost no work per response. */
export async function startAzure() {
  const { certificate, key } = makeCertificate();
  const azure = { certificate, groups: 20, latencyMs: 0, listings: 0, close };

  const resourceManager: RequestListener = async (request, response) => {
    const isListing = request.url?.includes('/resourcegroups');
    if (isListing) azure.listings += 1;
    const value = isListing
      ? Array.from({ length: azure.groups }, (_, i) => ({ id: `/made-up/${i}`, name: `rg-${i + 1}`, location: 'x' }))
      : [
          {
            id: '/subscriptions/made-up',
            subscriptionId: '00000000-0000-4000-8000-000000000000',
            displayName: 'Made up',
          },
        ];
    await setTimeout(azure.latencyMs);
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ value }));
  };
  const imds: RequestListener = (request, response) => {
    const resource = new URL(request.url ?? '', 'http://imds').searchParams.get('resource') ?? '';
    const expiresIn = 86_400;
    const token = {
      access_token: madeUpToken(resource, expiresIn),
      expires_in: String(expiresIn),
      expires_on: String(Math.floor(Date.now() / 1000) + expiresIn),
      resource,
      token_type: 'Bearer',
    };
    // The probe comes without this header, and only needs a refusal.
    const isProbe = request.headers['metadata'] === undefined;
    response.writeHead(isProbe ? 400 : 200, { 'Content-Type': 'application/json' }).end(JSON.stringify(token));
  };

  const servers = [
    createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, resourceManager).listen(443, '127.0.0.1'),
    createHttpServer(imds).listen(80, '169.254.169.254'),
  ];
  function close() {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  }
  return azure;
}
