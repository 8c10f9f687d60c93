import { argument, assignReader, command, loginToTenant, restartDeployment } from '../commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { clockSkew, ofKind, resourceManagerMeans, resourceManagerSays } from '../match.ts';
import { isNodeIdentity, nodeIdentityCommands, nodeIdentityHint } from '../node-identity.ts';
import { resourceManagerClass } from '../resource-manager-codes.ts';
import { errorCodeOf, hostOf, isSet, misnamed, orUnknown, quoted, skewInWords, subscriptionOf } from '../values.ts';
import { DOCUMENTATION, type Rule } from './rule.ts';

/** There is a token, but no list. */
export const RESOURCE_MANAGER: Rule[] = [
  {
    reason: 'blocked-by-policy',
    match: (e) => (isChallenge(e.resourceManager, /location|ipaddr|network/i) ? e.resourceManager : undefined),
    hint: (_, finding) =>
      'Ask the administrator of the tenant to add the address from which the requests of this machine leave to the named location of the Conditional Access policy: ' +
      `continuous access evaluation refuses the token at ${hostOf(finding)}, which sees another address than Microsoft Entra ID. A new token does not help.`,
    commands: () => [command`curl -sS https://api.ipify.org`],
    documentation: DOCUMENTATION.continuousAccess,
  },
  {
    reason: 'service-principal-missing',
    match: (e) =>
      e.resourceManager?.errorCode === 'InvalidAuthenticationToken' &&
      (/'?(?:oid|puid|altsecid)'?/.test(e.resourceManager.words.slice(0, 2000)) || e.identity?.objectId === null)
        ? e.resourceManager
        : undefined,
    hint: (e) =>
      `Create the service principal of the application ${orUnknown(e.identity?.clientId)} in the tenant ${orUnknown(e.identity?.tenantId)}, ` +
      'or use the tenant that has it: the token has no object id, because the application has no service principal in this tenant.',
    commands: (e) => [command`az ad sp create --id ${argument(e.identity?.clientId, 'CLIENT_ID')}`],
    documentation: DOCUMENTATION.roles,
  },
  {
    reason: 'wrong-tenant',
    match: (e) =>
      resourceManagerSays('InvalidAuthenticationTokenTenant')(e) ??
      rejectedFor(e, /wrong issuer|must match (?:the|one of the) tenant/),
    hint: (e, { text }) =>
      isUser(e)
        ? `Log in to the tenant of the subscription, ${orUnknown(text.tenant)}: the token is of tenant ${orUnknown(e.identity?.tenantId)}, the subscription ${orUnknown(subscriptionOf(e))} of another one.`
        : `Use an identity or service principal of the tenant of the subscription, ${orUnknown(text.tenant)}, and set AZURE_TENANT_ID to it: the token is of tenant ` +
          `${orUnknown(e.identity?.tenantId)}, the subscription ${orUnknown(subscriptionOf(e))} of another one (was it transferred?).`,
    commands: (e, { text }) =>
      isUser(e)
        ? [loginToTenant(text.tenant)]
        : [
            loginToTenant(text.tenant),
            command`az account show --subscription ${argument(subscriptionOf(e), 'SUBSCRIPTION_ID')} --query tenantId`,
          ],
    documentation: DOCUMENTATION.roles,
  },
  {
    reason: 'wrong-cloud',
    match: (e) =>
      resourceManagerSays('InvalidAuthenticationTokenAudience')(e) ??
      rejectedFor(e, /wrong audience|audience .{0,200}(?:invalid|not|does)|Audience validation failed/),
    hint: (e) =>
      "Set AZURE_AUTHORITY_HOST to that of the identity's cloud, and ask again for another token: the token is for another audience (resource) than this Resource Manager. " +
      `${e.facts.cloud.authorityHost} and ${e.facts.cloud.resourceManager} are in use now.`,
    documentation: DOCUMENTATION.clouds,
  },
  {
    reason: 'clock-skew',
    match: (e) => {
      const finding = ofKind('token-rejected')(e);
      return clockSkew(finding) === undefined ? undefined : finding;
    },
    hint: (_, finding) =>
      `Correct the time of the node (NTP): its clock is ${skewInWords(clockSkew(finding) ?? 0)} Azure's, by which the validity of a token is judged.`,
    commands: () => [command`timedatectl`, command`chronyc tracking`],
    documentation: DOCUMENTATION.roles,
  },
  {
    reason: 'node-identity',
    match: (e) => (isNodeIdentity(e.identity, e.facts) ? ofKind('no-subscription', 'not-authorized')(e) : undefined),
    hint: nodeIdentityHint,
    commands: nodeIdentityCommands,
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    reason: 'network-restricted',
    match: resourceManagerMeans('network'),
    hint: (e, finding) =>
      subscriptionOf(e) !== undefined
        ? `Ask from a network that is allowed (the public one, or the one of the private link), or have the private link or the network rules of the subscription ${orUnknown(subscriptionOf(e))} changed: ` +
          `Azure Resource Manager refuses requests over this one (${orUnknown(finding.errorCode)}), and no role helps.`
        : 'Set AZURE_SUBSCRIPTION_ID to the subscription, which spares listing them, or reach Azure Resource Manager over the public network: ' +
          `a private link (private endpoint) does not serve every request, and refused this one (${orUnknown(finding.errorCode)}). No role helps.`,
    commands: (_, finding) => [command`getent hosts ${argument(finding.host, 'HOST')}`],
    documentation:
      'https://learn.microsoft.com/azure/azure-resource-manager/management/create-private-link-access-portal',
  },
  {
    reason: 'deny-assignment',
    match: resourceManagerMeans('deny'),
    hint: (_, finding) =>
      `Use another subscription or scope, or have the owner of the deny assignment${named(finding)} exclude this identity: ` +
      'it denies access on purpose, and no role assignment helps against it.',
    commands: (e) => [
      command`az rest --method get --url https://management.azure.com/subscriptions/${argument(subscriptionOf(e), 'SUBSCRIPTION_ID')}/providers/Microsoft.Authorization/denyAssignments?api-version=2022-04-01`,
    ],
    documentation: DOCUMENTATION.denyAssignments,
  },
  {
    reason: 'subscription-disabled',
    match: resourceManagerMeans('subscription-disabled'),
    hint: (e) =>
      `Have the owner of the subscription ${orUnknown(subscriptionOf(e))} re-enable it (billing, spending limit, a trial that is over), or use another with AZURE_SUBSCRIPTION_ID: it is disabled.`,
    commands: () => [command`az account list --all --query '[].[id,name,state]' -o table`],
    documentation: DOCUMENTATION.subscriptionStates,
  },
  {
    reason: 'subscription-not-found',
    match: resourceManagerMeans('subscription-unknown'),
    hint: (e, { errorCode }) => {
      const id = orUnknown(subscriptionOf(e));
      if (!isSet(e, 'AZURE_SUBSCRIPTION_ID')) {
        return (
          `Ask again in some minutes, or set AZURE_SUBSCRIPTION_ID to another subscription: ${id} was listed as the first that the identity sees, and is gone now, ` +
          'or was moved to another tenant a moment ago.'
        );
      }
      if (errorCode !== 'SubscriptionNotFound') {
        return `Set AZURE_SUBSCRIPTION_ID to the id of the subscription, a GUID, or leave it out to take the first that the identity sees: ${id} is a name, or malformed.`;
      }
      return (
        `Correct AZURE_SUBSCRIPTION_ID, or leave it out to take the first subscription that the identity sees: ${id} is gone, not in tenant ${orUnknown(e.identity?.tenantId)}, ` +
        `or in another cloud than ${e.facts.cloud.resourceManager} (then AZURE_AUTHORITY_HOST is wrong).`
      );
    },
    commands: () => [command`az account list --all --query '[].[id,name,tenantId,state]' -o table`],
    documentation: DOCUMENTATION.roles,
  },
  {
    reason: 'no-subscription',
    match: ofKind('no-subscription'),
    hint: (e) =>
      isUser(e)
        ? `Log in to the tenant of your subscription, or get a role there: the login works, but sees no subscription in the tenant ${orUnknown(e.identity?.tenantId)}. A new role takes up to 10 minutes.`
        : `Assign the identity a role on the subscription, such as Reader, and allow up to 10 minutes: the identity works, but sees no subscription in the tenant ${orUnknown(e.identity?.tenantId)}.${otherName(e)}`,
    commands: (e) =>
      isUser(e) ? [command`az account list --all -o table`, loginToTenant(''), ...assignReader(e)] : assignReader(e),
    documentation: DOCUMENTATION.roles,
  },
  {
    reason: 'not-authorized',
    match: ofKind('not-authorized'),
    hint: forbiddenHint,
    commands: (e, finding) => (classOf(finding) === 'role' ? assignReader(e) : []),
    documentation: DOCUMENTATION.roles,
  },
  {
    reason: 'token-rejected',
    match: ofKind('token-rejected'),
    hint: rejectedHint,
    commands: (e) => {
      if (isUser(e)) return [loginToTenant(e.identity?.tenantId)];
      return e.facts.kubernetes ? [restartDeployment(e)] : [];
    },
    documentation: DOCUMENTATION.roles,
  },
  {
    reason: 'throttled',
    match: ofKind('throttled'),
    hint: (e, { text, errorCode }) =>
      `Wait ${orUnknown(text.waitSeconds ?? e.failure.retryAfterSeconds)} seconds, then ask again, less often: Azure Resource Manager throttles this identity or its subscription` +
      (errorCode === undefined ? '.' : ` (${orUnknown(errorCode)}).`),
    documentation: DOCUMENTATION.throttling,
  },
  {
    reason: 'timeout',
    match: ofKind('timeout'),
    hint: () =>
      'Ask again, look for an outage, or allow more time with AZURE_DEADLINE_MS: Azure Resource Manager was too slow.',
    documentation: DOCUMENTATION.status,
  },
  {
    reason: 'broken',
    match: ofKind('broken'),
    hint: brokenHint,
    commands: (_, finding) =>
      classOf(finding) === 'registration' ? [command`az provider register --namespace $PROVIDER_NAMESPACE`] : [],
    documentation: DOCUMENTATION.status,
  },
];

/** A hint if the subscription is set, but under a name that nothing reads. */
function otherName(e: Evidence): string {
  const name = misnamed(e, 'AZURE_SUBSCRIPTION_ID');
  return name === undefined ? '' : ` The variable ${name} is not read here: its name is AZURE_SUBSCRIPTION_ID.`;
}

function isUser({ identity }: Evidence): boolean {
  return identity?.type === 'user';
}

/** Whether continuous access evaluation refused the token. Such a refusal names the missing claims in base64. */
function isChallenge(finding: Finding | undefined, about: RegExp): boolean {
  if (!finding) return false;
  const claims = /claims="([A-Za-z0-9+/=_-]{1,4000})"/.exec(finding.wwwAuthenticate?.slice(0, 8000) ?? '')?.[1] ?? '';
  const told = `${finding.words.slice(0, 2000)} ${Buffer.from(claims, 'base64').toString('utf8')}`;
  const isEvaluation =
    /insufficient_claims/.test(finding.wwwAuthenticate?.slice(0, 8000) ?? '') ||
    /[Cc]ontinuous access evaluation/.test(told);
  return isEvaluation && about.test(told.replace(/authorization_uri|Location(?=:)/g, ''));
}

function classOf({ errorCode, said }: Finding) {
  return resourceManagerClass(errorCode, said);
}

/** A token that was refused for a reason that only the message shows. */
function rejectedFor(e: Evidence, words: RegExp): Finding | undefined {
  const finding = ofKind('token-rejected')(e);
  return finding && words.test(finding.said.slice(0, 2000)) ? finding : undefined;
}

/** The cause of most refusals is a missing role. The others look alike, but need another solution. */
function forbiddenHint(e: Evidence, finding: Finding): string {
  const code = orUnknown(finding.errorCode);
  switch (classOf(finding)) {
    case 'policy':
      return `Ask the owner of the Azure Policy that the message names for an exemption: it forbids the request (${code}), and no role helps.`;
    case 'stronger-login':
      return `Log in again with multi-factor authentication, or use a managed identity: Azure or a Conditional Access policy demands more of the login for this request (${code}), and no role helps.`;
    case 'lock':
      return `Have the lock removed that the message names, or use another scope: it forbids the request (${code}), and no role helps.`;
    case 'registration':
      return `Register the resource provider or feature that the message names in the subscription ${orUnknown(subscriptionOf(e))}: it is not registered there (${code}).`;
    case 'role':
      return roleHint(e, code);
    default:
      return (
        `Go by what Azure Resource Manager says, it is a refusal that has no rule here (${finding.status} ${code}): ${quoted(finding)}. ` +
        'It may be a network, a policy or a lock; the role Reader helps only where the message says that a permission is missing.'
      );
  }
}

function roleHint(e: Evidence, code: string): string {
  const scope = isSet(e, 'AZURE_SUBSCRIPTION_ID')
    ? ` If the role is there, check AZURE_SUBSCRIPTION_ID (${orUnknown(subscriptionOf(e))}).`
    : '';
  const user = isUser(e)
    ? ' An eligible role (PIM) must be activated first, and another account or tenant may be the right one.'
    : '';
  return (
    'Assign the identity the role Reader on the subscription, and allow up to 10 minutes (up to a day where the role comes through a group): ' +
    `the token is fine, the role is missing (${code}).${scope}${user}`
  );
}

function named({ words }: Finding): string {
  const name = /deny assignment with name '([^']{1,300})/.exec(words.slice(0, 4000))?.[1];
  return name === undefined ? '' : ` ${orUnknown(name)}`;
}

function rejectedHint(e: Evidence, finding: Finding): string {
  const again = isUser(e)
    ? 'Log in again with the Azure CLI, then ask again'
    : e.facts.kubernetes
      ? 'Ask again, and restart the pod (with pod identity NMI, too) for a new token if it lasts'
      : 'Ask again, and restart the service for a new token if it lasts';
  if (isChallenge(finding, /./)) {
    return `${again}: continuous access evaluation refused this token, because the account or its permissions have changed, or a Conditional Access policy demands more.`;
  }
  if (finding.errorCode === 'ExpiredAuthenticationToken') {
    return `${again}: the token had expired when Azure Resource Manager saw it. A new token is needed; if that repeats itself, check the clock of this machine.`;
  }
  if (/'?Authorization'? header/.test(finding.words.slice(0, 2000))) {
    return `Look for a proxy or service mesh on the way that removes or changes the header Authorization: Azure Resource Manager saw no token in the request.`;
  }
  return `${again}: Azure Resource Manager refused this token (${orUnknown(finding.errorCode ?? errorCodeOf(finding))}) and said ${quoted(finding)}.`;
}

function brokenHint(e: Evidence, finding: Finding): string {
  const { errorCode, status = 0, party } = finding;
  if (party === 'stranger' || errorCode === undefined) {
    return (
      `Ask again in a minute, and look for an outage (${DOCUMENTATION.status}), or for a captive portal, filter or proxy on the way if it lasts: ` +
      `what came from Azure Resource Manager${status ? ` (${status})` : ''} makes no sense: ${quoted(finding)}.`
    );
  }
  const code = `${status} ${orUnknown(errorCode)}`;
  if (classOf(finding) === 'endpoint') {
    return `Check AZURE_AUTHORITY_HOST and what answers as ${hostOf(finding)}: it does not serve this request (${code}), as Azure Stack, another cloud or a gateway in the place of Azure Resource Manager do not. It said ${quoted(finding)}.`;
  }
  if (classOf(finding) === 'lock') {
    return `Have the lock removed that the message names: it forbids the request (${code}).`;
  }
  if (classOf(finding) === 'registration') {
    return `Register the resource provider that the message names in the subscription ${orUnknown(subscriptionOf(e))}: it is not registered there (${code}).`;
  }
  if (status >= 500 || status === 408) {
    return `Ask again in a minute, and open a support request with the ids in the message if it lasts: Azure Resource Manager has a fault (${code}). Nothing here needs to change.`;
  }
  if (status === 400 || status === 404 || status === 409) {
    return `Read the message and check AZURE_SUBSCRIPTION_ID (${orUnknown(subscriptionOf(e))}): Azure Resource Manager refused the request with ${code} and said ${quoted(finding)}. A conflict or a move passes: ask again.`;
  }
  return `Go by what Azure Resource Manager says, then ask again: it answered ${code}, ${quoted(finding)}.`;
}
