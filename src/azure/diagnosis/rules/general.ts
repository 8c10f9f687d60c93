import { argument, command } from '../commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { findingOf, unanswered } from '../match.ts';
import { isSet, misnamed, orUnknown, quoted, usesPodIdentity } from '../values.ts';
import { serviceTag } from './network.ts';
import { DOCUMENTATION, type Rule } from './rule.ts';

/** The variables of a service principal, before Microsoft Entra ID is asked. */
export const SERVICE_PRINCIPAL_SETUP: Rule[] = [
  {
    reason: 'nothing-configured',
    match: (e) =>
      missingVariables(e).length > 0
        ? e.findings.find((finding) => finding.name === 'EnvironmentCredential' && isNotAsked(finding))
        : undefined,
    hint: (e) =>
      `Set ${missingVariables(e).join(' and ')}, too, or remove the ${halves(e)}: ` +
      `a service principal is only half configured, so it was not used.${otherNames(e, missingVariables(e))}`,
    documentation: DOCUMENTATION.credentialChains,
  },
  {
    reason: 'configuration-refused',
    match: (e) => e.findings.find((finding) => isNotAsked(finding) && refusedVariable(e, finding) !== undefined),
    hint: (e, finding) => refusedVariable(e, finding) ?? '',
    documentation: DOCUMENTATION.credentialChains,
  },
  {
    reason: 'client-certificate-unusable',
    match: (e) => findingOf(e, ['client-certificate'], (finding) => isNotAsked(finding) && !isTenantRefused(finding)),
    hint: (_, { words, text }) => {
      const said = words.slice(0, 2000);
      if (/ENOENT|no such file/i.test(said)) {
        return `Correct AZURE_CLIENT_CERTIFICATE_PATH, or mount the file: ${orUnknown(text.path)} does not exist.`;
      }
      if (/EACCES|permission denied/i.test(said)) {
        return `Let the user of this process read the file of AZURE_CLIENT_CERTIFICATE_PATH: ${orUnknown(text.path)} is closed to it.`;
      }
      if (/decrypt|passphrase|password|PKCS/i.test(said)) {
        return 'Set AZURE_CLIENT_CERTIFICATE_PASSWORD to the password of the private key, or use a PEM file without one: the private key in the file of AZURE_CLIENT_CERTIFICATE_PATH cannot be decrypted.';
      }
      return (
        'Put both into the file of AZURE_CLIENT_CERTIFICATE_PATH, as PEM: the private key and its certificate. ' +
        'One of them is missing, or the file has another format (a PFX file must be converted).'
      );
    },
    commands: () => [
      command`grep BEGIN $AZURE_CLIENT_CERTIFICATE_PATH`,
      command`cat $PRIVATE_KEY $CERTIFICATE > $PEM_FILE`,
    ],
    documentation: 'https://aka.ms/azsdk/js/identity/environmentcredential/troubleshoot',
  },
];

/** A whole credential is set, but under names that nothing reads, such as those of Terraform or misspelt ones. */
export const MISNAMED: Rule[] = [
  {
    reason: 'nothing-configured',
    match: (e) => {
      const isMeant = CARRIERS.some((variable) => misnamed(e, variable) !== undefined);
      if (!isMeant || e.facts.projectedToken || e.facts.identityEndpoint || usesPodIdentity(e)) return undefined;
      const others = e.findings.filter(({ credential, text }) => isTool(credential) && isTelling(text));
      return others.length > 0 || e.findings.some(({ aadsts }) => aadsts !== undefined) ? undefined : e.findings[0];
    },
    hint: (e) => {
      const names = Object.entries(e.facts.misnamed ?? {}).filter(
        ([, meant]) => meant !== 'AZURE_SUBSCRIPTION_ID' && meant !== 'AZURE_AUTHORITY_HOST',
      );
      const whole = names.find(([name]) => WHOLE.test(name))?.[0];
      if (whole !== undefined) {
        return (
          `Log in with azure/login, which reads ${whole}, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET to its single values: ` +
          'nothing here reads it as a whole, so no service principal is configured.'
        );
      }
      const will = [...names.map(([, meant]) => meant), ...Object.keys(e.facts.variables)];
      const absent = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID'].filter((name) => !will.includes(name));
      return (
        `Rename ${names.map(([name, meant]) => `${name} to ${meant}`).join(', ')}` +
        (absent.length > 0 ? `, and set ${absent.join(' and ')}` : '') +
        ': nothing here reads the present names, so no service principal is configured.'
      );
    },
    documentation: DOCUMENTATION.credentialChains,
  },
];

/** There was no refusal: nothing has responded, or nothing was asked. */
export const NO_ANSWER: Rule[] = [
  {
    reason: 'token-timeout',
    match: (e) => unanswered(e) ?? (e.failure.kind === 'token-timeout' ? lastAsked(e) : undefined),
    hint: (e, finding) => {
      const host = finding.host ?? hostAsked(e, finding);
      return (
        `Ask again, and look for what swallows packets if it lasts (firewall, network policy, NSG or other egress rule${host ? ` for ${host}` : ''}): ` +
        `${finding.name || 'the chain of credentials'} has not answered yet${serviceTag(e, { host })}.`
      );
    },
    commands: (e, finding) => {
      const host = finding.host ?? hostAsked(e, finding);
      return host ? [command`curl -sS -o /dev/null -v https://${argument(host, 'HOST')}`] : [];
    },
    documentation: DOCUMENTATION.egress,
  },
  {
    reason: 'configuration-refused',
    match: (e) =>
      e.findings.find((finding) => finding.outcome === 'failed' && isNotAsked(finding) && !isTool(finding.credential)),
    hint: (_, finding) =>
      `Check the variables that ${finding.name || 'the credential'} reads (${variablesOf(finding)}): it failed before it asked anybody, and said ${quoted(finding)}.`,
    documentation: DOCUMENTATION.credentialChains,
  },
  {
    reason: 'nothing-configured',
    match: (e) => (e.findings.every(({ outcome }) => outcome === 'unavailable') ? e.findings[0] : undefined),
    hint: (e) => {
      const names = e.findings.map(({ name }) => name).filter(Boolean);
      const allowed = `AZURE_TOKEN_CREDENTIALS (${e.facts.variables['AZURE_TOKEN_CREDENTIALS'] ?? 'unset'})`;
      const [only] = e.findings;
      const advice =
        e.findings.length === 1 && only
          ? `${setUp(only)}, or let ${allowed} allow another credential, such as a login with the Azure CLI: ${only.name || 'the only one that is allowed'} is not configured here, and said ${quoted(only)}.`
          : `Configure one of ${names.join(', ')}, or let ${allowed} allow another credential, such as a login with the Azure CLI: none of these is configured here.`;
      return `${advice}${otherNames(e, IDS)}${withoutCredential(e)}`;
    },
    documentation: DOCUMENTATION.credentialChains,
  },
];

function isNotAsked({ party, outcome }: Finding): boolean {
  return party === 'not-asked' && outcome !== 'pending';
}

/** At a timeout, the chain is waiting for the credential that was asked last. */
function lastAsked({ findings }: Evidence): Finding | undefined {
  return findings.at(-1);
}

/** The host that a credential asks, if it always asks the same one. */
function hostAsked({ facts }: Evidence, { credential }: Finding): string | undefined {
  if (credential === 'managed-identity') return facts.identityEndpoint?.host ?? facts.metadataService;
  const asksEntra = ['client-secret', 'client-certificate', 'user-password', 'projected-token'].includes(
    credential ?? '',
  );
  return asksEntra ? new URL(facts.cloud.authorityHost).hostname : undefined;
}

/** The missing variables of a half-configured service principal. */
function missingVariables(e: Evidence): string[] {
  const isUser = isSet(e, 'AZURE_USERNAME') || isSet(e, 'AZURE_PASSWORD');
  const hasCredential = isSet(e, 'AZURE_CLIENT_SECRET') || isSet(e, 'AZURE_CLIENT_CERTIFICATE_PATH');
  const needed = hasCredential ? IDS : isUser ? [...IDS, 'AZURE_USERNAME', 'AZURE_PASSWORD'] : [];
  return needed.filter((name) => !isSet(e, name));
}

/** The half that is configured. */
function halves(e: Evidence): string {
  return isSet(e, 'AZURE_CLIENT_SECRET') || isSet(e, 'AZURE_CLIENT_CERTIFICATE_PATH')
    ? 'secret or certificate'
    : 'user name and password';
}

/** How to set up the only allowed credential. */
function setUp({ name }: Finding): string {
  switch (name) {
    case 'EnvironmentCredential':
      return 'Set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH';
    case 'WorkloadIdentityCredential':
      return 'Set AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_ID and AZURE_TENANT_ID (in a pod the Workload ID webhook sets them)';
    case 'AzureDeveloperCliCredential':
      return 'Install the Azure Developer CLI where this process runs and log in there';
    case 'AzurePowerShellCredential':
      return 'Install PowerShell and its module Az.Accounts where this process runs and log in there';
    default:
      return `Configure ${name || 'the credential'}`;
  }
}

const IDS = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID'];

/** The variables that make a service principal together with the two ids. */
const CARRIERS = ['AZURE_CLIENT_SECRET', 'AZURE_CLIENT_CERTIFICATE_PATH', 'AZURE_FEDERATED_TOKEN_FILE'];

/** A whole service principal in one variable, as azure/login expects it. */
const WHOLE = /CREDENTIAL|CREDS|AUTH_LOCATION|SERVICE_PRINCIPAL$/;

/** Names the variables that are set instead of these unset ones. */
function otherNames(e: Evidence, variables: readonly string[]): string {
  const names = variables.flatMap((variable) => {
    const name = misnamed(e, variable);
    return name === undefined ? [] : [`${name} is set, but nothing here reads it: rename it to ${variable}.`];
  });
  return names.map((sentence) => ` ${sentence}`).join('');
}

/** Two ids alone are not a service principal. Outside Kubernetes nothing uses them, except that a managed identity uses the first. */
export function withoutCredential(e: Evidence): string {
  const isComplete = [...CARRIERS, 'AZURE_USERNAME'].some((name) => isSet(e, name));
  return e.facts.kubernetes || isComplete || !IDS.every((name) => isSet(e, name))
    ? ''
    : ' AZURE_CLIENT_ID and AZURE_TENANT_ID are set, but make no service principal without AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH.';
}

function isTool(credential: Finding['credential']): boolean {
  return credential === 'azure-cli' || credential === 'powershell' || credential === 'azd';
}

/** Whether a tool said more than that it is not set up. */
function isTelling({ problem, networkCode, status }: Finding['text']): boolean {
  const isAbsent =
    problem === undefined ||
    ['not-installed', 'not-logged-in', 'module-missing', 'account-not-in-cache', 'no-subscription'].includes(problem);
  return !isAbsent || networkCode !== undefined || status !== undefined;
}

/** The hint for a value that the SDK refuses before any request, by MSAL's error code or else by its words. */
function refusedVariable(e: Evidence, finding: Finding): string | undefined {
  const { errorCode = '', credential } = finding;
  if (isTool(credential)) return undefined;
  const words = finding.words.slice(0, 2000);
  const malformed =
    /'(\w{1,60})' environment variable is malformed/.exec(words)?.[1] ??
    /^(\w{1,60})_url_malformed$/.exec(errorCode)?.[1] ??
    // Without a request, the network cannot have failed.
    (credential === 'managed-identity' && errorCode === 'network_error'
      ? ['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'AZURE_POD_IDENTITY_AUTHORITY_HOST'].find((name) => isSet(e, name))
      : undefined);
  if (malformed !== undefined) {
    return `Correct or unset ${malformed.toUpperCase()}: it is not a URL, so no managed identity is asked for. A platform of Azure sets it by itself, and nobody else should.`;
  }
  if (
    /^(untrusted_authority|authority_uri_insecure|url_parse_error|empty_url_error|endpoints_resolution_error|openid_config_error|authority_mismatch|issuer_validation_failed|invalid_(authority|cloud_discovery)_metadata)$/.test(
      errorCode,
    )
  ) {
    return `Correct AZURE_AUTHORITY_HOST and AZURE_TENANT_ID, or unset the former for the public cloud: together they are not an address of Microsoft Entra ID (${errorCode}).`;
  }
  if (/not configured to acquire tokens for tenant/.test(words)) {
    return 'Set AZURE_ADDITIONALLY_ALLOWED_TENANTS to the tenant that the message names, or AZURE_TENANT_ID to it: the credential is for another tenant only.';
  }
  if (
    errorCode === 'invalid_client_credential' ||
    /Expected either clientSecret|clientSecret is a required/.test(words)
  ) {
    return 'Set one of AZURE_CLIENT_SECRET and AZURE_CLIENT_CERTIFICATE_PATH to a value that is not empty: the SDK found no usable secret or certificate.';
  }
  if (errorCode === 'platform_not_supported') {
    return 'Unset IDENTITY_ENDPOINT and IMDS_ENDPOINT: they are for a server with Azure Arc, which there is on Linux and Windows only.';
  }
  return undefined;
}

/** Whether the SDK refuses the tenant: `common` and the like, or a value that cannot be a tenant. */
export function isTenantRefused({ errorCode, words }: Finding): boolean {
  return (
    errorCode === 'missing_tenant_id_error' || /missing_tenant_id_error|Invalid tenant id/.test(words.slice(0, 2000))
  );
}

function variablesOf({ credential }: Finding): string {
  switch (credential) {
    case 'client-secret':
      return 'AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_AUTHORITY_HOST';
    case 'client-certificate':
      return 'AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_CERTIFICATE_PATH, AZURE_AUTHORITY_HOST';
    case 'managed-identity':
      return 'AZURE_CLIENT_ID, IDENTITY_ENDPOINT, IMDS_ENDPOINT, MSI_ENDPOINT';
    case 'projected-token':
      return 'AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE, AZURE_AUTHORITY_HOST';
    default:
      return 'AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_AUTHORITY_HOST';
  }
}
