import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IDENTITY, jwt } from './tokens.ts';

let directory: string | undefined;

/** Writes a file that is deleted when the process ends. */
export function temporaryFile(name: string, content: string, mode = 0o644): string {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'rg-api-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    directory = made;
  }
  const file = join(mkdtempSync(join(directory, '/')), name);
  writeFileSync(file, content, { mode });
  return file;
}

/** The claims of the service account's token, unless a test replaces them. */
export const SERVICE_ACCOUNT = {
  iss: 'https://westeurope.oic.prod-aks.azure.com/11111111-1111-4111-8111-111111111111/0d3a4b5c-6d7e-4f80-9a1b-2c3d4e5f6a7b/',
  sub: 'system:serviceaccount:rgapi:rgapi',
  aud: ['api://AzureADTokenExchange'],
};

/** The token that the kubelet projects into a pod. */
export function serviceAccountToken(claims: object = {}): string {
  const now = Math.floor(Date.now() / 1000);
  return jwt({ ...SERVICE_ACCOUNT, iat: now, nbf: now, exp: now + 3600, ...claims });
}

/** The environment that the Workload ID webhook injects, with a file for its token. */
export function workloadIdentity(token = serviceAccountToken()) {
  return {
    KUBERNETES_SERVICE_HOST: '10.0.0.1',
    AZURE_CLIENT_ID: IDENTITY.clientId,
    AZURE_TENANT_ID: IDENTITY.tenantId,
    AZURE_FEDERATED_TOKEN_FILE: temporaryFile('azure-identity-token', token),
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
  };
}

/** The environment of a pod with an AKS identity binding. */
export function identityBinding() {
  return {
    ...workloadIdentity(serviceAccountToken({ aud: ['api://AKSIdentityBinding'] })),
    AZURE_KUBERNETES_TOKEN_PROXY: 'https://token-proxy.example/made-up',
  };
}
