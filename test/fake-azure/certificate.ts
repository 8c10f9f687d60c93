import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The host names of the fake Azure. */
export const HOSTS = ['management.azure.com', 'login.microsoftonline.com'];

/** Creates a certificate for these names, in files that are deleted when the process ends. */
export function makeCertificate(): { certificate: string; key: string } {
  const directory = mkdtempSync(join(tmpdir(), 'rg-api-tls-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  // The user of a container must be able to read it.
  chmodSync(directory, 0o755);
  const certificate = join(directory, 'certificate.pem');
  const key = join(directory, 'key.pem');
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=rg-api fake Azure'],
      ...['-addext', `subjectAltName=${HOSTS.map((host) => `DNS:${host}`).join(',')}`],
      ...['-keyout', key, '-out', certificate],
    ],
    { stdio: 'ignore' },
  );
  return { certificate, key };
}
