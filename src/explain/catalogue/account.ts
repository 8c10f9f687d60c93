import { bash } from '../bash.ts';
import { listSubscriptions, loginToTenant } from '../commands.ts';
import type { Case } from '../evidence.ts';
import { entraMeans, only, type When } from '../match.ts';
import { tenantInWords } from '../principal.ts';
import { aboutNumber, type Row } from '../row.ts';
import { hasValue } from '../words.ts';
import { ENTRA_REFUSED } from './reasons.ts';

const ACCOUNT = {
  reason: 'account-refused',
  title: 'The account was refused',
  check: 'token',
  documentation: aboutNumber,
} as const;

const withPassword = (when: When): When => only(when, (_, { credential }) => credential === 'user-password');

/** A person has to do something about the account or the login. */
export const ACCOUNTS: readonly Row[] = [
  {
    ...ACCOUNT,
    when: entraMeans('account-disabled'),
    problem: () => 'The account is disabled.',
    hint: () => 'Ask an administrator of the tenant to enable it, or use another account.',
  },
  {
    ...ACCOUNT,
    when: withPassword(entraMeans('account-unknown')),
    problem: (c) => `The account of AZURE_USERNAME does not exist in ${tenantInWords(c)}.`,
    hint: () =>
      'Set AZURE_USERNAME to the whole sign-in name (user@domain), or AZURE_TENANT_ID to the tenant of the account. Better: a service principal or Workload ID.',
  },
  {
    ...ACCOUNT,
    when: entraMeans('account-of-other-tenant', 'account-unknown'),
    problem: (c) => `The account does not exist in ${tenantInWords(c)}, and is no guest there.`,
    hint: () => 'Use the tenant of the account, or another account, or have this one invited as a guest.',
    commands: (c) => ofAz(c, listSubscriptions(), loginToTenant(undefined)),
  },
  {
    ...ACCOUNT,
    when: entraMeans('password-locked'),
    problem: () => 'The account is locked after too many failed logins, or the address that they come from is blocked.',
    hint: () =>
      'Wait some minutes, and find what keeps trying with an old password. An administrator sees it in the sign-in log.',
  },
  {
    ...ACCOUNT,
    when: withPassword(entraMeans('password-expired')),
    problem: () => 'The password in AZURE_PASSWORD has expired.',
    hint: () =>
      `Change the password and set AZURE_PASSWORD to the new one. Better: a service principal or Workload ID.`,
  },
  {
    ...ACCOUNT,
    when: withPassword(entraMeans('password')),
    problem: () => 'AZURE_USERNAME or AZURE_PASSWORD is wrong.',
    hint: () =>
      'Correct them. Better: a service principal or Workload ID, because a password cannot pass multi-factor authentication.',
  },
  {
    ...ACCOUNT,
    when: entraMeans('password'),
    problem: () => 'The password of the account is wrong, has expired or has to be changed.',
    hint: () => 'Set a new password in the browser, then log in again.',
    commands: logInAgain,
  },
  {
    ...ACCOUNT,
    when: entraMeans('account'),
    problem: ({ finding }) => `The account cannot be used in this tenant (AADSTS${finding.aadsts}).`,
    hint: () => 'Use an account that may use the tenant, or ask its administrator.',
    commands: logInAgain,
  },
  {
    ...ENTRA_REFUSED,
    when: withPassword(entraMeans('sign-in', 'mfa')),
    problem: ({ finding }) =>
      `The account of AZURE_USERNAME must prove more than a password, such as a second factor (AADSTS${finding.aadsts}).`,
    hint: () => 'Use a service principal or Workload ID instead of AZURE_USERNAME and AZURE_PASSWORD.',
  },
];

/** Other tools than az have logins of their own. */
function ofAz({ finding }: Case, ...commands: string[]): string[] {
  return finding.credential === 'azure-cli' ? commands : [];
}

/** To the tenant that the text names, if it names one. */
function logInAgain(c: Case): string[] {
  const { tenant } = c.finding.text;
  return ofAz(c, hasValue(tenant) ? loginToTenant(tenant) : bash`az login`);
}
