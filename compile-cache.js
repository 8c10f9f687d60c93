// Starts the built service once where it cannot ask anybody for a token, so that Node leaves what it compiled in a directory, where
// the next start takes it from. It is good for the same version of Node, path of the file and user only; others ignore it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const [directory, bundle] = process.argv.slice(2);
if (!directory || !bundle) throw new Error('usage: node compile-cache.js <directory> <bundle>');

const service = spawn(process.execPath, [resolve(bundle)], {
  // PowerShell is not on an empty path, and nothing else is tried.
  env: { NODE_COMPILE_CACHE: directory, PORT: '0', PATH: '', AZURE_TOKEN_CREDENTIALS: 'AzurePowerShellCredential' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
service.stdout.setEncoding('utf8').on('data', (lines) => {
  // It has asked for a token, and loads the rest.
  if (lines.includes('"reason"')) setTimeout(() => service.kill('SIGTERM'), 500);
});
const [code] = await once(service, 'exit');
process.exitCode = code ?? 1;
