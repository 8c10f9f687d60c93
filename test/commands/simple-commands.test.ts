import { expect, test } from 'vitest';
import { simpleCommands } from './simple-commands.ts';

test.each([
  ["az identity list --query '[].[id,name]' -o table", ["az identity list --query '[].[id,name]' -o table"]],
  ['kubectl get pods -A | grep -q . || az aks list -o tsv', ['kubectl get pods -A', 'az aks list -o tsv']],
  [
    `read -r group <<< $(az vm list -o tsv | grep -i vm) && az vm show -g \${group:?} -n vm`,
    ['az vm list -o tsv', `az vm show -g \${group:?} -n vm`],
  ],
  [
    'az aks list | while read -r group; do if [[ $group = a ]]; then az aks update -g $group; fi; done',
    ['az aks list', 'az aks update -g $group'],
  ],
  ['a=$(az account show -o tsv) && (IFS=; kubectl set env X=$a)', ['az account show -o tsv', 'kubectl set env X=$a']],
  [
    'kubectl set env NO_PROXY=$(kubectl set env --list | cut -d= -f2),a',
    ['kubectl set env --list', 'kubectl set env NO_PROXY=found,a'],
  ],
  ["kubectl patch --patch 'spec: {a: (b|c); $(az)}'", ["kubectl patch --patch 'spec: {a: (b|c); $(az)}'"]],
  ['grep -f <(az vm identity show | grep x) y', ['az vm identity show']],
])('the commands of %s', (line, commands) => {
  expect(simpleCommands(line, ['az', 'kubectl'])).toEqual(commands);
});
