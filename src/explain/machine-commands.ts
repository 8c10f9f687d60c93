import { findGuids, readIdentityId } from './app-commands.ts';
import { bash, host, part, url, type Word } from './bash.ts';
import { patchPodTemplate } from './commands.ts';
import { addToNoProxy, hasUnit, onItsMachine } from './environment-commands.ts';
import type { Case, Evidence } from './evidence.ts';

/** The commands about the metadata service, and about the machine or node that it belongs to. */

/** On the machine itself: whether the metadata service is there. */
export function askMetadataService({ facts }: Case): string {
  const instance = url(`http://${facts.metadataService}/metadata/instance`, 'METADATA_URL');
  return bash`curl -sS -H Metadata:true --noproxy '*' ${instance}'?api-version=2021-02-01'`;
}

function listMachines(e: Evidence): string[] {
  return hasUnit(e) ? [] : [bash`az vm list --query '[].[name,resourceGroup]' -o table`];
}

/** The start of a line: finds the machine. Where its service is known, the line is for a shell of the machine itself, which can ask. */
function readMachine(e: Evidence): Word {
  return hasUnit(e)
    ? part`${onItsMachine(e)} && machine=$(curl -sS -H Metadata:true --noproxy '*' 'http://169.254.169.254/metadata/instance/compute/resourceId?api-version=2021-02-01&format=text')`
    : part`read -r group _ <<< $(az vm list --query '[].[resourceGroup,name]' -o tsv | grep -ix '.*[[:space:]]'$VM)`;
}

/** The flags that name the machine, after `readMachine`. */
function thisMachine(e: Evidence): Word {
  return hasUnit(e) ? part`--ids \${machine:?}` : part`-g \${group:?} -n $VM`;
}

/** Shows client id, name and group of the user-assigned identities of the machine. */
export function showMachineIdentities(e: Evidence): string[] {
  return [
    ...listMachines(e),
    bash`${readMachine(e)} && az identity list --query '[].[clientId,name,resourceGroup]' -o tsv | grep -if <(az vm identity show ${thisMachine(e)} | ${findGuids()})`,
  ];
}

export function assignSystemIdentity(e: Evidence): string[] {
  return [...listMachines(e), bash`${readMachine(e)} && az vm identity assign ${thisMachine(e)}`];
}

export function assignToMachine(c: Case): string[] {
  return [
    bash`${readMachine(c)} && ${readIdentityId(c)} && az vm identity assign ${thisMachine(c)} --identities \${id:?}`,
  ];
}

/** Istio's own way; the annotation makes new pods. */
export function excludeFromMesh(c: Case): string[] {
  return patchPodTemplate(
    c,
    part`{metadata: {annotations: {traffic.sidecar.istio.io/excludeOutboundIPRanges: 169.254.169.254/32}}}`,
  );
}

export function bypassProxy(c: Case): string[] {
  return addToNoProxy(c, host(c.facts.metadataService, 'METADATA_SERVICE'));
}
