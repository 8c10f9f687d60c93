import { dropVariables, renameVariables } from '../environment-commands.ts';
import { type Case, type Evidence, type Finding, isTool } from '../evidence.ts';
import {
  either,
  emptySecret,
  halfConfigured,
  misnamedCredential,
  missingVariables,
  only,
  type When,
} from '../match.ts';
import { otherLogin } from '../principal.ts';
import { correctApplication, setTenantOfApplication } from '../registration-commands.ts';
import type { Row } from '../row.ts';
import { isEmpty, isSet, misnamed, shown, tenantIdOf } from '../words.ts';
import { CLIENT_CERTIFICATE_FILE } from './client-certificate.ts';
import { CONFIGURATION_REFUSED, NOTHING_CONFIGURED } from './reasons.ts';

const IDS = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID'];

/** A whole service principal in one variable, as azure/login expects it. */
const WHOLE = /CREDENTIAL|CREDS|AUTH_LOCATION|SERVICE_PRINCIPAL$/;

const hasCredential = (e: Pick<Evidence, 'facts'>) =>
  isSet(e, 'AZURE_CLIENT_SECRET') || isSet(e, 'AZURE_CLIENT_CERTIFICATE_PATH');
const half = (condition: (e: Evidence) => boolean = () => true) => only(halfConfigured, condition);

function isNotAsked({ responder, outcome }: Finding): boolean {
  return responder === 'not-asked' && outcome !== 'pending';
}

/** Another variable that was probably meant for one that is missing. */
function otherName(e: Pick<Evidence, 'facts'>): [string, string] | undefined {
  for (const missing of missingVariables(e)) {
    const name = misnamed(e, missing);
    if (name !== undefined) return [name, missing];
  }
  return undefined;
}

const carrier = (e: Case) =>
  isSet(e, 'AZURE_CLIENT_SECRET')
    ? 'AZURE_CLIENT_SECRET'
    : isSet(e, 'AZURE_CLIENT_CERTIFICATE_PATH')
      ? 'AZURE_CLIENT_CERTIFICATE_PATH'
      : 'AZURE_USERNAME or AZURE_PASSWORD';
const lacksOnly = (e: Evidence, variable: string) => missingVariables(e).join() === variable;
/** Which of the two a person looks for. */
const absence = (e: Evidence) => (isEmpty(e, 'AZURE_TENANT_ID') ? 'empty' : 'not set');
const notUsed = 'so the service principal is only half configured and was not used';

/** A value that the SDK or MSAL refuses before any request. */
function refusedAs(...codes: string[]): When {
  return ({ findings }) =>
    findings.find((finding) => isNotAsked(finding) && !isTool(finding) && codes.includes(finding.errorCode ?? ''));
}

function notAsked(predicate: (finding: Finding, e: Evidence) => boolean): When {
  return (e) => e.findings.find((finding) => isNotAsked(finding) && !isTool(finding) && predicate(finding, e));
}

const ENDPOINTS = ['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'AZURE_POD_IDENTITY_AUTHORITY_HOST'];
const malformed = notAsked(({ text }) => text.variable !== undefined);
/** Without a request, the network cannot have failed: the URL of the endpoint is none. */
const malformedEndpoint = notAsked(
  ({ credential, errorCode }, e) =>
    credential === 'managed-identity' && errorCode === 'network_error' && ENDPOINTS.some((name) => isSet(e, name)),
);
const tenantMissing = notAsked((finding) => isAbout(finding, 'missing_tenant_id_error'));
const tenantMalformed = notAsked((finding) => isAbout(finding, 'Invalid tenant id'));

function isAbout({ errorCode, summary }: Finding, words: string): boolean {
  return errorCode === words || summary.slice(0, 2000).includes(words);
}

/** The variables of a service principal, before Microsoft Entra ID is asked. */
export const SERVICE_PRINCIPAL_SETUP: readonly Row[] = [
  {
    ...NOTHING_CONFIGURED,
    when: half((e) => otherName(e) !== undefined),
    problem: (c) =>
      `${otherName(c)?.[1]} is not set, but ${otherName(c)?.[0]} is, which nothing here reads, ${notUsed}.`,
    hint: (c) => `Rename ${otherName(c)?.[0]} to ${otherName(c)?.[1]}.`,
    commands: (c) =>
      renameVariables(
        c,
        [otherName(c)].filter((found) => found !== undefined),
      ),
  },
  {
    ...NOTHING_CONFIGURED,
    when: emptySecret,
    problem: () => 'AZURE_CLIENT_SECRET is set, but empty, and no other credential was found.',
    hint: () =>
      'Look where the manifest, env file or pipeline takes it from. If you meant a managed identity or Workload ID, set that up instead.',
  },
  {
    ...NOTHING_CONFIGURED,
    when: half((e) => lacksOnly(e, 'AZURE_TENANT_ID')),
    problem: (c) => `${carrier(c)} and AZURE_CLIENT_ID are set, but AZURE_TENANT_ID is ${absence(c)}, ${notUsed}.`,
    hint: (c) =>
      `Set AZURE_TENANT_ID to the tenant of the application, or remove the rest if you meant ${otherLogin(c)}.`,
    commands: setTenantOfApplication,
  },
  {
    ...NOTHING_CONFIGURED,
    when: half((e) => missingVariables(e).some((name) => isEmpty(e, name))),
    problem: (c) => `${areSet(missingVariables(c).filter((name) => isEmpty(c, name)))}, but empty, ${notUsed}.`,
    hint: (c) =>
      `Look where the manifest, env file or pipeline takes ${list(missingVariables(c))} from, and supply what is missing.`,
    commands: correctApplication,
  },
  {
    ...NOTHING_CONFIGURED,
    when: half(hasCredential),
    problem: (c) => `${carrier(c)} is set, but not ${list(missingVariables(c))}, ${notUsed}.`,
    hint: (c) => `Set ${list(missingVariables(c))}, too, or remove ${carrier(c)} if you meant another login.`,
    commands: correctApplication,
  },
  {
    ...NOTHING_CONFIGURED,
    when: half(),
    problem: (c) => `A user name or password is set, but not ${list(missingVariables(c))}, so it was not used.`,
    hint: (c) => `Set ${list(missingVariables(c))}, too. Better: a service principal with a secret, or Workload ID.`,
  },
  {
    ...CONFIGURATION_REFUSED,
    when: either(malformed, malformedEndpoint),
    problem: (c) =>
      `${c.finding.text.variable?.toUpperCase() ?? ENDPOINTS.find((name) => isSet(c, name))} is not a URL, so no managed identity was asked for.`,
    hint: () => 'Unset it, or correct it. A platform of Azure sets it by itself, and nobody else should.',
    commands: (c) => dropVariables(c, ...ENDPOINTS.filter((name) => isSet(c, name))),
  },
  {
    ...CONFIGURATION_REFUSED,
    when: tenantMissing,
    problem: (c) =>
      `AZURE_TENANT_ID is ${shown(tenantIdOf(c), 'not the id of one tenant')}, which is not one single tenant; an application needs one.`,
    hint: () => 'Set AZURE_TENANT_ID to the id of the tenant of the application, a GUID or a domain name.',
    commands: setTenantOfApplication,
  },
  {
    ...CONFIGURATION_REFUSED,
    when: tenantMalformed,
    problem: () => 'AZURE_TENANT_ID cannot be the id of a tenant, which is a GUID or a domain name.',
    hint: () => 'Correct AZURE_TENANT_ID. Look for quotes, spaces and line breaks around it, and for a placeholder.',
    commands: setTenantOfApplication,
  },
  {
    ...CONFIGURATION_REFUSED,
    when: refusedAs(
      'untrusted_authority',
      'authority_uri_insecure',
      'url_parse_error',
      'empty_url_error',
      'endpoints_resolution_error',
      'openid_config_error',
      'authority_mismatch',
      'issuer_validation_failed',
      'invalid_authority_metadata',
      'invalid_cloud_discovery_metadata',
    ),
    problem: (c) =>
      `${c.facts.cloud.authorityHost} and AZURE_TENANT_ID are together no address of Microsoft Entra ID (${c.finding.errorCode}).`,
    hint: () => 'Correct AZURE_TENANT_ID and AZURE_AUTHORITY_HOST. For the public cloud, leave out the latter.',
  },
  {
    ...CONFIGURATION_REFUSED,
    when: notAsked(({ summary }) => summary.includes('not configured to acquire tokens for tenant')),
    problem: () => 'The credential is for one tenant only, and a token of another one was demanded.',
    hint: () =>
      'Set AZURE_TENANT_ID to the tenant that the message names, or allow it in AZURE_ADDITIONALLY_ALLOWED_TENANTS.',
  },
  {
    ...CONFIGURATION_REFUSED,
    when: notAsked(
      ({ errorCode, summary }) =>
        errorCode === 'invalid_client_credential' ||
        /Expected either clientSecret|clientSecret is a required/.test(summary),
    ),
    problem: () => 'The SDK found no usable secret or certificate.',
    hint: () => 'Set AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH to a value that is not empty.',
  },
  {
    ...CONFIGURATION_REFUSED,
    when: refusedAs('platform_not_supported'),
    problem: () => 'IDENTITY_ENDPOINT and IMDS_ENDPOINT are for servers with Azure Arc, on Linux and Windows only.',
    hint: () => 'Unset both.',
    commands: (c) => dropVariables(c, 'IDENTITY_ENDPOINT', 'IMDS_ENDPOINT'),
  },
  ...CLIENT_CERTIFICATE_FILE,
];

/** The names that are set, each with the one that is meant. */
function names({ facts }: Pick<Evidence, 'facts'>): [string, string][] {
  return Object.entries(facts.misnamed ?? {}).filter(
    ([, meant]) => meant !== 'AZURE_SUBSCRIPTION_ID' && meant !== 'AZURE_AUTHORITY_HOST',
  );
}

const whole = (e: Pick<Evidence, 'facts'>) => names(e).find(([name]) => WHOLE.test(name))?.[0];
const absentIds = (e: Pick<Evidence, 'facts'>) =>
  IDS.filter((id) => !isSet(e, id) && !names(e).some(([, meant]) => meant === id));

/** The names are those of another tool, or misspelt. */
export const MISNAMED: readonly Row[] = [
  {
    ...NOTHING_CONFIGURED,
    when: only(misnamedCredential, (e) => whole(e) !== undefined),
    problem: (c) => `${whole(c)} is set, but only azure/login reads it; here it configures nothing.`,
    hint: () =>
      'Run azure/login before this, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET to its single values.',
  },
  {
    ...NOTHING_CONFIGURED,
    when: misnamedCredential,
    problem: (c) => `A service principal is set in ${misnamedInWords(c)}, which nothing here reads.`,
    hint: (c) => `Rename ${renames(c)}${andSet(absentIds(c))}.`,
    commands: (c) => renameVariables(c, names(c)),
  },
];

function misnamedInWords(c: Case): string {
  return names(c)
    .map(([name]) => name)
    .join(', ');
}

function andSet(variables: readonly string[]): string {
  return variables.length === 0 ? '' : `, and set ${list(variables)}`;
}

function renames(c: Case): string {
  return names(c)
    .map(([name, meant]) => `${name} to ${meant}`)
    .join(', ');
}

function list(words: readonly string[]): string {
  return words.join(' and ');
}

function areSet(variables: readonly string[]): string {
  return `${list(variables)} ${variables.length === 1 ? 'is' : 'are'} set`;
}
