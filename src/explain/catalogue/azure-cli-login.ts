import { bash, guid, isGuid, name, part, text, url, type Word } from '../bash.ts';
import { listSubscriptions, loginAgain, loginToTenant } from '../commands.ts';
import type { Case, Evidence } from '../evidence.ts';
import { azureCli, azureCliHas, cloudName, only, type When } from '../match.ts';
import { isCloudShell, isContainer, isPipeline } from '../place.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import type { Problem } from '../text-forms.ts';
import { quoted, shown } from '../words.ts';
import { AZ_FAILED, AZ_NOT_LOGGED_IN } from './reasons.ts';

const LOGIN = { ...AZ_NOT_LOGGED_IN, documentation: DOCUMENTATION.azureCli } as const;
const FAILED = { ...AZ_FAILED, documentation: DOCUMENTATION.azureCli } as const;

/** The start of a line: reads the service principal and tenant of the present login, which az has in a file. */
function readLogin(): Word {
  return part`read -r name tenant <<< $(echo $(az account show --query '[user.name,tenantId]' -o tsv))`;
}

/** Shows the service principal of the present login, and logs in as it again. */
export function loginAsServicePrincipal(credential: Word): string[] {
  return [
    bash`az account show --query '[user.name,tenantId]' -o tsv`,
    bash`(${readLogin()}; IFS=; az login --service-principal --username $name --tenant $tenant ${credential})`,
  ];
}

/** Sets az to the cloud of this service. A name that is set already does no harm. */
export function setCloud(c: Case): string {
  return bash`az cloud set --name ${name(cloudName(c), 'CLOUD')}`;
}

/** Each cloud has a login of its own, and az does not say which one it is set to. */
export function loginToCloud(c: Case): string[] {
  return [setCloud(c), ...loginAgain(c)];
}

const byManagedIdentity = only(
  azureCli,
  (_, { text: { problem, login }, aadsts }) =>
    problem === 'identity-endpoint-failed' || (login === 'managed-identity' && aadsts === undefined),
);
const challenged = only(azureCli, (_, { text: { claims } }) => claims !== undefined);
const asServicePrincipal = (when: When): When => only(when, (_, { text: { login } }) => login === 'service-principal');

/** A refusal of Microsoft Entra ID has rows of its own, although az then advises a login. */
function needsLogin(...problems: Problem[]): When {
  return only(azureCliHas(...problems), (_, { aadsts }) => aadsts === undefined);
}

/** The login of az has ended, or is none that gives a token. */
export const AZURE_CLI_LOGIN: readonly Row[] = [
  {
    ...LOGIN,
    when: azureCliHas('login-certificate-missing'),
    problem: ({ finding }) =>
      `az is logged in with a certificate that it can no longer read: ${shown(finding.text.path, quoted(finding))}.`,
    hint: () =>
      'Put the file with the certificate and its private key back, or log in again as the service principal with the present file.',
    commands: () => loginAsServicePrincipal(part`--certificate $PEM_FILE`),
  },
  {
    ...FAILED,
    when: only(azureCliHas('identity-endpoint-failed'), isCloudShell),
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
  },
  {
    ...FAILED,
    when: only(byManagedIdentity, isContainer),
    problem: ({ finding }) =>
      `az is logged in with a managed identity, whose endpoint does not respond in this container: ${quoted(finding)}.`,
    hint: () =>
      'Let the container reach 169.254.169.254 (it may need the network of its host; with Azure Arc it cannot), or log in as a service principal.',
    commands: () => [askMetadataService()],
  },
  {
    ...FAILED,
    when: byManagedIdentity,
    problem: ({ finding }) => `az is logged in with a managed identity, and its endpoint fails: ${quoted(finding)}.`,
    hint: () =>
      'Check that this machine is in Azure, has a managed identity and reaches 169.254.169.254, then log in with it again; or log in as a user.',
    commands: () => [askMetadataService(), bash`az login --identity`],
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
    when: only(challenged, isPipeline),
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
    when: only(needsLogin('no-subscription'), isPipeline),
    problem: () =>
      'The pipeline is logged in to az, but az has no subscription, or is set to one that this login does not see.',
    hint: () =>
      'Give the identity of the service connection or of azure/login a role on the subscription, or correct the subscription of the step.',
    commands: () => [listSubscriptions()],
  },
  {
    ...LOGIN,
    when: needsLogin('no-subscription'),
    problem: ({ finding }) => `az is set to no subscription of its login: ${quoted(finding)}.`,
    hint: () =>
      'Choose a subscription that the login sees. If there is none, log in to the tenant that has it, or get a role on one first.',
    commands: (c) => [listSubscriptions(), bash`az account set --subscription ${subscriptionOrFirst(c)}`],
  },
  {
    ...LOGIN,
    when: needsLogin('tenant-unknown'),
    problem: () =>
      'Entra ID does not know the tenant that az asks: it was deleted, or belongs to another cloud than az is set to.',
    hint: () => 'Log in to a tenant that exists, and choose a subscription of it.',
    commands: () => [listSubscriptions(), loginToTenant(undefined)],
  },
  {
    ...LOGIN,
    when: needsLogin('broker-failed'),
    problem: ({ finding }) =>
      `The account broker of Windows (WAM), through which az logs in, could not use the account: ${quoted(finding)}.`,
    hint: () => 'Log in again. If that repeats, let az log in through the browser, without the broker.',
    commands: (c) => [bash`az config set core.enable_broker_on_windows=false`, ...loginAgain(c)],
  },
  {
    ...LOGIN,
    when: asServicePrincipal(needsLogin('account-not-in-cache', 'not-logged-in')),
    problem: () => 'az is set to a service principal, but no longer has its secret or certificate.',
    hint: () => 'Log in again as the service principal, with its present secret.',
    commands: () => loginAsServicePrincipal(part`--password=$CLIENT_SECRET`),
  },
  {
    ...LOGIN,
    when: only(needsLogin('account-not-in-cache', 'not-logged-in'), (e) => isPipeline(e) && isContainer(e)),
    problem: () =>
      'az is not logged in inside the container of this step, which does not see a login that was made outside of it.',
    hint: () =>
      'Log in inside the container, or mount the directory of the login (~/.azure of the runner) and name it in AZURE_CONFIG_DIR, or run this step without a container.',
    documentation: DOCUMENTATION.pipelines,
  },
  {
    ...LOGIN,
    when: only(needsLogin('account-not-in-cache', 'not-logged-in'), isPipeline),
    problem: () => 'az is installed in this pipeline, but this step is not logged in.',
    hint: () =>
      'Log in to Azure in this job: with azure/login in GitHub Actions, or in a task with a service connection in Azure Pipelines.',
    documentation: DOCUMENTATION.pipelines,
  },
  {
    ...LOGIN,
    when: only(needsLogin('account-not-in-cache', 'not-logged-in'), ({ facts }) => facts.place === 'container'),
    problem: () =>
      'az has no login in this container: that of the host is not mounted, or its token cache is encrypted there.',
    hint: () =>
      'Log in inside the container with a device code, or mount the directory of your az login. If the host encrypts it, run this service there. No restart is needed.',
    commands: loginToCloud,
  },
  {
    ...LOGIN,
    when: needsLogin('account-not-in-cache'),
    problem: () => 'az knows its login, but its token cache does not have the account any more.',
    hint: () =>
      'Log in again as the user who runs this service. A guest of another tenant logs in to that tenant by its id.',
    commands: loginAgain,
  },
  {
    ...LOGIN,
    when: needsLogin('not-logged-in'),
    problem: () => 'Nobody is logged in to the Azure CLI, or the login has expired.',
    hint: (c) =>
      `Log in with az to the cloud ${shown(cloudName(c), 'of this service')}, as the user who runs this service. No restart is needed.`,
    commands: loginToCloud,
  },
];

/** Shows the name of this machine, if the metadata service is there. */
function askMetadataService(): string {
  return bash`curl -sS -m 5 -H Metadata:true 'http://169.254.169.254/metadata/instance/compute/name?api-version=2021-02-01&format=text'`;
}

/** The line that the SDK prints, whole: the claims are in no other place. */
function answerChallenge({ finding }: Case): string[] {
  const { challenge, scope } = finding.text.claims ?? {};
  return [bash`az login --claims-challenge ${text(challenge, 'CLAIMS')} --scope ${url(scope, 'SCOPE')}`];
}

/** The subscription that this service is set to; otherwise the first that the login sees. */
function subscriptionOrFirst({ facts }: Evidence): Word {
  const configured = facts.variables['AZURE_SUBSCRIPTION_ID'];
  return isGuid(configured) ? guid(configured, 'SUBSCRIPTION_ID') : part`$(az account list --query '[0].id' -o tsv)`;
}
