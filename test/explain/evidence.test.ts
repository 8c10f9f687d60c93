import { expect, it } from 'vitest';
import { explain } from '../../src/explain/explain.ts';
import type { Exchange, Failure, Outcome } from '../../src/explain/outcome.ts';
import { MACHINE } from './outcome-files.ts';

const NOTHING = { attempts: [], identity: null, list: null, renewal: null };
const SECRET = { AZURE_CLIENT_ID: 'made-up', AZURE_TENANT_ID: 'made-up', AZURE_CLIENT_SECRET: '(set)' };

/** A client secret for which Microsoft Entra ID gave this response. */
function refused(exchange: Partial<Exchange>): Outcome {
  return {
    ...NOTHING,
    facts: { ...MACHINE, variables: SECRET },
    attempts: [
      {
        name: 'EnvironmentCredential',
        outcome: 'failed',
        message: 'made up',
        exchange: { host: 'login.microsoftonline.com', contentType: 'application/json', ...exchange },
      },
    ],
    failure: { kind: 'no-token', message: 'made up' },
  };
}

it.each([
  [400, 'token'],
  [200, 'identity-provider'],
  [429, 'identity-provider'],
  [503, 'identity-provider'],
])('without a number, a status of %i of Microsoft Entra ID fails the check %s', (status, check) => {
  const { checks } = explain(refused({ status, body: '{}' }));
  expect(checks.find((each) => each.status === 'fail')?.name).toBe(check);
});

it.each([
  ['{"error":"made_up"}', 'made_up'],
  ['{"error": {"code" : "MadeUp"}}', 'MadeUp'],
  ['{"Code":"MadeUp","Message":"made up"}', 'MadeUp'],
])('the error code of %s is %s', (body, code) => {
  expect(explain(refused({ status: 400, body })).original?.code).toBe(code);
});

/** Resource Manager answered with this status. */
function answered(status: number): Outcome {
  const failure: Failure = { kind: 'broken', message: 'made up', code: 'MadeUp', status, isAzureError: true };
  return { ...NOTHING, facts: MACHINE, failure };
}

it.each([408, 500, 503])('a status of %i is a fault of Resource Manager, which passes by itself', (status) => {
  expect(explain(answered(status)).failure?.hint).toMatch(/^Ask again in a minute.*Nothing here needs to change/);
});

it.each([400, 415])('a status of %i is none', (status) => {
  expect(explain(answered(status)).failure?.hint).toMatch(/^Follow the message/);
});
