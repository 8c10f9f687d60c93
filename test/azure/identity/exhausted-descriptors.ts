// Runs in its own process, with a low limit of descriptors. Prints the outcome of starting az with each number of free ones.
import { closeSync, openSync } from 'node:fs';
import { azureCliCredential } from '../../../src/azure/identity/azure-cli.ts';

const descriptors: number[] = [];
// Without a first outcome, the process would load code of Node while it cannot open files.
console.log(await outcome());
try {
  for (;;) descriptors.push(openSync('/dev/null', 'r'));
} catch {
  // None is left.
}
for (let free = 0; free < 12; free += 1) {
  console.log(await outcome());
  closeSync(descriptors.pop() ?? -1);
}

async function outcome(): Promise<string> {
  return azureCliCredential()
    .getToken('https://management.azure.com/.default')
    .then(
      () => 'a token',
      (error: Error) => `${error.name}: ${error.message}`,
    );
}
