import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/core-auth';
import { CredentialUnavailableError } from '@azure/identity';
import { hasMoreElements, parseObject } from '../bounded-json.ts';

/** `az` takes a few seconds. If it takes this long, it hangs. */
const PROCESS_TIMEOUT_MS = 30_000;

/** A token has a few kilobytes, a Python traceback some tens. */
const MAX_OUTPUT_LENGTH = 65_536;

/** The output with a token has six members. */
const MAX_OUTPUT_ELEMENTS = 100;

const IS_WINDOWS = process.platform === 'win32';

/**
 * Gets tokens from the Azure CLI, with the same command as the AzureCliCredential of @azure/identity. That credential has two
 * faults and no option against them. When `az` fails, it replaces the message with its own advice and loses the error number.
 * When `az` hangs, it ends only the script, but not the Python that the script started.
 */
export function azureCliCredential(): TokenCredential {
  return {
    async getToken(scopes, options) {
      const scope = [scopes].flat()[0] ?? '';
      refuseChallenge(scope, options);
      return parseToken(await runAz(scope.replace(/\/\.default$/, '')));
    },
  };
}

/** `az account get-access-token` cannot answer a claims challenge. An empty challenge only asks for a token that is not cached. */
function refuseChallenge(scope: string, { claims }: GetTokenOptions = {}): void {
  if (!claims || /^\{"access_token":\{\}\}$/.test(claims)) return;
  const challenge = Buffer.from(claims).toString('base64');
  throw new CredentialUnavailableError(
    `The Azure CLI cannot answer a claims challenge by itself: az login --claims-challenge ${challenge} --scope ${scope}`,
  );
}

function runAz(resource: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = startAz(['account', 'get-access-token', '--output', 'json', '--resource', resource]);
    // Node emits this after a failed start too, and then the child has no streams: without descriptors there are no pipes.
    child.once('error', (cause) => settle(() => reject(startFailure(cause))));
    const streams = [child.stdout, child.stderr].filter((stream) => stream !== null && stream !== undefined);
    const end = () => endProcessTree(child.pid);
    process.once('exit', end);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      end();
      // A process that has left the group may hold the pipes open.
      for (const stream of streams) stream.destroy();
    }, PROCESS_TIMEOUT_MS);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      stdout = (stdout + text).slice(0, MAX_OUTPUT_LENGTH);
    });
    // A traceback has its error at the end.
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      stderr += text;
      // Without the word that is cut: half a token cannot be recognized.
      if (stderr.length > MAX_OUTPUT_LENGTH) stderr = stderr.slice(-MAX_OUTPUT_LENGTH).replace(/^\S+/, '');
    });
    // An error of a pipe ends the process if nobody listens. The pipe closes, and the outcome is that of `close`.
    for (const stream of streams) stream.on('error', () => {});
    const settle = (outcome: () => void) => {
      clearTimeout(timer);
      process.removeListener('exit', end);
      outcome();
    };
    child.once('close', (code, signal) => {
      settle(() => {
        if (isLate) reject(new CredentialUnavailableError(`No answer from az within ${PROCESS_TIMEOUT_MS / 1000} s`));
        else if (code === 0 && stdout.trim() !== '') resolve(stdout);
        else
          reject(
            new CredentialUnavailableError(
              stderr.trim() || `az ended with ${signal ?? `code ${code}`} and said nothing`,
            ),
          );
      });
    });
  });
}

/** @throws {CredentialUnavailableError} where Node does not emit the error but throws it */
function startAz(args: string[]): ChildProcess {
  try {
    return spawn('az', args, {
      // A separate process group, which can be ended as a whole. Windows has no groups, and starts a .cmd only in a shell; the
      // arguments are constants of this program.
      detached: !IS_WINDOWS,
      shell: IS_WINDOWS,
      windowsHide: true,
      // Not a directory where somebody may have put an `az`.
      cwd: IS_WINDOWS ? (process.env['SystemRoot'] ?? 'C:\\Windows') : '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    throw startFailure(error instanceof Error ? error : new Error(String(error)));
  }
}

function startFailure(cause: Error): Error {
  const isMissing = Reflect.get(cause, 'code') === 'ENOENT';
  return new CredentialUnavailableError(
    isMissing ? 'Azure CLI could not be found' : `az cannot be started: ${cause.message}`,
    { cause },
  );
}

function endProcessTree(pid: number | undefined): void {
  if (pid === undefined) return;
  if (IS_WINDOWS) {
    spawnSync('taskkill', ['/pid', String(pid), '/t', '/f'], { windowsHide: true });
    return;
  }
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The process has already ended.
  }
}

/** The text contains a token, so no error may include it. */
function parseToken(text: string): AccessToken {
  const output = hasMoreElements(text, MAX_OUTPUT_ELEMENTS) ? undefined : parseObject(text);
  const { accessToken, expires_on, expiresOn } = output ?? {};
  // Seconds since the epoch. Before version 2.54, `az` had only a local time without a zone.
  const seconds = Number(expires_on);
  const expiresOnTimestamp = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : Date.parse(String(expiresOn));
  if (typeof accessToken !== 'string' || accessToken === '' || Number.isNaN(expiresOnTimestamp)) {
    throw new CredentialUnavailableError('az succeeded, but its output holds no token with an expiry');
  }
  return { token: accessToken, expiresOnTimestamp, tokenType: 'Bearer' };
}
