import { bash, choice, part } from '../bash.ts';
import { listSubscriptions, loginAgain, loginToTenant } from '../commands.ts';
import { setVariables } from '../environment-commands.ts';
import type { Case } from '../evidence.ts';
import { either, entraMeans, entraSays, ofAzureCli, ofAzureCliInPipeline, ofTool, only } from '../match.ts';
import { isPipeline } from '../place.ts';
import { applicationInWords, tenantInWords } from '../principal.ts';
import { correctApplication, READ_CLOUD, setTenantOfApplication } from '../registration-commands.ts';
import { aboutNumber, DOCUMENTATION, type Row } from '../row.ts';
import { capitalized, misnamed } from '../words.ts';
import { setCloud } from './azure-cli-login.ts';
import { TENANT_UNKNOWN, WRONG_CLOUD } from './reasons.ts';

const WRONG_CLOUD_ROW = { ...WRONG_CLOUD, documentation: DOCUMENTATION.clouds } as const;
const BLOCKED = {
  reason: 'tenant-blocked',
  title: 'The tenant is blocked',
  check: 'token',
  documentation: aboutNumber,
} as const;

const cloud = entraMeans('cloud', 'resource-unknown');
const blocked = entraMeans('blocked-tenant');
const unknown = entraMeans('tenant');

const authority = ({ facts }: Case) => facts.cloud.authorityHost;
const GOVERNMENT = 'https://login.microsoftonline.us';
export const SIGN_IN_HOSTS = `${GOVERNMENT} for US Government, https://login.chinacloudapi.cn for China`;

/** The cloud or tenant that was asked is not that of the identity. */
export const TENANT: readonly Row[] = [
  {
    ...WRONG_CLOUD_ROW,
    when: ofAzureCliInPipeline(cloud),
    problem: (c) =>
      `The login of this pipeline does not belong to the cloud of this service, which asks ${c.facts.cloud.resourceManager}.`,
    hint: () =>
      'Use a service connection of that cloud, or set AZURE_AUTHORITY_HOST to the cloud of the login. Federation across clouds may be impossible.',
    commands: () => [bash`az cloud list --query '[].[name,isActive]' -o table`],
  },
  {
    ...WRONG_CLOUD_ROW,
    when: ofAzureCli(cloud),
    problem: (c) =>
      `az is set to another cloud, or logged in to a tenant of one, than this service, which asks ${c.facts.cloud.resourceManager}.`,
    hint: () => 'Log in to az in the cloud of this service, or set AZURE_AUTHORITY_HOST to that of the login.',
    commands: (c) => [setCloud(c), ...loginAgain(c)],
  },
  {
    ...WRONG_CLOUD_ROW,
    when: ofTool(cloud),
    problem: (c) =>
      `The tool is logged in to a tenant of another cloud than this service, which asks ${c.facts.cloud.resourceManager}.`,
    hint: () => 'Log in with it in the cloud of this service, or set AZURE_AUTHORITY_HOST to that of the login.',
  },
  {
    ...WRONG_CLOUD_ROW,
    when: only(cloud, (e) => misnamed(e, 'AZURE_AUTHORITY_HOST') !== undefined),
    problem: (c) =>
      `${authority(c)} is not the cloud of this identity, and nothing here reads ${misnamed(c, 'AZURE_AUTHORITY_HOST')}, which is set.`,
    hint: () => `Set AZURE_AUTHORITY_HOST instead: ${SIGN_IN_HOSTS}.`,
    commands: setAuthorityOfAz,
  },
  {
    ...WRONG_CLOUD_ROW,
    // The number itself names the cloud.
    when: entraSays(900439),
    problem: (c) => `${capitalized(applicationInWords(c))} is one of US Government, but ${authority(c)} was asked.`,
    hint: () => `Set AZURE_AUTHORITY_HOST to ${GOVERNMENT}.`,
    commands: (c) => setVariables(c, { AZURE_AUTHORITY_HOST: choice(GOVERNMENT) }),
  },
  {
    ...WRONG_CLOUD_ROW,
    // A metadata service gives tokens of its own cloud only.
    when: either(
      entraMeans('cloud'),
      only(cloud, (_, { credential }) => credential === 'managed-identity'),
    ),
    problem: (c) =>
      `The identity of ${tenantInWords(c)} belongs to another cloud than this service, which asks ${c.facts.cloud.resourceManager}.`,
    hint: () => `Set AZURE_AUTHORITY_HOST to the cloud of the identity: ${SIGN_IN_HOSTS}.`,
    commands: setAuthorityOfAz,
  },
  {
    ...WRONG_CLOUD_ROW,
    when: cloud,
    problem: (c) =>
      `${capitalized(tenantInWords(c))} does not know ${c.facts.cloud.resourceManager}: it is in another cloud, or is not the tenant that you meant.`,
    hint: () => `Correct AZURE_TENANT_ID, or set AZURE_AUTHORITY_HOST to the cloud of the tenant: ${SIGN_IN_HOSTS}.`,
    commands: (c) => [...showClouds(), ...setTenantOfApplication(c)],
  },
  {
    ...BLOCKED,
    when: only(ofAzureCli(blocked), (e) => !isPipeline(e)),
    problem: blockedTenant,
    hint: () =>
      'Log in to another tenant, or ask the administrator to reactivate this one. Logging in to it again does not help.',
    commands: () => [listSubscriptions(), loginToTenant(undefined)],
  },
  {
    ...BLOCKED,
    when: blocked,
    problem: blockedTenant,
    hint: () =>
      'Ask its administrator to reactivate the tenant, or use an identity of another one. A new credential does not help.',
  },
  {
    ...TENANT_UNKNOWN,
    when: ofAzureCliInPipeline(unknown),
    problem: (c) => `This pipeline logs in to ${tenantInWords(c)}, which does not exist in ${authority(c)}.`,
    hint: () => 'Correct the tenant of the service connection or login action, or its cloud.',
    commands: () => [listSubscriptions()],
  },
  {
    ...TENANT_UNKNOWN,
    when: ofAzureCli(unknown),
    problem: (c) => `az is logged in to ${tenantInWords(c)}, which does not exist in ${authority(c)} any more.`,
    hint: () => 'Log in again, to a tenant that exists.',
    commands: () => [bash`az login`],
  },
  {
    ...TENANT_UNKNOWN,
    when: ofTool(unknown),
    problem: (c) => `The tool is logged in to ${tenantInWords(c)}, which does not exist in ${authority(c)}.`,
    hint: () => 'Log in with it again, to a tenant that exists.',
    commands: () => [listSubscriptions()],
  },
  {
    ...TENANT_UNKNOWN,
    when: unknown,
    problem: (c) =>
      `${capitalized(tenantInWords(c))} does not exist in ${authority(c)}: AZURE_TENANT_ID is wrong, or is a tenant of another cloud.`,
    hint: () =>
      'Set AZURE_TENANT_ID to the id of the tenant of the application. If it is in another cloud, set AZURE_AUTHORITY_HOST.',
    commands: correctApplication,
  },
];

function blockedTenant(c: Case): string {
  return `${capitalized(tenantInWords(c))} is blocked, for inactivity or by Microsoft.`;
}

function showClouds(): string[] {
  return [bash`az cloud list --query '[].[endpoints.activeDirectory,name,isActive]' -o table`];
}

/** Gives this process the cloud in which az is logged in, which has the identity. */
export function setAuthorityOfAz(c: Case): string[] {
  const set = setVariables(c, { AZURE_AUTHORITY_HOST: part`\${host:?}` }, READ_CLOUD);
  return set.length > 0 ? set : showClouds();
}
