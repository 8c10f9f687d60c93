import { bash, part } from '../bash.ts';
import {
  inNamespace,
  inOrder,
  isDefaultServiceAccount,
  labelPodTemplate,
  listIdentities,
  restart,
  serviceAccount,
  showNmiBindings,
  showNmiLog,
  showWebhook,
  unsetVariable,
  useServiceAccount,
} from '../commands.ts';
import type { Evidence } from '../evidence.ts';
import { annotateWithTrustingIdentity } from '../federated-credentials.ts';
import { inPod, only, token } from '../match.ts';
import { isNodeIdentity } from '../node-identity.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import {
  clientIdOf,
  isEmpty,
  isLabelled,
  isSet,
  nodeIdentityInWords,
  serviceAccountInWords,
  shown,
  usesPodIdentity,
} from '../words.ts';
import { labelAndRestart, repairWebhook, unlabelledInWords } from './pod-labels.ts';

const NODE = {
  reason: 'node-identity',
  title: "The pod runs as its node's identity",
  check: 'identity',
  documentation: DOCUMENTATION.workloadIdentity,
} as const;
const OTHER = {
  reason: 'other-client-id',
  title: 'Another identity than AZURE_CLIENT_ID names',
  check: 'identity',
} as const;

const fromNode = token((e) => isNodeIdentity(e.identity, e.facts));
const projected = only(fromNode, ({ facts }) => facts.projectedToken !== undefined);
const NO_ROLE = "Give the node's identity no role.";

/** A pod that does not ask for its own identity gets that of its node, with or without a role. */
export const NODE_IDENTITY: readonly Row[] = [
  {
    ...NODE,
    when: only(projected, (e) => isEmpty(e, 'AZURE_CLIENT_ID')),
    problem: (c) =>
      `The pod runs as ${nodeIdentityInWords(c)}: the manifest sets AZURE_CLIENT_ID to an empty value, and the webhook leaves it alone.`,
    hint: () => `Remove AZURE_CLIENT_ID from the manifest; the webhook sets it. ${NO_ROLE}`,
    commands: (c) => unsetVariable(c, part`AZURE_CLIENT_ID`),
  },
  {
    ...NODE,
    when: only(projected, isDefaultServiceAccount),
    problem: (c) =>
      `The pod runs as ${nodeIdentityInWords(c)}: ${serviceAccountInWords(c)} has no annotation azure.workload.identity/client-id.`,
    hint: () =>
      `Set serviceAccountName in the pod template to the service account with that annotation, and recreate the pod. ${NO_ROLE}`,
    commands: useServiceAccount,
  },
  {
    ...NODE,
    when: only(projected, (e) => !isSet(e, 'AZURE_CLIENT_ID')),
    problem: (c) =>
      `The pod runs as ${nodeIdentityInWords(c)}: when it was created, ${serviceAccountInWords(c)} had no annotation azure.workload.identity/client-id.`,
    hint: () => `Annotate it with the client id of its own identity, and recreate the pod. ${NO_ROLE}`,
    commands: (c) => [...annotateWithTrustingIdentity(c), ...restart(c)],
  },
  {
    ...NODE,
    when: projected,
    problem: (c) => `The pod runs as ${nodeIdentityInWords(c)}, although it has a projected token for Workload ID.`,
    hint: () =>
      `Check AZURE_TOKEN_CREDENTIALS and AZURE_TENANT_ID in the manifest: something keeps Workload ID from being used. ${NO_ROLE}`,
    commands: (c) => unsetVariable(c, part`AZURE_TOKEN_CREDENTIALS`, part`AZURE_TENANT_ID`),
  },
  {
    ...NODE,
    when: only(fromNode, usesPodIdentity),
    problem: (c) =>
      `The pod runs as ${nodeIdentityInWords(c)}: it has the label aadpodidbinding ${shown(c.facts.podLabels?.aadpodidbinding, '')}, but NMI did not answer it.`,
    hint: () =>
      `Check that NMI runs on this node and that an AzureIdentityBinding selects the pod. Its token replaces this one within a minute. ${NO_ROLE}`,
    commands: (c) => [showNmiBindings(c), showNmiLog()],
    documentation: DOCUMENTATION.podIdentity,
  },
  {
    ...NODE,
    when: only(fromNode, (e) => isLabelled(e) === true),
    problem: (c) =>
      `The pod runs as ${nodeIdentityInWords(c)}: it has the label azure.workload.identity/use, but the webhook injected nothing.`,
    hint: () =>
      `Check that the webhook runs, the namespace has no label control-plane, and no annotation skip-containers names this container; then recreate the pod. ${NO_ROLE}`,
    commands: repairWebhook,
  },
  {
    ...NODE,
    when: only(fromNode, (e) => isLabelled(e) === undefined),
    problem: (c) =>
      `The pod runs as ${nodeIdentityInWords(c)}: the Workload ID webhook injected nothing. Its labels are not visible from here.`,
    hint: () =>
      `Label the pod template azure.workload.identity/use: "true". If it has the label, check the webhook; then recreate the pod. ${NO_ROLE}`,
    commands: (c) => inOrder([showWebhook()], labelAndRestart(c)),
  },
  {
    ...NODE,
    when: fromNode,
    problem: (c) => `The pod runs as ${nodeIdentityInWords(c)}. ${unlabelledInWords(c)}.`,
    hint: () =>
      `Put the label azure.workload.identity/use: "true" on the pod template (spec.template.metadata.labels), and recreate the pod. ${NO_ROLE}`,
    commands: labelPodTemplate,
  },
];

/** The warning about the node's identity already says it. */
const isOther = token(({ identity, facts }) => {
  const configured = clientIdOf({ facts })?.toLowerCase();
  const actual = identity?.clientId?.toLowerCase();
  return configured !== undefined && actual !== undefined && configured !== actual && !isNodeIdentity(identity, facts);
});

/** AZURE_CLIENT_ID names one identity, and another one answered. */
export const OTHER_CLIENT_ID: readonly Row[] = [
  {
    ...OTHER,
    when: inPod(isOther),
    problem: otherInWords,
    hint: () =>
      'Compare AZURE_CLIENT_ID with the annotation of the service account and with the AzureIdentity, and keep the one that you mean.',
    commands: (c) => [
      listIdentities(),
      bash`kubectl get serviceaccount ${serviceAccount(c)} ${inNamespace(c)} -o yaml`,
    ],
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    ...OTHER,
    when: isOther,
    problem: otherInWords,
    hint: () =>
      'Unset AZURE_CLIENT_ID if this credential is the one that you want. Otherwise, correct it, or find out why the credential that it belongs to did not answer.',
    commands: () => [listIdentities()],
    documentation: DOCUMENTATION.credentialChains,
  },
];

function otherInWords(c: Evidence): string {
  return `AZURE_CLIENT_ID is ${shown(clientIdOf(c), '')}, but ${credential(c)} answered as ${shown(c.identity?.clientId, '')}.`;
}

function credential({ identity }: Evidence): string {
  return shown(identity?.credential, 'another credential');
}
