import { bash, guid } from '../bash.ts';
import { challengeOf } from '../challenge.ts';
import { listSubscriptions, loginToTenant, restart } from '../commands.ts';
import { restartProcess } from '../environment-commands.ts';
import type { Case, Evidence } from '../evidence.ts';
import { either, ofKind, only, resourceManagerSays, type When } from '../match.ts';
import { isSystemAssigned, isUser } from '../principal.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import {
  hasValue,
  hostOf,
  isSet,
  quoted,
  shown,
  statusAndCode,
  subscriptionOf,
  subscriptionOfIdentity,
} from '../words.ts';
import { BLOCKED_BY_POLICY, SERVICE_PRINCIPAL_MISSING, WRONG_CLOUD } from './reasons.ts';
import { useFirstSubscription } from './subscription.ts';

const TENANT = {
  reason: 'wrong-tenant',
  title: 'The token is for another tenant',
  check: 'identity',
  documentation: DOCUMENTATION.roles,
} as const;
const REJECTED = {
  reason: 'token-rejected',
  title: 'Azure Resource Manager refused the token',
  check: 'token',
  documentation: DOCUMENTATION.roles,
} as const;

const rejected = ofKind('token-rejected');

/** Azure Resource Manager refused the token. */
export const TOKEN_REJECTED: readonly Row[] = [
  {
    ...BLOCKED_BY_POLICY,
    when: challenged(/location|ipaddr/i),
    problem: (c) =>
      `Continuous access evaluation refuses the token: ${hostOf(c)} sees this request come from an address that the location policy does not allow.`,
    hint: () =>
      'Ask an administrator of the tenant to add the address to the named location of the Conditional Access policy. A new token does not help.',
    commands: () => [bash`curl -sS https://api.ipify.org`],
    documentation: DOCUMENTATION.continuousAccess,
  },
  {
    ...SERVICE_PRINCIPAL_MISSING,
    when: only(
      resourceManagerSays('InvalidAuthenticationToken'),
      (e, { summary }) => /\boid\b/.test(summary) || e.identity?.objectId === null,
    ),
    problem: (c) =>
      `The application ${shown(c.identity?.clientId, 'of this token')} has no service principal in the tenant ${shown(c.identity?.tenantId, 'of the token')}, so the token has no object id.`,
    hint: () => 'Create the service principal there, or set AZURE_TENANT_ID to the tenant that has it.',
    commands: (c) => [bash`az ad sp create --id ${guid(c.identity?.clientId, 'CLIENT_ID')}`],
    documentation: DOCUMENTATION.roles,
  },
  {
    ...TENANT,
    when: only(wrongTenant(), isUser),
    problem: tenants,
    hint: () =>
      'Log in to the tenant of the subscription. If the token of the former login is still used, restart the service.',
    commands: (c) => [loginToTenant(c.finding.text.tenant)],
  },
  {
    ...TENANT,
    when: only(wrongTenant(), (e) => isSystemAssigned(e) || e.identity?.credential === 'ManagedIdentityCredential'),
    problem: (c) => `${tenants(c)} The subscription was probably transferred.`,
    hint: () =>
      'Turn the system-assigned identity off and on again, or recreate and reassign the user-assigned one; it stays in the old tenant otherwise. Then assign its roles again.',
    commands: (c) => [
      listSubscriptions(),
      bash`az role assignment list --all --assignee ${guid(c.identity?.objectId, 'OBJECT_ID')} -o table`,
    ],
    documentation: DOCUMENTATION.subscriptionTransfer,
  },
  {
    ...TENANT,
    when: only(wrongTenant(), (e) => isSet(e, 'AZURE_SUBSCRIPTION_ID') && isOfOtherSubscription(e)),
    problem: tenants,
    hint: () =>
      'Remove AZURE_SUBSCRIPTION_ID to use the first subscription that the identity sees, or use an identity of the tenant of that subscription.',
    commands: useFirstSubscription,
  },
  {
    ...TENANT,
    when: wrongTenant(),
    problem: tenants,
    hint: (c) =>
      `Use an identity or service principal of the subscription's tenant, and set AZURE_TENANT_ID to ${shown(c.finding.text.tenant, 'that tenant')}.`,
    commands: (c) => [
      loginToTenant(c.finding.text.tenant),
      bash`az account show --subscription ${guid(subscriptionOf(c), 'SUBSCRIPTION_ID')} --query tenantId`,
    ],
  },
  {
    ...WRONG_CLOUD,
    when: either(
      resourceManagerSays('InvalidAuthenticationTokenAudience'),
      only(rejected, (_, { message }) =>
        /wrong audience|audience .{0,200}(?:invalid|not)|Audience validation failed/.test(message),
      ),
    ),
    problem: (c) =>
      `The token is for another audience than ${hostOf(c)}: the identity and this service are in different clouds (${c.facts.cloud.authorityHost} is in use).`,
    hint: () =>
      "Set AZURE_AUTHORITY_HOST to that of the identity's cloud, such as https://login.microsoftonline.us for Azure Government.",
    documentation: DOCUMENTATION.clouds,
  },
  {
    ...REJECTED,
    check: 'resource-manager',
    when: only(rejected, (_, { message }) => /'?Authorization'? header/.test(message)),
    problem: (c) =>
      `The request reached ${hostOf(c)} without its Authorization header, which something on the way removed.`,
    hint: () => 'Look for a proxy, gateway or service mesh that inspects or strips headers between here and Azure.',
    commands: () => [bash`env | grep -i _proxy`],
    documentation: DOCUMENTATION.proxy,
  },
  {
    ...REJECTED,
    when: only(rejected, (_, { errorCode }) => errorCode === 'ExpiredAuthenticationToken'),
    problem: () => 'The token had expired when Azure Resource Manager saw it.',
    hint: () => 'Ask again for a new token. If that repeats itself, check the clock of this machine.',
    commands: (c) => (c.facts.kubernetes ? restart(c) : [bash`date -u`]),
  },
  {
    ...REJECTED,
    when: only(rejected, isUser),
    problem: refusal,
    hint: () => 'Log in again with the Azure CLI, then ask again.',
    commands: (c) => [loginToTenant(c.identity?.tenantId)],
  },
  {
    ...REJECTED,
    when: challenged(/./),
    problem: () =>
      'Continuous access evaluation refused the token: the identity or its permissions changed, or a Conditional Access policy demands more.',
    hint: () =>
      'Ask again: the next token may be accepted. If not, ask an administrator of the tenant which policy applies.',
    documentation: DOCUMENTATION.continuousAccess,
  },
  {
    ...REJECTED,
    when: rejected,
    problem: refusal,
    hint: () => 'Ask again. If it lasts, restart this service for a new token.',
    commands: restartProcess,
  },
];

/** A refusal by continuous access evaluation whose demand matches. */
function challenged(demand: RegExp): When {
  return only(rejected, (_, finding) => demand.test(challengeOf(finding) ?? ''));
}

/** A token of another tenant than that of the subscription. */
function wrongTenant(): When {
  return either(
    resourceManagerSays('InvalidAuthenticationTokenTenant'),
    only(rejected, (_, { message }) => /wrong issuer/.test(message)),
  );
}

/** A managed identity stays in the tenant of its own subscription, so that another one was never meant for it, or it not for that one. */
function isOfOtherSubscription(e: Evidence): boolean {
  const own = subscriptionOfIdentity(e);
  return own !== undefined && own.toLowerCase() !== subscriptionOf(e)?.toLowerCase();
}

function tenants(c: Case): string {
  return `The token was issued by ${tenant(c.identity?.tenantId)}, but the subscription ${shown(subscriptionOf(c), 'in use')} belongs to ${tenant(c.finding.text.tenant)}.`;
}

function refusal(c: Case): string {
  return `Azure Resource Manager refused this token (${statusAndCode(c.finding)}): ${quoted(c.finding)}.`;
}

function tenant(id: string | null | undefined): string {
  return hasValue(id) ? `tenant ${shown(id, '')}` : 'another tenant';
}
