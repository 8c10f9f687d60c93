import {
  annotateServiceAccount,
  command,
  labelPodTemplate,
  listServiceAccounts,
  restartDeployment,
  showNmiBindings,
  showNmiLog,
  showWebhook,
  useServiceAccount,
} from '../commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { findingOf } from '../match.ts';
import {
  isLabelled,
  isSet,
  misnamed,
  orUnknown,
  projectedToken,
  serviceAccountOf,
  usesPodIdentity,
} from '../values.ts';
import { DOCUMENTATION, type Rule } from './rule.ts';

/** Failures before Microsoft Entra ID is asked, in the file and the variables that the Workload ID webhook injects. */
export const WORKLOAD_IDENTITY_SETUP: Rule[] = [
  {
    reason: 'token-file-missing',
    match: tokenFile('ENOENT', 'ENOTDIR'),
    hint: (e) =>
      e.facts.kubernetes
        ? 'Remove AZURE_FEDERATED_TOKEN_FILE from the manifest, let the Workload ID webhook set it, and recreate the pod: ' +
          `${projectedToken(e).file} does not exist. The path differs between versions of the webhook.`
        : `Correct or unset AZURE_FEDERATED_TOKEN_FILE: ${projectedToken(e).file} does not exist, and outside of Kubernetes no webhook writes it.`,
    commands: recreatePod,
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    reason: 'token-file-malformed',
    match: tokenFile('is empty', 'does not hold a JWT'),
    hint: (e) => `Recreate the pod: the projected token ${projectedToken(e).file} ${projectedToken(e).problem}.`,
    commands: recreatePod,
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    reason: 'token-file-unreadable',
    match: (e) => (projectedToken(e).problem === undefined ? undefined : withProjectedToken(e)),
    hint: (e) =>
      "Set fsGroup in the pod's securityContext, or run as a user that may read the projected token: " +
      `${projectedToken(e).file} cannot be read (${projectedToken(e).problem}).`,
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    reason: 'client-id-missing',
    match: (e) => (e.facts.projectedToken && !isSet(e, 'AZURE_CLIENT_ID') ? withProjectedToken(e) : undefined),
    hint: (e) =>
      isDefaultServiceAccount(e)
        ? 'Set serviceAccountName in the pod template to the service account with the annotation azure.workload.identity/client-id, ' +
          'and recreate the pod: it runs as the service account default, which has no such annotation, so AZURE_CLIENT_ID is missing.'
        : 'Annotate the service account ' +
          `${orUnknown(serviceAccountOf(e))} with azure.workload.identity/client-id (with a hyphen), and recreate the pod: ` +
          'there is a projected token, but no AZURE_CLIENT_ID, which is injected when a pod is created.',
    commands: (e) =>
      isDefaultServiceAccount(e)
        ? [listServiceAccounts(e), useServiceAccount(e)]
        : [...annotateServiceAccount(e, 'client-id'), restartDeployment(e)],
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    reason: 'tenant-id-missing',
    match: (e) => (e.facts.projectedToken && !isSet(e, 'AZURE_TENANT_ID') ? withProjectedToken(e) : undefined),
    hint: (e) =>
      `Annotate the service account ${orUnknown(serviceAccountOf(e))} with azure.workload.identity/tenant-id, and recreate the pod: ` +
      'there is a projected token, but no AZURE_TENANT_ID.',
    commands: (e) => [...annotateServiceAccount(e, 'tenant-id'), restartDeployment(e)],
    documentation: DOCUMENTATION.workloadIdentity,
  },
];

/** Failures of the pod's labels, and of the webhook that reads them. */
export const POD_LABELS: Rule[] = [
  {
    reason: 'multiple-identities',
    match: (e) => (isLabelled(e) === true ? undefined : fromNode(e, /Multiple user assigned identities/i)),
    hint: (e) =>
      usesPodIdentity(e)
        ? 'Check that NMI runs on this node and intercepts its metadata service (or use Workload ID, or set AZURE_CLIENT_ID): the pod has the label ' +
          'aadpodidbinding, but the node itself answered, and it has several identities.'
        : e.facts.kubernetes
          ? 'Label the pod template azure.workload.identity/use: "true" and recreate the pod (Workload ID), or set AZURE_CLIENT_ID ' +
            'to choose an identity: the node answered, and it has several identities.'
          : 'Set AZURE_CLIENT_ID to the client id of the identity to use: this machine has several, and its metadata service does not choose.' +
            (misnamed(e, 'AZURE_CLIENT_ID') ? ` The variable ${misnamed(e, 'AZURE_CLIENT_ID')} is not read here.` : ''),
    commands: (e) => {
      if (usesPodIdentity(e)) return [showNmiBindings(e), showNmiLog()];
      return e.facts.kubernetes ? [labelPodTemplate(e)] : [command`az identity list -o table`];
    },
    documentation: (_, e) => (e.facts.kubernetes ? DOCUMENTATION.workloadIdentity : DOCUMENTATION.managedIdentity),
  },
  {
    reason: 'pod-label-missing',
    match: (e) => (isLabelled(e) === false && !usesPodIdentity(e) ? notInjected(e) : undefined),
    hint: (e) =>
      'Put the label azure.workload.identity/use: "true" (Workload ID) or aadpodidbinding (pod identity) on the pod itself, ' +
      `in a Deployment on spec.template.metadata.labels, and recreate it: ${labelProblem(e)}` +
      (isSet(e, 'AZURE_CLIENT_ID')
        ? ' AZURE_CLIENT_ID alone does nothing.'
        : ' To use an identity of the node instead, set AZURE_CLIENT_ID to its client id.'),
    commands: (e) => [labelPodTemplate(e)],
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    reason: 'webhook-missed',
    match: (e) => ((isLabelled(e) ?? !nodeAnswers(e)) && !usesPodIdentity(e) ? notInjected(e) : undefined),
    hint: (e) =>
      isLabelled(e)
        ? 'Check that the Workload ID webhook runs and that the API server reaches it (network policies, its logs), then recreate the pod: ' +
          'it has the label azure.workload.identity/use, but nothing was injected. This is so, too, in kube-system, and where ' +
          'the annotation skip-containers names this container.'
        : 'Put the label azure.workload.identity/use: "true" on the pod itself, in a Deployment on ' +
          'spec.template.metadata.labels, and recreate it: the Workload ID webhook did not touch this pod.',
    commands: (e) =>
      isLabelled(e)
        ? [
            showWebhook(),
            command`az aks update -g $RG -n $CLUSTER --enable-oidc-issuer --enable-workload-identity`,
            restartDeployment(e),
          ]
        : [labelPodTemplate(e)],
    documentation: DOCUMENTATION.workloadIdentity,
  },
];

function recreatePod(e: Evidence): readonly string[] {
  return e.facts.kubernetes ? [restartDeployment(e)] : [];
}

function isDefaultServiceAccount(e: Evidence): boolean {
  return serviceAccountOf(e) === 'default';
}

function labelProblem(e: Evidence): string {
  const value = e.facts.podLabels?.['azure.workload.identity/use'];
  return value ? `"${orUnknown(value)}" is not "true".` : "neither is among this pod's labels.";
}

/** The finding of the projected token's credential. If that asked nothing, a response of the node's metadata service says more. */
function withProjectedToken(e: Evidence): Finding | undefined {
  return (
    findingOf(e, ['projected-token', 'identity-binding'], ({ party }) => party !== 'not-asked') ??
    nodeAnswer(e) ??
    findingOf(e, ['identity-binding', 'projected-token'])
  );
}

function tokenFile(...problems: string[]) {
  return (e: Evidence) =>
    problems.includes(projectedToken(e).problem ?? '')
      ? findingOf(e, ['identity-binding', 'projected-token'])
      : undefined;
}

/** Workload ID in a pod where the webhook injected nothing. The response of the node decides, if there is one. */
function notInjected(e: Evidence): Finding | undefined {
  if (!e.facts.kubernetes || e.facts.projectedToken) return undefined;
  const workloadIdentity = findingOf(e, ['projected-token']);
  return workloadIdentity && (findingOf(e, ['managed-identity']) ?? workloadIdentity);
}

/** Whether there is a metadata service, even a slow one. */
function nodeAnswers(e: Evidence): boolean {
  return findingOf(e, ['managed-identity'], ({ party }) => party !== 'nobody' && party !== 'not-asked') !== undefined;
}

function nodeAnswer(e: Evidence): Finding | undefined {
  return findingOf(
    e,
    ['managed-identity'],
    ({ party, status }) => (party === 'imds' || party === 'nmi') && status !== undefined,
  );
}

function fromNode(e: Evidence, words: RegExp): Finding | undefined {
  return findingOf(e, ['managed-identity'], (finding) => words.test(finding.words.slice(0, 2000)));
}
