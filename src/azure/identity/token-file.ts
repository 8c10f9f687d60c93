import { open, stat } from 'node:fs/promises';

/** A projected token has about 1,500 characters. */
const LARGEST_FILE_BYTES = 65_536;

/** A local file answers at once; a volume that hangs never does. */
const FILE_LIMIT_MS = 2000;

/** Checks under way, by path: a volume that hangs may hold one thread of the process, not one for each request. */
const checks = new Map<string, Promise<void>>();

/**
 * Checks that a file can be read without waiting for ever or filling the memory: opening a named pipe waits for a writer,
 * and reading a device does not end.
 *
 * @throws {NodeJS.ErrnoException} when there is no such file
 * @throws {Error} when it is not a regular file, is too large, or the file system does not answer
 */
export function checkRegularFile(file: string): Promise<void> {
  const check = checks.get(file) ?? inspect(file);
  checks.set(file, check);
  return withinLimit(check);
}

async function inspect(file: string): Promise<void> {
  try {
    const stats = await stat(file);
    if (!stats.isFile()) throw new Error('is not a file');
    if (stats.size > LARGEST_FILE_BYTES) throw new Error(`is larger than ${LARGEST_FILE_BYTES} bytes`);
  } finally {
    checks.delete(file);
  }
}

/** Reads a small text file, at most its first 64 KiB. */
export async function readSmallFile(file: string): Promise<string> {
  await checkRegularFile(file);
  return withinLimit(read(file));
}

async function read(file: string): Promise<string> {
  await using handle = await open(file);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(LARGEST_FILE_BYTES), 0, LARGEST_FILE_BYTES, 0);
  return buffer.toString('utf8', 0, bytesRead);
}

function withinLimit<T>(work: Promise<T>): Promise<T> {
  const { promise: limit, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`does not answer within ${FILE_LIMIT_MS / 1000} s`)), FILE_LIMIT_MS);
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
