import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import { getResponse, type RequestHandler } from 'msw';
import { makeCertificate } from './certificate.ts';

/**
 * The stand-in Azure on a real socket, for a service that is another process: the same handlers, under the names of the real
 * one with a certificate of its own. Port 443 is where the SDK looks; the address is one of loopback that nobody else uses.
 */
export async function startTlsStandIn(address: string, ...handlers: RequestHandler[]) {
  const { certificate, key } = makeCertificate();
  const server = createServer(
    { cert: readFileSync(certificate), key: readFileSync(key) },
    getRequestListener(
      async (request) =>
        (await getResponse(handlers, request)) ??
        new Response('the stand-in Azure does not know this', { status: 599 }),
    ),
  );
  server.listen(443, address);
  await once(server, 'listening');
  return {
    certificate,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
