import type { AadstsClass } from '../aadsts.ts';
import { argument, command, deploymentOf, findIdentity, loginToTenant } from '../commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { entraMeans, entraRefusal, entraSays, findingOf } from '../match.ts';
import { clientIdOf, hasValue, isPadded, namespaceOf, orUnknown, quoted, tenantIdOf } from '../values.ts';
import { isTenantRefused } from './general.ts';
import { aboutNumber, DOCUMENTATION, type Rule } from './rule.ts';

/** The application id of the Azure CLI itself. An error about it is about a person's login. */
const AZURE_CLI_APPLICATION = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';

/** Microsoft Entra ID refused a token, for any credential. */
export const ENTRA: Rule[] = [
  {
    reason: 'client-secret-refused',
    // EnvironmentCredential comes before Workload ID, and its failure ends the chain.
    match: (e) =>
      e.facts.projectedToken
        ? findingOf(
            e,
            ['client-secret', 'client-certificate', 'user-password'],
            ({ aadsts, aadstsClass }) => aadsts !== undefined && isAboutApplication(aadstsClass),
          )
        : undefined,
    hint: (_, finding) =>
      `Remove ${variableOf(finding)} from the pod and recreate it: it takes precedence over Workload ID, which is configured here and was never tried, ` +
      `and Microsoft Entra ID refused it (AADSTS${finding.aadsts}).`,
    commands: (e, finding) => [
      command`kubectl set env deployment ${deploymentOf(e)} -n ${argument(namespaceOf(e), 'NAMESPACE')} ${variableOf(finding)}-`,
    ],
    documentation: aboutNumber,
  },
  {
    reason: 'client-id-unknown',
    match: entraSays(700016, 70001, 700011),
    hint: (e, finding) => clientIdHint(e, finding),
    commands: (e, finding) => {
      if (isPod(finding)) return [findIdentity(e)];
      if (isUserLogin(finding)) return [loginToTenant('')];
      if (finding.credential === 'azure-cli') return [loginAsServicePrincipal(e, finding)];
      return [command`az ad app list --all --query '[].[appId,displayName]' -o table`];
    },
    documentation: aboutNumber,
  },
  {
    reason: 'service-principal-missing',
    match: entraSays(7000229, 1001010, 650059, 700019, 900491),
    hint: (e, finding) =>
      `Create the service principal of the application ${orUnknown(finding.text.application ?? clientIdOf(e))} in the tenant ` +
      `${orUnknown(finding.text.tenant ?? tenantIdOf(e))}, or correct AZURE_TENANT_ID: the application is registered, but has no service principal in that tenant.`,
    commands: (e, finding) => [
      command`az ad sp create --id ${argument(finding.text.application ?? clientIdOf(e), 'CLIENT_ID')}`,
    ],
    documentation: aboutNumber,
  },
  {
    reason: 'application-disabled',
    match: entraSays(7000112, 7000116, 500014, 7000117),
    hint: (e, finding) =>
      `Ask an administrator of the tenant to enable the enterprise application (service principal) ${orUnknown(finding.text.application ?? clientIdOf(e))} again: it is disabled, and a new credential does not help.`,
    commands: (e, finding) => [
      command`az ad sp update --id ${argument(finding.text.application ?? clientIdOf(e), 'CLIENT_ID')} --set accountEnabled=true`,
    ],
    documentation: aboutNumber,
  },
  {
    reason: 'client-secret-refused',
    match: (e) => {
      const refusal = entraMeans('client-secret')(e) ?? entraSays(50012)(e);
      return refusal && (refusal.aadstsClass === 'client-secret' || refusal.credential === 'client-secret')
        ? refusal
        : undefined;
    },
    hint: (e, finding) => clientSecretHint(e, finding),
    commands: (e, finding) => {
      const reset = command`az ad app credential reset --id ${argument(applicationOf(e, finding), 'CLIENT_ID')} --append`;
      return finding.credential === 'azure-cli' ? [reset, loginAsServicePrincipal(e, finding)] : [reset];
    },
    documentation: aboutNumber,
  },
  {
    reason: 'client-certificate-refused',
    match: entraMeans('client-certificate'),
    hint: (e, finding) => {
      const application = orUnknown(applicationOf(e, finding));
      const file =
        finding.credential === 'azure-cli'
          ? 'the certificate with which az is logged in'
          : 'the certificate of AZURE_CLIENT_CERTIFICATE_PATH';
      if (/expired|validity|revoked/i.test(finding.words.slice(0, 2000))) {
        return `Make a new certificate, register it with the application ${application}, and put it in place: ${file} has expired or was revoked.`;
      }
      if (
        /did not match|invalid signature/i.test(finding.words.slice(0, 2000)) &&
        !/not found/i.test(finding.words.slice(0, 2000))
      ) {
        return (
          `Put the certificate that belongs to the private key first in the PEM file (the leaf, before those of the CA): the signature does not match ` +
          `${file}, whose thumbprint is registered with the application ${application}.`
        );
      }
      return (
        `Upload ${file} to the application ${application} (compare the thumbprints), or point AZURE_CLIENT_CERTIFICATE_PATH to the one that is registered: ` +
        'Microsoft Entra ID does not know this certificate, or does not accept it.'
      );
    },
    commands: (e, finding) => [
      command`az ad app credential list --id ${argument(applicationOf(e, finding), 'CLIENT_ID')} --cert`,
      command`az ad app credential reset --id ${argument(applicationOf(e, finding), 'CLIENT_ID')} --append --cert @$CERTIFICATE_FILE`,
    ],
    documentation: aboutNumber,
  },
  {
    reason: 'wrong-cloud',
    match: (e) => entraMeans('cloud')(e) ?? entraSays(500011, 500012)(e),
    hint: (e, finding) =>
      finding.credential === 'azure-cli'
        ? 'Set az to the cloud of this service and log in there, or set AZURE_AUTHORITY_HOST to that of the cloud in which az is logged in: ' +
          `az and this service, which asks ${e.facts.cloud.resourceManager}, are not in the same cloud.`
        : "Set AZURE_AUTHORITY_HOST to that of the identity's cloud (https://login.microsoftonline.us for US Government, https://login.chinacloudapi.cn for China): " +
          `${e.facts.cloud.authorityHost} and ${e.facts.cloud.resourceManager}, in use now, do not take it.` +
          (finding.aadsts === 500011 ? ' If the cloud is right, the tenant is not: check AZURE_TENANT_ID.' : ''),
    commands: (e, finding) =>
      finding.credential === 'azure-cli' ? [command`az cloud set --name ${cloudName(e)}`, command`az login`] : [],
    documentation: DOCUMENTATION.clouds,
  },
  {
    reason: 'tenant-blocked',
    match: entraSays(5000224, 5000225, 5000222),
    hint: (e, finding) =>
      `Use another tenant (${isUserLogin(finding) || finding.credential === 'azure-cli' ? 'log in with its id' : 'AZURE_TENANT_ID'}), or ask its administrator to reactivate this one: ` +
      `the tenant ${tenantInWords(e, finding)} is blocked, for inactivity or by Microsoft, and another login to it does not help.`,
    commands: (_, finding) =>
      finding.credential === 'azure-cli' ? [command`az account list --all -o table`, loginToTenant('')] : [],
    documentation: aboutNumber,
  },
  {
    reason: 'tenant-unknown',
    match: (e) => entraMeans('tenant')(e) ?? e.findings.find(isTenantRefused),
    hint: (e, finding) => {
      const tenant = tenantInWords(e, finding);
      if (finding.party === 'nmi') {
        return `Correct tenantID in AzureIdentity (type 1 or 2, a service principal): NMI logs in to the tenant ${orUnknown(finding.text.tenant)}, which does not exist.`;
      }
      if (isWithoutTenant(finding) && finding.credential !== 'azure-cli') {
        return `Set AZURE_TENANT_ID to the id of the tenant of the application: ${tenant} is not one tenant, and an application needs one (a GUID or domain name).`;
      }
      if (isTenantRefused(finding) && !finding.text.aadsts && !hasValue(tenantIdOf(e))) {
        return 'Correct AZURE_TENANT_ID: it is not the id of a tenant, a GUID or domain name (look for quotes, spaces and line breaks around it).';
      }
      if (finding.credential === 'azure-cli') {
        return `Log in with a tenant that exists: the tenant ${tenant}, to which az is set, is not in ${e.facts.cloud.authorityHost}.`;
      }
      const where = isPod(finding)
        ? 'AZURE_TENANT_ID, or the annotation azure.workload.identity/tenant-id of the service account, and recreate the pod'
        : 'AZURE_TENANT_ID';
      return (
        `Correct ${where}: ${tenant} does not exist in ${e.facts.cloud.authorityHost}. ` +
        'If the tenant is right, it is of another cloud: then AZURE_AUTHORITY_HOST is wrong.'
      );
    },
    commands: (_, finding) =>
      finding.credential === 'azure-cli'
        ? [command`az account list --all -o table`, loginToTenant('')]
        : [command`az account list --all --query '[].[tenantId,name]' -o table`],
    documentation: aboutNumber,
  },
  {
    reason: 'blocked-by-policy',
    match: (e) => entraMeans('policy')(e) ?? byWords(e, /Conditional Access/),
    hint: policyHint,
    documentation: aboutNumber,
  },
  {
    reason: 'az-not-logged-in',
    match: (e) => {
      const refusal = entraMeans('sign-in', 'mfa')(e);
      return refusal?.credential === 'azure-cli' ? refusal : undefined;
    },
    hint: (_, finding) =>
      finding.aadstsClass === 'mfa'
        ? 'Log in again, interactively and to the tenant of the subscription, then ask again: it demands multi-factor authentication. ' +
          'If that repeats itself, log out first.'
        : 'Log in again with the Azure CLI (on the host, where its login is mounted into a container), then ask again; no restart is needed. The login has expired or was revoked, or a policy limits how long it lasts.',
    commands: (e, finding) =>
      finding.aadstsClass === 'mfa'
        ? [command`az logout`, loginToTenant(tenantOf(e, finding))]
        : [command`az login`, loginToTenant(tenantOf(e, finding))],
    documentation: aboutNumber,
  },
  {
    reason: 'account-refused',
    match: entraMeans('account', 'password'),
    hint: accountHint,
    commands: (e, finding) => (finding.credential === 'azure-cli' ? [loginToTenant(tenantOf(e, finding))] : []),
    documentation: aboutNumber,
  },
  {
    reason: 'consent-missing',
    match: entraMeans('consent', 'assignment'),
    hint: (e, finding) =>
      `Ask an administrator of the tenant to consent to the application ${orUnknown(finding.text.application ?? clientIdOf(e))} and to assign it: ` +
      `what it asks for has not been granted in this tenant (AADSTS${finding.aadsts}).`,
    commands: (e, finding) => [
      command`az ad app permission admin-consent --id ${argument(finding.text.application ?? clientIdOf(e), 'CLIENT_ID')}`,
    ],
    documentation: aboutNumber,
  },
  {
    reason: 'entra-throttled',
    match: (e) =>
      entraMeans('throttled')(e) ??
      e.findings.find(
        ({ party, status, credential }) => party === 'entra' && status === 429 && credential !== 'managed-identity',
      ),
    hint: () =>
      'Wait a minute, then ask again, and find what asks too often: Microsoft Entra ID throttles too many requests, ' +
      'and the SDK waits as long as it was told to.',
    documentation: aboutNumber,
  },
  {
    reason: 'entra-broken',
    match: (e) => entraMeans('transient')(e) ?? entraFault(e),
    hint: (e, finding) =>
      `Ask again in a minute, and look at ${DOCUMENTATION.status} if it lasts: Microsoft Entra ID has a fault that passes ` +
      `(${finding.aadsts === undefined ? String(finding.status) : `AADSTS${finding.aadsts}`}), at ${hostInWords(e, finding)}. Nothing here needs to change.`,
    documentation: DOCUMENTATION.status,
  },
  {
    reason: 'entra-refused',
    match: (e) => entraRefusal(e),
    hint: refusedHint,
    documentation: aboutNumber,
  },
];

function hostInWords(e: Evidence, finding: Finding): string {
  return finding.host ?? new URL(e.facts.cloud.authorityHost).hostname;
}

/** A fault of Entra without an error number, in its own response or quoted by a tool. */
function entraFault(e: Evidence): Finding | undefined {
  return e.findings.find(
    ({ party, aadsts, status, errorCode, credential }) =>
      party === 'entra' &&
      aadsts === undefined &&
      credential !== 'managed-identity' &&
      ((status ?? 0) >= 500 || errorCode === 'temporarily_unavailable'),
  );
}

function byWords(e: Evidence, words: RegExp): Finding | undefined {
  const refusal = entraRefusal(e);
  return refusal && refusal.aadstsClass === undefined && words.test(refusal.words.slice(0, 2000)) ? refusal : undefined;
}

function isAboutApplication(name: AadstsClass | undefined): boolean {
  return (
    name === undefined ||
    [
      'client-secret',
      'client-certificate',
      'application',
      'tenant',
      'account',
      'password',
      'mfa',
      'flow',
      'assertion',
    ].includes(name)
  );
}

/** The variable that makes EnvironmentCredential use this kind of credential. */
function variableOf({ credential }: Finding): string {
  if (credential === 'client-secret') return 'AZURE_CLIENT_SECRET';
  return credential === 'client-certificate' ? 'AZURE_CLIENT_CERTIFICATE_PATH' : 'AZURE_PASSWORD';
}

function isPod({ credential }: Finding): boolean {
  return credential === 'projected-token' || credential === 'identity-binding';
}

/** Whether a person is logged in to the tool. A message about a secret or certificate means a service principal instead. */
function isUserLogin({ credential, aadstsClass, text }: Finding): boolean {
  if (credential !== 'azure-cli' && credential !== 'powershell' && credential !== 'azd')
    return credential === 'user-password';
  if (text.application === AZURE_CLI_APPLICATION) return true;
  if (text.login !== undefined) return false;
  return (
    aadstsClass === undefined ||
    !['client-secret', 'client-certificate', 'assertion', 'application'].includes(aadstsClass)
  );
}

function applicationOf(e: Evidence, { credential, text }: Finding): string | undefined {
  return credential === 'azure-cli' ? text.application : (clientIdOf(e) ?? text.application);
}

/** A tool has its own tenant, which only its message shows. */
function tenantOf(e: Evidence, { credential, text }: Finding): string | undefined {
  const configured = tenantIdOf(e);
  return credential === 'azure-cli' || !hasValue(configured) ? text.tenant : configured;
}

function tenantInWords(e: Evidence, finding: Finding): string {
  const tenant = tenantOf(e, finding);
  return hasValue(tenant) ? orUnknown(tenant) : finding.credential === 'azure-cli' ? '' : 'its value';
}

function loginAsServicePrincipal(e: Evidence, finding: Finding): string {
  return command`az login --service-principal --username ${argument(finding.text.application, 'CLIENT_ID')} --password $CLIENT_SECRET --tenant ${argument(tenantOf(e, finding), 'TENANT_ID')}`;
}

/** Whether the tenant is missing, not unknown: `common`, `organizations`, or nothing at all. */
function isWithoutTenant(finding: Finding): boolean {
  const { aadsts = 0, words } = finding;
  if (isTenantRefused(finding)) return words.includes('missing_tenant_id_error');
  return [50059, 50128, 50194, 90019, 900191, 9001023].includes(aadsts);
}

function cloudName({ facts }: Evidence): string {
  if (facts.cloud.resourceManager.endsWith('.usgovcloudapi.net')) return 'AzureUSGovernment';
  return facts.cloud.resourceManager.endsWith('.chinacloudapi.cn') ? 'AzureChinaCloud' : 'AzureCloud';
}

function clientIdHint(e: Evidence, finding: Finding): string {
  const clientId = orUnknown(clientIdOf(e));
  const soon = 'A new one takes a minute until it is known everywhere.';
  if (isUserLogin(finding)) {
    return (
      `Log in to another tenant or cloud: the application ${orUnknown(finding.text.application)} is not in the tenant ${orUnknown(finding.text.tenant)}, ` +
      'to which the tool is logged in.'
    );
  }
  if (finding.credential === 'azure-cli') {
    return (
      `Log in again with the id of an application that exists in the tenant: ${orUnknown(finding.text.application)}, with which az is logged in, ` +
      `is not in the tenant ${orUnknown(finding.text.tenant)} (deleted? the wrong tenant?). ${soon}`
    );
  }
  if (isPod(finding)) {
    const mistake = clientId.startsWith('/')
      ? 'This is a resource id, not a client id.'
      : 'It may be an object id, a resource id, or of a deleted identity.';
    return (
      `Set AZURE_CLIENT_ID, or the annotation azure.workload.identity/client-id of the service account, to the clientId of the managed identity, ` +
      `and recreate the pod: tenant ${orUnknown(tenantIdOf(e))} has no application ${clientId}. ${mistake} ${soon}`
    );
  }
  if (finding.party === 'nmi') {
    return `Correct clientID and tenantID in AzureIdentity (type 1 or 2, a service principal): NMI logs in with them, and the tenant has no such application. For a managed identity the type is 0. ${soon}`;
  }
  if (finding.credential === 'managed-identity') {
    return `Correct AZURE_CLIENT_ID: the tenant has no application ${clientId}. ${soon}`;
  }
  return (
    `Set AZURE_CLIENT_ID to the application (client) id of the app registration, and AZURE_TENANT_ID to its tenant: tenant ${orUnknown(tenantIdOf(e))} ` +
    `has no application ${clientId} (${mistakenFor(e)}). ${soon}`
  );
}

/** What the value of AZURE_CLIENT_ID probably is instead. */
function mistakenFor(e: Evidence): string {
  if (clientIdOf(e) === tenantIdOf(e) && hasValue(clientIdOf(e))) return 'it is the id of the tenant';
  if (!hasValue(clientIdOf(e))) return 'it is not a GUID: look for quotes, spaces and line breaks around it';
  return 'the id of the secret? an object id? with a managed identity there is no secret at all';
}

function clientSecretHint(e: Evidence, finding: Finding): string {
  if (finding.credential === 'managed-identity') {
    return 'Correct the secret in AzureIdentity (type 1), or use a managed identity, which has none: NMI logs in as a service principal, and its secret is wrong or has expired.';
  }
  if (isPadded(e, 'AZURE_CLIENT_SECRET')) {
    return 'Remove the white space at the start or end of AZURE_CLIENT_SECRET, such as the newline that a file or an echo adds: it was sent as a part of the secret, which is wrong then.';
  }
  const application = orUnknown(applicationOf(e, finding));
  if (finding.credential === 'azure-cli') {
    return `Make a new secret for the application ${application}, and log in with it: the secret of the service principal with which az is logged in is wrong or has expired.`;
  }
  if (finding.aadsts === 7000232) {
    return `Unset AZURE_CLIENT_SECRET: ${application} is a managed identity, which has no secret. A pod or a machine of Azure gets its token without one.`;
  }
  if (isPod(finding) || [7000216, 7000218, 7000219, 700026].includes(finding.aadsts ?? 0)) {
    return `Set AZURE_CLIENT_SECRET to a current secret of the application ${application}, or use Workload ID, which needs none: the request carried no secret.`;
  }
  if (finding.aadsts === 7000222) {
    return `Make a new secret for the application ${application} and set AZURE_CLIENT_SECRET to its value, or better, use Workload ID, which needs none: the current secret has expired.`;
  }
  return (
    `Set AZURE_CLIENT_SECRET to the value (not the id) of a current secret of the application ${application}, or better, use Workload ID, which needs none: ` +
    'this one is wrong or has expired.'
  );
}

/** The hint for a refusal by a policy: its administrator can help, or a request from where the policy allows it. */
function policyHint(e: Evidence, finding: Finding): string {
  const { aadsts = 0 } = finding;
  const administrator = `ask the administrator of the tenant, who finds the policy in the sign-in log`;
  if ([700223, 700238, 7002381].includes(aadsts)) {
    return (
      'Ask the administrator of the tenant to allow this issuer for workload identity federation, or use a managed identity: ' +
      'a policy of the tenant forbids federated credentials of it.'
    );
  }
  if ([500021, 500022, 500212, 500213].includes(aadsts)) {
    return (
      'Ask the administrator: tenant restrictions or cross-tenant access settings forbid access to this tenant from here, ' +
      'often by a header that the proxy of the company adds. Another login does not help.'
    );
  }
  if (isDevicePolicy(aadsts) && isUserLogin(finding)) {
    return (
      'Log in on a device that the organization manages (on the host, in its browser, without device code), or use a service principal or managed identity: ' +
      'a Conditional Access policy demands a managed or compliant device or another platform, which a container, WSL or Codespaces never is. Logging in again here does not help; ' +
      `else ${administrator}.`
    );
  }
  if (finding.credential === 'azure-cli' || finding.credential === 'user-password') {
    return (
      `Use a network or device that the policy allows, or ${administrator}: a Conditional Access policy blocks the token (AADSTS${aadsts}), ` +
      'and logging in again does not help. With several tenants, log in to the one that is meant only.'
    );
  }
  return (
    `Have the administrator of the tenant exclude the identity ${orUnknown(clientIdOf(e))} from the policy, or add the egress address of this ` +
    `${e.facts.kubernetes ? 'cluster' : 'machine'} to its named location: a Conditional Access policy for workload identities blocks the token (AADSTS${aadsts}); the sign-in log names it.`
  );
}

function isDevicePolicy(aadsts: number): boolean {
  return [
    50005, 50097, 50127, 50129, 50131, 53000, 53001, 53002, 53009, 530001, 530002, 530003, 530004, 530033, 530036,
    530084, 700003,
  ].includes(aadsts);
}

function accountHint(e: Evidence, finding: Finding): string {
  const { aadsts = 0, aadstsClass } = finding;
  const again = isUserLogin(finding) && finding.credential !== 'user-password' ? ', then log in again' : '';
  if ([50057, 500571].includes(aadsts)) {
    return `Ask the administrator of the tenant to enable the account again${again}, or use another account: this one is disabled.`;
  }
  if ([50020, 500207, 500208, 90072, 500200, 500202].includes(aadsts)) {
    return (
      `Log in to the tenant to which the account belongs, or have it invited as a guest: the account does not exist in the tenant ${orUnknown(tenantOf(e, finding))}. ` +
      'Another account may be the right one.'
    );
  }
  if ([50034, 500341, 50178, 16000].includes(aadsts)) {
    return `Use an account that exists in the tenant ${orUnknown(tenantOf(e, finding))}: this one does not, or was deleted.`;
  }
  if (aadsts === 50053 || aadsts === 500532) {
    return 'Wait some minutes and ask the administrator of the tenant: the account is locked after too many failed logins, or its address is blocked.';
  }
  if (finding.credential === 'user-password') {
    return (
      'Correct AZURE_USERNAME and AZURE_PASSWORD, or better, use a service principal or Workload ID: the password is wrong or has expired, ' +
      'and a password alone cannot pass multi-factor authentication.'
    );
  }
  return aadstsClass === 'password'
    ? `Set a new password in the browser${again}: the password of the account is wrong or has expired (AADSTS${aadsts}).`
    : `Log in with an account that may use this tenant, or ask its administrator: the account cannot be used here (AADSTS${aadsts}).`;
}

/** The advice for numbers that say exactly what to do. */
const PARTICULAR: Record<number, string> = {
  700025:
    'Allow client credentials for the application (it is registered as a public client), or unset AZURE_CLIENT_SECRET: a public client may not send a secret',
  9002313:
    'Look for quotes, spaces or line breaks in AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET: the request is malformed',
  900144:
    'Look for an empty AZURE_CLIENT_ID, AZURE_TENANT_ID or AZURE_CLIENT_SECRET: a value is missing in the request',
  90014: 'Look for an empty AZURE_CLIENT_ID, AZURE_TENANT_ID or AZURE_CLIENT_SECRET: a value is missing in the request',
  100007: 'Unset AZURE_REGIONAL_AUTHORITY_NAME: the regional endpoint is not for this application',
  1002016: 'Update Node.js, or what breaks TLS on the way: Microsoft Entra ID takes TLS 1.2 and later only',
  82001: 'Use another application or a managed identity: an agent application may not get a token for itself',
  7000114: 'Use another application or a managed identity: this one may not ask for tokens in the name of others',
};

/** The credential that was presented to Microsoft Entra ID, and its owner. */
function askedWith(e: Evidence, finding: Finding): string {
  const application = orUnknown(applicationOf(e, finding));
  switch (finding.credential) {
    case 'client-secret':
      return `the secret of the application ${application}`;
    case 'client-certificate':
      return `the certificate of the application ${application}`;
    case 'projected-token':
    case 'identity-binding':
      return `the federated credential of the identity ${application}`;
    case 'managed-identity':
      return `the managed identity ${application}`;
    case 'user-password':
      return 'the account of AZURE_USERNAME';
    default:
      return 'the login of the tool (log in again first)';
  }
}

/** The remaining advice, by class; for an undocumented number, by the error code of OAuth 2.0. */
function refusedHint(e: Evidence, finding: Finding): string {
  const number = `AADSTS${finding.aadsts}`;
  const { aadstsClass, errorCode, credential } = finding;
  const log = `the sign-in log of the tenant ${orUnknown(tenantOf(e, finding))} has the details, by the correlation id in the message`;
  if (aadstsClass === 'sign-in' || aadstsClass === 'mfa' || errorCode === 'interaction_required') {
    const tool =
      credential === 'azd'
        ? 'with azd auth login'
        : credential === 'powershell'
          ? 'with Connect-AzAccount'
          : 'interactively';
    return credential === 'user-password'
      ? `Use a service principal or Workload ID in the place of AZURE_USERNAME and AZURE_PASSWORD: the account must prove more than a password (${number}).`
      : `Log in again ${tool}, then ask again: a person has to sign in (${number}).`;
  }
  const particular = PARTICULAR[finding.aadsts ?? 0];
  if (particular !== undefined) return `${particular} (${number}).`;
  if (aadstsClass === 'resource' || errorCode === 'invalid_scope' || errorCode === 'invalid_resource') {
    return (
      `Check that the tenant ${orUnknown(tenantOf(e, finding))} and AZURE_AUTHORITY_HOST are of the cloud and tenant in which the subscription is: ` +
      `they do not know the resource ${e.facts.cloud.resourceManager} that the token is for (${number}).`
    );
  }
  if (aadstsClass === 'application') {
    return `Check the application ${orUnknown(applicationOf(e, finding))} in the tenant ${orUnknown(tenantOf(e, finding))}: it is missing, disabled, or not made for this (${number}); ${log}.`;
  }
  if (aadstsClass === 'flow' || errorCode === 'unauthorized_client') {
    return (
      `Use an application or managed identity that may get tokens without a person (no public client, a secret, certificate or federated credential): ` +
      `${orUnknown(applicationOf(e, finding))} may not make this request (${number}).`
    );
  }
  if (errorCode === 'invalid_client') {
    return `Check the secret, certificate or federated credential of the application ${orUnknown(applicationOf(e, finding))}: Microsoft Entra ID did not accept it (${number}).`;
  }
  if (errorCode === 'invalid_grant' && credential === 'azure-cli') {
    return `Log in again with the Azure CLI; if that does not help, ask the administrator of the tenant: Microsoft Entra ID refused the login (${number}).`;
  }
  return (
    `Check ${askedWith(e, finding)}, and read what ${number} means at the documentation: Microsoft Entra ID refused it with ${quoted({ ...finding, said: finding.said.replace(/^[^:]{0,40}AADSTS\d{1,9}: /, '') })}; ` +
    `${log}.`
  );
}
