import { describe, expect, test } from 'vitest';
import { explain } from '../../src/explain/explain.ts';
import { NO_FACTS } from '../../src/explain/facts.ts';
import type { Attempt, Failure, Outcome } from '../../src/explain/outcome.ts';
import { outcomeOf } from '../../src/explain/plain-error.ts';
import { FAMILIES, readCases } from './outcome-files.ts';

/** The error that the SDK throws for one credential, with its cause as far as the outcome has it. */
function errorOf({ message, errorName, code, aadsts }: Attempt): Error {
  const cause = { ...(code && { errorCode: code }), ...(aadsts && { errorNo: aadsts }) };
  return Object.assign(new Error(message, { cause }), { name: errorName ?? 'CredentialUnavailableError' });
}

/** The error that an app gets in place of this outcome; undefined where the SDK throws none, such as for an empty list. */
function thrownFor({ failure, attempts }: Outcome): Error | undefined {
  if (failure?.kind === 'no-token') return thrownByChain(attempts);
  return failure ? thrownByClient(failure) : undefined;
}

/** ChainedTokenCredential throws the first real failure itself, and an aggregate of those credentials that were unavailable. */
function thrownByChain(attempts: readonly Attempt[]): Error | undefined {
  const errors = attempts.filter(({ outcome }) => outcome === 'failed' || outcome === 'unavailable').map(errorOf);
  if (errors.length === 0) return undefined;
  const message = `ChainedTokenCredential authentication failed.\n${errors.join('\n')}`;
  return (
    errors.find(({ name }) => name === 'AuthenticationError') ??
    Object.assign(new Error(message), { name: 'AggregateAuthenticationError', errors })
  );
}

function thrownByClient({ said, message, status, code, exchange }: Failure): Error | undefined {
  if (status === undefined && exchange?.code === undefined) return undefined;
  return Object.assign(new Error(said ?? message), {
    name: 'RestError',
    statusCode: status,
    code: exchange?.code ?? code,
  });
}

const THROWN = FAMILIES.filter((family) => family !== 'variants')
  .flatMap(readCases)
  .flatMap(({ outcome }) => {
    const error = thrownFor(outcome);
    const reason = explain(outcome).failure?.reason;
    return error && reason !== undefined ? [{ error, reason, facts: outcome.facts }] : [];
  });

/** The share of the errors that keep the reason of the whole outcome. */
function kept(reasonOf: (thrown: (typeof THROWN)[number]) => string | undefined): number {
  return THROWN.filter((thrown) => reasonOf(thrown) === thrown.reason).length / THROWN.length;
}

describe('the plain error of a recorded outcome', () => {
  test('there are hundreds of them', () => {
    expect(THROWN.length).toBeGreaterThan(500);
  });

  test('it keeps its reason in at least 82 of 100 cases with nothing else', () => {
    expect(kept(({ error }) => explain(error).failure?.reason)).toBeGreaterThanOrEqual(0.82);
  });

  test('it keeps its reason in at least 95 of 100 cases with the facts of the place', () => {
    expect(kept(({ error, facts }) => explain(error, facts).failure?.reason)).toBeGreaterThanOrEqual(0.95);
  });

  test('its words never show the placeholder of a value', () => {
    const words = THROWN.flatMap(({ error }) => {
      const { problem = '', hint = '', commands = [] } = explain(error).failure ?? {};
      return [problem, hint, ...commands];
    });
    expect(words.filter((text) => /\(set|undefined|\(unknown/.test(text))).toEqual([]);
  });
});

const named = (name: string, message: string) => Object.assign(new Error(message), { name });

describe('one plain error', () => {
  test('a credential that cannot reach Microsoft Entra ID is not taken for the Azure CLI', () => {
    const error = named('CredentialUnavailableError', 'endpoints_resolution_error: See https://aka.ms/msal.js.errors');
    expect(explain(error).failure?.reason).toBe('unknown');
  });

  test('the text of a tool without a name is that of the Azure CLI', () => {
    const error = named('CredentialUnavailableError', 'OSError: [Errno 30] Read-only file system: /azure/made-up.log');
    expect(explain(error).failure?.reason).toBe('az-config-unusable');
  });

  test('the response of NMI is read from the text of MSAL', () => {
    const message =
      'ManagedIdentityCredential: Authentication failed. Message client_error: Error(s): Not Available - Timestamp: Not Available - Description: A client error occured.\nHttp status code: 404\nHttp status message: no azure identity found for request clientID - Correlation ID: Not Available - Trace ID: Not Available';
    expect(explain(named('CredentialUnavailableError', message)).failure?.reason).toBe('identity-not-found');
  });

  test.each([
    ['EnvironmentCredential authentication failed. made up', 'EnvironmentCredential'],
    ['WorkloadIdentityCredential: made up', 'WorkloadIdentityCredential'],
    ['This is not supported for WorkloadIdentityCredential', 'WorkloadIdentityCredential'],
    ['The workload identity options are not set', 'WorkloadIdentityCredential'],
    ['Please run Connect-AzAccount from PowerShell', 'AzurePowerShellCredential'],
    ['Azure Developer CLI could not be found', 'AzureDeveloperCliCredential'],
    ["Please run 'azd auth login'", 'AzureDeveloperCliCredential'],
    ['Visual Studio Code Authentication is not available.', 'VisualStudioCodeCredential'],
    ["ENOENT: no such file or directory, open '/made-up'", 'WorkloadIdentityCredential'],
    ["EACCES: permission denied, open '/made-up'", 'WorkloadIdentityCredential'],
    ['EISDIR: illegal operation on a directory, read', 'WorkloadIdentityCredential'],
    ['network_error: Network request failed', 'WorkloadIdentityCredential'],
    ['endpoints_resolution_error: Endpoints cannot be resolved', 'WorkloadIdentityCredential'],
    ['Please run az login', 'AzureCliCredential'],
  ])('%j comes from %s', (message, name) => {
    const { attempts } = outcomeOf(named('CredentialUnavailableError', message), NO_FACTS);
    expect(attempts[0]?.name).toBe(name);
  });

  test.each(['network_error: Network request failed', 'endpoints_resolution_error: Endpoints cannot be resolved'])(
    'a credential that asked in vain has failed: %s',
    (message) => {
      const { attempts } = outcomeOf(named('CredentialUnavailableError', message), NO_FACTS);
      expect(attempts).toMatchObject([{ outcome: 'failed', exchange: { host: 'login.microsoftonline.com' } }]);
    },
  );

  test.each(['unable_to_read_secret_file', 'www_authenticate_header_missing'])(
    'the agent of Azure Arc answered before %s',
    (code) => {
      const message = `ManagedIdentityCredential: Authentication failed. Message ${code}: made up`;
      const { attempts } = outcomeOf(named('CredentialUnavailableError', message), NO_FACTS);
      expect(attempts[0]?.exchange).toEqual({ host: '127.0.0.1', status: 401 });
    },
  );

  test.each([
    ['getting assigned identities for pod failed', 'kubernetes'],
    ['no AzureAssignedIdentity found for pod in CREATED state', 'kubernetes'],
    ['no azure identity found for request clientID', 'kubernetes'],
    ['failed to get service principal token for pod:default/demo, resource name may not be empty', 'kubernetes'],
    ['match failed, ip:100.64.1.68 matching pods:[]', 'kubernetes'],
    ['pod list is empty', 'kubernetes'],
    ['failed to match pod IP 10.240.0.234 with []', 'kubernetes'],
    ['failed to refresh token, error: adal: Refresh request failed.', 'kubernetes'],
    ['No User Assigned or Delegated Managed Identity found for specified ClientId', 'app-service'],
    ['Unable to load the proper Managed Identity.', 'app-service'],
    ['An unexpected error occured while fetching the AAD Token.', 'app-service'],
    ['made up', 'machine'],
  ])('%j tells that the place is %s', (message, place) => {
    expect(outcomeOf(named('CredentialUnavailableError', message), NO_FACTS).facts.place).toBe(place);
  });

  test.each([
    ['The file does not contain a certificate', 'AZURE_CLIENT_CERTIFICATE_PATH'],
    ['PEM routines: no start line', 'AZURE_CLIENT_CERTIFICATE_PATH'],
    ['secretOrPrivateKey must be an asymmetric key', 'AZURE_CLIENT_CERTIFICATE_PATH'],
    ['error:1C800064:Provider routines::bad decrypt', 'AZURE_CLIENT_CERTIFICATE_PATH'],
    ['AADSTS700027: made up', 'AZURE_CLIENT_CERTIFICATE_PATH'],
    ["ENOENT: no such file or directory, open '/made-up.pem'", 'AZURE_CLIENT_CERTIFICATE_PATH'],
    ["ENOENT: no such file or directory, open '/made-up.pfx'", 'AZURE_CLIENT_CERTIFICATE_PATH'],
    ['AADSTS7000215: made up', 'AZURE_CLIENT_SECRET'],
  ])('EnvironmentCredential with %j used %s', (message, variable) => {
    const error = named('AuthenticationError', `EnvironmentCredential authentication failed. ${message}`);
    expect(Object.keys(outcomeOf(error, NO_FACTS).facts.variables)).toContain(variable);
  });

  test('an error of another credential says nothing about the variables', () => {
    const { facts } = outcomeOf(named('AuthenticationError', 'AADSTS7000215: made up'), NO_FACTS);
    expect(facts.variables).toEqual({});
  });

  test.each(["ENOENT: no such file or directory, open '/made-up'", "EACCES: permission denied, open '/made-up'"])(
    'the file of the projected token is known from %s',
    (message) => {
      const { facts } = outcomeOf(named('CredentialUnavailableError', message), NO_FACTS);
      expect(facts.projectedToken).toEqual({ file: '/made-up', problem: message.slice(0, 6) });
    },
  );

  test('the first number that the cause has, and its code, are those of the refusal', () => {
    const cause = { errorCode: 'made_up', errorNo: '0', errorResponse: { errorCodes: [0, 700016] } };
    const error = Object.assign(new Error('made up', { cause }), { name: 'AuthenticationError' });
    expect(outcomeOf(error, NO_FACTS).attempts).toMatchObject([{ code: 'made_up', aadsts: 700016 }]);
  });

  test.each([null, undefined, 'text', 42, {}, new Error('made-up')])('%s has the reason unknown', (subject) => {
    expect(explain(subject).failure?.reason).toBe('unknown');
  });
});

test('an outcome that lacks its facts, such as a stored one of another version, is explained anyway', () => {
  const bare = readCases('demo').map(({ outcome }) => ({ ...outcome, facts: {} }));
  expect(bare.map((outcome) => explain(outcome).failure?.reason).filter(Boolean)).not.toEqual([]);
});
