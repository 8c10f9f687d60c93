import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** A memory cgroup with a limit, like that of a container. */
export interface MemoryGroup {
  /** Returns the command that runs another command inside the cgroup. */
  wrap(command: string, args: string[]): [command: string, args: string[]];
  /** The peak so far, including page cache that the kernel could have freed. */
  peakMiB(): number;
  /** How often the kernel killed a process in it. */
  kills(): number;
  /** Removes the cgroup as soon as its last process has ended. */
  remove(): Promise<void>;
}

const V2 = '/sys/fs/cgroup';
const V1 = '/sys/fs/cgroup/memory';

/**
 * Returns a copy of this file that is not in the page cache. The kernel charges a file's memory to the cgroup that reads it first,
 * such as the first container on a node. A cgroup that finds the file in memory is not charged.
 */
export function uncachedCopy(file: string): string {
  const copy = copies.get(file) ?? temporaryCopy(file);
  copies.set(file, copy);
  execFileSync('dd', [`if=${copy}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' });
  return copy;
}

const copies = new Map<string, string>();

function temporaryCopy(file: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'rg-api-uncached-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const copy = join(directory, basename(file));
  copyFileSync(file, copy);
  chmodSync(copy, 0o755);
  // Only pages that are on disk can be dropped.
  execFileSync('sync', [copy]);
  return copy;
}

let made = 0;
let isSkipReported = false;

/** Creates a cgroup with this limit and without swap; undefined if the machine allows none, which is reported once. */
export function createMemoryGroup(limitMiB: number): MemoryGroup | undefined {
  made += 1;
  const name = `rg-api-${process.pid}-${made}`;
  const bytes = String(limitMiB * 2 ** 20);
  try {
    return existsSync(`${V2}/cgroup.controllers`)
      ? versionTwo(`${V2}/${name}`, bytes)
      : versionOne(`${V1}/${name}`, bytes);
  } catch (error) {
    if (!isSkipReported)
      process.stderr.write(`no memory cgroup, so the limit of ${limitMiB} MiB is skipped: ${error}\n`);
    isSkipReported = true;
    return undefined;
  }
}

function versionTwo(directory: string, bytes: string): MemoryGroup {
  writeFileSync(`${V2}/cgroup.subtree_control`, '+memory');
  mkdirSync(directory);
  writeFileSync(`${directory}/memory.max`, bytes);
  writeIfPresent(`${directory}/memory.swap.max`, '0');
  return groupAt(directory, 'memory.peak', 'memory.events');
}

function versionOne(directory: string, bytes: string): MemoryGroup {
  mkdirSync(directory);
  writeFileSync(`${directory}/memory.limit_in_bytes`, bytes);
  writeIfPresent(`${directory}/memory.memsw.limit_in_bytes`, bytes);
  return groupAt(directory, 'memory.max_usage_in_bytes', 'memory.oom_control');
}

function groupAt(directory: string, peakFile: string, eventsFile: string): MemoryGroup {
  return {
    // The shell moves itself into the cgroup, so that the command allocates nothing outside it.
    wrap: (command, args) => ['sh', ['-c', `echo $$ > ${directory}/cgroup.procs; exec "$0" "$@"`, command, ...args]],
    peakMiB: () => Number(readIfPresent(`${directory}/${peakFile}`) ?? Number.NaN) / 2 ** 20,
    kills: () => Number(/^oom_kill (\d+)/m.exec(readFileSync(`${directory}/${eventsFile}`, 'utf8'))?.[1] ?? 0),
    async remove() {
      for (const untilMs = performance.now() + 10_000; ; await setTimeout(50)) {
        try {
          rmdirSync(directory);
          return;
        } catch (error) {
          if (performance.now() > untilMs) throw error;
        }
      }
    },
  };
}

/** Not every kernel counts swap or reports the peak. */
function writeIfPresent(file: string, text: string): void {
  if (existsSync(file)) writeFileSync(file, text);
}

function readIfPresent(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
