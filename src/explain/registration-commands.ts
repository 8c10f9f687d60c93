import { bash, choice, part, type Word } from './bash.ts';
import { inNamespace, isOnlyInManifest, listVariables, restart, templatePath, workload } from './commands.ts';
import { readVariable, setVariables } from './environment-commands.ts';
import type { Case } from './evidence.ts';
import { isPod } from './place.ts';
import { applicationOf, applicationWord, type FindingOf, hasClientIdForm } from './principal.ts';
import { isSet, tenantIdOf } from './words.ts';

/** The commands about the app registration of a service principal, and for the process that uses it. */

/** Adds a secret and shows it once, for a person who puts it in place. */
export function showNewSecret(c: Case): string[] {
  return [bash`az ad app credential reset --id ${applicationWord(c)} --append`];
}

/** Adds a secret to the application and gives it to this process, without showing it; where no command can, only adds it. */
export function replaceSecret(c: Case): string[] {
  const replaced = setVariables(
    c,
    { AZURE_CLIENT_SECRET: part`\${secret:?}` },
    part`secret=$(az ad app credential reset --id ${applicationWord(c)} --append --query password -o tsv) && `,
  );
  return replaced.length > 0 ? replaced : showNewSecret(c);
}

/**
 * Takes white space out, and one quotation mark at each end. JSON escapes that character, so two ranges of ASCII stand for it and for
 * the apostrophe. The other characters of these ranges would be taken from the ends, too; generated secrets do not have them.
 */
const TRIM = part`tr -d '[:space:]' | LC_ALL=C sed 's/^[!-#&-(]//; s/[!-#&-(]$//'`;

/** Trims the value, wherever the process has it from. */
export function trimSecret(c: Case): string[] {
  const present = part`secret=$(${readVariable(c, part`AZURE_CLIENT_SECRET`)} | ${TRIM}) && [[ -n $secret ]] && `;
  return [...setVariables(c, { AZURE_CLIENT_SECRET: part`$secret` }, present), ...trimSecretObjects(c)];
}

/** The same in the Secrets that the manifest refers to, by a key or as a whole. */
function trimSecretObjects(c: Case): string[] {
  if (!isPod(c) || isOnlyInManifest(c)) return [];
  const restarts = restart(c).length > 0;
  const andRestart = restarts ? part` && kubectl rollout restart ${workload(c)} ${inNamespace(c)}` : part``;
  const trim = (key: Word): Word =>
    part`secret=$(kubectl get secret $object ${inNamespace(c)} -o jsonpath={.data.${key}} | base64 -d | ${TRIM} | base64 | tr -d '[:space:]') && [[ -n $secret ]] && kubectl patch secret $object ${inNamespace(c)} --patch 'data: {'${key}': '$secret'}'${andRestart}`;
  return [
    bash`${listVariables(c)} | grep '# AZURE_CLIENT_SECRET from secret' | tr -d , | while read -r _ _ _ _ object _ key; do ${trim(part`$key`)}; done`,
    bash`for object in $(kubectl get ${workload(c)} ${inNamespace(c)} -o jsonpath='{.${choice(templatePath(c))}.spec.containers[*].envFrom[*].secretRef.name}'); do ${trim(part`AZURE_CLIENT_SECRET`)}; done`,
  ];
}

export function listApplications(): string {
  return bash`az ad app list --all --query '[].[appId,displayName]' -o table`;
}

/** Shows the name of the application and the tenant, if the application is registered where az is logged in. */
function showTenantOfApplication(c: FindingOf): string {
  return bash`az ad app show --id ${applicationWord(c)} --query displayName -o tsv && az account show --query tenantId -o tsv`;
}

/** Gives this process the tenant in which az is logged in, if the application is registered there. */
export function setTenantOfApplication(c: Case): string[] {
  const set = setVariables(
    c,
    { AZURE_TENANT_ID: part`\${tenant:?}` },
    part`az ad app show --id ${applicationWord(c)} --query displayName -o tsv && ${READ_TENANT}`,
  );
  return set.length > 0 ? set : [showTenantOfApplication(c)];
}

/**
 * Gives this process an application that is registered where az is logged in, with that tenant and, if one is set, that cloud: the
 * application that AZURE_CLIENT_ID names by whatever id, else the one that its reader chooses from the list.
 */
export function correctApplication(c: Case): string[] {
  const id = applicationWord(c);
  const find =
    hasClientIdForm(c) && applicationOf(c) !== tenantIdOf(c)
      ? part`az ad sp show --id ${id} --query appId -o tsv || az ad app show --id ${id} --query appId -o tsv || `
      : part``;
  const cloud = isSet(c, 'AZURE_AUTHORITY_HOST');
  const corrected = setVariables(
    c,
    {
      AZURE_CLIENT_ID: part`\${id:?}`,
      AZURE_TENANT_ID: part`\${tenant:?}`,
      ...(cloud && { AZURE_AUTHORITY_HOST: part`\${host:?}` }),
    },
    part`id=$(${find}az ad app show --id \${CLIENT_ID:?} --query appId -o tsv) && ${READ_TENANT}${cloud ? READ_CLOUD : part``}`,
  );
  if (corrected.length > 0) return [listApplications(), ...corrected];
  return hasClientIdForm(c) ? [listApplications(), showTenantOfApplication(c)] : [listApplications()];
}

const READ_TENANT = part`tenant=$(az account show --query tenantId -o tsv) && `;
/** The cloud in which az is logged in. */
export const READ_CLOUD = part`host=$(az cloud show --query endpoints.activeDirectory -o tsv) && `;
