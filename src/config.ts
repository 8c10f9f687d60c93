import { isGuid } from './explain/bash.ts';
import { PROXY_VARIABLES } from './explain/proxy.ts';

/** The configuration from the environment. Durations are in milliseconds. */
export interface Config {
  /** TCP port to listen on; 0 lets the system pick a free one. */
  port: number;
  /** Address or host name to listen on. */
  host: string;
  /** The subscription to list; undefined: the first that the identity sees. */
  subscriptionId: string | undefined;
  /** The URL of Microsoft Entra ID; undefined: that of the public cloud. */
  authorityHost: string | undefined;
  /** Whether this pod uses an AKS identity binding. */
  identityBinding: boolean;
  /** The longest time that a response waits for Azure, all pages and retries included. */
  deadlineMs: number;
  /** How old a shared response may be; 0: Azure is asked after each request arrived. */
  answerMaxAgeMs: number;
  /** How long requests in flight may take after SIGTERM or SIGINT. */
  shutdownGraceMs: number;
  logLevel: string;
  /** Names that `Host` may have outside Kubernetes, besides localhost and addresses; in lower case. */
  allowedHosts: string[];
  /** Whether this runs in a Kubernetes pod. */
  kubernetes: boolean;
  /** A remark at the top of the page, such as that its data is fake; undefined: none. */
  pageBadge: string | undefined;
}

/** An invalid variable. The message names it, its problem and the accepted values, but not its value: it may be a misplaced secret. */
export class ConfigError extends Error {
  constructor(variable: string, problem: string, accepted: string) {
    super(`${variable} ${problem}; accepted: ${accepted}`);
    this.name = 'ConfigError';
  }
}

// setTimeout takes a signed 32-bit number of milliseconds, and fires at once for a larger one.
const LONGEST_TIMER_MS = 2_147_483_647;

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** The values of AZURE_TOKEN_CREDENTIALS, in any letter case. DefaultAzureCredential throws on any other. */
export const TOKEN_CREDENTIALS = [
  'dev',
  'prod',
  'EnvironmentCredential',
  'WorkloadIdentityCredential',
  'ManagedIdentityCredential',
  'VisualStudioCodeCredential',
  'AzureCliCredential',
  'AzurePowerShellCredential',
  'AzureDeveloperCliCredential',
];

const HOST_NAME = /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,10}$/;

/**
 * Parses the environment. An empty variable counts as unset, as in a manifest's `value: ""`.
 *
 * @throws {ConfigError} for the first variable that cannot be used
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const text = (variable: string) => env[variable] || undefined;

  function wholeNumber(variable: string, fallback: number, min: number, max: number): number {
    const value = text(variable);
    if (value === undefined) return fallback;
    const accepted = `a whole number from ${min} to ${max}`;
    if (!/^\d+$/.test(value)) throw new ConfigError(variable, 'is not a whole number', accepted);
    const number = Number(value);
    if (number < min || number > max) throw new ConfigError(variable, 'is out of range', accepted);
    return number;
  }

  function oneOf(variable: string, accepted: string[]): string | undefined {
    const value = text(variable)?.trim().toLowerCase();
    if (value !== undefined && !accepted.some((name) => name.toLowerCase() === value)) {
      throw new ConfigError(variable, 'is none of the known names', accepted.join(', '));
    }
    return value;
  }

  const allowedHosts = (text('ALLOWED_HOSTS') ?? '').split(',').flatMap((name) => name.trim().toLowerCase() || []);
  if (!allowedHosts.every((name) => HOST_NAME.test(name))) {
    throw new ConfigError(
      'ALLOWED_HOSTS',
      'is not a list of host names',
      'host names without port, separated by commas',
    );
  }
  const subscriptionId = text('AZURE_SUBSCRIPTION_ID');
  if (subscriptionId !== undefined && !isGuid(subscriptionId)) {
    throw new ConfigError(
      'AZURE_SUBSCRIPTION_ID',
      /^\s|\s$|^['"]/.test(subscriptionId)
        ? 'has white space or quotation marks around it'
        : 'is not a subscription id',
      'a GUID such as 00000000-0000-0000-0000-000000000000',
    );
  }
  // For a proxy that is not a URL, the Azure SDK's constructors throw an error that shows its password.
  const proxy = PROXY_VARIABLES.flatMap((name) => [name, name.toLowerCase()]).find(text);
  if (proxy !== undefined && !/^https?:$/.test(URL.parse(text(proxy) ?? '')?.protocol ?? '')) {
    throw new ConfigError(proxy, 'is not a URL', 'the http or https URL of a proxy, such as http://proxy.example:3128');
  }
  // @azure/identity reads this one itself. We only check it early, because the SDK's constructor would throw.
  oneOf('AZURE_TOKEN_CREDENTIALS', TOKEN_CREDENTIALS);

  return {
    port: wholeNumber('PORT', 8080, 0, 65_535),
    host: text('HOST') ?? '127.0.0.1',
    subscriptionId,
    authorityHost: text('AZURE_AUTHORITY_HOST'),
    identityBinding: text('AZURE_KUBERNETES_TOKEN_PROXY') !== undefined,
    deadlineMs: wholeNumber('AZURE_DEADLINE_MS', 10_000, 1, LONGEST_TIMER_MS),
    answerMaxAgeMs: wholeNumber('ANSWER_MAX_AGE_MS', 1000, 0, LONGEST_TIMER_MS),
    shutdownGraceMs: wholeNumber('SHUTDOWN_GRACE_MS', 10_000, 0, LONGEST_TIMER_MS),
    allowedHosts,
    kubernetes: text('KUBERNETES_SERVICE_HOST') !== undefined,
    pageBadge: text('PAGE_BADGE')?.slice(0, 100),
    logLevel: oneOf('LOG_LEVEL', LOG_LEVELS) ?? 'info',
  };
}
