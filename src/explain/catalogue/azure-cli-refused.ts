import { bash, guid, isName, part, text } from '../bash.ts';
import { listSubscriptions, loginAgain } from '../commands.ts';
import type { Case, Finding } from '../evidence.ts';
import { azureCli, cloudName, entraMeans, ofAzureCli, ofKind, only, otherCloud, type When } from '../match.ts';
import { isPipeline, isRemote } from '../place.ts';
import { aboutNumber, DOCUMENTATION, type Row } from '../row.ts';
import { codeOf, isSet, shown } from '../words.ts';
import { loginAsServicePrincipal, loginToCloud } from './azure-cli-login.ts';
import {
  AZ_NOT_LOGGED_IN,
  AZ_WRONG_CLOUD,
  CLIENT_CERTIFICATE_REFUSED,
  CLIENT_SECRET_REFUSED,
  NO_SUBSCRIPTION,
} from './reasons.ts';

const LOGIN = { ...AZ_NOT_LOGGED_IN, documentation: aboutNumber } as const;

/** The same for the tenant that the message names, or else for the one that az uses by default. */
function loginToItsTenant(c: Case): string[] {
  const { tenant: named } = c.finding.text;
  if (isPipeline(c)) return [];
  const tenant = isName(named) ? text(named, 'TENANT_ID') : part`$(az account show --query tenantId -o tsv)`;
  return [isRemote(c) ? bash`az login --use-device-code --tenant ${tenant}` : bash`az login --tenant ${tenant}`];
}

/** Microsoft Entra ID of this or another cloud refused the login of the Azure CLI. Other rows know the refusals that have nothing to do with az. */
export const AZURE_CLI_REFUSED: readonly Row[] = [
  {
    ...AZ_WRONG_CLOUD,
    when: only(azureCli, (e, finding) => finding.responder === 'none' && otherCloud(e, finding) !== undefined),
    problem: (c) =>
      `az is set to ${shown(otherCloud(c, c.finding), 'another cloud')} and asks ${shown(c.finding.host, 'a host')} there; this service uses ${shown(cloudName(c), 'the public cloud')}.`,
    hint: (c) =>
      `Set az to the cloud ${shown(cloudName(c), 'of this service')}, and log in there. The network is not the cause.`,
    commands: loginToCloud,
  },
  {
    ...LOGIN,
    when: only(cliRefused('sign-in', 'mfa'), isPipeline),
    problem: ({ finding }) => `The login of az in this pipeline needs a person: ${codeOf(finding)}.`,
    hint: () =>
      'Let the pipeline log in as an identity that needs nobody: azure/login or a service connection with workload identity federation.',
  },
  {
    ...LOGIN,
    when: cliRefused('mfa'),
    problem: ({ finding }) =>
      `The tenant demands multi-factor authentication, which the login of az does not have or no longer has (${codeOf(finding)}).`,
    hint: () =>
      'Log in again to this tenant by its id: a plain login may prove the second factor to your home tenant only.',
    commands: loginToItsTenant,
  },
  {
    ...LOGIN,
    when: cliRefused('sign-in'),
    problem: ({ finding }) => `The login of az has expired or was revoked (${codeOf(finding)}).`,
    hint: () => 'Log in again with az, then ask again. No restart is needed.',
    commands: loginAgain,
  },
  {
    ...CLIENT_SECRET_REFUSED,
    when: only(cliRefused('client-secret'), isPipeline),
    problem: ({ finding }) =>
      `Entra ID refused the secret with which this pipeline logged in to az (${codeOf(finding)}).`,
    hint: () =>
      'Renew the secret of the service connection or of azure/login, or better, change it to workload identity federation.',
  },
  {
    ...CLIENT_SECRET_REFUSED,
    when: only(cliRefused('client-secret'), (_, { aadsts }) => aadsts === 7000222),
    problem: ({ finding }) => `The secret with which az is logged in as ${application(finding)} has expired.`,
    hint: () =>
      'Log in as a person who owns the application, make a new secret beside the old one, and log in as the service principal with it.',
    commands: (c) => [...loginAgain(c), renewAndLogin(c.finding)],
  },
  {
    ...CLIENT_SECRET_REFUSED,
    when: cliRefused('client-secret'),
    problem: ({ finding }) =>
      `Entra ID refused the secret with which az is logged in as ${application(finding)} (${codeOf(finding)}).`,
    hint: () => 'Log in again as the service principal with its present secret: the value, not the id of the secret.',
    commands: () => loginAsServicePrincipal(part`--password=$CLIENT_SECRET`),
  },
  {
    ...CLIENT_CERTIFICATE_REFUSED,
    when: only(cliRefused('client-certificate'), isPipeline),
    problem: ({ finding }) =>
      `Entra ID refused the certificate with which this pipeline logged in to az (${codeOf(finding)}).`,
    hint: () =>
      'Renew the certificate of the service connection, or better, change it to workload identity federation.',
  },
  {
    ...CLIENT_CERTIFICATE_REFUSED,
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
  },
];

/** A login of az that sees nothing, because it is one of another tenant. */
export const AZURE_CLI_TENANT: readonly Row[] = [
  {
    ...NO_SUBSCRIPTION,
    when: only(
      ofKind('no-subscription'),
      (e) =>
        e.failure?.subscriptionId === undefined &&
        !isSet(e, 'AZURE_SUBSCRIPTION_ID') &&
        e.identity?.credential === 'AzureCliCredential' &&
        e.identity.type === 'user' &&
        !isPipeline(e),
    ),
    problem: ({ identity }) =>
      `The az login is in the tenant ${shown(identity?.tenantId, 'of the account')}, where the account sees no subscription.`,
    hint: () =>
      'Log in to the right tenant, that of your subscription; a login without one looks in all of them. Or get a role on one. Restart this service if it keeps the old token.',
    commands: (c) => [...loginAgain(c), listSubscriptions()],
    documentation: DOCUMENTATION.azureCli,
  },
];

function cliRefused(...classes: Parameters<typeof entraMeans>): When {
  return ofAzureCli(entraMeans(...classes));
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
