import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { checkRegularFile, readSmallFile } from '../../../src/azure/identity/token-file.ts';
import { temporaryFile } from '../../fake-azure/workload-identity.ts';

test('a small file is read', async () => {
  expect(await readSmallFile(temporaryFile('file', 'made-up'))).toBe('made-up');
});

test('a named pipe is not opened, because that would wait for a writer', async () => {
  const pipe = `${temporaryFile('file', '')}-pipe`;
  execFileSync('/bin/sh', ['-c', `mkfifo '${pipe}'`]);
  await expect(readSmallFile(pipe)).rejects.toThrow('is not a file');
});

test.each([
  ['/dev/zero', 'is not a file'],
  ['/proc', 'is not a file'],
  ['/nonexistent', 'ENOENT'],
  [temporaryFile('file', 'x'.repeat(65_537)), 'is larger than 65536 bytes'],
])('%s is refused: %s', async (file, problem) => {
  await expect(checkRegularFile(file)).rejects.toThrow(problem);
});
