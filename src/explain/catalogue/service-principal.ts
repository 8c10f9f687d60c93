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
import { isEmpty, isSet, shown, tenantIdOf } from '../words.ts';
import { CLIENT_CERTIFICATE_FILE } from './client-certificate.ts';
import { CONFIGURATION_REFUSED, NOTHING_CONFIGURED } from './reasons.ts';

const IDS = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID'];

/** A whole service principal in one variable, as azure/login expects it. */
const WHOLE = /CREDENTIAL|CREDS|AUTH_LOCATION|SERVICE_PRINCIPAL$/;

const carrier = (e: Pick<Evidence, 'facts'>) =>
  ['AZURE_CLIENT_SECRET', 'AZURE_CLIENT_CERTIFICATE_PATH'].find((name) => isSet(e, name));
const notUsed = 'so the service principal is only half configured and was not used';

/** Matches a credential that the SDK or MSAL refuses before any request. */
function notAsked(predicate: (finding: Finding, e: Evidence) => boolean): When {
  return (e) =>
    e.findings.find(
      (finding) =>
        finding.responder === 'not-asked' && finding.outcome !== 'pending' && !isTool(finding) && predicate(finding, e),
    );
}

const ENDPOINTS = ['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'AZURE_POD_IDENTITY_AUTHORITY_HOST'];
const malformed = notAsked(({ text }) => text.variable !== undefined);
/** Without a request, the network cannot have failed: the URL of the endpoint is none. */
const malformedEndpoint = notAsked(
  ({ credential, errorCode }, e) =>
    credential === 'managed-identity' && errorCode === 'network_error' && ENDPOINTS.some((name) => isSet(e, name)),
);
const tenantRefused = notAsked(
  ({ errorCode, summary }) =>
    errorCode === 'missing_tenant_id_error' || /missing_tenant_id_error|Invalid tenant id/.test(summary.slice(0, 2000)),
);

/** The variables of a service principal, before Microsoft Entra ID is asked. */
export const SERVICE_PRINCIPAL_SETUP: readonly Row[] = [
  {
    ...NOTHING_CONFIGURED,
    when: only(halfConfigured, (e) => misnamedMissing(e).length > 0),
    problem: (c) => `${absenceInWords(c)}, but ${namesOf(misnamedMissing(c))}, which nothing here reads, ${notUsed}.`,
    hint: (c) => `Rename ${renames(misnamedMissing(c))}.`,
    commands: (c) => renameVariables(c, misnamedMissing(c)),
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
    when: only(halfConfigured, (e) => missingVariables(e).join() === 'AZURE_TENANT_ID'),
    problem: (c) =>
      `${carrier(c) ?? 'AZURE_USERNAME or AZURE_PASSWORD'} and AZURE_CLIENT_ID are set, but ${absenceInWords(c)}, ${notUsed}.`,
    hint: (c) =>
      `Set AZURE_TENANT_ID to the tenant of the application, or remove the rest if you meant ${otherLogin(c)}.`,
    commands: setTenantOfApplication,
  },
  {
    ...NOTHING_CONFIGURED,
    when: only(halfConfigured, (e) => carrier(e) !== undefined),
    problem: (c) => `${carrier(c)} is set, but ${absenceInWords(c)}, ${notUsed}.`,
    hint: (c) => `Set ${list(missingVariables(c))}, too, or remove ${carrier(c)} if you meant another login.`,
    commands: correctApplication,
  },
  {
    ...NOTHING_CONFIGURED,
    when: halfConfigured,
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
    when: tenantRefused,
    problem: (c) => `AZURE_TENANT_ID is ${shown(tenantIdOf(c), 'malformed')}: it is not the id of one single tenant.`,
    hint: () =>
      'Set AZURE_TENANT_ID to the id of the tenant of the application, a GUID or a domain name. Look for quotes, spaces and line breaks around it, and for a placeholder.',
    commands: setTenantOfApplication,
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
    problem: (c) => `A service principal is set in ${namesOf(names(c))}, which nothing here reads.`,
    hint: (c) => `Rename ${renames(names(c))}${andSet(absentIds(c))}.`,
    commands: (c) => renameVariables(c, names(c)),
  },
];

/** The variables that are set in place of those that are missing. */
function misnamedMissing(e: Pick<Evidence, 'facts'>): [string, string][] {
  const missing = missingVariables(e);
  return names(e).filter(([, meant]) => missing.includes(meant));
}

function namesOf(renamed: readonly [string, string][]): string {
  return list(renamed.map(([name]) => name));
}

function renames(renamed: readonly [string, string][]): string {
  return list(renamed.map((pair) => pair.join(' to ')));
}

function andSet(variables: readonly string[]): string {
  return variables.length === 0 ? '' : `, and set ${list(variables)}`;
}

/** "AZURE_TENANT_ID is not set", "AZURE_CLIENT_ID and AZURE_TENANT_ID are empty": a person looks for one of the two. */
function absenceInWords(c: Case): string {
  const missing = missingVariables(c);
  const state = missing.some((name) => isEmpty(c, name)) ? 'empty' : 'not set';
  return `${list(missing)} ${missing.length === 1 ? 'is' : 'are'} ${state}`;
}

function list(words: readonly string[]): string {
  return words.join(' and ');
}
