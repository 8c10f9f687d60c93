import { bash, name } from '../bash.ts';
import {
  enableMissingWebhook,
  enableWorkloadIdentity,
  inNamespace,
  inOrder,
  isOfJob,
  labelPodTemplate,
  restart,
  showWebhook,
  showWebhookLogs,
  templatePath,
} from '../commands.ts';
import { requestedInWords } from '../endpoint.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { findingOf, inPod, isFaultOfNode, isWaitedFor, only, type When } from '../match.ts';
import { isPod } from '../place.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { isLabelled, isSet, labelOf, usesPodIdentity } from '../words.ts';
import { managedIdentity } from './managed-identity.ts';
import { MULTIPLE_IDENTITIES } from './reasons.ts';

const LABEL = {
  reason: 'pod-label-missing',
  title: 'The pod is not labelled for Workload ID',
  check: 'configuration',
  commands: labelPodTemplate,
  documentation: DOCUMENTATION.workloadIdentity,
} as const;
const WEBHOOK = {
  reason: 'webhook-missed',
  title: 'The Workload ID webhook did not change the pod',
  check: 'configuration',
  documentation: DOCUMENTATION.workloadIdentity,
} as const;

const CHECK_WEBHOOK =
  'Check that the webhook runs, that the namespace has no label control-plane, and that no annotation skip-containers names this container. Then recreate the pod.';

const unlabelled: When = (e) =>
  isLabelled(e) === false && !usesPodIdentity(e) && !isFaultOfNode(e) ? notInjected(e) : undefined;
const missed: When = (e) => ((isLabelled(e) ?? !nodeAnswers(e)) && !usesPodIdentity(e) ? notInjected(e) : undefined);
/** The metadata service of the node answered, where NMI or the webhook would have come first. */
const severalOnNode = only(
  inPod(managedIdentity(({ text, responder }) => responder === 'imds' && text.identity === 'ambiguous')),
  (e) => !usesPodIdentity(e) && !(isLabelled(e) === true && notInjected(e)),
);

/** Failures of the pod's labels, and of the webhook that reads them. */
export const POD_LABELS: readonly Row[] = [
  {
    ...MULTIPLE_IDENTITIES,
    documentation: DOCUMENTATION.workloadIdentity,
    when: severalOnNode,
    problem: () => 'Workload ID is not active in this pod, so its node answered, which has several identities.',
    hint: () =>
      'Label the pod template azure.workload.identity/use: "true" and recreate the pod. To use an identity of the node, set AZURE_CLIENT_ID.',
    commands: labelAndRestart,
  },
  {
    ...LABEL,
    when: only(unlabelled, isOfJob),
    problem: (c) => `${unlabelledInWords(c)}, so the webhook left it alone.`,
    hint: () =>
      'Put the label azure.workload.identity/use: "true" on spec.template.metadata.labels, and create the Job again: its template cannot be changed.',
  },
  {
    ...LABEL,
    when: only(unlabelled, (e) => labelOf(e) !== undefined),
    problem: (c) => `${unlabelledInWords(c)}, so the webhook left the pod alone.`,
    hint: () => 'Set it to "true" on the pod template: in lower case, and in quotes, because a label is a string.',
  },
  {
    ...LABEL,
    when: only(
      unlabelled,
      (e, { responder, host }) =>
        responder === 'none' && host === e.facts.metadataService && isSet(e, 'AZURE_CLIENT_ID'),
    ),
    problem: (c) =>
      `${unlabelledInWords(c)}, so AZURE_CLIENT_ID is asked for at the node's metadata service ${c.facts.metadataService}, which does not answer.`,
    hint: (c) =>
      `${labelInWords(c)} If you meant an identity of the node, let a network policy allow its metadata service.`,
  },
  {
    ...LABEL,
    when: only(unlabelled, (_, { responder }) => responder === 'nmi'),
    problem: (c) => `${unlabelledInWords(c)}, so NMI of pod identity was asked, and it has no identity for this pod.`,
    hint: () =>
      'Put the label azure.workload.identity/use: "true" on the pod template. To reach an identity of the node past NMI, add an AzurePodIdentityException.',
  },
  {
    ...LABEL,
    when: only(unlabelled, (_, finding) => isUnknownToNode(finding)),
    problem: (c) => `${unlabelledInWords(c)}, so its node was asked, which gives no identity${requestedInWords(c)}.`,
    hint: (c) => `${labelInWords(c)} For an identity of the node, set AZURE_CLIENT_ID to its client id.`,
  },
  {
    ...LABEL,
    when: unlabelled,
    problem: () => 'The pod has neither the label azure.workload.identity/use nor aadpodidbinding.',
    hint: labelInWords,
  },
  {
    ...WEBHOOK,
    when: only(missed, (e) => isLabelled(e) === undefined),
    problem: () => 'The Workload ID webhook injected nothing into this pod. Its labels are not visible from here.',
    hint: () =>
      'Put the label azure.workload.identity/use: "true" on the pod template. If no webhook runs, turn it on for the cluster. Then recreate the pod.',
    commands: (c) => inOrder([showWebhook()], enableMissingWebhook(), labelAndRestart(c)),
  },
  {
    ...WEBHOOK,
    when: only(missed, (e) => e.facts.pod?.namespace === 'kube-system'),
    problem: () => 'The pod has the label for Workload ID, but AKS keeps webhooks away from the namespace kube-system.',
    hint: () => 'Run the pod in another namespace.',
    commands: () => [bash`kubectl get mutatingwebhookconfigurations -o yaml`],
  },
  {
    ...WEBHOOK,
    when: only(missed, (_, { responder }) => responder === 'nmi'),
    problem: () =>
      'The pod has the label azure.workload.identity/use, but the webhook injected nothing, so NMI of pod identity was asked, and has no identity for it.',
    hint: () => `${CHECK_WEBHOOK} NMI can go once no pod needs it.`,
    commands: repairWebhook,
  },
  {
    ...WEBHOOK,
    when: missed,
    problem: () => 'The pod has the label azure.workload.identity/use, but the Workload ID webhook injected nothing.',
    hint: () => CHECK_WEBHOOK,
    commands: repairWebhook,
  },
];

/** "The pod has no label azure.workload.identity/use", or what is wrong with its value. */
export function unlabelledInWords(e: Pick<Evidence, 'facts'>): string {
  const value = labelOf(e);
  return value === undefined
    ? 'The pod has no label azure.workload.identity/use'
    : `The label azure.workload.identity/use is "${value}", not "true"`;
}

function labelInWords(e: Evidence): string {
  const kind = e.facts.pod?.owner?.kind;
  const labels = `${templatePath(e)}.metadata.labels`;
  const owner = kind === undefined ? 'the workload itself' : `the ${kind}`;
  return `Put the label azure.workload.identity/use: "true" on the pod template (${labels}), not only on ${owner}.`;
}

/** Where the labels are not visible, the pod may have the label, and then the patch changes nothing. */
export function labelAndRestart(e: Evidence): string[] {
  return inOrder(labelPodTemplate(e), restart(e));
}

/** Shows the annotations of the pod, the webhook and its log, before it turns the webhook on and makes new pods. */
export function repairWebhook(e: Evidence): string[] {
  return [
    bash`kubectl get pod ${name(e.facts.pod?.name, 'POD')} ${inNamespace(e)} -o yaml | grep azure.workload.identity`,
    bash`kubectl get namespace ${name(e.facts.pod?.namespace, 'NAMESPACE')} --show-labels`,
    showWebhook(),
    showWebhookLogs(),
    ...enableWorkloadIdentity(),
    ...restart(e),
  ];
}

/** Workload ID in a pod where the webhook injected nothing. The response of the node decides, if there is one. */
function notInjected(e: Evidence): Finding | undefined {
  if (!isPod(e) || e.facts.projectedToken || e.facts.identityEndpoint) return undefined;
  const workloadIdentity = findingOf(e, ['projected-token']);
  const node = findingOf(e, ['managed-identity']);
  // NMI holds a request until the pod has an identity. Nobody knows yet that the webhook was meant.
  if (node && isWaitedFor(node)) return undefined;
  return workloadIdentity && (node ?? workloadIdentity);
}

/** Whether the metadata service of the node itself answered, and has no such identity. */
function isUnknownToNode({ responder, text }: Finding): boolean {
  return responder === 'imds' && text.identity === 'not-found';
}

/** Whether there is a metadata service, even a slow one. */
function nodeAnswers(e: Evidence): boolean {
  return managedIdentity(({ responder }) => responder !== 'none' && responder !== 'not-asked')(e) !== undefined;
}
