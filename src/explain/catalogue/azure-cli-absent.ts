import { bash } from '../bash.ts';
import { loginAgain } from '../commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { azureCli, azureCliHas, findingOf, only, type When } from '../match.ts';
import { isPipeline } from '../place.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { codeOf, isSet, proxyVariableOf, quoted } from '../words.ts';
import { isSilent } from './managed-identity.ts';
import { AZ_FAILED, IMDS_PROXIED } from './reasons.ts';

const FAILED = { ...AZ_FAILED, documentation: DOCUMENTATION.installAzureCli } as const;
const ABSENT = {
  reason: 'az-not-installed',
  title: 'No Azure CLI and no other credential',
  check: 'configuration',
  documentation: DOCUMENTATION.installAzureCli,
} as const;

/** Where a managed identity is offered, or its service was reached, its rows know better. */
const absent = only(azureCliHas('not-installed'), (e) => {
  const asked = managedIdentity(e);
  return asked === undefined || !(e.facts.identityEndpoint || e.facts.identityEndpointMissing || isSilent(asked));
});

/** What az said is of no known form. Refusals of Microsoft Entra ID have rows of their own. */
const otherwise = only(
  azureCli,
  (_, { aadsts, text: { problem } }) => aadsts === undefined && problem !== 'not-installed',
);

function absentAt(...places: Evidence['facts']['place'][]): When {
  return only(absent, ({ facts }) => places.includes(facts.place));
}

/** What was asked for a managed identity, if anything was. */
function managedIdentity(e: Evidence): Finding | undefined {
  return findingOf(e, ['managed-identity'], ({ message }) => message !== '');
}

/** Two ids alone are no service principal, and outside Kubernetes nothing uses them. */
function hasOnlyIds(e: Evidence): boolean {
  const isComplete = [
    'AZURE_CLIENT_SECRET',
    'AZURE_CLIENT_CERTIFICATE_PATH',
    'AZURE_FEDERATED_TOKEN_FILE',
    'AZURE_USERNAME',
  ];
  return isSet(e, 'AZURE_CLIENT_ID') && isSet(e, 'AZURE_TENANT_ID') && !isComplete.some((name) => isSet(e, name));
}

/** Where az can be logged in: a container without az has a host that may have it. */
function loginWhereItIs(e: Evidence): string[] {
  return e.facts.place === 'container' ? [bash`az login`, bash`npm start`] : [bash`command -v az`, ...loginAgain(e)];
}

/** The Azure CLI cannot start, or fails in a way that no other row explains. */
export const AZURE_CLI_ABSENT: readonly Row[] = [
  {
    ...FAILED,
    when: azureCliHas('installation-broken', 'module-missing'),
    problem: ({ finding }) => `The installation of az is broken: ${quoted(finding)}.`,
    hint: () =>
      'Reinstall the Azure CLI from its own package, in a pipeline in its image, and remove leftovers of pip or an old Python. A login does not help.',
    commands: () => [bash`type -a az`, bash`az version`],
  },
  {
    ...IMDS_PROXIED,
    when: only(absentAt('ci'), (e) => managedIdentity(e)?.responder === 'http-proxy'),
    problem: (c) =>
      `This step has no login, and ${proxyVariableOf(c)} sends what its agent asks of the metadata service ${c.facts.metadataService} to a proxy, which cannot serve it.`,
    hint: ({ facts }) =>
      `If the agent is a machine in Azure with a managed identity, name ${facts.metadataService} in NO_PROXY. Elsewhere, log in to Azure in the pipeline before this step.`,
    documentation: DOCUMENTATION.metadataService,
  },
  {
    ...ABSENT,
    when: absentAt('ci'),
    problem: () =>
      'This step of the pipeline has no login to Azure that it can use: no service principal is configured, and az is not on its PATH.',
    hint: () =>
      'Log in with azure/login or a task with a service connection, in an image that has the Azure CLI; or set the variables of a service principal.',
    documentation: DOCUMENTATION.pipelines,
  },
  {
    ...ABSENT,
    when: absentAt('codespaces', 'devcontainer'),
    problem: () => 'This development container has no Azure CLI, and no other credential is configured.',
    hint: () =>
      'Add the Azure CLI as a feature in devcontainer.json, rebuild the container and log in there with a device code.',
    commands: loginAgain,
  },
  {
    ...ABSENT,
    when: only(absent, ({ facts }) => facts.proxy.hosts.includes(facts.metadataService)),
    problem: ({ facts }) =>
      `az is not on the PATH of this process, and requests for the metadata service ${facts.metadataService} go to the proxy, which cannot serve them.`,
    hint: ({ facts }) =>
      `On a machine in Azure, name ${facts.metadataService} in NO_PROXY and restart this service. Elsewhere, install the Azure CLI and log in.`,
    commands: loginWhereItIs,
  },
  {
    ...ABSENT,
    when: only(absent, (e) => managedIdentity(e)?.responder === 'unknown'),
    problem: (c) =>
      `az is not on the PATH of this process, and what responds at ${c.facts.metadataService} is not the metadata service of Azure (${codeOf(managedIdentity(c) ?? c.finding)}).`,
    hint: () =>
      'Outside Azure, install the Azure CLI and log in, or set the variables of a service principal. In Azure, take the proxy or gateway at that address out of the way.',
    commands: loginWhereItIs,
  },
  {
    ...ABSENT,
    when: only(absent, hasOnlyIds),
    problem: () =>
      'AZURE_CLIENT_ID and AZURE_TENANT_ID are set without a secret or certificate, and az is not on the PATH of this process.',
    hint: () =>
      'Set AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH for a service principal, or install the Azure CLI and log in.',
    commands: loginWhereItIs,
  },
  {
    ...ABSENT,
    // A container group starts its metadata service after the container; elsewhere its address is silent, not closed.
    when: only(absentAt('container'), (e) => managedIdentity(e)?.networkCode === 'ECONNREFUSED'),
    problem: ({ facts }) =>
      `${facts.metadataService} refuses the connection: the metadata service of this container has not started yet, or there is none. There is no az either.`,
    hint: () =>
      'In a container group of Azure, ask again in a few seconds; the group needs a managed identity. Elsewhere, run this service on the host, where az is logged in.',
    commands: loginWhereItIs,
    documentation: DOCUMENTATION.managedIdentity,
  },
  {
    ...ABSENT,
    when: absentAt('container'),
    problem: () => 'This container has no az on its PATH, and no other credential gives a token.',
    hint: () =>
      'Run this service on the host, where az is logged in, or in an image with the Azure CLI and your ~/.azure mounted, or set the variables of a service principal.',
    commands: loginWhereItIs,
  },
  {
    ...ABSENT,
    when: only(absent, (e) => managedIdentity(e) === undefined),
    problem: () => 'Only the Azure CLI may give a token here, and az is not on the PATH of this process.',
    hint: () =>
      'Install the Azure CLI, or put it on the PATH of this process (an editor or service may not have that of your terminal), then log in.',
    commands: loginWhereItIs,
  },
  {
    ...ABSENT,
    when: absent,
    problem: ({ facts }) =>
      `This machine has no credential: az is not on the PATH of this process, and no metadata service gives a token at ${facts.metadataService}.`,
    hint: () =>
      'Install the Azure CLI, or put it on the PATH of this process, and log in. With Azure Arc, set IDENTITY_ENDPOINT and IMDS_ENDPOINT instead.',
    commands: loginWhereItIs,
  },
  {
    ...FAILED,
    when: azureCliHas('too-old'),
    problem: () => 'This az is too old for the command that asks for a token.',
    hint: () => 'Update the Azure CLI, in a pipeline in the image of its agent. Then ask again.',
    commands: () => [bash`az upgrade --yes`],
  },
  {
    ...AZ_FAILED,
    when: only(
      azureCli,
      ({ failure }, { outcome, message }) =>
        outcome === 'pending' ||
        (failure?.kind === 'token-timeout' && message === '') ||
        /^No answer within/.test(message),
    ),
    problem: () =>
      'The Azure CLI is not responding: it waits for the network (IPv6, VPN, proxy, firewall) or for another az.',
    hint: () => 'Ask az for a token in a terminal on this machine, and look at what it waits for.',
    commands: () => [bash`az account get-access-token --output none --debug`],
    documentation: DOCUMENTATION.azureCliProxy,
  },
  {
    ...AZ_FAILED,
    when: only(otherwise, isPipeline),
    problem: ({ finding }) => `az gave no token in this step: ${quoted(finding)}.`,
    hint: () =>
      'Ask az for a token in this step of the pipeline and read its message. Log in there with azure/login or a service connection.',
    commands: () => [bash`az account get-access-token --output none`],
    documentation: DOCUMENTATION.azureCli,
  },
  {
    ...AZ_FAILED,
    when: otherwise,
    problem: ({ finding }) => `az gave no token: ${quoted(finding)}.`,
    hint: () =>
      'Ask az for a token in a terminal, as the user who runs this service. If it fails there, too, log in again, then update it.',
    commands: (c) => [bash`az account get-access-token --output none`, ...loginAgain(c), bash`az upgrade --yes`],
    documentation: DOCUMENTATION.azureCli,
  },
];
