import { bash, guid } from '../bash.ts';
import { listIdentities, listSubscriptions } from '../commands.ts';
import { dropVariables } from '../environment-commands.ts';
import { type Case, isTool } from '../evidence.ts';
import { entraMeans, ofAzureCli, ofAzureCliInPipeline, ofTool, only } from '../match.ts';
import { isPod } from '../place.ts';
import {
  applicationInWords,
  applicationOf,
  applicationWord,
  fromEnvironment,
  hasClientIdForm,
  tenantInWords,
  tenantOf,
} from '../principal.ts';
import { correctApplication, listApplications } from '../registration-commands.ts';
import { aboutNumber, DOCUMENTATION, type Row } from '../row.ts';
import { capitalized, codeOf, shown } from '../words.ts';
import { CLIENT_ID_UNKNOWN, ENTRA_REFUSED, SERVICE_PRINCIPAL_MISSING } from './reasons.ts';

const DISABLED = {
  reason: 'application-disabled',
  title: 'The application is disabled',
  check: 'token',
  documentation: aboutNumber,
} as const;
const CONSENT = {
  reason: 'consent-missing',
  title: 'Consent or an assignment is missing',
  check: 'token',
  documentation: aboutNumber,
} as const;

const unknown = entraMeans('application-unknown');

const notInTenant = (c: Case) =>
  `${capitalized(tenantInWords(c))} has no ${applicationInWords(c).replace(/^(the|this) /, '')}`;

/** In a pod, the client id stays: an empty one would keep the webhook from setting that of the service account. */
function dropServicePrincipal(c: Case): string[] {
  return dropVariables(c, 'AZURE_CLIENT_SECRET', ...(isPod(c) ? [] : ['AZURE_CLIENT_ID']));
}

/** Microsoft Entra ID does not know the application, or gives it no token. */
export const APPLICATION: readonly Row[] = [
  {
    ...CLIENT_ID_UNKNOWN,
    when: ofAzureCliInPipeline(unknown),
    problem: (c) =>
      `This pipeline logs in as ${applicationInWords(c)}, which ${tenantInWords(c)} does not have: the client id or the tenant is wrong, or it was deleted.`,
    hint: () => 'Correct the client id or the tenant of the service connection or login action.',
    commands: () => [listApplications()],
  },
  {
    ...CLIENT_ID_UNKNOWN,
    when: ofAzureCli(unknown),
    problem: (c) =>
      `az is logged in with ${applicationInWords(c)}, which ${tenantInWords(c)} does not have: it was deleted, or belongs to another tenant.`,
    hint: () => 'Log in again, as a person or as an application that exists there. A new one takes a minute.',
    commands: () => [bash`az login`, listApplications()],
  },
  {
    ...CLIENT_ID_UNKNOWN,
    when: ofTool(unknown),
    problem: (c) => `The tool is logged in with ${applicationInWords(c)}, which ${tenantInWords(c)} does not have.`,
    hint: () => 'Log in again with it to the tenant of the subscription, in its cloud.',
    commands: () => [listSubscriptions()],
  },
  {
    ...CLIENT_ID_UNKNOWN,
    when: only(unknown, (_, { credential }) => credential === 'managed-identity'),
    problem: (c) =>
      `${notInTenant(c)}: the managed identity was deleted, is new, or its subscription moved to another tenant.`,
    hint: () => 'Wait a minute if it is new. Otherwise assign an identity that exists, and use its client id.',
    commands: () => [listIdentities()],
    documentation: DOCUMENTATION.managedIdentity,
  },
  {
    ...CLIENT_ID_UNKNOWN,
    // AKS shows this word in place of a service principal.
    when: fromEnvironment(only(unknown, (e, finding) => /^msi$/i.test(applicationOf({ ...e, finding }) ?? ''))),
    problem: () => 'AZURE_CLIENT_ID is msi, which stands for a managed identity and is no client id.',
    hint: () =>
      'Remove AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, and use Workload ID or a managed identity, which has no secret.',
    commands: (c) => [...dropServicePrincipal(c), listIdentities()],
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    ...CLIENT_ID_UNKNOWN,
    when: fromEnvironment(only(unknown, (e, finding) => !hasClientIdForm({ ...e, finding }))),
    problem: (c) =>
      `AZURE_CLIENT_ID is not a client id, which is a GUID: ${shown(applicationOf(c), 'it has another form')}.`,
    hint: () =>
      'Set it to the application (client) id. Look for a placeholder that was not filled in, and for quotes or spaces.',
    commands: correctApplication,
  },
  {
    ...CLIENT_ID_UNKNOWN,
    when: unknown,
    problem: (c) =>
      `${notInTenant(c)}: either AZURE_CLIENT_ID is the id of a secret or object, or AZURE_TENANT_ID is not its tenant.`,
    hint: () =>
      'Set AZURE_CLIENT_ID to the application (client) id and AZURE_TENANT_ID to its tenant. A new one takes a minute. An administrator adds a multi-tenant application to the tenant first.',
    commands: correctApplication,
    documentation: DOCUMENTATION.applications,
  },
  {
    ...SERVICE_PRINCIPAL_MISSING,
    when: entraMeans('application-without-service-principal'),
    problem: (c) =>
      `${capitalized(applicationInWords(c))} is registered, but has no service principal in ${tenantInWords(c)}.`,
    hint: () => 'Create it in that tenant, or correct AZURE_TENANT_ID if the application belongs to another one.',
    commands: (c) => [
      // Only in the tenant that was asked: another one may be the wrong place for it.
      bash`az account show --query tenantId -o tsv | grep -i ${guid(tenantOf(c), 'TENANT_ID')} && az ad sp create --id ${applicationWord(c)}`,
    ],
    documentation: aboutNumber,
  },
  {
    ...DISABLED,
    when: entraMeans('application-disabled'),
    problem: (c) =>
      `${capitalized(applicationInWords(c))} is disabled (its service principal, or enterprise application).`,
    hint: () => 'Ask who disabled it and why, then enable it again. A new secret or certificate does not help.',
    commands: (c) => [bash`az ad sp update --id ${applicationWord(c)} --set accountEnabled=true`],
  },
  {
    ...DISABLED,
    when: entraMeans('resource-disabled'),
    problem: (c) =>
      `${capitalized(tenantInWords(c))} has disabled the service that the token is for, ${c.facts.cloud.resourceManager}.`,
    hint: () => 'Ask an administrator of the tenant to enable its enterprise application, or use another tenant.',
  },
  {
    ...CONSENT,
    when: entraMeans('assignment'),
    problem: () =>
      'The tenant demands an assignment to an enterprise application, and this account or application has none.',
    hint: () =>
      'Ask an administrator of the tenant to assign it, or a group that it is in, to the enterprise application that the message names.',
  },
  {
    ...CONSENT,
    when: only(entraMeans('resource-not-listed'), (_, finding) => !isTool(finding)),
    problem: (c) =>
      `The registration of ${applicationInWords(c)} lists no permission for ${c.facts.cloud.resourceManager} (${codeOf(c.finding)}).`,
    hint: () =>
      'Add the delegated permission user_impersonation of Azure Service Management to the app registration; an administrator then consents to it.',
    commands: (c) => [
      bash`az ad app permission add --id ${applicationWord(c)} --api 797f4846-ba00-4fd7-ba43-dac1f8f63013 --api-permissions 41094075-9dad-400e-a0bd-54e686782033=Scope`,
      bash`az ad app permission admin-consent --id ${applicationWord(c)}`,
    ],
  },
  {
    ...CONSENT,
    when: ofTool(entraMeans('consent')),
    problem: () => 'Nobody has consented to what this tool asks for in this tenant.',
    hint: () => 'Ask an administrator of the tenant to consent to it.',
  },
  {
    ...CONSENT,
    when: entraMeans('consent'),
    problem: (c) => `Nobody has consented in ${tenantInWords(c)} to what ${applicationInWords(c)} asks for.`,
    hint: () => 'Look at the permissions that it asks for; an administrator of the tenant then consents to them.',
    commands: (c) => [
      bash`az ad app permission list --id ${applicationWord(c)}`,
      bash`az ad app permission admin-consent --id ${applicationWord(c)}`,
    ],
  },
  {
    ...ENTRA_REFUSED,
    when: entraMeans('application-multi-tenant'),
    problem: (c) =>
      `${capitalized(applicationInWords(c))} is one for several tenants, which may not use federated credentials of this issuer.`,
    hint: () => 'Use a managed identity, or a single-tenant application.',
    commands: () => [listIdentities()],
  },
];
