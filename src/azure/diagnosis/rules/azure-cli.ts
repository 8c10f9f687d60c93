import { argument, command, loginToTenant } from '../commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { azureCli, azureCliHas, findingOf } from '../match.ts';
import { orUnknown, quoted } from '../values.ts';
import { withoutCredential } from './general.ts';
import { DOCUMENTATION, type Rule } from './rule.ts';

/** The Azure CLI is installed, but cannot return a token, for a reason on this machine. */
export const AZURE_CLI: Rule[] = [
  {
    reason: 'clock-skew',
    match: (e) => azureCliHas(e, 'clock-wrong'),
    hint: (_, finding) =>
      'Correct the clock and the time zone of this machine (NTP; in WSL and virtual machines it stands still while the host sleeps), then log in again if that is still needed: ' +
      `the Azure CLI does not accept a token by this clock, ${quoted(finding)}.`,
    commands: () => [command`timedatectl`, command`sudo hwclock -s`, command`az login`],
    documentation: DOCUMENTATION.azureCli,
  },
  {
    reason: 'az-config-unusable',
    match: (e) => azureCliHas(e, 'read-only', 'disk-full', 'permission-denied', 'cache-encrypted', 'cache-corrupt'),
    hint: configHint,
    commands: configCommands,
    documentation: DOCUMENTATION.azureCli,
  },
  {
    reason: 'az-not-logged-in',
    match: (e) => azureCliHas(e, 'login-certificate-missing'),
    hint: (_, finding) =>
      `Put the certificate with its private key back (${orUnknown(finding.text.path ?? 'its file')}), or log in again as the service principal with the file that there is now: ` +
      `the Azure CLI reads it each time, and cannot use it (${quoted(finding)}).`,
    commands: (_, { text }) => [
      command`az login --service-principal --username ${argument(text.application, 'CLIENT_ID')} --certificate $PEM_FILE --tenant ${argument(text.tenant, 'TENANT_ID')}`,
    ],
    documentation: DOCUMENTATION.azureCli,
  },
  {
    reason: 'az-failed',
    match: (e) => azureCliHas(e, 'wrong-architecture', 'extension-broken', 'locked', 'killed'),
    hint: programHint,
    commands: programCommands,
    documentation: DOCUMENTATION.azureCli,
  },
  {
    reason: 'az-failed',
    match: (e) => azureCliHas(e, 'identity-endpoint-failed') ?? byManagedIdentity(e),
    hint: identityHint,
    commands: (e) =>
      e.facts.place === 'cloud-shell' ? [command`az login`] : [command`az login --identity`, command`az upgrade`],
    documentation: DOCUMENTATION.azureCli,
  },
  {
    reason: 'az-not-logged-in',
    match: (e) => azureCliHas(e, 'account-not-in-cache', 'not-logged-in', 'no-subscription', 'broker-failed'),
    hint: loginHint,
    commands: loginCommands,
    documentation: DOCUMENTATION.azureCli,
  },
];

/** The Azure CLI cannot start, or fails in a way that no other rule explains. */
export const AZURE_CLI_ABSENT: Rule[] = [
  {
    reason: 'az-failed',
    match: (e) => azureCliHas(e, 'installation-broken', 'module-missing'),
    hint: () =>
      'Reinstall the Azure CLI, or repair the Python that it runs on: the installation of az is broken, so it cannot start.',
    commands: () => [command`az version`, command`command -v az python3`],
    documentation: DOCUMENTATION.installAzureCli,
  },
  {
    reason: 'az-not-installed',
    match: (e) => azureCliHas(e, 'not-installed'),
    hint: (e) => {
      const stranger = strangerAtMetadataService(e)
        ? ` What answers at ${e.facts.metadataService} is something else than the metadata service of Azure.`
        : '';
      const machine = e.facts.proxy.hosts.includes(e.facts.metadataService)
        ? ` If this is a machine of Azure, name ${e.facts.metadataService} in NO_PROXY, so that its metadata service is asked directly.`
        : '';
      const arc = hasMetadataFailure(e) ? ' On a server with Azure Arc, set IDENTITY_ENDPOINT and IMDS_ENDPOINT.' : '';
      const ids = withoutCredential(e);
      switch (e.facts.place) {
        case 'ci':
          return `Log in to Azure in the pipeline with a service connection or azure/login, or set the variables of a service principal: there is no Azure CLI on the PATH here.${machine}${stranger}${ids}`;
        case 'codespaces':
        case 'devcontainer':
          return `Add the Azure CLI to this development container (a feature of devcontainer.json), rebuild it, and log in there: there is no az here.${machine}${stranger}`;
        case 'container':
          return `Run the service on the host, where az is logged in, or use an image that has the Azure CLI, with your ~/.azure mounted: there is no az on the PATH of this process, and no managed identity.${machine}${stranger}${arc}${ids}`;
        default:
          return `Install the Azure CLI and log in, then ask again: there is no az on the PATH of this process.${machine}${stranger}${arc}${ids}`;
      }
    },
    commands: (e) => (e.facts.place === 'container' ? [command`npm start`] : [command`az login`]),
    documentation: DOCUMENTATION.installAzureCli,
  },
  {
    reason: 'az-failed',
    match: azureCli,
    hint: (_, finding) => {
      if (finding.text.problem === 'too-old') {
        return 'Update the Azure CLI: this one is too old to know the command that asks for a token.';
      }
      if (finding.text.problem === 'cloud-unknown') {
        return 'Set the Azure CLI to a cloud that exists, and log in there: its configuration names a cloud that it does not know.';
      }
      return finding.outcome === 'pending' || finding.words.startsWith('No answer')
        ? 'Ask az for a token in a terminal on this machine: the Azure CLI is there, but has not answered yet. It may wait for a network or for another az.'
        : `Ask az for a token in a terminal on this machine, as the same user. If it fails there, too, log in again, then update it: the Azure CLI is there, but gave no token and said ${quoted(finding)}.`;
    },
    commands: (_, finding) => [
      command`az account get-access-token --output none`,
      ...(finding.text.problem === 'cloud-unknown'
        ? [command`az cloud set --name AzureCloud`]
        : [...(finding.text.problem === undefined ? [command`az login`] : []), command`az upgrade`]),
    ],
    documentation: DOCUMENTATION.azureCli,
  },
];

/** The other developer tools, if one of them was chosen or is the only one. */
export const OTHER_TOOLS: Rule[] = [
  {
    reason: 'tool-not-logged-in',
    match: (e) =>
      e.facts.kubernetes
        ? undefined
        : findingOf(
            e,
            ['powershell', 'azd'],
            ({ text }) =>
              text.problem !== undefined &&
              text.problem !== 'not-installed' &&
              // Without its module, PowerShell says nothing about a login, so the Azure CLI comes first.
              (text.problem !== 'module-missing' || azureCli(e) === undefined),
          ),
    hint: (_, { credential, text }) =>
      text.problem === 'module-missing'
        ? 'Install the PowerShell module Az.Accounts and log in: PowerShell is there, but cannot ask for a token without it.'
        : `Log in with ${credential === 'azd' ? 'the Azure Developer CLI' : 'Azure PowerShell'}, then ask again: nobody is logged in there, or the login has expired.`,
    commands: (_, { credential, text }) => {
      if (text.problem === 'module-missing')
        return [command`pwsh -Command Install-Module Az.Accounts -Scope CurrentUser`];
      return credential === 'azd' ? [command`azd auth login`] : [command`pwsh -Command Connect-AzAccount`];
    },
    documentation: DOCUMENTATION.credentialChains,
  },
];

function byManagedIdentity(e: Evidence): Finding | undefined {
  const finding = azureCli(e);
  return finding?.text.login === 'managed-identity' && finding.aadsts === undefined ? finding : undefined;
}

function hasMetadataFailure(e: Evidence): boolean {
  return findingOf(e, ['managed-identity']) !== undefined && e.facts.identityEndpoint === undefined;
}

function strangerAtMetadataService(e: Evidence): boolean {
  return findingOf(e, ['managed-identity'], ({ party }) => party === 'stranger') !== undefined;
}

function configHint({ facts }: Evidence, { text }: Finding): string {
  const path = orUnknown(text.path ?? 'its directory');
  const isContainer = facts.container;
  switch (text.problem) {
    case 'read-only':
      return `Mount the directory of your az login writable, without :ro: the Azure CLI has to write there, and the file system is read-only (${path}).`;
    case 'disk-full':
      return `Free space on the disk of ${path}: the Azure CLI cannot write its files there.`;
    case 'permission-denied':
      return isContainer
        ? `Mount the directory of your az login and run the container as yourself, its owner, or give the files back to their owner (chown): the Azure CLI may not use ${path} (HOME or AZURE_CONFIG_DIR names its directory).`
        : `Give the files in the directory of the Azure CLI back to their owner (chown), and never run az with sudo: it may not use ${path} (HOME or AZURE_CONFIG_DIR names its directory).`;
    case 'cache-encrypted':
      return isContainer
        ? 'Remove msal_token_cache.bin from the directory of az and log in again where this process runs (in a container with a device code), or run the service on the host: ' +
            'the token cache cannot be decrypted, because another machine, user or password encrypted it, such as the host for a container.'
        : 'Remove msal_token_cache.bin from ~/.azure and log in again: the Azure CLI cannot decrypt its token cache, which another user, machine or password encrypted. Another installation does not help.';
    default:
      return `Clear the accounts of the Azure CLI, or remove the broken file in ~/.azure (AZURE_CONFIG_DIR), and log in again: ${text.path ? path : 'a file of its configuration or token cache'} is not valid, because two processes wrote it or a write broke off.`;
  }
}

function configCommands({ facts }: Evidence, { text }: Finding): readonly string[] {
  switch (text.problem) {
    case 'permission-denied':
      return facts.container
        ? [
            command`docker run --user $(id -u):$(id -g) -v $HOME/.azure:/azure -e AZURE_CONFIG_DIR=/azure $IMAGE`,
            command`sudo chown -R $(id -u):$(id -g) ~/.azure`,
          ]
        : [command`sudo chown -R $(id -u):$(id -g) ~/.azure`];
    case 'cache-encrypted':
      return [
        command`rm -f ~/.azure/msal_token_cache.* ~/.azure/msal_http_cache.bin ~/.azure/service_principal_entries.*`,
        facts.container ? command`az login --use-device-code` : command`az login`,
      ];
    case 'cache-corrupt':
      return [
        command`az account clear`,
        command`rm -f ~/.azure/msal_token_cache.json ~/.azure/azureProfile.json`,
        command`az login`,
      ];
    case 'disk-full':
      return [command`df -h`];
    default:
      return [command`docker run -v $HOME/.azure:/azure -e AZURE_CONFIG_DIR=/azure $IMAGE`];
  }
}

/** The hint for a problem of the program itself, or of what it loads. */
function programHint(_: Evidence, finding: Finding): string {
  switch (finding.text.problem) {
    case 'wrong-architecture':
      return (
        'Install the Azure CLI that is made for this system and processor (in WSL the one of Linux, in an image the one of its platform), and put it first on the PATH: ' +
        `the az that is there is of another one (${quoted(finding)}).`
      );
    case 'extension-broken':
      return `Update or remove the extension ${orUnknown(finding.text.extension ?? 'that the message names')} of the Azure CLI: it does not fit this az, and stops it (${quoted(finding)}).`;
    case 'locked':
      return `Ask again when no other az runs, and remove a lock file that is left over in ~/.azure: another process holds the files of the Azure CLI (${quoted(finding)}). Two processes should not share a mounted directory.`;
    default:
      return 'Give this machine or container more memory (az needs some 300 MB), then ask again: the Azure CLI was ended before it could answer.';
  }
}

function programCommands(_: Evidence, { text }: Finding): readonly string[] {
  switch (text.problem) {
    case 'wrong-architecture':
      return [command`type -a az`, command`uname -sm`];
    case 'extension-broken': {
      const extension = argument(text.extension, 'EXTENSION');
      return [
        command`az extension list -o table`,
        command`az extension update --name ${extension}`,
        command`az extension remove --name ${extension}`,
      ];
    }
    case 'locked':
      return [command`ls -l ~/.azure`, command`az account get-access-token --output none`];
    default:
      return [command`free -m`];
  }
}

function identityHint({ facts }: Evidence, { text }: Finding): string {
  const code = text.networkCode ?? text.status ?? 'no answer';
  if (facts.place === 'cloud-shell') {
    return `Log in with the Azure CLI in Cloud Shell, although it logs in by itself: its token endpoint failed (${code}).`;
  }
  if (facts.identityEndpoint) {
    return (
      `Leave az out and let AZURE_TOKEN_CREDENTIALS allow ManagedIdentityCredential, or upgrade az and log it in again: az uses the managed identity of this machine, ` +
      `and its version does not get a token from the identity endpoint (${code}).`
    );
  }
  return (
    'Check that a managed identity is assigned to this machine and that its metadata service at 169.254.169.254 can be reached from here ' +
    '(a container may need the network of its host, a server with Azure Arc asks its agent on the host), then ask again, or log in as a user or service principal: ' +
    `az is logged in with a managed identity, and its endpoint failed (${code}).`
  );
}

function loginHint({ facts }: Evidence, finding: Finding): string {
  const { text } = finding;
  if (text.problem === 'no-subscription') {
    return 'Choose a subscription of the login, or log in to the tenant that has one: the Azure CLI is set to no subscription, or to one that it does not see. An account without any needs a role on one first.';
  }
  if (text.problem === 'broker-failed') {
    return 'Log in again with the Azure CLI, without the account broker of Windows (WAM) if that repeats itself: the broker could not use the account.';
  }
  if (text.login === 'service-principal') {
    return 'Log in again as the service principal: the Azure CLI has no secret or certificate of it in its cache.';
  }
  if (facts.place === 'ci') {
    return 'Log in to Azure in this step of the pipeline (azure/login, or a task with a service connection): az is there, but nobody is logged in here.';
  }
  if (facts.place === 'cloud-shell')
    return 'Log in with the Azure CLI in Cloud Shell, then ask again: its own login has ended.';
  if (text.problem === 'account-not-in-cache') {
    return facts.container
      ? 'Log in with the Azure CLI where this process runs: inside of the container (device code) if it is one, or run the service on the host. ' +
          'Its token cache does not have the account: a cache that the host has encrypted is empty for a container.'
      : 'Log in again with the Azure CLI, to the tenant of the subscription if a plain login does not help: its token cache does not have the account any more.';
  }
  const where = facts.place === 'codespaces' || facts.place === 'devcontainer' ? ' in this development container' : '';
  return `Log in with the Azure CLI${where}, then ask again, no restart is needed: nobody is logged in, or the login has expired.`;
}

function loginCommands(e: Evidence, finding: Finding): readonly string[] {
  const { facts } = e;
  const { text } = finding;
  if (text.problem === 'no-subscription') {
    return [
      command`az account list --all -o table`,
      command`az account set --subscription $SUBSCRIPTION_ID`,
      loginToTenant(text.tenant),
    ];
  }
  if (text.problem === 'broker-failed') {
    return [command`az account clear`, command`az config set core.enable_broker_on_windows=false`, command`az login`];
  }
  if (text.login === 'service-principal') {
    return [
      command`az login --service-principal --username ${argument(text.application, 'CLIENT_ID')} --password $CLIENT_SECRET --tenant ${argument(text.tenant, 'TENANT_ID')}`,
    ];
  }
  const isRemote = facts.place === 'codespaces' || facts.place === 'devcontainer' || facts.place === 'container';
  const login = isRemote ? command`az login --use-device-code` : command`az login`;
  if (text.problem !== 'account-not-in-cache') return [login];
  return [login, loginToTenant(text.tenant), ...(facts.container ? [command`npm start`] : [])];
}
