import { describe, expect, it } from 'vitest';
import { aadstsClass, isWithin } from '../../../src/explain/aadsts.ts';
import { CATALOGUE } from '../../../src/explain/catalogue.ts';
import { type Diagnosis, explain } from '../../../src/explain/explain.ts';
import { gatherFacts } from '../../../src/explain/facts.ts';
import type { Attempt } from '../../../src/explain/outcome.ts';

const CLIENT = '5d2c5b7e-8d0b-4c1e-9a3f-7b1d2e6f4a90';
const TENANT = '72a1b0c3-5e4d-4f6a-8b7c-9d0e1f2a3b4c';
const ISSUER = `https://westeurope.oic.prod-aks.azure.com/${TENANT}/0d3a4b5c-6d7e-4f80-9a1b-2c3d4e5f6a7b/`;
const IDS = { AZURE_CLIENT_ID: CLIENT, AZURE_TENANT_ID: TENANT };
const SECRET = { ...IDS, AZURE_CLIENT_SECRET: 'made8Q~up-secret-of-forty-characters-0000' };
const POD = {
  KUBERNETES_SERVICE_HOST: '10.0.0.1',
  POD_NAME: 'orders-7d9c5b8f6d-x7k2p',
  POD_NAMESPACE: 'shop',
  POD_SERVICE_ACCOUNT: 'orders',
};
const WORKLOAD_IDENTITY = { ...POD, ...IDS, AZURE_FEDERATED_TOKEN_FILE: '/token' };

/** What is said when a credential fails with this message, and the check that fails by the evidence. */
async function diagnose(env: Record<string, string>, attempt: Pick<Attempt, 'name' | 'message'>) {
  const part = (claims: object) => Buffer.from(JSON.stringify(claims)).toString('base64url');
  const sub = `system:serviceaccount:shop:${env['POD_SERVICE_ACCOUNT']}`;
  const facts = await gatherFacts({
    env,
    readText: async (file) => {
      if (file === '/token') return `${part({})}.${part({ iss: ISSUER, sub, aud: ['api://AzureADTokenExchange'] })}.x`;
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    },
    isContainer: false,
    platform: 'linux',
  });
  const { failure, checks } = explain({
    facts,
    attempts: [{ outcome: attempt.message.includes('unavailable') ? 'unavailable' : 'failed', ...attempt }],
    identity: null,
    list: null,
    failure: { kind: 'no-token', message: attempt.message },
    renewal: null,
  });
  return { found: failure, check: checks.find(({ status }) => status === 'fail')?.name };
}

const environment = (message: string) => ({ name: 'EnvironmentCredential', message });
const az = (message: string) => ({ name: 'AzureCliCredential', message: `ERROR: ${message}` });
const workload = (message: string) => ({ name: 'WorkloadIdentityCredential', message });

describe('a refusal of Microsoft Entra ID', () => {
  it.each([
    [
      'an expired secret of a pod is replaced without being shown',
      { ...POD, ...SECRET },
      environment('AADSTS7000222: The keys are expired.'),
      'client-secret-refused',
      /has expired/,
      /^secret=\$\(az ad app credential reset .* kubectl set env deployment orders -n shop AZURE_CLIENT_SECRET=\$\{secret:\?\}$/,
    ],
    [
      'a secret with white space is trimmed, not replaced',
      { ...POD, ...SECRET, AZURE_CLIENT_SECRET: `${SECRET.AZURE_CLIENT_SECRET}\n` },
      environment('AADSTS7000215: Invalid client secret.'),
      'client-secret-refused',
      /white space/,
      /^(?!.*reset).*tr -d/,
    ],
    [
      'a secret that was cut is named as such',
      { ...SECRET, AZURE_CLIENT_SECRET: 'cut' },
      environment('AADSTS7000215: Invalid client secret.'),
      'client-secret-refused',
      /too short/,
      /^az ad app credential reset/,
    ],
    [
      'a left-over secret is taken out of the way of Workload ID',
      { ...WORKLOAD_IDENTITY, ...SECRET },
      environment('AADSTS7000215: Invalid client secret.'),
      'client-secret-refused',
      /takes precedence over Workload ID/,
      /AZURE_CLIENT_SECRET=$/,
    ],
    [
      'a managed identity with a secret is told apart from a wrong secret',
      { ...POD, ...SECRET },
      environment('AADSTS7000232: No secrets.'),
      'client-secret-refused',
      /is a managed identity/,
      /AZURE_CLIENT_SECRET=$/,
    ],
    [
      'az with an expired secret needs a person first',
      {},
      az(`AADSTS7000222: The keys for app '${CLIENT}' are expired.`),
      'client-secret-refused',
      /with which az is logged in/,
      /^az login$/,
    ],
    [
      'an unknown client id of a pod may also be of another tenant',
      WORKLOAD_IDENTITY,
      workload('AADSTS700016: Application was not found.'),
      'client-id-unknown',
      /either the client id or the tenant is wrong/,
      /^az identity list /,
    ],
    [
      'a resource id instead of a client id is looked up',
      { ...WORKLOAD_IDENTITY, AZURE_CLIENT_ID: '/subscriptions/x/identities/orders' },
      workload('AADSTS700016: Application was not found.'),
      'client-id-unknown',
      /is a resource id/,
      /^read -r id tenant <<< \$\(az identity show --ids \/subscriptions\/x\/identities\/orders/,
    ],
    [
      'the service account of everybody is not annotated',
      { ...WORKLOAD_IDENTITY, POD_SERVICE_ACCOUNT: 'default' },
      workload('AADSTS700016: Application was not found.'),
      'client-id-unknown',
      /either/,
      /^(?!.*annotate)/,
    ],
    [
      'an expired certificate',
      { ...IDS, AZURE_CLIENT_CERTIFICATE_PATH: '/c.pem' },
      environment('AADSTS700027: [Reason - The key used is expired.]'),
      'client-certificate-refused',
      /has expired/,
      /--cert$/,
    ],
    [
      'a certificate that is not yet valid',
      { ...IDS, AZURE_CLIENT_CERTIFICATE_PATH: '/c.pem' },
      environment('AADSTS700027: The certificate is not yet valid.'),
      'client-certificate-refused',
      /not yet valid/,
      /--cert$/,
    ],
    [
      'a signature by a wrong clock is no matter of the certificate',
      { ...IDS, AZURE_CLIENT_CERTIFICATE_PATH: '/c.pem' },
      environment(
        'AADSTS700024: Current time: 2026-11-27T10:00:00.0000000Z, assertion valid from 2026-11-27T12:00:00.0000000Z, expiry time of assertion 2026-11-27T12:10:00.0000000Z.',
      ),
      'clock-skew',
      /2 hours ahead of/,
      /^sudo timedatectl set-ntp true/,
    ],
    [
      'an encrypted key without its password',
      { ...IDS, AZURE_CLIENT_CERTIFICATE_PATH: '/c.pem' },
      environment('secretOrPrivateKey must be an asymmetric key when using PS256'),
      'client-certificate-unusable',
      /encrypted and no password is set/,
      /^grep -a BEGIN/,
    ],
    [
      'risk is no matter of the device',
      {},
      az('AADSTS53011: User blocked due to risk on home tenant.'),
      'blocked-by-policy',
      /risky/,
      undefined,
    ],
    [
      'security defaults are no Conditional Access',
      SECRET,
      environment('AADSTS530035: blocked by security defaults.'),
      'blocked-by-policy',
      /security defaults/,
      undefined,
    ],
    [
      'a device whose registration was deleted',
      {},
      az('AADSTS700003: Device object was not found.'),
      'blocked-by-policy',
      /registration was deleted/,
      undefined,
    ],
    [
      'a number that nobody knows, with words about a policy',
      SECRET,
      environment('AADSTS539999: Blocked by Conditional Access.'),
      'blocked-by-policy',
      /workload identities/,
      undefined,
    ],
    [
      'a cloud that another variable names',
      { ...SECRET, AZURE_ENVIRONMENT: 'AzureUSGovernment' },
      environment('AADSTS900382: Cross Cloud.'),
      'wrong-cloud',
      /nothing here reads AZURE_ENVIRONMENT/,
      /^az cloud list/,
    ],
    [
      'a second factor for the tenant that the text names',
      {},
      az(`AADSTS50076: multi-factor. Please run:\naz login --tenant "${TENANT}" --scope x`),
      'az-not-logged-in',
      /multi-factor/,
      new RegExp(`^az login --tenant ${TENANT}$`),
    ],
    [
      'a blocked tenant of a pod exists',
      WORKLOAD_IDENTITY,
      workload('AADSTS5000224: This tenant is not available.'),
      'tenant-blocked',
      /is blocked/,
      undefined,
    ],
    [
      'a fault that is known by its number alone',
      SECRET,
      environment('50000: AADSTS50000: There was an error issuing a token.'),
      'entra-broken',
      /temporary fault/,
      undefined,
    ],
    [
      'half of a service principal',
      { AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: 'x' },
      environment('EnvironmentCredential is unavailable.'),
      'nothing-configured',
      /AZURE_TENANT_ID is not/,
      /^az ad app show/,
    ],
    [
      'an empty secret',
      { ...IDS, AZURE_CLIENT_SECRET: '' },
      environment('EnvironmentCredential is unavailable.'),
      'nothing-configured',
      /set, but empty/,
      undefined,
    ],
    [
      'a misnamed half',
      { AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: 'x', ARM_TENANT_ID: TENANT },
      environment('EnvironmentCredential is unavailable.'),
      'nothing-configured',
      /ARM_TENANT_ID/,
      undefined,
    ],
  ])('%s', async (_, env, attempt, reason, problem, firstCommand) => {
    const { found, check } = await diagnose(env, attempt);
    expect(found?.reason).toBe(reason);
    expect(found?.problem).toMatch(problem);
    expect(check).toBe(CATALOGUE.find((row) => row.reason === reason)?.check);
    expect(found?.commands[0] ?? 'none').toMatch(firstCommand ?? /^none$/);
    expectFit(found);
  });
});

/** Nothing unknown in a sentence, and nothing in a command that JSON would escape. */
function expectFit(found: Diagnosis | null): void {
  expect(`${found?.title} ${found?.problem} ${found?.hint}`).not.toMatch(/undefined|\(unknown\)|\(set|`| {2}/);
  expect(found?.title.length).toBeLessThanOrEqual(60);
  expect(found?.commands.join('\n') ?? '').not.toMatch(/["\\]/);
}

describe('the classes of error numbers', () => {
  it('lie within others', () => {
    expect(aadstsClass(7000222)).toBe('client-secret-expired');
    expect(isWithin(aadstsClass(7000222), 'client-secret')).toBe(true);
    expect(isWithin(aadstsClass(7000215), 'client-secret-expired')).toBe(false);
    expect(isWithin(undefined, 'policy')).toBe(false);
  });
});
