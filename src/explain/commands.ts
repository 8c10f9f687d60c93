import { bash, choice, guid, isGuid, isName, name, part, text, type Word } from './bash.ts';
import type { Evidence } from './evidence.ts';
import { isPipeline, isRemote } from './place.ts';
import { clientIdOf, subscriptionOf, subscriptionOfIdentity } from './words.ts';

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
  if (!owner || !isName(owner.name)) return part`$WORKLOAD`;
  // The names of the kinds are constants of this program. What kubectl calls a service is another kind.
  const kind = owner.kind === 'Knative Service' ? 'services.serving.knative.dev' : owner.kind.toLowerCase();
  return part`${choice(kind)} ${name(owner.name, 'WORKLOAD')}`;
}

/** Where the pod template is in what made the pod, such as `spec.template`. */
export function templatePath({ facts }: WithFacts): string {
  switch (facts.pod?.owner?.kind) {
    case 'CronJob':
      return 'spec.jobTemplate.spec.template';
    case 'ScaledJob':
      return 'spec.jobTargetRef.template';
    default:
      return 'spec.template';
  }
}

/** Lists the variables of the pod template, or of the pod where `kubectl set` does not know what made it. */
export function listVariables(e: WithFacts): Word {
  const source = isOfCustomResource(e) ? part`pod ${name(e.facts.pod?.name, 'POD')}` : workload(e);
  return part`kubectl set env ${source} ${inNamespace(e)} --list`;
}

/**
 * Shows what owns the pod, for a person to fill in `$WORKLOAD`; nothing where it is known. A ReplicaSet or a Job may own the pod, and
 * then what owns that is the one to change.
 */
export function findWorkload(e: WithFacts): string[] {
  const { pod } = e.facts;
  if (isName(pod?.owner?.name)) return [];
  const where = isName(pod?.namespace) ? inNamespace(e) : choice('-A');
  return [
    bash`kubectl get pods,replicasets,jobs ${where} -o custom-columns='NAMESPACE:.metadata.namespace,NAME:.metadata.name,KIND:.metadata.ownerReferences[0].kind,WORKLOAD:.metadata.ownerReferences[0].name'`,
  ];
}

/** Restarts what made the pod: variables and tokens are only injected into new pods. */
export function restart(e: WithFacts): string[] {
  // The next Job of a CronJob makes a new pod.
  if (isOnlyInManifest(e) || e.facts.pod?.owner?.kind === 'CronJob') return [];
  return [...findWorkload(e), bash`kubectl rollout restart ${workload(e)} ${inNamespace(e)}`];
}

/** Whether a Job made the pod. Its template cannot be changed: its author has to create it again. */
export function isOfJob({ facts }: WithFacts): boolean {
  return facts.pod?.owner?.kind === 'Job';
}

/**
 * Whether only the author of what made the pod can change the pod template, in the manifest: that of a Job is fixed, and `kubectl set`
 * and `kubectl rollout` do not know custom resources.
 */
export function isOnlyInManifest(e: WithFacts): boolean {
  return isOfJob(e) || isOfCustomResource(e);
}

function isOfCustomResource({ facts }: WithFacts): boolean {
  return ['ScaledJob', 'Rollout', 'Knative Service'].includes(facts.pod?.owner?.kind ?? '');
}

/** A line that changes what made the pod; none where only its author can. */
export function changeWorkload(e: WithFacts, line: string): string[] {
  return isOnlyInManifest(e) ? [] : [...findWorkload(e), line];
}

/** Merges a part in YAML, without quotes, into the pod template, which makes new pods. */
export function patchPodTemplate(e: WithFacts, patch: Word): string[] {
  // A CronJob has the template of its Jobs, which have that of the pods.
  const template =
    e.facts.pod?.owner?.kind === 'CronJob'
      ? part`'spec: {jobTemplate: {spec: {template: ${patch}}}}'`
      : part`'spec: {template: ${patch}}'`;
  return changeWorkload(e, bash`kubectl patch ${workload(e)} ${inNamespace(e)} --patch ${template}`);
}

/** Puts the label of Workload ID on the pod template, which makes new pods. */
export function labelPodTemplate(e: WithFacts): string[] {
  return patchPodTemplate(e, part`{metadata: {labels: {azure.workload.identity/use: !!str true}}}`);
}

/** Lets a group of the pod's processes read the volumes. Any group will do. */
export function setFsGroup(e: WithFacts): string[] {
  return patchPodTemplate(e, part`{spec: {securityContext: {fsGroup: 65532}}}`);
}

/** Keeps the pod off virtual nodes, which run in Azure Container Instances. */
export function avoidVirtualNodes(e: WithFacts): string[] {
  return patchPodTemplate(
    e,
    part`{spec: {nodeSelector: {type: null}, affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: type, operator: NotIn, values: [virtual-kubelet]}]}]}}}}}`,
  );
}

/** Removes variables from the manifest, which makes new pods. The names are ours. */
export function unsetVariable(e: WithFacts, ...variables: Word[]): string[] {
  const changes = variables.reduce((before, variable) => part`${before} ${variable}-`, part``);
  return changeWorkload(e, bash`kubectl set env ${workload(e)} ${inNamespace(e)}${changes}`);
}

export function listIdentities(): string {
  return bash`az identity list --query '[].[clientId,name,resourceGroup]' -o table`;
}

/** The start of a line: reads group and name of the managed identity with this client id. */
export function readIdentityNames(e: WithFacts): Word {
  return part`read -r group name _ <<< $(az identity list --query '[].[resourceGroup,name,clientId]' -o tsv | grep -i ${guid(clientIdOf(e), 'CLIENT_ID')})`;
}

/** The service account of the pod. */
export function serviceAccount({ facts }: WithFacts): Word {
  return name(facts.pod?.serviceAccount, 'SERVICE_ACCOUNT');
}

/** Whether this is the service account that every pod without one of its own uses. */
export function isDefaultServiceAccount({ facts }: WithFacts): boolean {
  return facts.pod?.serviceAccount === 'default';
}

/** Joins commands in order. One that is in several lists is run once. */
export function inOrder(...lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())];
}

/** Lists the clusters, so that a person knows the value of `$CLUSTER`. */
export function listClusters(): string {
  return bash`az aks list --query '[].[name,resourceGroup]' -o table`;
}

/** Runs a command of `az aks` on the cluster with the name in `$CLUSTER`, in the resource group that belongs to it. */
export function onCluster(verb: Word, options: Word): string {
  return bash`${forCluster(verb, options)}`;
}

function forCluster(verb: Word, options: Word): Word {
  return part`az aks list --query '[].[resourceGroup,name]' -o tsv | while read -r group cluster; do if [[ $cluster = \${CLUSTER:?} ]]; then az aks ${verb} -g $group -n $cluster ${options}; fi; done`;
}

const ENABLE = part`--enable-oidc-issuer --enable-workload-identity`;
const WEBHOOK_PODS = part`kubectl get pods -A -l azure-workload-identity.io/system=true`;

/** Turns on the OIDC issuer and the webhook of Workload ID. Neither does harm where it is on already. */
export function enableWorkloadIdentity(): string[] {
  return [listClusters(), onCluster(part`update`, ENABLE)];
}

/** The same, but only where no webhook runs. */
export function enableMissingWebhook(): string[] {
  return [listClusters(), bash`${WEBHOOK_PODS} -o name | grep -q . || ${forCluster(part`update`, ENABLE)}`];
}

/** Annotates the service account of the pod, which takes effect in new pods. */
export function annotate(
  e: WithFacts,
  annotation: 'client-id' | 'tenant-id' | 'service-account-token-expiration',
  value: Word,
): string {
  return bash`kubectl annotate serviceaccount ${serviceAccount(e)} ${inNamespace(e)} azure.workload.identity/${choice(annotation)}=${value} --overwrite`;
}

/** The same, and restarts what uses it. */
export function annotateServiceAccount(e: WithFacts, ...change: [Parameters<typeof annotate>[1], Word]): string[] {
  return [annotate(e, ...change), ...restart(e)];
}

/** Shows the node of the pod, for a person to fill in `$NODE`; nothing where it is known. */
export function findNode(e: WithFacts): string[] {
  const { pod } = e.facts;
  if (isName(pod?.node)) return [];
  return [bash`kubectl get pod ${name(pod?.name, 'POD')} ${inNamespace(e)} -o wide`];
}

export function useServiceAccount(e: WithFacts): string[] {
  return [
    bash`kubectl get serviceaccounts ${inNamespace(e)} -o yaml`,
    ...changeWorkload(e, bash`kubectl set serviceaccount ${workload(e)} $SERVICE_ACCOUNT ${inNamespace(e)}`),
  ];
}

export function showWebhook(): string {
  return bash`${WEBHOOK_PODS}`;
}

/** AKS runs the webhook in the namespace kube-system, its Helm chart in one of its own. */
export function showWebhookLogs(): string {
  return bash`for namespace in kube-system azure-workload-identity-system; do kubectl logs -n $namespace -l azure-workload-identity.io/system=true --tail=20 --prefix; done`;
}

export function showNmiBindings(e: WithFacts): string {
  return bash`kubectl get azureidentity,azureidentitybinding ${inNamespace(e)} -o custom-columns=KIND:.kind,NAME:.metadata.name,SELECTOR:.spec.selector,IDENTITY:.spec.azureIdentity,TYPE:.spec.type,CLIENT:.spec.clientID,RESOURCE:.spec.resourceID`;
}

export function showNmiLog(): string {
  return showLogs(part`component=nmi`);
}

/** The logs of these pods, in whatever namespace they are: `kubectl logs` looks into one only. */
export function showLogs(label: Word): string {
  return bash`kubectl get pods -A -l ${label} --no-headers | while read -r namespace pod _; do kubectl logs -n $namespace $pod --tail=50 --prefix; done`;
}

/**
 * Gives the identity of the token the role Reader. Where no subscription is known, it gets the role where the identity itself
 * lives, and the list shows which others there are.
 */
export function assignReader(e: Evidence): string[] {
  const type = choice(e.identity?.type === 'user' ? 'User' : 'ServicePrincipal');
  const known = subscriptionOf(e);
  const subscription = known ?? subscriptionOfIdentity(e);
  const assign = bash`az role assignment create --role Reader --assignee-object-id ${guid(e.identity?.objectId, 'OBJECT_ID')} --assignee-principal-type ${type} --scope /subscriptions/${guid(subscription, 'SUBSCRIPTION_ID')}`;
  return isGuid(known) ? [assign] : [listSubscriptions(), assign];
}

export function loginToTenant(tenant: string | null | undefined): string {
  return bash`az login --tenant ${text(tenant, 'TENANT_ID')}`;
}

/** A login for a person at this place; in a pipeline there is nobody to log in. */
export function loginAgain(e: WithFacts): string[] {
  if (isPipeline(e)) return [];
  return [isRemote(e) ? bash`az login --use-device-code` : bash`az login`];
}

/** The subscriptions of all tenants that az is logged in to, so that a person knows an id, a tenant or a state. */
export function listSubscriptions(): string {
  return bash`az account list --all --query '[].[id,name,tenantId,state]' -o table`;
}
