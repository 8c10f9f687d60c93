import { type AadstsClass, isWithin } from './aadsts.ts';
import { bash, choice, guid, isGuid, isName, name, part, resourceId, text, url, type Word } from './bash.ts';
import { findWorkload, inNamespace, workload } from './commands.ts';
import type { Case, Evidence, Finding } from './evidence.ts';
import { issuerKind } from './issuer.ts';
import { isTool, only, type When } from './match.ts';
import { clientIdOf, hasValue, projectedToken, shown, tenantIdOf } from './words.ts';

/** Who asks Microsoft Entra ID: an application or a person, in a tenant; and the commands that set these for a pod. */

type FindingOf = Pick<Case, 'facts' | 'finding'>;

/** The application id of the Azure CLI itself. An error about it is about a person's login. */
const AZURE_CLI_APPLICATION = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';

/** The application that asked. Only the message of a tool shows its own. */
export function applicationOf({ facts, finding }: FindingOf): string | undefined {
  return isTool(finding) ? finding.text.application : (clientIdOf({ facts }) ?? finding.text.application);
}

/** The tenant that was asked. Only the message of a tool, or of a metadata service, shows theirs. */
export function tenantOf({ facts, finding }: FindingOf): string | undefined {
  const configured = isTool(finding) || finding.credential === 'managed-identity' ? undefined : tenantIdOf({ facts });
  return configured ?? finding.text.tenant;
}

/** "the application 5d2c…", or "this application". */
export function applicationInWords(c: FindingOf): string {
  const application = applicationOf(c);
  return hasValue(application) ? `the application ${shown(application, '')}` : 'this application';
}

/** "the tenant 72a1…", or "this tenant". */
export function tenantInWords(c: FindingOf): string {
  const tenant = tenantOf(c);
  return hasValue(tenant) ? `the tenant ${shown(tenant, '')}` : 'this tenant';
}

/** The same at the beginning of a sentence. */
export function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

/** What Microsoft Entra ID says of applications only. */
const OF_APPLICATIONS: readonly AadstsClass[] = [
  'client-secret',
  'client-certificate',
  'assertion',
  'application-unknown',
];

/** Whether a person is logged in to the tool. A message about a secret or certificate is about a service principal. */
export function isPerson({ credential, aadstsClass, text: { application, login } }: Finding): boolean {
  if (!isTool({ credential })) return credential === 'user-password';
  if (application === AZURE_CLI_APPLICATION) return true;
  if (login !== undefined) return false;
  return !OF_APPLICATIONS.some((name) => isWithin(aadstsClass, name));
}

/** Matches if the variables of this process are the credential. */
export function fromEnvironment(when: When): When {
  return only(when, (_, { credential }) =>
    ['client-secret', 'client-certificate', 'user-password'].includes(credential ?? ''),
  );
}

export function inPod(when: When): When {
  return only(when, ({ facts }) => facts.kubernetes);
}

export function withTool(when: When): When {
  return only(when, (_, finding) => isTool(finding));
}

export function withAzureCli(when: When): When {
  return only(when, (_, { credential }) => credential === 'azure-cli');
}

/** Matches the Azure CLI of a pipeline, where nobody can log in. */
export function inPipeline(when: When): When {
  return only(withAzureCli(when), ({ facts }) => facts.place === 'ci');
}

/** Matches a pod identity that NMI gets with a secret or certificate of its own (AzureIdentity of type 1 or 2). */
export function behindNmi(when: When): When {
  return only(when, (_, { responder }) => responder === 'nmi');
}

/** The application as a word of a command. */
export function applicationWord(c: FindingOf): Word {
  return guid(applicationOf(c), 'CLIENT_ID');
}

/** Adds a secret and shows it once, for a person who puts it in place. */
export function showNewSecret(c: Case): string[] {
  return [bash`az ad app credential reset --id ${applicationWord(c)} --append`];
}

/** The template of a Job cannot be changed: its author has to create it again. */
function isOfJob({ facts }: Pick<Evidence, 'facts'>): boolean {
  return facts.pod?.owner?.kind === 'Job';
}

/** Adds a secret to the application and gives it to the pod, without showing it. */
export function replaceSecret(c: Case): string[] {
  if (isOfJob(c)) return showNewSecret(c);
  return [
    ...findWorkload(c),
    bash`secret=$(az ad app credential reset --id ${applicationWord(c)} --append --query password -o tsv) && (IFS=; kubectl set env ${workload(c)} ${inNamespace(c)} AZURE_CLIENT_SECRET=\${secret:?})`,
  ];
}

/** Takes the white space out of the value: in the manifest, or in the Secret that the manifest refers to. */
export function trimSecret(c: Case): string[] {
  if (isOfJob(c)) return [];
  const list = part`kubectl set env ${workload(c)} ${inNamespace(c)} --list`;
  return [
    ...findWorkload(c),
    bash`secret=$(${list} | grep ^AZURE_CLIENT_SECRET= | cut -d= -f2- | tr -d '[:space:]') && [[ -n $secret ]] && (IFS=; kubectl set env ${workload(c)} ${inNamespace(c)} AZURE_CLIENT_SECRET=$secret)`,
    bash`${list} | grep '# AZURE_CLIENT_SECRET from secret' | tr -d , | while read -r _ _ _ _ object _ key; do secret=$(kubectl get secret $object ${inNamespace(c)} -o jsonpath={.data.$key} | base64 -d | tr -d '[:space:]' | base64 | tr -d '[:space:]') && [[ -n $secret ]] && kubectl patch secret $object ${inNamespace(c)} --patch 'data: {'$key': '$secret'}' && kubectl rollout restart ${workload(c)} ${inNamespace(c)}; done`,
  ];
}

/** Overrides a variable by an empty value, which counts as unset, wherever the manifest takes it from. The name is one of ours. */
export function emptyVariable(c: Pick<Evidence, 'facts'>, variable: string): string[] {
  if (isOfJob(c)) return [];
  return [...findWorkload(c), bash`kubectl set env ${workload(c)} ${inNamespace(c)} ${choice(variable)}=`];
}

export function listApplications(): string {
  return bash`az ad app list --all --query '[].[appId,displayName]' -o table`;
}

/** Shows the name of the application and the tenant, if the application is registered where az is logged in. */
export function showTenantOfApplication(c: FindingOf): string {
  return bash`az ad app show --id ${applicationWord(c)} --query displayName -o tsv && az account show --query tenantId -o tsv`;
}

/** Gives the pod the tenant in which az is logged in, if the application is registered there. */
export function setTenantOfApplication(c: Case): string[] {
  if (isOfJob(c)) return [showTenantOfApplication(c)];
  return [
    ...findWorkload(c),
    bash`az ad app show --id ${applicationWord(c)} --query displayName -o tsv && tenant=$(az account show --query tenantId -o tsv) && kubectl set env ${workload(c)} ${inNamespace(c)} AZURE_TENANT_ID=\${tenant:?}`,
  ];
}

/**
 * Whether an identity can be found for the service account: its token is one of a cluster whose keys are public, and it is not
 * everybody's account.
 */
export function isAnnotatable(e: Evidence): boolean {
  const { iss, sub } = projectedToken(e);
  const { serviceAccount } = e.facts.pod ?? {};
  return (
    ['aks', 'hosted'].includes(issuerKind(iss)) &&
    hasValue(sub) &&
    isName(serviceAccount) &&
    serviceAccount !== 'default'
  );
}

/**
 * Finds the identity that trusts this service account, which is the one that was meant, and annotates the account with its client
 * id and tenant. The same variables in the manifest would win over the annotations, so they go, too.
 */
function annotateTrustedIdentity(c: Case): string {
  const { iss, sub } = projectedToken(c);
  return bash`az identity list --query '[].[resourceGroup,name,clientId,tenantId]' -o tsv | while read -r group name client tenant; do az identity federated-credential list -g $group --identity-name $name --query '[].[issuer,subject]' -o tsv | grep -F ${url(iss, 'ISSUER')} | grep -q ${text(sub, 'SUBJECT')}$ && ${annotate(c)}; done`;
}

/** The same for the identity with this client id, in any subscription that az sees. */
function annotateTenantOfIdentity(c: Case): string {
  return bash`az account list --query '[].id' -o tsv | while read -r subscription; do az identity list --subscription $subscription --query '[].[clientId,tenantId]' -o tsv; done | grep -i ${guid(clientIdOf(c), 'CLIENT_ID')} | sort -u | while read -r client tenant; do ${annotate(c)}; done`;
}

/** Corrects the client id and the tenant, whichever is wrong. */
export function annotateIdentity(c: Case): string[] {
  return [...findWorkload(c), annotateTenantOfIdentity(c), annotateTrustedIdentity(c)];
}

/** The same for the identity with this resource id. */
export function annotateIdentityOfResource(c: Case): string[] {
  return [
    ...findWorkload(c),
    bash`az identity show --ids ${resourceId(applicationOf(c), 'IDENTITY_ID')} --query '[clientId,tenantId]' -o tsv | paste -s - | while read -r client tenant; do ${annotate(c)}; done`,
  ];
}

function annotate(c: Case): Word {
  const account = part`serviceaccount ${name(c.facts.pod?.serviceAccount, 'SERVICE_ACCOUNT')} ${inNamespace(c)}`;
  const annotated = part`kubectl annotate ${account} azure.workload.identity/client-id=$client azure.workload.identity/tenant-id=$tenant --overwrite`;
  if (isOfJob(c)) return annotated;
  return part`${annotated} && kubectl set env ${workload(c)} ${inNamespace(c)} AZURE_CLIENT_ID- AZURE_TENANT_ID- && kubectl rollout restart ${workload(c)} ${inNamespace(c)}`;
}

/** Whether the application of the request has the form of a client id. */
export function hasClientIdForm(c: FindingOf): boolean {
  return isGuid(applicationOf(c));
}
