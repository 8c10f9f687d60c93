import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cloudOf } from '../../../src/azure/cloud.ts';
import { defaultChain } from '../../../src/azure/identity/chain.ts';

const page = () => new HttpResponse('<title>Could Not Connect</title>', { status: 502 });
const server = setupServer(
  http.get('https://login.microsoftonline.com/*', page),
  http.post('https://login.microsoftonline.com/*', page),
);

beforeEach(() => {
  server.listen({ onUnhandledFrame: 'error' });
  vi.stubEnv('AZURE_CLIENT_ID', '22222222-2222-4222-8222-222222222222');
  vi.stubEnv('AZURE_TENANT_ID', '11111111-1111-4111-8111-111111111111');
  vi.stubEnv('AZURE_CLIENT_SECRET', 'made-up-secret');
});
afterEach(() => {
  server.close();
  vi.unstubAllEnvs();
});

test('a fault that MSAL repeats from memory keeps the response that it had', async () => {
  const cloud = cloudOf();
  if (!cloud) throw new Error('no default cloud');
  const acquire = defaultChain({
    cloud,
    identityBinding: false,
    selection: 'EnvironmentCredential',
    userAgentPrefix: 'made-up',
  });
  const ask = async () => {
    const { attempts, token } = acquire('https://management.azure.com/.default', {});
    await expect(token).rejects.toThrow();
    return attempts[0]?.exchange;
  };
  expect(await ask()).toMatchObject({ status: 502 });
  expect(await ask()).toMatchObject({ status: 502 });
});
