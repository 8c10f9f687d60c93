import { bash, text } from '../bash.ts';
import type { Case, CredentialKind, Evidence, Finding } from '../evidence.ts';
import { azureCli, either, entraMeans, findingOf, only, type When } from '../match.ts';
import { isPipeline, isRemote } from '../place.ts';
import { aboutNumber, DOCUMENTATION, type Row } from '../row.ts';
import type { Problem } from '../text-forms.ts';
import { codeOf, quoted, shown } from '../words.ts';

const LOGIN = {
  reason: 'tool-not-logged-in',
  title: 'The developer tool needs a login or a module',
  check: 'configuration',
} as const;
const FAILED = { reason: 'tool-failed', title: 'The developer tool fails', check: 'configuration' } as const;

const AZD = { documentation: DOCUMENTATION.azureDeveloperCli } as const;
const POWERSHELL = { documentation: DOCUMENTATION.azurePowerShell } as const;

/** Matches this tool if it has one of these problems; in Kubernetes no pod has it. */
function has(tool: CredentialKind, ...problems: Problem[]): When {
  return (e) =>
    e.facts.kubernetes
      ? undefined
      : findingOf(e, [tool], ({ text: { problem } }) => problem !== undefined && problems.includes(problem));
}

function azdLogin(e: Evidence): string[] {
  return [isRemote(e) ? bash`azd auth login --use-device-code` : bash`azd auth login`];
}

function powerShellLogin(e: Evidence): string[] {
  return [
    isRemote(e)
      ? bash`pwsh -Command 'Connect-AzAccount -UseDeviceAuthentication'`
      : bash`pwsh -Command Connect-AzAccount`,
  ];
}

function login(c: Case): string[] {
  return c.finding.credential === 'azd' ? azdLogin(c) : powerShellLogin(c);
}

/** Where the tool keeps its login. */
function directories({ credential }: Finding): string {
  return credential === 'azd' ? '~/.azd' : '~/.Azure and ~/.local/share/.IdentityService';
}

function toolName({ credential }: Finding): string {
  return credential === 'azd' ? 'azd' : 'Azure PowerShell';
}

/** No login, or one that has ended. */
const noLogin = either(
  has('azd', 'not-logged-in', 'account-not-in-cache'),
  has('powershell', 'not-logged-in', 'account-not-in-cache'),
);

/** The other developer tools, if one of them was chosen or is the only one. */
export const OTHER_TOOLS: readonly Row[] = [
  {
    ...LOGIN,
    ...AZD,
    when: has('azd', 'reauthentication-required'),
    problem: () =>
      'azd gets no token until it has proven more: either its login has expired, or a Conditional Access policy demands what azd may not be able to give.',
    hint: () =>
      'Ask azd itself for its reason, update it, and log in once more. If an AADSTS number of a policy comes again, use the Azure CLI on a managed device or ask the administrator.',
    commands: (c) => [bash`azd auth token --output json --debug > /dev/null`, ...azdLogin(c), bash`az login`],
  },
  {
    ...LOGIN,
    when: only(noLogin, (e, { text }) => isPipeline(e) && text.isPolicy === true),
    problem: ({ finding }) =>
      `Entra ID demands that the user of ${toolName(finding)} signs in anew, such as with a second factor (MFA), which nobody can do in a pipeline.`,
    hint: () =>
      'Use an identity that needs no person: a service connection with workload identity federation, or a service principal in AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET.',
    documentation: DOCUMENTATION.pipelines,
  },
  {
    ...LOGIN,
    ...AZD,
    when: only(noLogin, (e, { credential }) => isPipeline(e) && credential === 'azd'),
    problem: () => 'This step of the pipeline is not logged in to azd, or its login has expired.',
    hint: () =>
      'Log in with a federated credential of the pipeline shortly before the step that needs it: the token of the pipeline lives for minutes only.',
  },
  {
    ...LOGIN,
    when: only(noLogin, isPipeline),
    problem: () => 'This step of the pipeline is not logged in to Azure PowerShell.',
    hint: () => 'Log in with azure/login with a session of Azure PowerShell, or in a task with a service connection.',
    documentation: DOCUMENTATION.pipelines,
  },
  {
    ...LOGIN,
    ...POWERSHELL,
    // Without its module, PowerShell knows nothing about a login, so the Azure CLI comes first.
    when: only(has('powershell', 'module-missing'), (e) => azureCli(e) === undefined),
    problem: () => 'PowerShell is installed without its module Az.Accounts, so it cannot ask for a token.',
    hint: () => 'Install the module Az.Accounts for the user who runs this service, and log in.',
    commands: (c) => [
      bash`pwsh -Command 'Install-Module Az.Accounts -Scope CurrentUser -Force'`,
      ...powerShellLogin(c),
    ],
  },
  {
    ...LOGIN,
    ...POWERSHELL,
    when: only(
      has('powershell', 'not-logged-in', 'account-not-in-cache'),
      (_, { text: { tenant, isPolicy } }) => tenant !== undefined && isPolicy === true,
    ),
    problem: ({ finding }) =>
      `The tenant ${shown(finding.text.tenant, '')} demands more of the user of Azure PowerShell than this login has, such as a second factor (MFA).`,
    hint: () =>
      'Log in with Azure PowerShell to that tenant. If a Conditional Access policy still refuses, ask its administrator.',
    commands: (c) => [
      isRemote(c)
        ? bash`pwsh -Command Connect-AzAccount -Tenant ${text(c.finding.text.tenant, 'TENANT_ID')} -UseDeviceAuthentication`
        : bash`pwsh -Command Connect-AzAccount -Tenant ${text(c.finding.text.tenant, 'TENANT_ID')}`,
    ],
  },
  {
    ...LOGIN,
    when: only(noLogin, ({ facts }) => facts.place === 'container'),
    problem: ({ finding }) =>
      `${toolName(finding)} is not logged in inside this container, which does not see the login of its host.`,
    hint: ({ finding }) => `Log in inside the container, or mount the login of the host: ${directories(finding)}.`,
    commands: login,
    documentation: DOCUMENTATION.azurePowerShell,
  },
  {
    ...LOGIN,
    ...AZD,
    when: has('azd', 'not-logged-in', 'account-not-in-cache'),
    problem: () => 'Nobody is logged in to the Azure Developer CLI (azd).',
    hint: () => 'Log in with azd as the user who runs this service, then ask again.',
    commands: azdLogin,
  },
  {
    ...LOGIN,
    ...POWERSHELL,
    when: has('powershell', 'not-logged-in', 'account-not-in-cache'),
    problem: () => 'Nobody is logged in to Azure PowerShell, or the login has expired.',
    hint: () => 'Log in with Azure PowerShell as the user who runs this service, then ask again.',
    commands: powerShellLogin,
  },
  {
    ...FAILED,
    ...POWERSHELL,
    when: has('powershell', 'scripts-forbidden'),
    problem: ({ finding }) =>
      `A policy of this machine forbids PowerShell to load the module Az.Accounts: ${quoted(finding)}.`,
    hint: () =>
      'Allow signed scripts for your user. If the organization sets the policy, ask its administrator or use the Azure CLI.',
    commands: () => [
      bash`pwsh -Command 'Get-ExecutionPolicy -List; Set-ExecutionPolicy RemoteSigned -Scope CurrentUser'`,
    ],
  },
  {
    ...FAILED,
    ...AZD,
    when: failing('azd'),
    problem: ({ finding }) => `azd gave no token: ${quoted(finding)}.`,
    hint: () =>
      'Ask azd for a token in a terminal, as the user who runs this service, and read its reason. If it fails there, too, update azd and log in again.',
    commands: (c) => [bash`azd auth token --output json --debug > /dev/null`, ...azdLogin(c)],
  },
  {
    ...FAILED,
    ...POWERSHELL,
    when: failing('powershell'),
    problem: ({ finding }) => `Azure PowerShell gave no token: ${quoted(finding)}.`,
    hint: () =>
      'Ask PowerShell for a token in a terminal, as the user who runs this service. If it fails there, too, log in again; if its modules do not fit together, update Az.Accounts.',
    commands: (c) => [
      bash`pwsh -Command 'Get-AzAccessToken | Out-Null'`,
      ...powerShellLogin(c),
      bash`pwsh -Command 'Update-Module Az.Accounts -Force'`,
    ],
  },
];

/** Microsoft Entra ID refused the login of one of these tools. */
export const OTHER_TOOLS_REFUSED: readonly Row[] = [
  {
    ...FAILED,
    ...POWERSHELL,
    // The broker may quote a number of Microsoft Entra ID, which is about the broker and not about the account.
    when: has('powershell', 'broker-failed'),
    problem: ({ finding }) =>
      `The account broker of Windows (WAM), through which Azure PowerShell logs in, gave no token: ${quoted(finding)}.`,
    hint: () => 'Let Azure PowerShell log in through the browser, without the broker, and log in again.',
    commands: (c) => [bash`pwsh -Command 'Update-AzConfig -EnableLoginByWam $false'`, ...powerShellLogin(c)],
  },
  {
    ...LOGIN,
    when: only(entraMeans('mfa'), isOther),
    problem: ({ finding }) =>
      `Entra ID demands more of the user of ${toolName(finding)} than this login has, such as a second factor (${codeOf(finding)}).`,
    hint: () =>
      'Log in again in a browser, to the tenant of the subscription. If a Conditional Access policy still refuses, ask the administrator of the tenant.',
    commands: login,
    documentation: aboutNumber,
  },
  {
    ...LOGIN,
    when: only(entraMeans('sign-in'), isOther),
    problem: ({ finding }) => `Entra ID wants the user of ${toolName(finding)} to sign in again (${codeOf(finding)}).`,
    hint: ({ finding }) => `Log in with ${toolName(finding)} again, then ask again.`,
    commands: login,
    documentation: aboutNumber,
  },
];

function isOther(_: Evidence, { credential }: Finding): boolean {
  return credential === 'azd' || credential === 'powershell';
}

/** Matches a tool that is there and gave a reason of its own, where the Azure CLI is not: the Azure CLI has rows for everything. */
function failing(tool: CredentialKind): When {
  return (e) => {
    const cli = azureCli(e);
    if (e.facts.kubernetes || (cli && cli.text.problem !== 'not-installed')) return undefined;
    return findingOf(
      e,
      [tool],
      ({ text: { problem }, responder }) =>
        problem !== 'not-installed' && problem !== 'module-missing' && responder === 'not-asked',
    );
  };
}
