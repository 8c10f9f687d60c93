import type { AadstsClass } from '../aadsts.ts';
import { either, entraMeans, entraRefusal, only, type When } from '../match.ts';
import { applicationInWords, isPerson, tenantInWords } from '../principal.ts';
import { aboutNumber, DOCUMENTATION, type Row } from '../row.ts';
import { capitalized } from '../words.ts';
import { BLOCKED_BY_POLICY } from './reasons.ts';

const BLOCKED_BY_POLICY_ROW = { ...BLOCKED_BY_POLICY, documentation: DOCUMENTATION.conditionalAccess } as const;

/** A number that is not in the table may still come with words about a policy. */
const inWords: When = only(
  entraRefusal,
  (_, { aadstsClass, text }) => aadstsClass === undefined && text.isPolicy === true,
);
const ofPerson = (...classes: AadstsClass[]): When => only(entraMeans(...classes), (_, finding) => isPerson(finding));

/** Policies of the administrator. Only an administrator, or a request that the policy allows, helps. */
export const POLICY: readonly Row[] = [
  {
    ...BLOCKED_BY_POLICY_ROW,
    when: entraMeans('policy-federation'),
    problem: (c) => `A policy of ${tenantInWords(c)} forbids federated credentials, or those of this issuer.`,
    hint: () =>
      'Ask an administrator of the tenant to allow this issuer for workload identity federation, or use a managed identity.',
    documentation: aboutNumber,
  },
  {
    ...BLOCKED_BY_POLICY_ROW,
    when: entraMeans('policy-tenant-restriction'),
    problem: () => 'Tenant restrictions or cross-tenant access settings forbid access to this tenant from here.',
    hint: () =>
      'Ask the administrator of the tenant or of the network: a proxy of the company may add the restriction. Another login does not help.',
    documentation: DOCUMENTATION.tenantRestrictions,
  },
  {
    ...BLOCKED_BY_POLICY_ROW,
    when: ofPerson('policy-device'),
    problem: ({ finding }) =>
      `A Conditional Access policy demands a managed or compliant device or another platform (AADSTS${finding.aadsts}).`,
    hint: () =>
      'Log in on such a device, through its browser; a container, WSL or Codespaces never is one. Or use a service principal, or ask the administrator.',
  },
  {
    ...BLOCKED_BY_POLICY_ROW,
    when: entraMeans('policy-refused-device'),
    problem: () => 'The tenant does not accept this device: its registration was deleted, or it is disabled.',
    hint: () =>
      'Register the device with the organization again, or ask the administrator of the tenant to enable it, then log in.',
  },
  {
    ...BLOCKED_BY_POLICY_ROW,
    when: entraMeans('policy-approved-application'),
    problem: ({ finding }) =>
      `A Conditional Access policy allows only approved or protected applications, and this is none (AADSTS${finding.aadsts}).`,
    hint: () =>
      'Use a service principal or managed identity, or ask the administrator of the tenant to exclude this tool from the policy.',
  },
  {
    ...BLOCKED_BY_POLICY_ROW,
    when: entraMeans('policy-token-protection'),
    problem: () =>
      'A Conditional Access policy demands tokens that are bound to the device (token protection), and this one is not.',
    hint: () =>
      'Log in with the broker of Windows (WAM) on a registered device, or ask the administrator. Another login of this kind does not help.',
    documentation: DOCUMENTATION.tokenProtection,
  },
  {
    ...BLOCKED_BY_POLICY_ROW,
    when: entraMeans('policy-security-defaults'),
    problem: () =>
      'The security defaults of the tenant block this kind of login, such as a password without a second factor.',
    hint: () => 'Log in interactively with a second factor, or use a service principal or managed identity.',
  },
  {
    ...BLOCKED_BY_POLICY_ROW,
    when: entraMeans('policy-risk'),
    problem: ({ finding }) =>
      `The account, the identity or this request is considered risky (AADSTS${finding.aadsts}).`,
    hint: () =>
      'Ask an administrator of the tenant, who finds the risk in Identity Protection and can dismiss it. A person may log in from a known network and device; a new secret alone does not help.',
  },
  {
    ...BLOCKED_BY_POLICY_ROW,
    when: either(
      ofPerson('policy'),
      only(inWords, (_, finding) => isPerson(finding)),
    ),
    problem: ({ finding }) =>
      `A Conditional Access policy blocks this login (AADSTS${finding.aadsts}), by its location, device or risk.`,
    hint: () =>
      'Use a network and device that the policy allows, or ask the administrator, who finds the policy in the sign-in log. Logging in again does not help.',
  },
  {
    ...BLOCKED_BY_POLICY_ROW,
    when: either(entraMeans('policy'), inWords),
    problem: (c) =>
      `${capitalized(applicationInWords(c))} is blocked by a Conditional Access policy for workload identities (AADSTS${c.finding.aadsts}), by location or risk.`,
    hint: () =>
      'Ask an administrator of the tenant, who finds the policy in the sign-in log: allow the egress address, or exclude the identity.',
    documentation: DOCUMENTATION.conditionalAccessWorkloads,
  },
];
