import type { AccessToken } from '@azure/identity';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { defaultCredentials } from '../../../src/azure/identity/default-credentials.ts';
import { withoutAzure } from '../../fake-azure/environment.ts';
import { workloadIdentity } from '../../fake-azure/workload-identity.ts';

const realEnvironment = process.env;
beforeEach(() => {
  process.env = withoutAzure(realEnvironment);
});
afterEach(() => {
  process.env = realEnvironment;
});

const PROD = ['EnvironmentCredential', 'WorkloadIdentityCredential', 'ManagedIdentityCredential'];
const DEV = [
  'VisualStudioCodeCredential',
  'AzureCliCredential',
  'AzurePowerShellCredential',
  'AzureDeveloperCliCredential',
  'BrokerCredential',
];

// This fails when a new version of @azure/identity renames the private field, or adds, removes or moves a credential.
test.each([
  [undefined, [...PROD, ...DEV]],
  ['', [...PROD, ...DEV]],
  ['prod', PROD],
  [' Dev ', DEV],
  ['managedidentitycredential', ['ManagedIdentityCredential']],
  ['AzureCliCredential', ['AzureCliCredential']],
])('with AZURE_TOKEN_CREDENTIALS %j the credentials are those of DefaultAzureCredential', (selection, expected) => {
  Object.assign(process.env, workloadIdentity());
  if (selection !== undefined) process.env['AZURE_TOKEN_CREDENTIALS'] = selection;
  const credentials = defaultCredentials({}, selection);
  expect(credentials.map(({ name }) => name)).toEqual(expected);
  const classes = credentials.map(({ credential }) => credential.constructor.name);
  // In its place is one that says nothing, because its package is missing.
  expect(classes).toEqual(expected.map((name) => name.replace('BrokerCredential', 'UnavailableDefaultCredential')));
});

// This fails when a new version of @azure/identity renames the private field with the reason.
test('a credential whose constructor throws fails with that reason', async () => {
  const credentials = defaultCredentials({}, undefined);
  const token: Promise<AccessToken | null> | undefined = credentials[1]?.credential.getToken('made-up');
  await expect(token).rejects.toThrow('clientId is a required parameter');
});
