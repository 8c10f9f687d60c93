import { part } from '../bash.ts';
import {
  annotateServiceAccount,
  avoidVirtualNodes,
  inOrder,
  isDefaultServiceAccount,
  labelPodTemplate,
  listIdentities,
  restart,
  setFsGroup,
  unsetVariable,
  useServiceAccount,
} from '../commands.ts';
import { chooseClientId, dropVariables } from '../environment-commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import {
  annotateTenant,
  annotateWithTrustingIdentity,
  isForTokenProxy,
  letWebhookSet,
} from '../federated-credentials.ts';
import { findingOf, only, type When } from '../match.ts';
import { isNoPod, isPipeline, isWindows } from '../place.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { identityInWords, isEmpty, isLabelled, isSet, projectedToken, serviceAccountInWords, shown } from '../words.ts';
import { unlabelledInWords } from './pod-labels.ts';

const FILE_MISSING = {
  reason: 'token-file-missing',
  title: 'The projected token file does not exist',
  check: 'configuration',
  documentation: DOCUMENTATION.workloadIdentity,
} as const;
const FILE_MALFORMED = {
  reason: 'token-file-malformed',
  title: 'The projected token file does not hold a token',
  check: 'configuration',
  documentation: DOCUMENTATION.workloadIdentity,
} as const;
const FILE_UNREADABLE = {
  reason: 'token-file-unreadable',
  title: 'The projected token file cannot be read',
  check: 'configuration',
  documentation: DOCUMENTATION.workloadIdentity,
} as const;
const CLIENT_ID_MISSING = {
  reason: 'client-id-missing',
  title: 'Workload ID has no client id',
  check: 'configuration',
  documentation: DOCUMENTATION.workloadIdentity,
} as const;
const TENANT_ID_MISSING = {
  reason: 'tenant-id-missing',
  title: 'Workload ID has no tenant id',
  check: 'configuration',
  documentation: DOCUMENTATION.workloadIdentity,
} as const;

const missing = tokenFile('ENOENT', 'ENOTDIR');
const malformed = tokenFile('is empty', 'does not hold a JWT');
const directory = tokenFile('EISDIR', 'is not a file');
const closed = tokenFile('EACCES', 'EPERM');
const unreadable: When = (e) => (projectedToken(e).problem === undefined ? undefined : workloadIdentity(e));
const withoutClientId = without('AZURE_CLIENT_ID');
const withoutTenantId = without('AZURE_TENANT_ID');

/** Failures before Microsoft Entra ID is asked, in the file and the variables that the Workload ID webhook injects. */
export const WORKLOAD_IDENTITY_SETUP: readonly Row[] = [
  {
    ...FILE_MISSING,
    when: only(missing, isNoPod),
    problem: (c) => `AZURE_FEDERATED_TOKEN_FILE names ${file(c)}, which does not exist, and nothing writes it here.`,
    hint: () => 'Unset AZURE_FEDERATED_TOKEN_FILE, or write a token to that file before this starts.',
    commands: (c) => dropVariables(c, 'AZURE_FEDERATED_TOKEN_FILE'),
  },
  {
    ...FILE_MISSING,
    when: only(missing, ({ facts }) => /^virtual-(node|kubelet)/.test(facts.pod?.node ?? '')),
    problem: (c) =>
      `${file(c)} does not exist: ${shown(c.facts.pod?.node, 'the node')} is a virtual node, and those do not project service account tokens.`,
    hint: () => 'Run the pod on a real node.',
    commands: avoidVirtualNodes,
  },
  {
    ...FILE_MISSING,
    when: only(missing, isWindows),
    problem: (c) =>
      `${file(c)} does not exist: either the manifest sets AZURE_FEDERATED_TOKEN_FILE, or a HostProcess container has its volumes elsewhere.`,
    hint: () =>
      'Let the webhook set the variable. In a HostProcess container, use the path below CONTAINER_SANDBOX_MOUNT_POINT.',
    commands: letWebhookSetFile,
  },
  {
    ...FILE_MISSING,
    when: only(missing, (e) => isLabelled(e) === false),
    problem: (c) =>
      `${unlabelledInWords(c)}, so the webhook mounted nothing: ${file(c)} does not exist, and the manifest sets AZURE_FEDERATED_TOKEN_FILE.`,
    hint: () =>
      'Label the pod template azure.workload.identity/use: "true" and remove AZURE_FEDERATED_TOKEN_FILE from the manifest: the webhook mounts the token and sets the variable.',
    commands: (c) => inOrder(labelPodTemplate(c), letWebhookSetFile(c)),
  },
  {
    ...FILE_MISSING,
    when: only(missing, (e) => !projectedToken(e).isInjected),
    problem: (c) =>
      `The manifest sets AZURE_FEDERATED_TOKEN_FILE to ${file(c)}, which does not exist. The webhook mounts the token elsewhere.`,
    hint: () => 'Remove AZURE_FEDERATED_TOKEN_FILE from the manifest, so that the webhook sets it.',
    commands: letWebhookSetFile,
  },
  {
    ...FILE_MISSING,
    when: missing,
    problem: (c) =>
      `${file(c)} does not exist: either the manifest sets AZURE_FEDERATED_TOKEN_FILE to the path of another webhook version, or the volume is not mounted.`,
    hint: () =>
      'Leave AZURE_FEDERATED_TOKEN_FILE to the webhook and recreate the pod. Virtual nodes (ACI) do not project tokens: use a real node.',
    commands: letWebhookSetFile,
  },
  {
    ...FILE_MALFORMED,
    when: only(only(malformed, isNoPod), isPipeline),
    problem: (c) => `The token file ${file(c)} ${problem(c)}, so this job has no token to present.`,
    hint: () =>
      'Check the step that writes the file. In GitHub Actions, the workflow needs the permission id-token: write; in Azure Pipelines, the service connection needs workload identity federation.',
    documentation: DOCUMENTATION.pipelines,
  },
  {
    ...FILE_MALFORMED,
    when: only(malformed, isNoPod),
    problem: (c) => `The token file ${file(c)} ${problem(c)}.`,
    hint: () => 'Write a current token to the file that AZURE_FEDERATED_TOKEN_FILE names: a JWT and nothing else.',
  },
  {
    ...FILE_MALFORMED,
    when: only(malformed, (e) => !projectedToken(e).isInjected),
    problem: (c) => `The manifest sets AZURE_FEDERATED_TOKEN_FILE to ${file(c)}, which ${problem(c)}.`,
    hint: () =>
      'Remove AZURE_FEDERATED_TOKEN_FILE from the manifest, so that the webhook projects a token and sets it.',
    commands: letWebhookSetFile,
  },
  {
    ...FILE_MALFORMED,
    when: malformed,
    problem: (c) => `The projected token file ${file(c)} ${problem(c)}.`,
    hint: () => 'Recreate the pod. If the file stays like this, look at the kubelet of its node.',
    commands: restart,
  },
  {
    ...FILE_UNREADABLE,
    when: directory,
    problem: (c) => `AZURE_FEDERATED_TOKEN_FILE names ${file(c)}, which is a directory, not a file.`,
    hint: () => 'Set it to the token file in that directory, or let the Workload ID webhook set it.',
    commands: letWebhookSetFile,
  },
  {
    ...FILE_UNREADABLE,
    when: only(closed, isNoPod),
    problem: (c) => `The user of this process may not read the token file ${file(c)} (${problem(c)}).`,
    hint: () => 'Let this user read the file, or run as the user that it belongs to.',
  },
  {
    ...FILE_UNREADABLE,
    when: only(closed, isWindows),
    problem: (c) => `The user of this container may not read the projected token ${file(c)} (${problem(c)}).`,
    hint: () =>
      'Set runAsUserName in windowsOptions to ContainerUser or ContainerAdministrator; fsGroup has no effect on Windows.',
  },
  {
    ...FILE_UNREADABLE,
    when: closed,
    problem: (c) => `The user of this container may not read the projected token ${file(c)} (${problem(c)}).`,
    hint: () => "Set fsGroup in the pod's securityContext, so that a group of the process may read its volumes.",
    commands: setFsGroup,
  },
  {
    ...FILE_UNREADABLE,
    when: unreadable,
    problem: (c) => `The token file ${file(c)} cannot be read (${problem(c)}).`,
    hint: () => 'Try again. If it lasts, look at the volume that holds the file.',
    commands: restart,
  },
  {
    ...CLIENT_ID_MISSING,
    when: only(withoutClientId, isNoPod),
    problem: () => 'AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_CLIENT_ID is not.',
    hint: () => 'Set AZURE_CLIENT_ID to the client id of the application or managed identity that trusts this token.',
    commands: (c) => [listIdentities(), ...chooseClientId(c)],
  },
  {
    ...CLIENT_ID_MISSING,
    when: only(withoutClientId, (e) => isEmpty(e, 'AZURE_CLIENT_ID')),
    problem: (c) =>
      `AZURE_CLIENT_ID is empty: either the manifest sets it so, and the webhook leaves it alone, or ${serviceAccountInWords(c)} has no annotation client-id.`,
    hint: () =>
      'Remove AZURE_CLIENT_ID from the manifest, and annotate the service account with the client id of its identity. Then recreate the pod.',
    commands: (c) => inOrder(unsetVariable(c, part`AZURE_CLIENT_ID`), annotateWithTrustingIdentity(c), restart(c)),
  },
  {
    ...CLIENT_ID_MISSING,
    when: only(withoutClientId, isDefaultServiceAccount),
    problem: (c) =>
      `The pod runs as ${serviceAccountInWords(c)}, which has no annotation azure.workload.identity/client-id.`,
    hint: () =>
      'Set serviceAccountName in the pod template to the service account with that annotation, and recreate the pod.',
    commands: useServiceAccount,
  },
  {
    ...CLIENT_ID_MISSING,
    when: only(withoutClientId, isForTokenProxy),
    problem: withoutAnnotation,
    hint: () => 'Annotate it with the client id of the identity that is bound to this cluster, and recreate the pod.',
    commands: (c) => [listIdentities(), ...annotateServiceAccount(c, 'client-id', part`$CLIENT_ID`)],
    documentation: DOCUMENTATION.identityBindings,
  },
  {
    ...CLIENT_ID_MISSING,
    when: withoutClientId,
    problem: withoutAnnotation,
    hint: () =>
      'Annotate it with the client id of its identity, then recreate the pod: variables are only injected when a pod is created.',
    commands: (c) => [...annotateWithTrustingIdentity(c), ...restart(c)],
  },
  {
    ...TENANT_ID_MISSING,
    when: only(withoutTenantId, isNoPod),
    problem: () => 'AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_TENANT_ID is not.',
    hint: (c) => `Set AZURE_TENANT_ID to the tenant of ${identityInWords(c)}.`,
  },
  {
    ...TENANT_ID_MISSING,
    when: only(withoutTenantId, (e) => isEmpty(e, 'AZURE_TENANT_ID')),
    problem: () => 'The manifest sets AZURE_TENANT_ID to an empty value, so the Workload ID webhook leaves it alone.',
    hint: () => 'Remove AZURE_TENANT_ID from the manifest; the webhook sets it.',
    commands: (c) => unsetVariable(c, part`AZURE_TENANT_ID`),
  },
  {
    ...TENANT_ID_MISSING,
    when: withoutTenantId,
    problem: () =>
      'There is a projected token, but no AZURE_TENANT_ID: either the webhook has no tenant, or the manifest projects the token itself.',
    hint: (c) => `Annotate ${serviceAccountInWords(c)} with azure.workload.identity/tenant-id, and recreate the pod.`,
    commands: (c) => [annotateTenant(c), ...restart(c)],
  },
];

function file(e: Evidence): string {
  return shown(projectedToken(e).file, 'the token file');
}

function problem(e: Evidence): string {
  return shown(projectedToken(e).problem, 'no reason given');
}

function withoutAnnotation(e: Evidence): string {
  return `No AZURE_CLIENT_ID: when the pod was created, ${serviceAccountInWords(e)} had no annotation azure.workload.identity/client-id.`;
}

/** If the variable is not in the manifest, nothing is removed, and only the restart counts. */
function letWebhookSetFile(e: Evidence): string[] {
  return letWebhookSet(e, part`AZURE_FEDERATED_TOKEN_FILE`);
}

function workloadIdentity(e: Evidence): Finding | undefined {
  return findingOf(e, ['identity-binding', 'projected-token']);
}

function tokenFile(...problems: string[]): When {
  return (e) => (problems.includes(projectedToken(e).problem ?? '') ? workloadIdentity(e) : undefined);
}

/** There is a token, but not what it has to be presented with. If the node's metadata service answered, that says more. */
function without(variable: 'AZURE_CLIENT_ID' | 'AZURE_TENANT_ID'): When {
  return (e) => {
    if (!e.facts.projectedToken || isSet(e, variable)) return undefined;
    return (
      findingOf(e, ['managed-identity'], ({ responder }) => responder === 'imds' || responder === 'nmi') ??
      workloadIdentity(e)
    );
  };
}
