import type { Identity } from './claims.ts';
import type { Facts } from './facts.ts';

/** Whether a pod got the identity of its node: that of the kubelet or of the machine itself. */
export function isNodeIdentity(identity: Identity | undefined, { kubernetes }: Pick<Facts, 'kubernetes'>): boolean {
  const resourceId = identity?.managedIdentityResourceId ?? '';
  return kubernetes && /-agentpool$|\/virtualMachine(ScaleSet)?s\//i.test(resourceId);
}
