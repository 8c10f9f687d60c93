import { bash, guid, host, part } from '../bash.ts';
import { listSubscriptions, loginToTenant } from '../commands.ts';
import { dropVariables } from '../environment-commands.ts';
import type { Case, Evidence, Finding } from '../evidence.ts';
import { either, ofKind, only, resourceManagerMeans } from '../match.ts';
import { classOf } from '../resource-manager-codes.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { codeOf, hostOf, isSet, misnamed, quoted, shown, statusAndCode, subscriptionOf } from '../words.ts';
import { NOT_AUTHORIZED } from './reasons.ts';

const NETWORK = {
  reason: 'network-restricted',
  title: 'Azure Resource Manager refuses this network',
  check: 'resource-manager',
  documentation: DOCUMENTATION.privateLink,
} as const;
const UNKNOWN = {
  reason: 'subscription-not-found',
  title: 'The subscription does not exist here',
  check: 'subscription',
  documentation: DOCUMENTATION.roles,
} as const;
const FORBIDDEN = { ...NOT_AUTHORIZED, documentation: DOCUMENTATION.azureCli } as const;

const unknown = resourceManagerMeans('subscription-unknown');
const configured = only(unknown, (e) => isSet(e, 'AZURE_SUBSCRIPTION_ID'));

/** The subscription cannot be used, or something other than a role forbids it. */
export const SUBSCRIPTION: readonly Row[] = [
  {
    ...NETWORK,
    when: only(resourceManagerMeans('network'), (_, { errorCode = '' }) => errorCode.includes('PublicNetwork')),
    problem: (c) => `${hostOf(c)} refuses requests that come from the public network (${codeOf(c.finding)}).`,
    hint: () =>
      'Run this inside the virtual network of the private endpoint or over its VPN, or have public network access allowed in the private link association. No role helps.',
    commands: showAddress,
  },
  {
    ...NETWORK,
    when: only(resourceManagerMeans('network'), (e) => subscriptionOf(e) !== undefined),
    problem: (c) =>
      `The network rules or the private link of the subscription ${shown(subscriptionOf(c), 'in use')} refuse requests from this network (${codeOf(c.finding)}).`,
    hint: () => 'Ask from a network that is allowed, or have the rules changed. No role helps.',
    commands: showAddress,
  },
  {
    ...NETWORK,
    when: resourceManagerMeans('network'),
    problem: (c) =>
      `A private link serves ${hostOf(c)} here, and it refuses to list subscriptions (${codeOf(c.finding)}).`,
    hint: () =>
      'Set AZURE_SUBSCRIPTION_ID, which spares listing them, or reach Resource Manager over the public network. No role helps.',
    commands: showAddress,
  },
  {
    reason: 'deny-assignment',
    title: 'A deny assignment blocks the identity',
    check: 'resource-groups',
    when: resourceManagerMeans('deny'),
    problem: (c) =>
      `The deny assignment${denyName(c.finding)} forbids ${shown(c.identity?.clientId, 'this identity')} to read the subscription ${shown(subscriptionOf(c), 'in use')}.`,
    hint: () =>
      'Use another subscription, or ask the owner of the deny assignment to exclude this identity. No role helps against it.',
    commands: (c) => [
      bash`az rest --method get --url ${resourceManager(c)}/subscriptions/${guid(subscriptionOf(c), 'SUBSCRIPTION_ID')}/providers/Microsoft.Authorization/denyAssignments --url-parameters api-version=2022-04-01`,
    ],
    documentation: DOCUMENTATION.denyAssignments,
  },
  {
    reason: 'subscription-disabled',
    title: 'The subscription is disabled',
    check: 'subscription',
    when: resourceManagerMeans('subscription-disabled'),
    problem: (c) => `The subscription ${shown(subscriptionOf(c), 'in use')} is disabled (${codeOf(c.finding)}).`,
    hint: () =>
      'Ask its owner to reactivate it (billing, spending limit, an expired trial), or set AZURE_SUBSCRIPTION_ID to another one.',
    commands: () => [listSubscriptions()],
    documentation: DOCUMENTATION.subscriptionStates,
  },
  {
    ...UNKNOWN,
    when: only(unknown, (e) => misnamed(e, 'AZURE_AUTHORITY_HOST') !== undefined),
    problem: (c) =>
      `${c.facts.cloud.resourceManager} does not know the subscription ${shown(subscriptionOf(c), 'in use')}, and ${misnamed(c, 'AZURE_AUTHORITY_HOST')} is not read here.`,
    hint: () =>
      'The cloud is chosen by AZURE_AUTHORITY_HOST: https://login.microsoftonline.us for Azure Government, https://login.chinacloudapi.cn for China.',
    commands: () => [listSubscriptions()],
    documentation: DOCUMENTATION.clouds,
  },
  {
    ...UNKNOWN,
    when: configured,
    problem: (c) =>
      `The subscription ${shown(subscriptionOf(c), 'in use')} of AZURE_SUBSCRIPTION_ID is gone, in another tenant than ${shown(c.identity?.tenantId, 'that of the token')}, or in another cloud than ${c.facts.cloud.resourceManager}.`,
    hint: () =>
      'Correct AZURE_SUBSCRIPTION_ID, or unset it to use the first subscription that the identity sees. In another cloud, AZURE_AUTHORITY_HOST is wrong.',
    commands: useFirstSubscription,
  },
  {
    ...UNKNOWN,
    when: unknown,
    problem: (c) =>
      `The subscription ${shown(subscriptionOf(c), 'in use')} was the first that the identity saw, and is gone or was moved to another tenant.`,
    hint: () => 'Ask again in some minutes, or set AZURE_SUBSCRIPTION_ID to another subscription.',
    commands: () => [listSubscriptions()],
  },
  {
    ...FORBIDDEN,
    when: either(
      resourceManagerMeans('stronger-login'),
      only(resourceManagerMeans('policy'), (_, { message }) => /multi-?factor|\bMFA\b/i.test(message)),
    ),
    problem: (c) =>
      `A policy demands multi-factor authentication (MFA), and ${shown(c.identity?.credential, 'the login')} was without it.`,
    hint: () => 'Log in again with multi-factor authentication, to the tenant of the subscription.',
    commands: (c) => [loginToTenant(c.identity?.tenantId)],
  },
  {
    ...FORBIDDEN,
    when: only(ofKind('not-authorized'), (_, finding) => classOf(finding) === 'policy'),
    problem: (c) => `Azure Policy forbids the request (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () => 'Ask the owner of the policy that the message names for an exemption. No role helps.',
    commands: (c) => [
      bash`az policy assignment list --scope /subscriptions/${guid(subscriptionOf(c), 'SUBSCRIPTION_ID')} --query '[].[name,displayName]' -o table`,
    ],
    documentation: DOCUMENTATION.roles,
  },
  {
    ...NOT_AUTHORIZED,
    when: ofKind('not-authorized'),
    problem: (c) => `Azure Resource Manager refused the request (${statusAndCode(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      "This does not look like a missing role. Follow the message, or ask again in a minute. If nothing here fits it, the fault is Azure's: open a support request.",
    documentation: DOCUMENTATION.status,
  },
];

/** Shows whether the name resolves to a private address. */
function showAddress({ finding }: Case): string[] {
  return [bash`getent hosts ${host(finding.host, 'HOST')}`];
}

/** Lists the others, for a person to choose from. */
export function useFirstSubscription(c: Case): string[] {
  return [listSubscriptions(), ...dropVariables(c, 'AZURE_SUBSCRIPTION_ID')];
}

function resourceManager(e: Evidence) {
  return part`https://${host(URL.parse(e.facts.cloud.resourceManager)?.hostname, 'HOST')}`;
}

function denyName({ message }: Finding): string {
  const found = /deny assignment with name '([^']{1,300})/.exec(message)?.[1];
  return found === undefined ? '' : ` ${shown(found, '')}`;
}
