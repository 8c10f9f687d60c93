import { expect, it } from 'vitest';
import { explain } from '../../src/explain/explain.ts';
import type { Facts } from '../../src/explain/facts.ts';
import type { Attempt, Exchange, Outcome } from '../../src/explain/outcome.ts';
import { MACHINE } from './outcome-files.ts';
import { NOTHING_INJECTED, withoutToken } from './outcomes.ts';

const IMDS = '169.254.169.254';

const NO_AZURE_CLI: Attempt = {
  name: 'AzureCliCredential',
  outcome: 'unavailable',
  message: 'Azure CLI could not be found',
};

/** What was asked for a managed identity brought nothing, and there is no az. */
function asked(exchange: Partial<Exchange>, facts: Partial<Facts>): Outcome {
  return {
    facts: { ...MACHINE, ...facts },
    attempts: [
      {
        name: 'ManagedIdentityCredential',
        outcome: 'unavailable',
        message: 'made up',
        exchange: { host: IMDS, ...exchange },
      },
      NO_AZURE_CLI,
    ],
    identity: null,
    list: null,
    failure: { kind: 'no-token', message: 'made up' },
    renewal: null,
  };
}

/** The diagnosis, and the check that the evidence alone says has failed. */
function diagnose(outcome: Outcome) {
  const { failure, checks } = explain(outcome);
  return { ...failure, failing: checks.find(({ status }) => status === 'fail')?.name };
}

it.each(['machine', 'container', 'ci'] as const)(
  'a metadata service that hangs is none that is missing (%s)',
  (place) => {
    const { reason, problem, hint, failing } = diagnose(
      asked({ phase: 'response', code: 'ETIMEDOUT', isProbe: true }, { place, container: place === 'container' }),
    );
    expect(reason).toBe('imds-unreachable');
    expect(failing).toBe('identity-provider');
    expect(problem).toMatch(/169\.254\.169\.254 takes the connection/);
    expect(hint).toMatch(/managed identity/);
  },
);

it('a connection that was never made is a missing metadata service', () => {
  const { reason } = diagnose(asked({ phase: 'connect', code: 'ETIMEDOUT', isProbe: true }, {}));
  expect(reason).toBe('az-not-installed');
});

it('an agent of a pipeline whose proxy takes the requests for its managed identity', () => {
  const proxied = {
    place: 'ci',
    proxy: { variables: ['HTTP_PROXY'], server: 'proxy.example:3128', hosts: [IMDS] },
  } satisfies Partial<Facts>;
  const page = { status: 407, contentType: 'text/html', body: '<html><title>407</title></html>' };
  const { reason, failing, problem, hint } = diagnose(asked(page, proxied));
  expect(reason).toBe('imds-proxied');
  expect(failing).toBe('identity-provider');
  expect(problem).toMatch(/HTTP_PROXY/);
  expect(hint).toMatch(/169\.254\.169\.254 in NO_PROXY/);
});

it('a pod without the label that asks a silent node for an identity', async () => {
  const outcome = await withoutToken(
    { env: { AZURE_CLIENT_ID: 'made-up' }, labels: { app: 'shop' } },
    NOTHING_INJECTED,
  );
  const { reason, problem, hint } = diagnose(outcome);
  expect(reason).toBe('pod-label-missing');
  expect(problem).toMatch(/metadata service 169\.254\.169\.254, which does not answer/);
  expect(hint).toMatch(/azure\.workload\.identity\/use.*network policy/);
});

/** The colors of a terminal, as pwsh prints them even where no terminal is. */
const RED = `${String.fromCharCode(27)}[31;1m`;

it.each([
  [
    `Get-AzAccessToken: \n${RED}Line |\n  25 |  $token = Get-AzAccessToken\n     | ${RED}    ~~~~~\n     | ${RED}WAM Error\n     | Error Message: IncorrectConfiguration\n     | WAM Error Message: AADSTS50011 (pii)`,
  ],
  ['Get-AzAccessToken: _x001B_[31;1mWAM Error _x001B_[0m_x000D__x000A_Error Message: IncorrectConfiguration'],
])('what the broker of Windows says to PowerShell is quoted and answered', (message) => {
  const attempt: Attempt = { name: 'AzurePowerShellCredential', outcome: 'unavailable', message };
  const { reason, problem, commands } = diagnose({ ...asked({}, {}), attempts: [attempt] });
  expect(reason).toBe('tool-failed');
  expect(problem).toMatch(/IncorrectConfiguration/);
  expect(problem).not.toMatch(/\[|_x|""|~/);
  expect(commands?.join('\n')).toMatch(/EnableLoginByWam \$false/);
});

it('an assertion whose beginning is left out is as old as its end says', () => {
  const message =
    'AADSTS700024: Client assertion is not within its valid time range. Current time: 2026-11-27T01:05:03.6755165Z, assertion valid from 1970-01-01T00:00:00.0000000Z, expiry time of assertion 2026-11-27T00:30:53.0000000Z.';
  const attempt: Attempt = { name: 'EnvironmentCredential', outcome: 'failed', message, aadsts: 700024 };
  const variables = { AZURE_CLIENT_CERTIFICATE_PATH: '/sp.pem' };
  const { reason, problem } = diagnose({ ...asked({}, { variables }), attempts: [attempt] });
  expect(reason).toBe('clock-skew');
  expect(problem).toMatch(/44 minutes behind/);
});

it('azd that resolves no access to a subscription is not a name that DNS does not resolve', () => {
  const message =
    "resolving the Azure Directory from system environment (AZURE_SUBSCRIPTION_ID): failed to resolve user access to subscription with ID '54f1b2c3-1a2b-4c3d-b067-0a1b2c3d4e5f'. If you recently gained access to this subscription, run `azd auth login` again to reload subscriptions.\nOtherwise, visit this subscription in Azure Portal using the browser, then run `azd auth login`";
  const attempt: Attempt = { name: 'AzureDeveloperCliCredential', outcome: 'unavailable', message };
  const { reason, problem } = diagnose({ ...asked({}, {}), attempts: [attempt] });
  expect(reason).toBe('tool-failed');
  expect(problem).toMatch(/access to subscription|AZURE_SUBSCRIPTION_ID/);
});

it('the tenant that wants a second factor from the user of PowerShell is named', () => {
  const message =
    'Get-AzAccessToken: Your Azure credentials have not been set up or have expired, please run Connect-AzAccount to set up your Azure credentials.\nAuthentication failed against tenant 54826b22-38d6-4fb2-bad9-b7b93a3e9c5a. User interaction is required. This may be due to the conditional access policy settings such as multi-factor authentication (MFA).';
  const attempt: Attempt = { name: 'AzurePowerShellCredential', outcome: 'unavailable', message };
  const { reason, problem, commands } = diagnose({ ...asked({}, {}), attempts: [attempt] });
  expect(reason).toBe('tool-not-logged-in');
  expect(problem).toMatch(/54826b22-38d6-4fb2-bad9-b7b93a3e9c5a.*MFA/);
  expect(commands).toEqual(['pwsh -Command Connect-AzAccount -Tenant 54826b22-38d6-4fb2-bad9-b7b93a3e9c5a']);
});
