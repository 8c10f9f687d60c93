import type { Finding } from './evidence.ts';

/**
 * The error codes of Azure Resource Manager, by what they mean for the user. There are hundreds, and each resource provider has
 * its own: some are matched by name, the others by what their names have in common.
 *
 * @see https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
 */
const CODES = [
  /** The request comes from, or over, a network that is not allowed. */
  ['network', /Private(Link|Endpoint)|PublicNetwork|SecurityPerimeter|Firewall|IpAddress/i],
  ['deny', /^DenyAssignment/],
  /** A policy of the organization. */
  ['policy', /Policy/],
  /** Azure itself requires a stronger login, such as multi-factor authentication. */
  ['stronger-login', /^RequestDisallowedByAzure$|MultiFactor|\bMfa/i],
  [
    'subscription-disabled',
    /DisabledSubscription$|Subscription(NotEnabled|(Is)?Disabled|Warned|PastDue|Expired|Suspended|Deleted)/,
  ],
  ['registration', /NotRegistered|SubscriptionRegistration/],
  ['subscription-unknown', /^(SubscriptionNotFound|InvalidSubscriptionId|MissingSubscription)$/],
  /** The endpoint is not the one that this program was made for. */
  ['endpoint', /ApiVersion|NoRegisteredProvider|InvalidResourceType|InvalidGatewayHost/],
  [
    'role',
    /AuthorizationFail|Unauthori[sz]ed|NotAuthori[sz]ed|PermissionMismatch|Insufficient(Permission|Privilege)|AccessDenied|AccessCheckFailed|Permissions?Denied|(No|Missing)Permission/i,
  ],
] as const satisfies readonly (readonly [string, RegExp])[];

export type ResourceManagerClass = (typeof CODES)[number][0];

/** Words with the same meaning, for a general code such as Forbidden. */
const WORDS: [ResourceManagerClass, RegExp][] = [
  ['deny', /deny assignment/i],
  [
    'network',
    /private (?:link|endpoint|virtual network)|public network access|ip address .{0,60}not (?:allowed|permitted)/i,
  ],
  ['policy', /disallowed by (?:one or more )?polic/i],
  ['stronger-login', /multi-?factor|conditional access/i],
  [
    'subscription-disabled',
    /subscription.{0,100} (?:is|was|has been) (?:disabled|suspended|expired|read-only|deactivated|blocked|in a (?:disabled|suspended|warned))/i,
  ],
  [
    'role',
    /does not have (?:authorization|permission|access|the required)|not authorized to perform|insufficient privileges|permission (?:is )?denied/i,
  ],
];

/** The class of what Resource Manager said, by its code or else by its words; undefined if unknown. */
export function classOf({
  errorCode = '',
  summary,
}: Pick<Finding, 'errorCode' | 'summary'>): ResourceManagerClass | undefined {
  const found = CODES.find(([, form]) => form.test(errorCode)) ?? WORDS.find(([, form]) => form.test(summary));
  return found?.[0];
}
