import { execFileSync } from 'node:child_process';
import { linkSync, renameSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readSmallFile } from '../../../src/azure/identity/token-file.ts';
import { temporaryFile } from '../../fake-azure/workload-identity.ts';

test('a small file is read', async () => {
  expect(await readSmallFile(temporaryFile('file', 'made-up'))).toBe('made-up');
});

test('a named pipe is not opened, because that would wait for a writer', async () => {
  const pipe = `${temporaryFile('file', '')}-pipe`;
  execFileSync('/bin/sh', ['-c', `mkfifo '${pipe}'`]);
  await expect(readSmallFile(pipe)).rejects.toThrow('is not a file');
});

test('a path that alternates between a file and a named pipe blocks no thread', async () => {
  const file = temporaryFile('file', 'made-up');
  execFileSync('mkfifo', [`${file}-pipe`]);
  writeFileSync(`${file}-file`, 'made-up');
  let isPipe = false;
  let isOver = false;
  const swap = () => {
    isPipe = !isPipe;
    // Another process would do this between two system calls of the reader; here it is between two turns of the event loop.
    linkSync(`${file}-${isPipe ? 'pipe' : 'file'}`, `${file}-next`);
    renameSync(`${file}-next`, file);
    if (!isOver) setImmediate(swap);
  };
  swap();
  const outcomes = new Set<string>();
  for (let i = 0; i < 2000; i++) outcomes.add(await readSmallFile(file).catch((error: Error) => error.message));
  isOver = true;
  expect([...outcomes].toSorted()).toEqual(['is not a file', 'made-up']);
});

test.each([
  ['/dev/zero', 'is not a file'],
  ['/proc', 'is not a file'],
  ['/nonexistent', 'ENOENT'],
  [temporaryFile('file', 'x'.repeat(65_537)), 'is larger than 65536 bytes'],
])('%s is refused: %s', async (file, problem) => {
  await expect(readSmallFile(file)).rejects.toThrow(problem);
});
