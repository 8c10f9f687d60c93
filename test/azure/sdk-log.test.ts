import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setLogLevel } from '@azure/logger';
import { HttpResponse } from 'msw';
import { afterAll, expect, test } from 'vitest';
import { bridgeSdkLog } from '../../src/azure/sdk-log.ts';
import { aadsts, entra, identityNotFound, imds, noImds } from '../fake-azure/identity.ts';
import { groups, subscriptions } from '../fake-azure/resource-manager.ts';
import { IDENTITY } from '../fake-azure/tokens.ts';
import { startService } from '../service.ts';

const directory = mkdtempSync(join(tmpdir(), 'rg-api-'));
const tokenFile = join(directory, 'token');
writeFileSync(tokenFile, 'made-up-assertion');
afterAll(() => {
  setLogLevel(undefined);
  rmSync(directory, { recursive: true });
});

const workloadIdentity = {
  AZURE_CLIENT_ID: IDENTITY.clientId,
  AZURE_TENANT_ID: IDENTITY.tenantId,
  AZURE_FEDERATED_TOKEN_FILE: tokenFile,
};
const clientSecret = {
  AZURE_CLIENT_ID: IDENTITY.clientId,
  AZURE_TENANT_ID: IDENTITY.tenantId,
  AZURE_CLIENT_SECRET: 'made-up-secret',
};
const listing = [subscriptions(['One']), groups(1)];

const captivePortal = () =>
  new HttpResponse('<html>', { headers: { 'Content-Type': 'text/html', 'Set-Cookie': 'session=made-up-cookie' } });

test.each([
  ['a managed identity', [imds(), ...listing], {}],
  ['a managed identity that is missing', [imds({ answer: identityNotFound })], {}],
  ['workload identity', [entra(), ...listing], workloadIdentity],
  ['a refused workload identity', [entra({ answer: aadsts(700213, 'no match') }), noImds()], workloadIdentity],
  ['a proxy instead of Entra', [entra({ answer: captivePortal })], clientSecret],
  ['a client secret', [entra(), ...listing], clientSecret],
  ['a refused client secret', [entra({ answer: aadsts(7000215, 'invalid') })], clientSecret],
])(
  'with %s no token, assertion or secret is logged or returned, even at the most verbose level',
  async (_, handlers, env) => {
    const lines: string[] = [];
    bridgeSdkLog((line) => lines.push(line), 'verbose');
    const { get, log } = startService(handlers, { LOG_LEVEL: 'trace', ...env });
    const response = await get();
    expect(response.status).toBe(200);
    expect(lines.length).toBeGreaterThan(5);
    const everything = [...lines, JSON.stringify(log()), await response.text(), ...response.headers.values()].join(
      '\n',
    );
    expect(everything).not.toMatch(/made-up-(cookie|assertion|secret|signature)/);
  },
);
