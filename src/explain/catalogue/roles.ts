import { bash, guid } from '../bash.ts';
import { assignReader, listIdentities } from '../commands.ts';
import { chooseClientId } from '../environment-commands.ts';
import type { Case, Evidence } from '../evidence.ts';
import { ofKind, only, token, type When } from '../match.ts';
import { isNodeIdentity } from '../node-identity.ts';
import { isFromEnvironment, isOfSlot, isSystemAssigned, isUnchosen, isUser, principalInWords } from '../principal.ts';
import { classOf } from '../resource-manager-codes.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { capitalized, isSet, shown, statusAndCode, subscriptionOf } from '../words.ts';
import { NO_SUBSCRIPTION, NOT_AUTHORIZED } from './reasons.ts';

const NONE = { ...NO_SUBSCRIPTION, documentation: DOCUMENTATION.roles } as const;

const none = ofKind('no-subscription');
/** A code that is in no table, and whose name and message do not look like a missing role, has a row after these. */
const forbidden = only(ofKind('not-authorized'), (_, finding) => {
  const found = classOf(finding);
  return found === 'role' || (found === undefined && [undefined, 'Forbidden'].includes(finding.errorCode));
});

/** What differs between the identities: what to do about a missing role. */
const ROLE_ADVICE: readonly {
  when: (e: Evidence) => boolean;
  hint: string;
  commands: (about: Case) => readonly string[];
}[] = [
  {
    when: isOfSlot,
    hint: 'A slot has an identity of its own. If the slot needs access, give that one the role Reader; the role of the app in production does not count.',
    commands: showRoles,
  },
  {
    when: isUnchosen,
    hint: 'If another identity was meant, set AZURE_CLIENT_ID to its client id. Give this one the role Reader only if it is the right one; a new role takes 10 minutes, through a group up to a day.',
    commands: (c) => [...showRoles(c), listIdentities(), ...chooseClientId(c)],
  },
  {
    when: (e) => isSystemAssigned(e) && !isSet(e, 'AZURE_CLIENT_ID'),
    hint: 'Give it the role Reader, or set AZURE_CLIENT_ID to the client id of a user-assigned identity that has it. A role takes up to 10 minutes, through a group up to a day.',
    commands: assignReader,
  },
  {
    when: isFromEnvironment,
    hint: 'If you meant your own login, unset AZURE_CLIENT_ID and its secret. Otherwise, an Owner or User Access Administrator assigns Reader (10 minutes, via a group up to a day).',
    commands: assignReader,
  },
  {
    when: isUser,
    hint: 'Ask an Owner or User Access Administrator for the role Reader, or activate an eligible one (PIM); a new one takes up to 10 minutes. Otherwise log in with another account or to another tenant.',
    commands: assignReader,
  },
  {
    when: () => true,
    hint: 'An Owner or User Access Administrator can assign the role Reader, or activate an eligible one (PIM). It takes up to 10 minutes, through a group up to a day.',
    commands: assignReader,
  },
];

/** One row for each identity, the first that fits. */
function byIdentity(row: Omit<Row, 'hint' | 'commands' | 'when'>, when: When): Row[] {
  return ROLE_ADVICE.map((advice) => ({
    ...row,
    when: only(when, advice.when),
    hint: () => advice.hint,
    commands: advice.commands,
  }));
}

/** There is a token, but the identity may not do what is asked. */
export const ROLES: readonly Row[] = [
  ...byIdentity(
    {
      ...NONE,
      problem: (c) =>
        `${capitalized(principalInWords(c))} works, but has no role in any subscription of the tenant ${shown(c.identity?.tenantId, 'that it is for')}.`,
      documentation: DOCUMENTATION.roles,
    },
    only(none, (_, { errorCode }) => errorCode === undefined),
  ),
  {
    ...NOT_AUTHORIZED,
    when: only(ofKind('not-authorized'), (_, { errorCode }) => errorCode === 'LinkedAuthorizationFailed'),
    problem: (c) =>
      `${capitalized(principalInWords(c))} may not use a linked resource, which may belong to another tenant or subscription.`,
    hint: () =>
      'Check that the identity and the linked resource are in the same tenant, and give the identity a role on both.',
    commands: showRoles,
    documentation: DOCUMENTATION.roles,
  },
  ...byIdentity(
    {
      ...NOT_AUTHORIZED,
      problem: (c) =>
        `${capitalized(principalInWords(c))} has a token, but no role to read the subscription ${shown(subscriptionOf(c), 'in use')} (${statusAndCode(c.finding)}).`,
      documentation: DOCUMENTATION.roles,
    },
    forbidden,
  ),
];

/** The list is there, and empty. */
export const EMPTY_LIST: readonly Row[] = [
  {
    reason: 'no-resource-groups',
    title: 'No resource group is visible',
    check: 'resource-groups',
    when: token(
      ({ list, identity, facts }) =>
        list?.resourceGroups === 0 && list.mayRead === false && !isNodeIdentity(identity, facts),
    ),
    problem: (c) =>
      `${capitalized(principalInWords(c))} sees the subscription ${shown(subscriptionOf(c), 'in use')}, but may not read its resource groups: its role is on something below.`,
    hint: () => 'Give the identity the role Reader on the whole subscription. A new role takes up to 10 minutes.',
    commands: assignReader,
    documentation: DOCUMENTATION.roles,
  },
];

/** Shows the roles of the identity, by name and scope. */
function showRoles(c: Case): string[] {
  return [
    bash`az role assignment list --all --assignee ${guid(c.identity?.objectId, 'OBJECT_ID')} --query '[].[roleDefinitionName,scope]' -o table`,
  ];
}
