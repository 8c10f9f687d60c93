import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import { getResponse, type RequestHandler } from 'msw';
import { makeCertificate } from './certificate.ts';

/**
 * Starts the fake Azure on a real socket, for a service in another process. It has the same handlers, the host names of the real
 * Azure and its own certificate. It listens on port 443, where the SDK expects it, at this loopback address.
 */
export async function startFakeAzureServer(address: string, ...handlers: RequestHandler[]) {
  const { certificate, key } = makeCertificate();
  const server = createServer(
    { cert: readFileSync(certificate), key: readFileSync(key) },
    getRequestListener(
      async (request) =>
        (await getResponse(handlers, request)) ?? new Response('the fake Azure does not know this', { status: 599 }),
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
