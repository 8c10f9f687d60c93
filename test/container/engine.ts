import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { baseImages } from './base-images.ts';

/** Runs a command and returns its output. */
const run = promisify(execFile);

/** The docker-compatible command: CONTAINER_ENGINE, docker or podman, whichever works first; undefined if none does. */
export const engine = [process.env['CONTAINER_ENGINE'], 'docker', 'podman'].find((command) => {
  try {
    if (command) execFileSync(command, ['images'], { stdio: 'ignore' });
    return Boolean(command);
  } catch {
    return false;
  }
});

/** Runs the engine with these arguments and returns its stdout. Its remarks about the machine go to stderr. */
export async function engineSays(...args: string[]): Promise<string> {
  if (engine === undefined) throw new Error('no container engine');
  const { stdout } = await run(engine, args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

/** Runs a shell pipeline in which `$ENGINE` is the engine. */
export async function pipe(script: string): Promise<string> {
  const { stdout } = await run('bash', ['-o', 'pipefail', '-c', script], {
    env: { ...process.env, ENGINE: engine },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.trim();
}

/**
 * The path of a Dockerfile whose base images this engine has or can pull; undefined if there is none. A machine without a registry
 * cannot get the pinned images, but it may have images of its own under the same tags: it gets a copy without digests, in `directory`.
 */
export function usableDockerfile(directory: string): string | undefined {
  const pinned = readFileSync('Dockerfile', 'utf8');
  if (baseImages(pinned).every((image) => has(image) || engineDoes('pull', '--quiet', image))) return 'Dockerfile';
  const unpinned = pinned.replaceAll(/@sha256:[0-9a-f]{64}/g, '');
  if (!baseImages(unpinned).every(has)) return undefined;
  const copy = join(directory, 'Dockerfile');
  writeFileSync(copy, unpinned);
  return copy;
}

function has(image: string): boolean {
  return engineDoes('image', 'inspect', image);
}

function engineDoes(...args: string[]): boolean {
  return engine !== undefined && spawnSync(engine, args, { stdio: 'ignore' }).status === 0;
}
