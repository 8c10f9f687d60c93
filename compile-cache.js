// Starts the built service once, so that Node writes its compiled code into a directory. The next start reads it from there. Such a
// cache is valid only for the same Node, user and file path; Node ignores any other.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const [directory, bundle] = process.argv.slice(2);
if (!directory || !bundle) throw new Error('usage: node compile-cache.js <directory> <bundle>');

const service = spawn(process.execPath, [resolve(bundle)], {
  // With an empty PATH there is no PowerShell, so no request for a token leaves the process.
  env: { NODE_COMPILE_CACHE: directory, PORT: '0', PATH: '', AZURE_TOKEN_CREDENTIALS: 'AzurePowerShellCredential' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
service.stdout.setEncoding('utf8').on('data', (lines) => {
  // When the first failure is logged, everything is loaded, or will be in a moment.
  if (lines.includes('"reason"')) setTimeout(() => service.kill('SIGTERM'), 500);
});
const [code] = await once(service, 'exit');
process.exitCode = code ?? 1;
