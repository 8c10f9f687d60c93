import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

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
