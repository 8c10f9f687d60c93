import type { Identity } from '../identity/claims.ts';
import type { Facts } from './facts.ts';

/** Whether a pod got the identity of its node: the kubelet's, or that of the machine itself. */
export function isNodeIdentity(identity: Identity | undefined, { kubernetes }: Facts): boolean {
  const resourceId = identity?.managedIdentityResourceId ?? '';
  return kubernetes && /-agentpool$|\/virtualMachine(ScaleSet)?s\//i.test(resourceId);
}

export function nodeIdentityHint(identity: Identity | undefined): string {
  return (
    'Put the label azure.workload.identity/use: "true" on the pod template, annotate its service account with ' +
    'azure.workload.identity/client-id, and recreate the pod: it runs as the identity of its node, ' +
    `${identity?.managedIdentityResourceId}, to which no role should be given for its sake.`
  );
}
