import { bash, guid, isName, name, part, text } from '../bash.ts';
import type { Case, Finding } from '../evidence.ts';
import { azureCli, cloudName, entraMeans, entraSays, ofKind, only, otherCloud, type When } from '../match.ts';
import { aboutNumber, DOCUMENTATION, type Row } from '../row.ts';
import { codeOf, isSet, shown } from '../words.ts';
import { inPipeline, isRemote, loginAgain, readLogin } from './azure-cli-login.ts';

const LOGIN = {
  reason: 'az-not-logged-in',
  title: 'The Azure CLI needs a new login',
  check: 'configuration',
} as const;
const OTHER_CLOUD = {
  reason: 'az-wrong-cloud',
  title: 'The Azure CLI is set to another cloud',
  check: 'configuration',
  documentation: DOCUMENTATION.clouds,
} as const;
const SECRET = {
  reason: 'client-secret-refused',
  title: 'The client secret was refused',
  check: 'token',
} as const;
const CERTIFICATE = {
  reason: 'client-certificate-refused',
  title: 'The client certificate was refused',
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

/** The same for the tenant that the message names, or else for the one that az uses by default. */
function loginToItsTenant(c: Case): string[] {
  const { tenant: named } = c.finding.text;
  if (inPipeline(c)) return [];
  const tenant = isName(named) ? text(named, 'TENANT_ID') : part`$(az account show --query tenantId -o tsv)`;
  return [isRemote(c) ? bash`az login --use-device-code --tenant ${tenant}` : bash`az login --tenant ${tenant}`];
}

/** Microsoft Entra ID of this or another cloud refused the login of the Azure CLI. Other rows know the refusals that have nothing to do with az. */
export const AZURE_CLI_REFUSED: readonly Row[] = [
  {
    ...OTHER_CLOUD,
    when: only(azureCli, (e, finding) => finding.responder === 'none' && otherCloud(e, finding) !== undefined),
    problem: (c) =>
      `az is set to ${shown(otherCloud(c, c.finding), 'another cloud')} and asks ${shown(c.finding.host, 'a host')} there; this service uses ${shown(cloudName(c), 'the public cloud')}.`,
    hint: (c) =>
      `Set az to the cloud ${shown(cloudName(c), 'of this service')}, and log in there. The network is not the cause.`,
    commands: (c) => [bash`az cloud set --name ${name(cloudName(c), 'CLOUD')}`, ...loginAgain(c)],
  },
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
      (e) =>
        e.failure?.subscriptionId === undefined &&
        !isSet(e, 'AZURE_SUBSCRIPTION_ID') &&
        e.identity?.credential === 'AzureCliCredential' &&
        e.identity.type === 'user' &&
        !inPipeline(e),
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
  return only(entraMeans(...classes), (_, { credential }) => credential === 'azure-cli');
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
