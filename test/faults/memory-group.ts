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

/** A memory cgroup, as the kernel puts around a container that has a limit. */
export interface MemoryGroup {
  /** The command that runs another one inside. */
  wrap(command: string, args: string[]): [command: string, args: string[]];
  /** The most that it took so far, the page cache included that the kernel could have freed. */
  peakMiB(): number;
  /** How often the kernel killed a process in it. */
  kills(): number;
  /** Waits until the last of its processes has ended. */
  remove(): Promise<void>;
}

const V2 = '/sys/fs/cgroup';
const V1 = '/sys/fs/cgroup/memory';

/**
 * A copy of this file of which nothing is in the page cache. Whoever reads a file first is charged for it: in a cgroup of its own
 * that is the first container of a node, while one that finds all of it in memory gets it for nothing.
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
  // Only what is on the disk can be dropped.
  execFileSync('sync', [copy]);
  return copy;
}

let made = 0;
let isMissingTold = false;

/** Makes one with this limit and without swap; undefined where this machine allows none, which is said once. */
export function createMemoryGroup(limitMiB: number): MemoryGroup | undefined {
  made += 1;
  const name = `rg-api-${process.pid}-${made}`;
  const bytes = String(limitMiB * 2 ** 20);
  try {
    return existsSync(`${V2}/cgroup.controllers`)
      ? versionTwo(`${V2}/${name}`, bytes)
      : versionOne(`${V1}/${name}`, bytes);
  } catch (error) {
    if (!isMissingTold) process.stderr.write(`the limit of ${limitMiB} MiB is skipped, no memory cgroup: ${error}\n`);
    isMissingTold = true;
    return undefined;
  }
}

function versionTwo(directory: string, bytes: string): MemoryGroup {
  writeFileSync(`${V2}/cgroup.subtree_control`, '+memory');
  mkdirSync(directory);
  writeFileSync(`${directory}/memory.max`, bytes);
  writeIfThere(`${directory}/memory.swap.max`, '0');
  return groupAt(directory, 'memory.peak', 'memory.events');
}

function versionOne(directory: string, bytes: string): MemoryGroup {
  mkdirSync(directory);
  writeFileSync(`${directory}/memory.limit_in_bytes`, bytes);
  writeIfThere(`${directory}/memory.memsw.limit_in_bytes`, bytes);
  return groupAt(directory, 'memory.max_usage_in_bytes', 'memory.oom_control');
}

function groupAt(directory: string, peakFile: string, eventsFile: string): MemoryGroup {
  return {
    // The shell moves itself, so that the command allocates nothing outside.
    wrap: (command, args) => ['sh', ['-c', `echo $$ > ${directory}/cgroup.procs; exec "$0" "$@"`, command, ...args]],
    peakMiB: () => Number(readIfThere(`${directory}/${peakFile}`) ?? Number.NaN) / 2 ** 20,
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

/** Not every kernel counts swap, or tells the peak. */
function writeIfThere(file: string, text: string): void {
  if (existsSync(file)) writeFileSync(file, text);
}

function readIfThere(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
