import { bash, part, path, type Word } from '../bash.ts';
import { loginAgain } from '../commands.ts';
import type { Case } from '../evidence.ts';
import { azureCliHas, cloudName, only } from '../match.ts';
import { isContainer, isWindows } from '../place.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { quoted, shown } from '../words.ts';
import { AZURE_CLI_LOGIN, loginToCloud } from './azure-cli-login.ts';
import { clockRows } from './clock.ts';
import { AZ_FAILED, AZ_WRONG_CLOUD } from './reasons.ts';

const CONFIG = {
  reason: 'az-config-unusable',
  title: 'The Azure CLI cannot use its files',
  check: 'configuration',
  documentation: DOCUMENTATION.azureCli,
} as const;
const FAILED = { ...AZ_FAILED, documentation: DOCUMENTATION.azureCli } as const;

/** The image is nowhere in the evidence: the first line shows the names that the second one takes. */
function runContainer(options: Word): string[] {
  return [
    bash`docker ps --format '{{.Names}} {{.Image}}'`,
    bash`docker run ${options} -v ~/.azure:/azure -e AZURE_CONFIG_DIR=/azure $IMAGE`,
  ];
}

/** The directory of az, if the message names a file in it. */
function directory({ finding }: Case): Word {
  const found = /^(\/.{1,250}\/\.azure)(?:\/|$)/.exec(finding.text.path ?? '')?.[1];
  return found === undefined ? part`~/.azure` : path(found, 'AZURE_CONFIG_DIR');
}

/** The Azure CLI is installed, but its login or its files are of no use to this process. */
export const AZURE_CLI: readonly Row[] = [
  {
    ...AZ_WRONG_CLOUD,
    when: azureCliHas('cloud-unknown'),
    problem: ({ finding }) => `az is set to a cloud or an authority that is not known: ${quoted(finding)}.`,
    hint: (c) =>
      `Set az to the cloud ${shown(cloudName(c), 'of this service')}, and log in there. For a cloud of your own, such as Azure Stack, turn off core.instance_discovery of az instead.`,
    commands: loginToCloud,
  },
  ...clockRows(azureCliHas('clock-wrong')),
  {
    ...CONFIG,
    when: only(azureCliHas('read-only'), isContainer),
    problem: ({ finding }) =>
      `az has to write to its directory, which is read-only here (${shown(finding.text.path, 'AZURE_CONFIG_DIR')}).`,
    hint: () => 'Mount the directory of your az login writable, without the option ro.',
    commands: () => runContainer(part`--rm`),
  },
  {
    ...CONFIG,
    when: azureCliHas('read-only'),
    problem: ({ finding }) =>
      `az has to write to its directory, which is read-only here (${shown(finding.text.path, 'AZURE_CONFIG_DIR')}).`,
    hint: () =>
      'Set AZURE_CONFIG_DIR for this service to a directory that its user may write, and log in with az there.',
    commands: (c) => [bash`findmnt -T ${directory(c)}`],
  },
  {
    ...CONFIG,
    when: azureCliHas('disk-full'),
    problem: ({ finding }) => `az cannot write ${shown(finding.text.path, 'its files')}: the disk is full.`,
    hint: () => 'Free space on that disk, then ask again. The login is still there.',
    commands: (c) => [bash`df -h ${directory(c)}`],
  },
  {
    ...CONFIG,
    when: only(azureCliHas('permission-denied'), isWindows),
    problem: ({ finding }) =>
      `The user of this process may not use ${shown(finding.text.path, 'the directory of az')}.`,
    hint: () =>
      'Run this service as the user who logged in with az, or set AZURE_CONFIG_DIR to a directory of its own and log in there.',
    commands: () => [bash`whoami`, bash`ls -la ~/.azure`],
  },
  {
    ...CONFIG,
    when: only(azureCliHas('permission-denied'), isContainer),
    problem: ({ finding }) =>
      `The user of this container may not use ${shown(finding.text.path, 'the directory of az')}.`,
    hint: () =>
      'Mount the directory of your az login, and run the container as yourself, its owner. If files in it belong to root, give them back to yourself.',
    commands: () => runContainer(part`--user $(id -u):$(id -g)`),
  },
  {
    ...CONFIG,
    when: azureCliHas('permission-denied'),
    problem: ({ finding }) =>
      `The user of this process may not use ${shown(finding.text.path, 'the directory of az')}: az once ran as another user.`,
    hint: () =>
      'Give the directory back to its user, and never run az with sudo. A service of another user needs an AZURE_CONFIG_DIR and a login of its own.',
    commands: (c) => [bash`ls -la ${directory(c)}`, bash`sudo chown -R $(id -u):$(id -g) ${directory(c)}`],
  },
  {
    ...CONFIG,
    when: only(azureCliHas('cache-encrypted'), isContainer),
    problem: () =>
      'The token cache of az was encrypted by another machine or user, such as the host, and cannot be read in this container.',
    hint: () =>
      'Log in inside the container, with a directory of its own, or run this service on the host where az is logged in.',
    commands: (c) => [bash`mv ~/.azure/msal_token_cache.bin ~/.azure/msal_token_cache.bin.other`, ...loginAgain(c)],
  },
  {
    ...CONFIG,
    when: azureCliHas('cache-encrypted'),
    problem: () => 'az cannot decrypt its token cache: another user, machine or password encrypted it.',
    hint: () =>
      'Move the token cache aside and log in again, as the user who runs this service. Reinstalling az does not help.',
    commands: (c) => [bash`mv ~/.azure/msal_token_cache.bin ~/.azure/msal_token_cache.bin.other`, ...loginAgain(c)],
  },
  {
    ...CONFIG,
    when: azureCliHas('cache-corrupt'),
    problem: ({ finding }) =>
      `az cannot read one of its files, which is damaged or was written by another version: ${quoted(finding)}.`,
    hint: () =>
      'Remove the damaged file and log in again; the command keeps a copy. Processes that write it at once, or versions of az that share it, need an AZURE_CONFIG_DIR each.',
    commands: (c) => [
      // Reads bytes, because some of these files begin with a byte order mark.
      bash`for file in msal_token_cache.json azureProfile.json commandIndex.json versionCheck.json; do python3 -c 'import json,pathlib,sys; json.loads(pathlib.Path(sys.argv[1]).read_bytes())' ~/.azure/$file 2> /dev/null || mv ~/.azure/$file ~/.azure/$file.damaged; done`,
      // The cache of responses is not JSON, and az makes a new one.
      bash`mv ~/.azure/msal_http_cache.bin ~/.azure/msal_http_cache.bin.damaged 2> /dev/null || true`,
      ...loginAgain(c),
    ],
  },
  {
    ...FAILED,
    when: azureCliHas('wrong-architecture'),
    problem: ({ finding }) => `The az that was found is built for another platform: ${quoted(finding)}.`,
    hint: () =>
      'Install the Azure CLI for this system and processor (in WSL the one for Linux), and put it first on the PATH of this service.',
    commands: () => [bash`type -a az`, bash`uname -sm`],
    documentation: DOCUMENTATION.installAzureCli,
  },
  {
    ...FAILED,
    when: azureCliHas('extension-broken'),
    problem: ({ finding }) => `An extension is incompatible with this az: ${quoted(finding)}.`,
    hint: () =>
      'Find the extension in the message and update it. If that does not help, remove it; this service needs none.',
    commands: () => [
      bash`az extension list --query '[].name' -o tsv | while read -r name; do az extension update --name $name; done`,
    ],
  },
  {
    ...FAILED,
    when: azureCliHas('locked'),
    problem: ({ finding }) => `Another az holds the files that this one needs: ${quoted(finding)}.`,
    hint: () =>
      'Ask again when no other az runs. Processes that use az at the same time should each have their own AZURE_CONFIG_DIR.',
    commands: () => [bash`az account get-access-token --output none`],
  },
  {
    ...FAILED,
    when: azureCliHas('killed'),
    problem: () => 'az was stopped before it could respond, probably because memory ran out.',
    hint: () => 'Give this machine or container more memory; az needs about 300 MB. Then ask again.',
    commands: () => [bash`free -m`],
  },
  ...AZURE_CLI_LOGIN,
];
