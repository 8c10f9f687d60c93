import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** A projected token has about 1,500 characters. */
const MAX_FILE_BYTES = 65_536;

/** A local file responds at once, a volume that hangs never does. */
const FILE_TIMEOUT_MS = 2000;

/** Opening a named pipe would wait for a writer, opening a terminal could make it ours. Windows has neither of the two flags. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** Pending reads by path: a volume that hangs may block one thread of the process, but not one per request. */
const reads = new Map<string, Promise<string>>();

/**
 * Reads a small text file. Neither waits forever nor fills the memory, whatever is at the path. The file is opened first and then
 * inspected, because another file may be at the path a moment later.
 *
 * @throws {NodeJS.ErrnoException} if the file does not exist
 * @throws {Error} if it is not a regular file, is too large, or the file system does not respond
 */
export function readSmallFile(file: string): Promise<string> {
  const pending = reads.get(file) ?? read(file).finally(() => reads.delete(file));
  reads.set(file, pending);
  return withTimeout(pending);
}

async function read(file: string): Promise<string> {
  await using handle = await open(file, OPEN_FLAGS);
  const stats = await handle.stat();
  if (!stats.isFile()) throw new Error('is not a file');
  if (stats.size > MAX_FILE_BYTES) throw new Error(`is larger than ${MAX_FILE_BYTES} bytes`);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_FILE_BYTES), 0, MAX_FILE_BYTES, 0);
  return buffer.toString('utf8', 0, bytesRead);
}

function withTimeout<T>(work: Promise<T>): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`does not answer within ${FILE_TIMEOUT_MS / 1000} s`)),
    FILE_TIMEOUT_MS,
  );
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}
