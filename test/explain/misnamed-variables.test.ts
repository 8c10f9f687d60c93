import { expect, test } from 'vitest';
import { misnamedVariables } from '../../src/explain/misnamed-variables.ts';

test.each([
  ['ARM_CLIENT_ID', 'AZURE_CLIENT_ID'],
  ['ARM_TENANT_ID', 'AZURE_TENANT_ID'],
  ['ARM_CLIENT_SECRET', 'AZURE_CLIENT_SECRET'],
  ['ARM_SUBSCRIPTION_ID', 'AZURE_SUBSCRIPTION_ID'],
  ['AZURE_CLIENTID', 'AZURE_CLIENT_ID'],
  ['azure_client_id', 'AZURE_CLIENT_ID'],
  ['AZURE_CLEINT_ID', 'AZURE_CLIENT_ID'],
  ['AZURE_APP_ID', 'AZURE_CLIENT_ID'],
  ['MSI_CLIENT_ID', 'AZURE_CLIENT_ID'],
  ['CLIENT_ID', 'AZURE_CLIENT_ID'],
  ['AZURE_MANAGED_IDENTITY_CLIENT_ID', 'AZURE_CLIENT_ID'],
  ['USER_ASSIGNED_IDENTITY_CLIENT_ID', 'AZURE_CLIENT_ID'],
  ['AZURE_TENANT', 'AZURE_TENANT_ID'],
  ['AAD_TENANT_ID', 'AZURE_TENANT_ID'],
  ['AZURE_SECRET', 'AZURE_CLIENT_SECRET'],
  ['AZURE_APP_SECRET', 'AZURE_CLIENT_SECRET'],
  ['AZURE_CLIENT_SECERT', 'AZURE_CLIENT_SECRET'],
  ['AZURE_CREDENTIALS', 'AZURE_CLIENT_SECRET'],
  ['AZURE_CERTIFICATE_PATH', 'AZURE_CLIENT_CERTIFICATE_PATH'],
  ['AZURE_CLIENT_CERTIFICATE_LOCATION', 'AZURE_CLIENT_CERTIFICATE_PATH'],
  ['ARM_CLIENT_CERTIFICATE_PASSWORD', 'AZURE_CLIENT_CERTIFICATE_PASSWORD'],
  ['ARM_OIDC_TOKEN_FILE_PATH', 'AZURE_FEDERATED_TOKEN_FILE'],
  ['AZURE_TOKEN_CREDENTIAL', 'AZURE_TOKEN_CREDENTIALS'],
])('%s probably means %s', (name, meant) => {
  expect(misnamedVariables({ [name]: 'made-up' })).toEqual({ [name]: meant });
});

test.each([
  'AZURE_CLIENT_ID',
  'AZURE_CONFIG_DIR',
  'AZURE_STORAGE_ACCOUNT',
  'AZURE_KUBERNETES_TOKEN_PROXY',
  'AZURE_REGIONAL_AUTHORITY_NAME',
  'AZURE_ADDITIONALLY_ALLOWED_TENANTS',
  'AZURE_POD_IDENTITY_AUTHORITY_HOST',
  'AZURE_DEADLINE_MS',
  'AZURE_LOG_LEVEL',
  'MSI_SECRET',
  'MSI_ENDPOINT',
  'IDENTITY_HEADER',
  'GOOGLE_CLIENT_ID',
  'SECRET',
  'PATH',
])('%s is not mistaken for another variable', (name) => {
  expect(misnamedVariables({ [name]: 'made-up' })).toEqual({});
});

test('a misnamed variable is not reported if the right one is set', () => {
  expect(misnamedVariables({ ARM_CLIENT_ID: 'made-up', AZURE_CLIENT_ID: 'made-up' })).toEqual({});
});
