import { open, stat } from 'node:fs/promises';

/** A projected token has about 1,500 characters. */
const LARGEST_FILE_BYTES = 65_536;

/** A local file responds at once, a volume that hangs never does. */
const FILE_LIMIT_MS = 2000;

/** Pending checks by path: a volume that hangs may block one thread of the process, but not one per request. */
const checks = new Map<string, Promise<void>>();

/**
 * Checks that reading a file neither waits forever nor fills the memory: opening a named pipe waits for a writer, and reading a
 * device never ends.
 *
 * @throws {NodeJS.ErrnoException} if the file does not exist
 * @throws {Error} if it is not a regular file, is too large, or the file system does not respond
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

/** Reads the first 64 KiB of a text file. */
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
