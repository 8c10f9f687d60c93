import { expect, test } from 'vitest';
import { classOf } from '../../src/explain/resource-manager-codes.ts';

test.each([
  ['AuthorizationFailed', '', 'role'],
  ['LinkedAuthorizationFailed', '', 'role'],
  ['AuthorizationPermissionMismatch', '', 'role'],
  ['PermissionDenied', '', 'role'],
  ['MissingPermissions', '', 'role'],
  ['LinkedAccessCheckFailed', '', 'role'],
  ['Denied', 'Permission denied: the caller needs Microsoft.Resources/x/read.', 'role'],
  ['DenyAssignmentAuthorizationFailed', '', 'deny'],
  ['RequestDisallowedByPolicy', '', 'policy'],
  ['RequestDisallowedByAzure', '', 'stronger-login'],
  ['PrivateLinkAccessRestricted', '', 'network'],
  ['PublicNetworkAccessDisabled', '', 'network'],
  ['ForbiddenByFirewall', '', 'network'],
  ['ReadOnlyDisabledSubscription', '', 'subscription-disabled'],
  ['SubscriptionNotRegistered', '', 'registration'],
  ['MissingSubscriptionRegistration', '', 'registration'],
  ['SubscriptionNotFound', '', 'subscription-unknown'],
  ['InvalidApiVersionParameter', '', 'endpoint'],
  ['Forbidden', 'The client does not have authorization to perform action x', 'role'],
  ['Forbidden', 'Public network access is disabled for this resource.', 'network'],
  ['SomethingNew', 'No.', undefined],
])('the error code %s (%j) has the class %s', (errorCode, summary, expected) => {
  expect(classOf({ errorCode, summary })).toBe(expected);
});
