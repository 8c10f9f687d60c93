/** The variables that name a proxy, in the order in which the Azure SDK reads them; their lower-case names count too. */
export const PROXY_VARIABLES = ['HTTPS_PROXY', 'ALL_PROXY', 'HTTP_PROXY'] as const;

/** The value of a proxy variable, in upper or lower case; undefined if it is unset or empty. */
export function proxyVariable(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  return env[name] || env[name.toLowerCase()] || undefined;
}

/**
 * Whether the Azure SDK sends requests for a host through a proxy. It uses the first proxy variable for every scheme, and
 * understands only exact hosts and `.suffix` in NO_PROXY, neither address ranges nor `*`.
 */
export function isProxied(env: Readonly<Record<string, string | undefined>>, host: string): boolean {
  if (!PROXY_VARIABLES.some((name) => proxyVariable(env, name))) return false;
  const direct = (proxyVariable(env, 'NO_PROXY') ?? '').split(',').map((pattern) => pattern.trim());
  return !direct.some((pattern) =>
    pattern.startsWith('.') ? host.endsWith(pattern) || host === pattern.slice(1) : host === pattern,
  );
}
