// `npm run demo:shell`: a shell whose az and kubectl, and whose curl for addresses of Azure, are those of the demo in another terminal.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { toolEnvironment, toolsPortOf } from './tools.ts';

const port = Number(process.env['PORT'] || 8080);
const toolsPort = toolsPortOf(port);
const socket = connect(toolsPort, '127.0.0.1');
try {
  await once(socket, 'connect');
} catch {
  process.stderr.write(
    `rg-api demo: no demo on port ${port}. Start it in another terminal: npm run demo -- wrong-subject\n`,
  );
  process.exit(69); // EX_UNAVAILABLE of sysexits.h
}
socket.destroy();

const isTerminal = process.stdin.isTTY === true;
if (isTerminal) {
  process.stdout.write(
    `Here, az and kubectl change the fake Azure of the demo. Paste the commands of http://localhost:${port}, one after the other.\n` +
      `One that finds nothing to do prints nothing. exit leaves.\n`,
  );
}
const shell = spawn('bash', ['--noprofile', '--norc', ...(isTerminal ? ['-i'] : [])], {
  stdio: 'inherit',
  env: { ...process.env, ...toolEnvironment(toolsPort), PS1: '(fake Azure) $ ' },
});
// Ctrl+C is for the command in the shell.
process.on('SIGINT', () => {});
const [code]: (number | null)[] = await once(shell, 'exit');
process.exitCode = code ?? 1;
