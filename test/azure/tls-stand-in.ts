import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { getResponse, type RequestHandler } from 'msw';

/** The names under which the stand-in is asked. */
export const HOSTS = ['management.azure.com', 'login.microsoftonline.com'];

/**
 * The stand-in Azure on a real socket, for a service that is another process: the same handlers, under the names of the real
 * one with a certificate of its own. Port 443 is where the SDK looks; the address is one of loopback that nobody else uses.
 */
export async function startTlsStandIn(address: string, ...handlers: RequestHandler[]) {
  const directory = mkdtempSync(join(tmpdir(), 'rg-api-tls-'));
  const certificate = join(directory, 'certificate.pem');
  const key = join(directory, 'key.pem');
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=rg-api stand-in'],
      ...['-addext', `subjectAltName=${HOSTS.map((host) => `DNS:${host}`).join(',')}`],
      ...['-keyout', key, '-out', certificate],
    ],
    { stdio: 'ignore' },
  );
  /** The requests so far, as `METHOD URL`. */
  const requests: string[] = [];
  const server = createServer(
    { cert: readFileSync(certificate), key: readFileSync(key) },
    getRequestListener(async (request) => {
      requests.push(`${request.method} ${request.url}`);
      return (
        (await getResponse(handlers, request)) ?? new Response('the stand-in Azure does not know this', { status: 599 })
      );
    }),
  );
  server.listen(443, address);
  await once(server, 'listening');
  return {
    certificate,
    requests,
    close() {
      server.closeAllConnections();
      server.close();
      rmSync(directory, { recursive: true });
    },
  };
}
