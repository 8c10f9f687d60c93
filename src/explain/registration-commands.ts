import { bash, part } from './bash.ts';
import { findWorkload, inNamespace, isOnlyInManifest, workload } from './commands.ts';
import type { Case } from './evidence.ts';
import { isPod } from './place.ts';
import { applicationWord, type FindingOf } from './principal.ts';

/** The commands about the app registration of a service principal, and for the pod that uses it. */

/** Adds a secret and shows it once, for a person who puts it in place. */
export function showNewSecret(c: Case): string[] {
  return [bash`az ad app credential reset --id ${applicationWord(c)} --append`];
}

/** Adds a secret to the application and gives it to the pod, without showing it; elsewhere, it is shown. */
export function replaceSecret(c: Case): string[] {
  if (!isPod(c) || isOnlyInManifest(c)) return showNewSecret(c);
  return [
    ...findWorkload(c),
    bash`secret=$(az ad app credential reset --id ${applicationWord(c)} --append --query password -o tsv) && (IFS=; kubectl set env ${workload(c)} ${inNamespace(c)} AZURE_CLIENT_SECRET=\${secret:?})`,
  ];
}

/** Takes the white space out of the value: in the manifest, or in the Secret that the manifest refers to. */
export function trimSecret(c: Case): string[] {
  if (isOnlyInManifest(c)) return [];
  const list = part`kubectl set env ${workload(c)} ${inNamespace(c)} --list`;
  return [
    ...findWorkload(c),
    bash`secret=$(${list} | grep ^AZURE_CLIENT_SECRET= | cut -d= -f2- | tr -d '[:space:]') && [[ -n $secret ]] && (IFS=; kubectl set env ${workload(c)} ${inNamespace(c)} AZURE_CLIENT_SECRET=$secret)`,
    bash`${list} | grep '# AZURE_CLIENT_SECRET from secret' | tr -d , | while read -r _ _ _ _ object _ key; do secret=$(kubectl get secret $object ${inNamespace(c)} -o jsonpath={.data.$key} | base64 -d | tr -d '[:space:]' | base64 | tr -d '[:space:]') && [[ -n $secret ]] && kubectl patch secret $object ${inNamespace(c)} --patch 'data: {'$key': '$secret'}' && kubectl rollout restart ${workload(c)} ${inNamespace(c)}; done`,
  ];
}

export function listApplications(): string {
  return bash`az ad app list --all --query '[].[appId,displayName]' -o table`;
}

/** Shows the name of the application and the tenant, if the application is registered where az is logged in. */
export function showTenantOfApplication(c: FindingOf): string {
  return bash`az ad app show --id ${applicationWord(c)} --query displayName -o tsv && az account show --query tenantId -o tsv`;
}

/** Gives the pod the tenant in which az is logged in, if the application is registered there; elsewhere, shows both. */
export function setTenantOfApplication(c: Case): string[] {
  if (!isPod(c) || isOnlyInManifest(c)) return [showTenantOfApplication(c)];
  return [
    ...findWorkload(c),
    bash`az ad app show --id ${applicationWord(c)} --query displayName -o tsv && tenant=$(az account show --query tenantId -o tsv) && kubectl set env ${workload(c)} ${inNamespace(c)} AZURE_TENANT_ID=\${tenant:?}`,
  ];
}
