import type { Evidence } from './evidence.ts';
import { clientIdOf, hasValue, namespaceOf, serviceAccountOf, subscriptionOf } from './values.ts';

type WithFacts = Pick<Evidence, 'facts'>;

/**
 * Builds one complete line for bash. Values may come from any message or variable. A value that the shell would interpret is in
 * single quotes. A value that is unknown, or that JSON would have to escape, is replaced by a shell variable.
 */
export function command(parts: TemplateStringsArray, ...values: string[]): string {
  return parts.reduce((line, part, index) => line + values[index - 1] + part);
}

/** A value as one argument of a command, or the shell variable that replaces it. */
export function argument(value: string | null | undefined, variable: string): string {
  if (!hasValue(value) || !/^[\x20-\x7e]{1,500}$/.test(value) || /['"\\`]|^-/.test(value)) return `$${variable}`;
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value}'`;
}

/** The scope of the subscription. The shell still expands a variable in it. */
function scopeOf(evidence: Evidence): string {
  return `/subscriptions/${argument(subscriptionOf(evidence), 'SUBSCRIPTION_ID')}`;
}

/** `-n` and the namespace of the pod. */
function inNamespace(evidence: WithFacts): string {
  return `-n ${argument(namespaceOf(evidence), 'NAMESPACE')}`;
}

/** The Deployment of the pod. Kubernetes names pods after their Deployment, with two suffixes. */
export function deploymentOf({ facts }: WithFacts): string {
  const [, deployment] = /^([a-z0-9.-]{1,230})-[a-z0-9]{6,10}-[a-z0-9]{5}$/.exec(facts.pod?.name ?? '') ?? [];
  return argument(deployment, 'DEPLOYMENT');
}

/** Finds the managed identity by its client id. Other commands need its name and group. */
export function findIdentity(evidence: WithFacts): string {
  return command`az identity list --query '[].[clientId,name,resourceGroup]' -o table | grep ${argument(clientIdOf(evidence), 'CLIENT_ID')}`;
}

/** Finds the id, then annotates the service account with it. */
export function annotateServiceAccount(evidence: WithFacts, annotation: 'client-id' | 'tenant-id'): string[] {
  const [variable, find] =
    annotation === 'client-id'
      ? ['$CLIENT_ID', command`az identity list --query '[].[clientId,name,resourceGroup]' -o table`]
      : ['$TENANT_ID', command`az account show --query tenantId -o tsv`];
  const annotate = command`kubectl annotate serviceaccount ${argument(serviceAccountOf(evidence), 'SERVICE_ACCOUNT')} ${inNamespace(evidence)} azure.workload.identity/${annotation}=${variable} --overwrite`;
  return [find, annotate];
}

export function listServiceAccounts(evidence: WithFacts): string {
  return command`kubectl get serviceaccounts ${inNamespace(evidence)} -o yaml`;
}

/** Puts the label of Workload ID on the pod template, which creates new pods. */
export function labelPodTemplate(evidence: WithFacts): string {
  return command`kubectl patch deployment ${deploymentOf(evidence)} ${inNamespace(evidence)} --patch 'spec: {template: {metadata: {labels: {azure.workload.identity/use: !!str true}}}}'`;
}

export function restartDeployment(evidence: WithFacts): string {
  return command`kubectl rollout restart deployment ${deploymentOf(evidence)} ${inNamespace(evidence)}`;
}

export function showWebhook(): string {
  return command`kubectl get pods -n kube-system -l azure-workload-identity.io/system=true`;
}

export function showNmiBindings(evidence: WithFacts): string {
  return command`kubectl get azureidentity,azureidentitybinding ${inNamespace(evidence)}`;
}

export function showNmiLog(): string {
  return command`kubectl logs -n kube-system -l component=nmi --tail=50 --prefix`;
}

/** The commands that assign the role to the identity. If the subscription is unknown, the first command finds it. */
export function assignReader(evidence: Evidence): string[] {
  const { identity } = evidence;
  const type = identity?.type === 'user' ? 'User' : 'ServicePrincipal';
  const assign = command`az role assignment create --role Reader --assignee-object-id ${argument(identity?.objectId, 'OBJECT_ID')} --assignee-principal-type ${type} --scope ${scopeOf(evidence)}`;
  return hasValue(subscriptionOf(evidence))
    ? [assign]
    : [command`az account list --query '[].[id,name]' -o table`, assign];
}

export function loginToTenant(tenant: string | null | undefined): string {
  return command`az login --tenant ${argument(tenant, 'TENANT_ID')}`;
}

export function useServiceAccount(evidence: WithFacts): string {
  return command`kubectl set serviceaccount deployment ${deploymentOf(evidence)} $SERVICE_ACCOUNT ${inNamespace(evidence)}`;
}
