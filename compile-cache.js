// Starts the built service once where it cannot ask anybody for a token, so that Node leaves in NODE_COMPILE_CACHE what it compiled:
// the next start takes it from there. It is good for the same version of Node, path of the file and user only; for others it is ignored.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const { NODE_COMPILE_CACHE } = process.env;
if (!NODE_COMPILE_CACHE) throw new Error('NODE_COMPILE_CACHE has to say where the cache is to be');

const service = spawn(process.execPath, [join(import.meta.dirname, process.argv[2] ?? 'main.js')], {
  // PowerShell is not on an empty path, and nothing else is tried.
  env: { NODE_COMPILE_CACHE, PORT: '0', PATH: '', AZURE_TOKEN_CREDENTIALS: 'AzurePowerShellCredential' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
service.stdout.setEncoding('utf8').on('data', (lines) => {
  // It has asked for a token, and loads the rest.
  if (lines.includes('"reason"')) setTimeout(() => service.kill('SIGTERM'), 500);
});
const [code] = await once(service, 'exit');
process.exitCode = code ?? 1;
