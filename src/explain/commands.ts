import { bash, choice, guid, isGuid, isName, name, part, text, type Word } from './bash.ts';
import type { Evidence } from './evidence.ts';
import { clientIdOf, subscriptionOf } from './words.ts';

/**
 * The commands that several rows share. Each line works when it is pasted alone into a new shell: what a command can look up,
 * the same line looks up into variables in lower case (`read -r group name <<< $(…) && …`), and `${group:?}` ends it with an
 * error where nothing was found. Only what nobody can look up stays a variable in capitals.
 */

type WithFacts = Pick<Evidence, 'facts'>;

/** `-n` and the namespace of the pod. */
export function inNamespace({ facts }: WithFacts): Word {
  return part`-n ${name(facts.pod?.namespace, 'NAMESPACE')}`;
}

/** The kind and name of what made the pod, such as `deployment rgapi`; `$WORKLOAD` where that is not known. */
export function workload({ facts }: WithFacts): Word {
  const { owner } = facts.pod ?? {};
  if (!owner || !isName(owner.name) || owner.kind === 'Job' || owner.kind === 'CronJob') return part`$WORKLOAD`;
  // The lower-case names of the kinds are constants of this program.
  return part`${choice(owner.kind.toLowerCase())} ${name(owner.name, 'WORKLOAD')}`;
}

/** Shows what owns the pod, for a person to fill in `$WORKLOAD`; nothing where it is known. */
export function findWorkload(e: WithFacts): string[] {
  const { pod } = e.facts;
  if (isName(pod?.owner?.name)) return [];
  return [bash`kubectl get pod ${name(pod?.name, 'POD')} ${inNamespace(e)} -o jsonpath='{.metadata.ownerReferences}'`];
}

/** Restarts what made the pod: variables and tokens are only injected into new pods. */
export function restart(e: WithFacts): string[] {
  const { owner } = e.facts.pod ?? {};
  // A Job's template cannot be changed; it has to be created anew, and only its author has the manifest.
  if (owner?.kind === 'Job' || owner?.kind === 'CronJob') return [];
  return [...findWorkload(e), bash`kubectl rollout restart ${workload(e)} ${inNamespace(e)}`];
}

/** Puts the label of Workload ID on the pod template, which makes new pods. */
export function labelPodTemplate(e: WithFacts): string[] {
  return [
    ...findWorkload(e),
    bash`kubectl patch ${workload(e)} ${inNamespace(e)} --patch 'spec: {template: {metadata: {labels: {azure.workload.identity/use: !!str true}}}}'`,
  ];
}

/** Removes a variable of the manifest, which makes new pods. The name is one of ours. */
export function unsetVariable(e: WithFacts, variable: Word): string[] {
  return [...findWorkload(e), bash`kubectl set env ${workload(e)} ${inNamespace(e)} ${variable}-`];
}

export function listIdentities(): string {
  return bash`az identity list --query '[].[clientId,name,resourceGroup]' -o table`;
}

/** The start of a line: reads group and name of the managed identity with this client id. */
export function readIdentityNames(e: WithFacts): Word {
  return part`read -r group name _ <<< $(az identity list --query '[].[resourceGroup,name,clientId]' -o tsv | grep -i ${guid(clientIdOf(e), 'CLIENT_ID')})`;
}

/** Annotates the service account of the pod, and restarts what uses it. */
export function annotateServiceAccount(e: WithFacts, annotation: 'client-id' | 'tenant-id', value: Word): string[] {
  return [
    bash`kubectl annotate serviceaccount ${name(e.facts.pod?.serviceAccount, 'SERVICE_ACCOUNT')} ${inNamespace(e)} azure.workload.identity/${choice(annotation)}=${value} --overwrite`,
    ...restart(e),
  ];
}

export function listServiceAccounts(e: WithFacts): string {
  return bash`kubectl get serviceaccounts ${inNamespace(e)} -o yaml`;
}

export function useServiceAccount(e: WithFacts): string[] {
  return [
    listServiceAccounts(e),
    ...findWorkload(e),
    bash`kubectl set serviceaccount ${workload(e)} $SERVICE_ACCOUNT ${inNamespace(e)}`,
  ];
}

export function showWebhook(): string {
  return bash`kubectl get pods -A -l azure-workload-identity.io/system=true`;
}

export function showNmiBindings(e: WithFacts): string {
  return bash`kubectl get azureidentity,azureidentitybinding ${inNamespace(e)}`;
}

export function showNmiLog(): string {
  return showLogs(part`component=nmi`);
}

/** The logs of these pods, in whatever namespace they are: `kubectl logs` looks into one only. */
export function showLogs(label: Word): string {
  return bash`kubectl get pods -A -l ${label} --no-headers | while read -r namespace pod _; do kubectl logs -n $namespace $pod --tail=50 --prefix; done`;
}

/** Gives the identity of the token the role Reader. */
export function assignReader(e: Evidence): string[] {
  const type = choice(e.identity?.type === 'user' ? 'User' : 'ServicePrincipal');
  const subscription = subscriptionOf(e);
  const assign = bash`az role assignment create --role Reader --assignee-object-id ${guid(e.identity?.objectId, 'OBJECT_ID')} --assignee-principal-type ${type} --scope /subscriptions/${guid(subscription, 'SUBSCRIPTION_ID')}`;
  return isGuid(subscription) ? [assign] : [bash`az account list --query '[].[id,name]' -o table`, assign];
}

export function loginToTenant(tenant: string | null | undefined): string {
  return bash`az login --tenant ${text(tenant, 'TENANT_ID')}`;
}
