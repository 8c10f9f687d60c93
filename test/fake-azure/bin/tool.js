// The fake az, kubectl, curl, sudo and systemctl: they send their arguments to the demo, and print what it answers. Plain JavaScript without
// dependencies, because a command may start many of them.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';

/** Curl is the real one for whatever is not part of the fake Azure. */
const FAKE_ADDRESS = /^https?:\/\/(169\.254\.169\.254|[\w.-]+\.(azure\.com|microsoftonline\.com))(\/|:|$)/;

/** @param {string} tool */
export function run(tool) {
  const words = process.argv.slice(2);
  if (tool === 'curl' && !words.some((word) => FAKE_ADDRESS.test(word))) runReal(tool, words);
  // Only what reads a file from stdin may take it: in a loop, it belongs to the loop.
  const stdin = /-f -|\/dev\/stdin/.test(words.join(' ')) ? readFileSync(0, 'utf8') : '';
  const socket = connect(Number(process.env['RG_API_TOOLS_PORT']), '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8');
  socket.on('data', (text) => {
    answer += text;
  });
  socket.on('error', () => {
    process.stderr.write(`${tool}: the demo is not running. Start it with npm run demo\n`);
    process.exitCode = 69; // EX_UNAVAILABLE of sysexits.h
  });
  socket.on('end', () => {
    const { code, stdout, stderr } = JSON.parse(answer);
    process.stderr.write(stderr);
    process.stdout.write(stdout);
    process.exitCode = code;
    socket.end();
  });
  socket.end(JSON.stringify({ tool, words, stdin }));
}

/** @param {string} tool @param {string[]} words @returns {never} */
function runReal(tool, words) {
  const own = dirname(process.argv[1] ?? '');
  const path = (process.env['PATH'] ?? '').split(':').filter((each) => each !== own);
  const { status } = spawnSync(tool, words, { stdio: 'inherit', env: { ...process.env, PATH: path.join(':') } });
  process.exit(status ?? 127);
}
