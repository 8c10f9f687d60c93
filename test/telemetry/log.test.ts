import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { hideSecretsOf } from '../../src/redaction.ts';
import { createLog, writeTo } from '../../src/telemetry/log.ts';

function startLog(env: NodeJS.ProcessEnv = {}, isTerminal = false) {
  hideSecretsOf(env);
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const log = createLog({ level: 'debug', isTerminal, write });
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line)) };
}

test('a line is JSON with the name of its level and the time', () => {
  const { log, lines, parsed } = startLog();
  log.info({ port: 8080 }, 'listening');
  expect(lines[0]).toMatch(/^\{.*\}\n$/);
  expect(parsed()).toEqual([
    { level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), port: 8080, msg: 'listening' },
  ]);
});

test('a secret is removed from every string, and the line stays JSON whatever the secrets are', () => {
  const { log, parsed } = startLog({
    AZURE_CLIENT_SECRET: 'true',
    MSI_SECRET: '"level"',
    AZURE_PASSWORD: 'made-up-0123',
  });
  log
    .child({ from: 'made-up-0123 child' })
    .warn({ ok: true, deep: { text: 'so made-up-0123' }, error: new Error('made-up-0123') }, 'made-up-0123');
  expect(parsed()[0]).toMatchObject({
    level: 'warn',
    ok: true,
    from: '(secret removed) child',
    deep: { text: 'so (secret removed)' },
    msg: '(secret removed)',
  });
});

test('control characters and direction marks never reach a terminal raw', () => {
  for (const isTerminal of [false, true]) {
    const { log, lines } = startLog({}, isTerminal);
    log.warn({ name: '\u009b31m\u202e\u001b[31m', '\u202ekey': { deep: '\u009b' } }, 'msg \u009b \u001b[2J\nsecond');
    const text = lines.join('');
    for (const raw of ['\u009b', '\u202e', '\u001b[31m', '\u001b[2J', '\nsecond']) expect(text).not.toContain(raw);
  }
});

test('no line is longer than 16 KiB, however much is logged', () => {
  const { log, lines, parsed } = startLog();
  log.debug({ body: 'x'.repeat(2 ** 20) }, 'one long text');
  log.debug({ many: Array.from({ length: 100_000 }, (_, i) => `text ${i}`) }, 'many texts');
  log.debug(Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`field-${i}`, i])), 'many fields');
  log.debug('\u202e'.repeat(2 ** 20));
  for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(16_384);
  expect(parsed().map(({ msg }) => msg.slice(0, 13))).toEqual([
    'one long text',
    'many texts',
    'many fields',
    '\u202e'.repeat(13),
  ]);
});

test('in a terminal a line begins with time, level and message, and its fields follow', () => {
  const { log, lines } = startLog({}, true);
  log.warn({ reason: 'made-up', original: { status: 403 } }, 'made-up: do "this"');
  const text = stripVTControlCharacters(lines.join(''));
  expect(text).toMatch(
    /^\d\d:\d\d:\d\d WARN {2}made-up: do "this"\n {2}reason: made-up\n {2}original: \{"status":403\}\n$/,
  );
});

/** A stream that accepts nothing until the test calls `release`. */
function stalled() {
  const taken: string[] = [];
  let release: (() => void) | undefined;
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      taken.push(chunk);
      release = done;
    },
  });
  return { stream, taken, release: () => release?.() };
}

test('if the reader stalls, lines are dropped instead of buffered, and the next line says how many', async () => {
  const { stream, taken, release } = stalled();
  const write = writeTo(stream);
  const line = `${'x'.repeat(1023)}\n`;
  for (let i = 0; i < 3000; i++) write(line);
  expect(stream.writableLength).toBeLessThan(1.1 * 2 ** 20);
  const kept = Math.ceil(stream.writableLength / 1024);
  while (stream.writableLength > 0) {
    release();
    await new Promise(setImmediate);
  }
  write('next\n');
  while (stream.writableLength > 0) {
    release();
    await new Promise(setImmediate);
  }
  expect(JSON.parse(taken.at(-2) ?? '')).toMatchObject({
    level: 'warn',
    msg: `${3000 - kept} log lines were dropped: stdout was not read in time`,
  });
  expect(taken.at(-1)).toBe('next\n');
});

test('a failing stream does not end the process', async () => {
  const stream = new Writable({
    write: (_chunk, _encoding, done) => done(new Error('made-up ENOSPC')),
    autoDestroy: false,
  });
  const write = writeTo(stream);
  for (let i = 0; i < 3; i++) {
    write('line\n');
    await new Promise(setImmediate);
  }
});

/** Logs many lines in a separate process, writes to stderr when it is done, and exits. */
const TALKATIVE = `
  import { createLog, writeTo } from './src/telemetry/log.ts';
  const log = createLog({ level: 'info', isTerminal: false, write: writeTo(process.stdout) });
  for (let i = 0; i < 2000; i++) log.info({ text: 'x'.repeat(200) }, 'made-up');
  setTimeout(() => {
    log.info('the last line');
    process.stderr.write('done');
    process.exit(0);
  }, 50);
`;

test.skipIf(process.platform !== 'linux').each([
  ['the disk is full', () => openSync('/dev/full', 'w')],
  ['the pipe is not read', () => 'pipe' as const],
])('a process finishes its work and exits if %s', async (_, stdout) => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', TALKATIVE], {
    stdio: ['ignore', stdout(), 'pipe'],
  });
  let stderr = '';
  child.stderr?.on('data', (text) => {
    stderr += text;
  });
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(stderr).toBe('done');
});
