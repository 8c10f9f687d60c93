import { bash, guid, isGuid, name, part, text, url, type Word } from '../bash.ts';
import type { Case, Evidence, Finding } from '../evidence.ts';
import { azureCli, azureCliHas, cloudName, entraMeans, entraSays, isTool, ofKind, only, type When } from '../match.ts';
import { aboutNumber, DOCUMENTATION, type Row } from '../row.ts';
import { codeOf, quoted, shown } from '../words.ts';

const LOGIN = {
  reason: 'az-not-logged-in',
  title: 'The Azure CLI needs a new login',
  check: 'configuration',
} as const;
const FAILED = { reason: 'az-failed', title: 'The Azure CLI fails', check: 'configuration' } as const;
const SECRET = {
  reason: 'client-secret-refused',
  title: 'The client secret is refused',
  check: 'token',
} as const;
const CERTIFICATE = {
  reason: 'client-certificate-refused',
  title: 'The client certificate is refused',
  check: 'token',
} as const;
const CLOUD = {
  reason: 'wrong-cloud',
  title: 'The identity and the service are in different clouds',
  check: 'token',
} as const;
const SUBSCRIPTION = {
  reason: 'no-subscription',
  title: 'The identity sees no subscription',
  check: 'subscription',
} as const;

function inPipeline({ facts }: Evidence): boolean {
  return facts.place === 'ci';
}

/** Where no browser opens. */
function isRemote({ facts }: Evidence): boolean {
  return ['container', 'codespaces', 'devcontainer', 'container-apps'].includes(facts.place);
}

function inCloudShell({ facts }: Evidence): boolean {
  return facts.place === 'cloud-shell';
}

/** A login for a person at this place; in a pipeline there is nobody to log in. */
export function loginAgain(e: Evidence): string[] {
  if (inPipeline(e)) return [];
  return [isRemote(e) ? bash`az login --use-device-code` : bash`az login`];
}

/** The same for the tenant that az uses by default, which demands more than others. */
function loginToItsTenant(e: Evidence): string[] {
  if (inPipeline(e)) return [];
  return [
    isRemote(e)
      ? bash`az login --use-device-code --tenant $(az account show --query tenantId -o tsv)`
      : bash`az login --tenant $(az account show --query tenantId -o tsv)`,
  ];
}

/** The start of a line: reads the service principal and tenant of the present login, which az has in a file. */
function readLogin(): Word {
  return part`read -r name tenant <<< $(echo $(az account show --query '[user.name,tenantId]' -o tsv))`;
}

const asServicePrincipal = (when: When): When => only(when, (_, { text: { login } }) => login === 'service-principal');

/** The login of az has ended, or is none that gives a token. */
export const AZURE_CLI_LOGIN: readonly Row[] = [
  {
    ...LOGIN,
    when: azureCliHas('login-certificate-missing'),
    problem: ({ finding }) =>
      `az is logged in with a certificate that it can no longer read: ${shown(finding.text.path, quoted(finding))}.`,
    hint: () =>
      'Put the file with the certificate and its private key back, or log in again as the service principal with the present file.',
    commands: () => [
      bash`az account show --query '[user.name,tenantId]' -o tsv`,
      bash`(${readLogin()}; IFS=; az login --service-principal --username $name --tenant $tenant --certificate $PEM_FILE)`,
    ],
    documentation: DOCUMENTATION.azureCli,
  },
  {
    ...FAILED,
    when: only(azureCliHas('identity-endpoint-failed'), inCloudShell),
    problem: ({ finding }) =>
      `The token endpoint of Cloud Shell, with which az is logged in, failed: ${quoted(finding)}.`,
    hint: () => 'Log in with az as yourself in Cloud Shell: its own login does not give this token.',
    commands: loginAgain,
    documentation: DOCUMENTATION.cloudShell,
  },
  {
    ...FAILED,
    when: only(byManagedIdentity, ({ facts }) => facts.identityEndpoint !== undefined),
    problem: ({ finding }) =>
      `az is logged in with the managed identity of this app, and gets no token from its endpoint: ${quoted(finding)}.`,
    hint: () =>
      'Leave az out: let AZURE_TOKEN_CREDENTIALS allow ManagedIdentityCredential. An older az does not know this endpoint; update it if you need it.',
    commands: () => [bash`az login --identity`, bash`az upgrade --yes`],
    documentation: DOCUMENTATION.azureCli,
  },
  {
    ...FAILED,
    when: only(byManagedIdentity, ({ facts }) => facts.container),
    problem: ({ finding }) =>
      `az is logged in with a managed identity, whose endpoint does not respond in this container: ${quoted(finding)}.`,
    hint: () =>
      'Let the container reach 169.254.169.254 (it may need the network of its host; with Azure Arc it cannot), or log in as a service principal.',
    commands: () => [
      bash`curl -sS -m 5 -H Metadata:true 'http://169.254.169.254/metadata/instance/compute/name?api-version=2021-02-01&format=text'`,
    ],
    documentation: DOCUMENTATION.azureCli,
  },
  {
    ...FAILED,
    when: byManagedIdentity,
    problem: ({ finding }) => `az is logged in with a managed identity, and its endpoint fails: ${quoted(finding)}.`,
    hint: () =>
      'Check that this machine is in Azure, has a managed identity and reaches 169.254.169.254, then log in with it again; or log in as a user.',
    commands: () => [
      bash`curl -sS -m 5 -H Metadata:true 'http://169.254.169.254/metadata/instance/compute/name?api-version=2021-02-01&format=text'`,
      bash`az login --identity`,
    ],
    documentation: DOCUMENTATION.azureCli,
  },
  {
    ...LOGIN,
    when: only(challenged, (_, { text: { claims } }) => claims?.address !== undefined),
    problem: ({ finding }) =>
      `Azure Resource Manager refuses the token of az: a location policy does not allow the address ${shown(finding.text.claims?.address, '')}.`,
    hint: () =>
      'Use a network that the policy allows for both sign-in and Azure (a VPN may carry only one of them), then log in again with these claims.',
    commands: answerChallenge,
    documentation: DOCUMENTATION.continuousAccess,
  },
  {
    ...LOGIN,
    when: only(challenged, inPipeline),
    problem: () =>
      'Azure Resource Manager no longer accepts the token that az has: its sessions were revoked or a policy has changed.',
    hint: () =>
      'Run the job again, so that it logs in anew with azure/login or a service connection. If that repeats, ask the administrator of the tenant.',
    documentation: DOCUMENTATION.continuousAccess,
  },
  {
    ...LOGIN,
    when: challenged,
    problem: () =>
      'Azure Resource Manager no longer accepts the token that az has: its sessions were revoked, the password changed, or a policy did.',
    hint: () => 'Log in again with the claims that Azure demands. A plain login may give the same token.',
    commands: answerChallenge,
    documentation: DOCUMENTATION.continuousAccess,
  },
  {
    ...LOGIN,
    when: only(azureCliHas('no-subscription'), inPipeline),
    problem: () =>
      'The pipeline is logged in to az, but az has no subscription, or is set to one that this login does not see.',
    hint: () =>
      'Give the identity of the service connection or of azure/login a role on the subscription, or correct the subscription of the step.',
    commands: () => [bash`az account list --all --query '[].[id,name,tenantId]' -o table`],
    documentation: DOCUMENTATION.azureCli,
  },
  {
    ...LOGIN,
    when: azureCliHas('no-subscription'),
    problem: ({ finding }) => `az is set to no subscription of its login: ${quoted(finding)}.`,
    hint: () =>
      'Choose a subscription that the login sees. If there is none, log in to the tenant that has it, or get a role on one first.',
    commands: (c) => [
      bash`az account list --all --query '[].[id,name,tenantId]' -o table`,
      bash`az account set --subscription ${subscriptionOrFirst(c)}`,
      bash`az account get-access-token --output none`,
    ],
    documentation: DOCUMENTATION.azureCli,
  },
  {
    ...LOGIN,
    when: azureCliHas('broker-failed'),
    problem: ({ finding }) =>
      `The account broker of Windows (WAM), through which az logs in, could not use the account: ${quoted(finding)}.`,
    hint: () => 'Log in again. If that repeats, let az log in through the browser, without the broker.',
    commands: (c) => [bash`az config set core.enable_broker_on_windows=false`, ...loginAgain(c)],
    documentation: DOCUMENTATION.azureCli,
  },
  {
    ...LOGIN,
    when: asServicePrincipal(azureCliHas('account-not-in-cache', 'not-logged-in')),
    problem: () => 'az is set to a service principal, but no longer has its secret or certificate.',
    hint: () => 'Log in again as the service principal, with its present secret.',
    commands: () => [
      bash`az account show --query '[user.name,tenantId]' -o tsv`,
      bash`(${readLogin()}; IFS=; az login --service-principal --username $name --tenant $tenant --password=$CLIENT_SECRET)`,
    ],
    documentation: DOCUMENTATION.azureCli,
  },
  {
    ...LOGIN,
    when: only(azureCliHas('account-not-in-cache', 'not-logged-in'), inPipeline),
    problem: () => 'az is installed in this pipeline, but this step is not logged in.',
    hint: () =>
      'Log in to Azure in this job: with azure/login in GitHub Actions, or in a task with a service connection in Azure Pipelines.',
    documentation: DOCUMENTATION.pipelines,
  },
  {
    ...LOGIN,
    when: only(azureCliHas('account-not-in-cache', 'not-logged-in'), inCloudShell),
    problem: () => 'The login that Cloud Shell made for az has ended.',
    hint: () => 'Log in with az in Cloud Shell, then ask again.',
    commands: loginAgain,
    documentation: DOCUMENTATION.cloudShell,
  },
  {
    ...LOGIN,
    when: only(azureCliHas('account-not-in-cache'), ({ facts }) => facts.place === 'container'),
    problem: () =>
      'az knows its login, but the token cache in this container does not have the account: the host may encrypt its own.',
    hint: () =>
      'Log in inside the container with a device code, or run this service on the host, where az is logged in.',
    commands: loginAgain,
    documentation: DOCUMENTATION.azureCli,
  },
  {
    ...LOGIN,
    when: azureCliHas('account-not-in-cache'),
    problem: () => 'az knows its login, but its token cache does not have the account any more.',
    hint: () =>
      'Log in again as the user who runs this service. A guest of another tenant logs in to that tenant by its id.',
    commands: loginAgain,
    documentation: DOCUMENTATION.azureCli,
  },
  {
    ...LOGIN,
    when: only(azureCliHas('not-logged-in'), ({ facts }) => facts.place === 'container'),
    problem: () => 'az is installed in this container, but nobody is logged in here.',
    hint: () =>
      'Log in inside the container with a device code, or mount the directory of your az login. No restart is needed.',
    commands: loginAgain,
    documentation: DOCUMENTATION.azureCli,
  },
  {
    ...LOGIN,
    when: azureCliHas('not-logged-in'),
    problem: () => 'Nobody is logged in to the Azure CLI, or the login has expired.',
    hint: () => 'Log in with az as the user who runs this service, then ask again. No restart is needed.',
    commands: loginAgain,
    documentation: DOCUMENTATION.azureCli,
  },
];

/** Microsoft Entra ID refused the login of the Azure CLI. Other rows know the refusals that have nothing to do with az. */
export const AZURE_CLI_REFUSED: readonly Row[] = [
  {
    ...LOGIN,
    when: only(cliRefused('sign-in', 'mfa'), inPipeline),
    problem: ({ finding }) => `The login of az in this pipeline needs a person: ${codeOf(finding)}.`,
    hint: () =>
      'Let the pipeline log in as an identity that needs nobody: azure/login or a service connection with workload identity federation.',
    documentation: aboutNumber,
  },
  {
    ...LOGIN,
    when: cliRefused('mfa'),
    problem: ({ finding }) =>
      `The tenant demands multi-factor authentication, which the login of az does not have or no longer has (${codeOf(finding)}).`,
    hint: () =>
      'Log in again to this tenant by its id: a plain login may prove the second factor to your home tenant only.',
    commands: loginToItsTenant,
    documentation: aboutNumber,
  },
  {
    ...LOGIN,
    when: cliRefused('sign-in'),
    problem: ({ finding }) => `The login of az has expired or was revoked (${codeOf(finding)}).`,
    hint: () => 'Log in again with az, then ask again. No restart is needed.',
    commands: loginAgain,
    documentation: aboutNumber,
  },
  {
    ...SECRET,
    when: only(cliRefused('client-secret'), inPipeline),
    problem: ({ finding }) =>
      `Entra ID refused the secret with which this pipeline logged in to az (${codeOf(finding)}).`,
    hint: () =>
      'Renew the secret of the service connection or of azure/login, or better, change it to workload identity federation.',
    documentation: aboutNumber,
  },
  {
    ...SECRET,
    when: only(cliRefused('client-secret'), (_, { aadsts }) => aadsts === 7000222),
    problem: ({ finding }) => `The secret with which az is logged in as ${application(finding)} has expired.`,
    hint: () =>
      'Log in as a person who owns the application, make a new secret beside the old one, and log in as the service principal with it.',
    commands: (c) => [...loginAgain(c), renewAndLogin(c.finding)],
    documentation: aboutNumber,
  },
  {
    ...SECRET,
    when: cliRefused('client-secret'),
    problem: ({ finding }) =>
      `Entra ID refused the secret with which az is logged in as ${application(finding)} (${codeOf(finding)}).`,
    hint: () => 'Log in again as the service principal with its present secret: the value, not the id of the secret.',
    commands: () => [
      bash`az account show --query '[user.name,tenantId]' -o tsv`,
      bash`(${readLogin()}; IFS=; az login --service-principal --username $name --tenant $tenant --password=$CLIENT_SECRET)`,
    ],
    documentation: aboutNumber,
  },
  {
    ...CERTIFICATE,
    when: only(cliRefused('client-certificate'), inPipeline),
    problem: ({ finding }) =>
      `Entra ID refused the certificate with which this pipeline logged in to az (${codeOf(finding)}).`,
    hint: () =>
      'Renew the certificate of the service connection, or better, change it to workload identity federation.',
    documentation: aboutNumber,
  },
  {
    ...CERTIFICATE,
    when: cliRefused('client-certificate'),
    problem: ({ finding }) =>
      `Entra ID refused the certificate with which az is logged in as ${application(finding)} (${codeOf(finding)}).`,
    hint: () =>
      'It has expired or is not registered. Log in as a person who owns the application, add a new certificate, and log in with it.',
    commands: (c) => [
      ...loginAgain(c),
      bash`az ad app credential list --id ${guid(c.finding.text.application, 'CLIENT_ID')} --cert -o table`,
      renewCertificateAndLogin(c.finding),
    ],
    documentation: aboutNumber,
  },
  {
    ...CLOUD,
    when: only(entraSays(500011, 500012), (_, { credential }) => credential === 'azure-cli'),
    problem: (c) =>
      `The tenant of the az login does not know ${c.facts.cloud.resourceManager}: az is probably set to another cloud.`,
    hint: (c) =>
      `Set az to the cloud ${shown(cloudName(c), 'of this service')} and log in there. If it is there already, log in to another tenant.`,
    commands: (c) => [bash`az cloud set --name ${name(cloudName(c), 'CLOUD')}`, ...loginAgain(c)],
    documentation: DOCUMENTATION.clouds,
  },
];

/** A login of az that sees nothing, because it is one of another tenant. */
export const AZURE_CLI_TENANT: readonly Row[] = [
  {
    ...SUBSCRIPTION,
    when: only(
      ofKind('no-subscription'),
      (e) => e.identity?.credential === 'AzureCliCredential' && e.identity.type === 'user' && !inPipeline(e),
    ),
    problem: ({ identity }) =>
      `The az login is in the tenant ${shown(identity?.tenantId, 'of the account')}, where the account sees no subscription.`,
    hint: () =>
      'Log in without a tenant to see all of them, and choose a subscription; or get a role on one. Restart this service if it keeps the old token.',
    commands: (c) => [...loginAgain(c), bash`az account list --all --query '[].[id,name,tenantId]' -o table`],
    documentation: DOCUMENTATION.azureCli,
  },
];

function cliRefused(...classes: Parameters<typeof entraMeans>): When {
  return only(entraMeans(...classes), (_, finding) => isTool(finding) && finding.credential === 'azure-cli');
}

function byManagedIdentity(e: Evidence): Finding | undefined {
  return only(
    azureCli,
    (_, { text: { problem, login }, aadsts }) =>
      problem === 'identity-endpoint-failed' || (login === 'managed-identity' && aadsts === undefined),
  )(e);
}

function challenged(e: Evidence): Finding | undefined {
  return only(azureCli, (_, { text: { claims } }) => claims !== undefined)(e);
}

/** The line that the SDK prints, whole: the claims are in no other place. */
function answerChallenge({ finding }: Case): string[] {
  const { challenge, scope } = finding.text.claims ?? {};
  return [bash`az login --claims-challenge ${text(challenge, 'CLAIMS')} --scope ${url(scope, 'SCOPE')}`];
}

function application({ text: { application: id } }: Finding): string {
  return shown(id, 'a service principal');
}

/** Both come from one answer of az, which has the tenant of the application. */
function renewAndLogin({ text: { application: id } }: Finding): string {
  return bash`(set -- $(az ad app credential reset --id ${guid(id, 'CLIENT_ID')} --append --query '[password,tenant]' -o tsv) && az login --service-principal --username ${guid(id, 'CLIENT_ID')} --password=$1 --tenant $2)`;
}

function renewCertificateAndLogin({ text: { application: id } }: Finding): string {
  return bash`(set -- $(az ad app credential reset --id ${guid(id, 'CLIENT_ID')} --append --create-cert --query '[fileWithCertAndPrivateKey,tenant]' -o tsv) && az login --service-principal --username ${guid(id, 'CLIENT_ID')} --certificate $1 --tenant $2)`;
}

/** The subscription that this service is set to; otherwise the first that the login sees. */
function subscriptionOrFirst({ facts }: Evidence): Word {
  const configured = facts.variables['AZURE_SUBSCRIPTION_ID'];
  return isGuid(configured) ? guid(configured, 'SUBSCRIPTION_ID') : part`$(az account list --query '[0].id' -o tsv)`;
}
