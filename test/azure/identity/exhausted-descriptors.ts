// Runs in its own process, with a low limit of descriptors. Prints the outcome of starting az with each number of free ones.
import { closeSync, openSync, writeSync } from 'node:fs';
import { azureCliCredential } from '../../../src/azure/identity/azure-cli.ts';

const descriptors: number[] = [];
// Without a first outcome, the process would load code of Node while it cannot open files.
await report();
try {
  for (;;) descriptors.push(openSync('/dev/null', 'r'));
} catch {
  // None is left.
}
for (let free = 0; free < 12; free += 1) {
  await report();
  closeSync(descriptors.pop() ?? -1);
}

async function report(): Promise<void> {
  const outcome = await azureCliCredential()
    .getToken('https://management.azure.com/.default')
    .then(
      () => 'a token',
      (error: Error) => `${error.name}: ${error.message}`,
    );
  writeSync(1, `${outcome}\n`);
}
