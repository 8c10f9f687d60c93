import { bash, part, resourceId } from '../bash.ts';
import {
  annotate,
  inNamespace,
  inOrder,
  isDefaultServiceAccount,
  listIdentities,
  serviceAccount,
  useServiceAccount,
} from '../commands.ts';
import type { Evidence } from '../evidence.ts';
import {
  annotateTenant,
  annotateWithTrustingIdentity,
  isForTokenProxy,
  letWebhookSet,
} from '../federated-credentials.ts';
import { entraMeans, ofPodToken, only } from '../match.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { authorityHost, clientIdOf, codeOf, serviceAccountInWords, shown, tenantIdOf } from '../words.ts';
import { CLIENT_ID_UNKNOWN, TENANT_UNKNOWN } from './reasons.ts';

const clientIdUnknown = ofPodToken(entraMeans('application-unknown'));
const tenantUnknown = ofPodToken(entraMeans('tenant'));

/** Microsoft Entra ID refused a pod with Workload ID for a reason other than its token. */
export const WORKLOAD_IDENTITY_REFUSED: readonly Row[] = [
  {
    ...CLIENT_ID_UNKNOWN,
    when: only(clientIdUnknown, isDefaultServiceAccount),
    problem: unknownInWords,
    hint: () =>
      'Run the pod under its own service account, whose annotation names the client id of its identity, and leave AZURE_CLIENT_ID to the webhook.',
    commands: useServiceAccount,
  },
  {
    ...CLIENT_ID_UNKNOWN,
    when: only(clientIdUnknown, (e) => clientIdOf(e)?.startsWith('/') ?? false),
    problem: (c) => `AZURE_CLIENT_ID is ${shown(clientIdOf(c), '')}: this is a resource id, not a client id.`,
    hint: (c) => `Annotate ${serviceAccountInWords(c)} with the client id of that identity, and recreate the pod.`,
    commands: (c) => [
      bash`read -r id tenant <<< $(az identity show --ids ${resourceId(clientIdOf(c), 'IDENTITY_RESOURCE_ID')} --query '[clientId,tenantId]' -o tsv | tr '[:space:]' ' ') && kubectl annotate serviceaccount ${serviceAccount(c)} ${inNamespace(c)} azure.workload.identity/client-id=\${id:?} azure.workload.identity/tenant-id=\${tenant:?} --overwrite`,
      ...letWebhookSet(c, part`AZURE_CLIENT_ID`, part`AZURE_TENANT_ID`),
    ],
  },
  {
    ...CLIENT_ID_UNKNOWN,
    when: only(clientIdUnknown, isForTokenProxy),
    problem: unknownInWords,
    hint: () =>
      'Annotate the service account with the client id of the identity that is bound to this cluster, and recreate the pod.',
    commands: (c) =>
      inOrder(
        [listIdentities()],
        [annotate(c, 'client-id', part`$CLIENT_ID`)],
        letWebhookSet(c, part`AZURE_CLIENT_ID`, part`AZURE_TENANT_ID`),
      ),
    documentation: DOCUMENTATION.identityBindings,
  },
  {
    ...CLIENT_ID_UNKNOWN,
    when: clientIdUnknown,
    problem: unknownInWords,
    hint: () =>
      'Annotate the service account with the client id of an existing identity (not its object id), and with its tenant id if it is in another tenant. Then recreate the pod.',
    commands: (c) => [
      ...annotateWithTrustingIdentity(c),
      ...letWebhookSet(c, part`AZURE_CLIENT_ID`, part`AZURE_TENANT_ID`),
    ],
  },
  {
    ...TENANT_UNKNOWN,
    when: tenantUnknown,
    problem: (c) =>
      `AZURE_TENANT_ID is ${shown(tenantIdOf(c), 'not the id of a tenant')}: ${authorityHost(c)} knows no such tenant (${codeOf(c.finding)}).`,
    hint: () =>
      'Correct the annotation azure.workload.identity/tenant-id of the service account. If it is right, AZURE_AUTHORITY_HOST is that of another cloud: leave both to the webhook.',
    commands: (c) => [annotateTenant(c), ...letWebhookSet(c, part`AZURE_TENANT_ID`, part`AZURE_AUTHORITY_HOST`)],
  },
];

function unknownInWords(c: Evidence): string {
  return `The tenant ${shown(tenantIdOf(c), 'of AZURE_TENANT_ID')} has no application ${shown(clientIdOf(c), 'with the id in AZURE_CLIENT_ID')}: either the client id or the tenant is wrong.`;
}
