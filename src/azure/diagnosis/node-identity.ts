import type { Identity } from '../identity/claims.ts';
import {
  annotateServiceAccount,
  labelPodTemplate,
  listServiceAccounts,
  restartDeployment,
  showNmiBindings,
  showNmiLog,
  showWebhook,
  useServiceAccount,
} from './commands.ts';
import type { Evidence } from './evidence.ts';
import type { Facts } from './facts.ts';
import { isLabelled, misnamed, orUnknown, serviceAccountOf, usesPodIdentity } from './values.ts';

/** What is known even if nothing fails. */
type Context = Pick<Evidence, 'facts' | 'identity'>;

/** Whether a pod got the identity of its node: that of the kubelet or of the machine itself. */
export function isNodeIdentity(identity: Identity | undefined, { kubernetes }: Facts): boolean {
  const resourceId = identity?.managedIdentityResourceId ?? '';
  return kubernetes && /-agentpool$|\/virtualMachine(ScaleSet)?s\//i.test(resourceId);
}

/** Explains the mistake behind it. A pod that does not ask for its own identity gets that of the node. */
export function nodeIdentityHint(context: Context): string {
  const { facts, identity } = context;
  const effect =
    `it runs as the identity of its node, ${orUnknown(identity?.managedIdentityResourceId)}, ` +
    'and no role should be given to that one.';
  switch (mistakeOf(context)) {
    case 'service-account':
      return (
        'Set serviceAccountName in the pod template to the service account with the annotation azure.workload.identity/client-id, and recreate the pod: ' +
        `its service account default has no such annotation, so ${effect}`
      );
    case 'annotation':
      return (
        `Annotate the service account ${orUnknown(serviceAccountOf(context))} with azure.workload.identity/client-id, and recreate the pod: ` +
        `it has the projected token of Workload ID, but no AZURE_CLIENT_ID, so ${effect}`
      );
    case 'nmi':
      return (
        'Check that NMI runs on this node and that an AzureIdentityBinding selects the pod (pod identity is retired: plan for Workload ID): ' +
        `the pod has the label aadpodidbinding ${orUnknown(facts.podLabels?.aadpodidbinding)}, but NMI did not answer it, so ${effect} A token of NMI replaces it within a minute.`
      );
    case 'webhook':
      return (
        'Check that the Workload ID webhook runs, then recreate the pod: ' +
        `it has the label azure.workload.identity/use, but nothing was injected, so ${effect}`
      );
    case 'label':
      return (
        'Put the label azure.workload.identity/use: "true" on the pod template, annotate its service account with ' +
        `azure.workload.identity/client-id, and recreate the pod: without the label ${effect}${otherName(context)}`
      );
  }
}

export function nodeIdentityCommands(context: Context): readonly string[] {
  switch (mistakeOf(context)) {
    case 'service-account':
      return [listServiceAccounts(context), useServiceAccount(context)];
    case 'annotation':
      return [...annotateServiceAccount(context, 'client-id'), restartDeployment(context)];
    case 'nmi':
      return [showNmiBindings(context), showNmiLog()];
    case 'webhook':
      return [showWebhook(), restartDeployment(context)];
    case 'label':
      return [...annotateServiceAccount(context, 'client-id'), labelPodTemplate(context)];
  }
}

/** A hint if a service principal was meant, but under a name that nothing reads. */
function otherName(context: Context): string {
  const name = misnamed(context, 'AZURE_CLIENT_SECRET');
  return name === undefined ? '' : ` The variable ${name} is not read here: its name is AZURE_CLIENT_SECRET.`;
}

function mistakeOf(context: Context): 'service-account' | 'annotation' | 'nmi' | 'webhook' | 'label' {
  if (context.facts.projectedToken) return serviceAccountOf(context) === 'default' ? 'service-account' : 'annotation';
  if (usesPodIdentity(context)) return 'nmi';
  return isLabelled(context) ? 'webhook' : 'label';
}
