import { parseArgs } from 'node:util';
import { fromOutside } from './redaction.ts';

export type Command = { kind: 'serve' | 'help' | 'version' } | CheckCommand;

export interface CheckCommand {
  kind: 'check';
  waitMs: number;
  json: boolean;
  /** Ask for a token of this scope only; undefined: list the resource groups. */
  scope: string | undefined;
}

/** Invalid arguments. The message is one line. */
export class UsageError extends Error {
  constructor(problem: string) {
    super(`${problem}; --help lists the arguments`);
    this.name = 'UsageError';
  }
}

export const HELP = `rg-api lists the resource groups that this process's Azure identity sees, and says why when it sees none.

  rg-api                   serve GET /, which lists them, and GET /docs, which describes all routes
  rg-api --check           ask once and print a report; exit 0 if the list is whole and nothing is wrong, else 1
         --wait SECONDS    with --check: try again until all is well or the time is up
         --json            with --check: print one JSON object instead
         --scope SCOPE     with --check: ask for a token of this scope only, such as https://vault.azure.net/.default
  rg-api --help, -h        print this
  rg-api --version         print the version

The environment configures it: PORT, HOST, ALLOWED_HOSTS, AZURE_SUBSCRIPTION_ID, AZURE_DEADLINE_MS, ANSWER_MAX_AGE_MS,
SHUTDOWN_GRACE_MS, LOG_LEVEL, and everything that @azure/identity reads.
`;

/** What applications ask for: a resource, as URL or id, and all that it grants. */
const SCOPE = /^[\w.:/-]{1,300}\/\.default$/;

/** A day. A longer wait is a mistake. */
const LONGEST_WAIT_SECONDS = 86_400;

/**
 * Parses the arguments.
 *
 * @throws {UsageError} for an unknown argument, an invalid value, one of the check's arguments without --check, or a --check that npm has taken
 */
export function readArguments(args: string[], env: NodeJS.ProcessEnv = {}): Command {
  const { check, wait, json, scope, help, version } = parse(args);
  if (help) return { kind: 'help' };
  if (version) return { kind: 'version' };
  // npm takes arguments before `--` for its own configuration, and hands that to the script in its environment.
  if (!check && env['npm_config_check'])
    throw new UsageError('npm took --check for itself: write npm start -- --check');
  if (!check && (json || wait !== undefined || scope !== undefined))
    throw new UsageError('--wait, --json and --scope go with --check');
  if (!check) return { kind: 'serve' };
  if (wait !== undefined && !(/^\d{1,5}$/.test(wait) && Number(wait) <= LONGEST_WAIT_SECONDS)) {
    throw new UsageError(`--wait takes a whole number of seconds from 0 to ${LONGEST_WAIT_SECONDS}`);
  }
  if (scope !== undefined && !SCOPE.test(scope)) {
    throw new UsageError('--scope takes a scope that ends in /.default, such as https://vault.azure.net/.default');
  }
  return { kind: 'check', waitMs: Number(wait ?? 0) * 1000, json: json ?? false, scope };
}

function parse(args: string[]) {
  try {
    const options = {
      check: { type: 'boolean' },
      wait: { type: 'string' },
      json: { type: 'boolean' },
      scope: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
    } as const;
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    // Node's message has up to three sentences, and the first one names the argument.
    const [problem = ''] = fromOutside(error instanceof Error ? error.message : String(error)).split(/\.\s|\n/, 1);
    throw new UsageError(problem.slice(0, 200));
  }
}
