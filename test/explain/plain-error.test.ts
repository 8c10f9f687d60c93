import { describe, expect, test } from 'vitest';
import { explain } from '../../src/explain/explain.ts';
import type { Attempt, Failure, Outcome } from '../../src/explain/outcome.ts';
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

  test.each([null, undefined, 'text', 42, {}, new Error('made-up')])('%s has the reason unknown', (subject) => {
    expect(explain(subject).failure?.reason).toBe('unknown');
  });
});

test('an outcome that lacks its facts, such as a stored one of another version, is explained anyway', () => {
  const bare = readCases('demo').map(({ outcome }) => ({ ...outcome, facts: {} }));
  expect(bare.map((outcome) => explain(outcome).failure?.reason).filter(Boolean)).not.toEqual([]);
});
