import { type AccessToken, DefaultAzureCredential } from '@azure/identity';
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

/** The credentials, and the warnings. `chain` stands for the chain of another version of the SDK. */
function credentialsOf(selection: string | undefined, chain?: object) {
  if (selection !== undefined) process.env['AZURE_TOKEN_CREDENTIALS'] = selection;
  const warnings: string[] = [];
  const credentials = defaultCredentials({
    credentialOptions: () => ({}),
    selection,
    clientId: process.env['AZURE_CLIENT_ID'],
    onWarning: (warning) => warnings.push(warning),
    ...(chain && { chain }),
  });
  return { credentials, names: credentials.map(({ name }) => name), warnings };
}

// This fails when a new version of @azure/identity renames the private field, or adds, removes or moves a credential.
test.each([
  [undefined, [...PROD, ...DEV]],
  ['', [...PROD, ...DEV]],
  ['prod', PROD],
  [' Dev ', DEV],
  ['managedidentitycredential', ['ManagedIdentityCredential']],
  ['AzureCliCredential', ['AzureCliCredential']],
])('with AZURE_TOKEN_CREDENTIALS %j the credentials are those of DefaultAzureCredential', (selection, expected) => {
  const { names, warnings, credentials } = credentialsOf(selection);
  expect(names).toEqual(expected);
  expect(warnings).toEqual([]);
  const sources: unknown = Reflect.get(new DefaultAzureCredential(), '_sources');
  expect(sources).toHaveLength(credentials.length);
});

test('the credentials that DefaultAzureCredential created are used, not others', () => {
  Object.assign(process.env, workloadIdentity());
  const chain = new DefaultAzureCredential();
  const { credentials } = credentialsOf(undefined, chain);
  expect(credentials.map(({ credential }) => credential)).toEqual(Reflect.get(chain, '_sources'));
});

test.each([
  ['in this version', undefined],
  ['in a version that hides its credentials', {}],
])('a credential whose constructor throws fails with that reason, %s', async (_, chain) => {
  const { credentials } = credentialsOf('prod', chain);
  const token: Promise<AccessToken | null> | undefined = credentials[1]?.credential.getToken('made-up');
  await expect(token).rejects.toThrow('clientId is a required parameter');
});

test.each([
  ['has no such field', {}],
  ['has another order', { _sources: [...sourcesOf()].reverse() }],
  ['has fewer credentials', { _sources: sourcesOf().slice(1) }],
])('if a version of the SDK %s, the service creates the documented credentials, with one warning', (_, chain) => {
  const { names, warnings } = credentialsOf(undefined, chain);
  expect(names).toEqual([...PROD, ...DEV].filter((name) => name !== 'BrokerCredential'));
  expect(warnings).toEqual([expect.stringContaining('hides the credentials of its chain')]);
  expect(credentialsOf('prod', {}).names).toEqual(PROD);
  expect(credentialsOf('azureclicredential', {}).names).toEqual(['AzureCliCredential']);
});

function sourcesOf(): unknown[] {
  const sources: unknown = Reflect.get(new DefaultAzureCredential(), '_sources');
  return Array.isArray(sources) ? sources : [];
}
