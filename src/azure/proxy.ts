/** The variables that name a proxy, in the order in which the Azure SDK looks for them; each counts in lower case as well. */
export const PROXY_VARIABLES = ['HTTPS_PROXY', 'ALL_PROXY', 'HTTP_PROXY'] as const;

/** The value of a proxy variable, in upper or lower case; undefined where it is unset or empty. */
export function proxyVariable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name] || env[name.toLowerCase()] || undefined;
}

/**
 * Whether the Azure SDK asks a host through a proxy: it takes the first proxy variable for every scheme, and understands
 * NO_PROXY only as exact hosts and `.suffix`, neither address ranges nor `*`.
 */
export function isProxied(env: NodeJS.ProcessEnv, host: string): boolean {
  if (!PROXY_VARIABLES.some((name) => proxyVariable(env, name))) return false;
  const direct = (proxyVariable(env, 'NO_PROXY') ?? '').split(',').map((pattern) => pattern.trim());
  return !direct.some((pattern) =>
    pattern.startsWith('.') ? host.endsWith(pattern) || host === pattern.slice(1) : host === pattern,
  );
}
