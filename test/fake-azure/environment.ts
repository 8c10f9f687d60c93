/**
 * Removes from an environment what would lead the SDK away from the fake Azure: the developer's own Azure settings, another
 * source of managed identities, a proxy. The subscription to list goes, too.
 */
export function withoutAzure(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const elsewhere =
    /^(AZURE_(?!DEADLINE_MS$).*|(IDENTITY|IMDS|MSI)_.*|(HTTPS?|ALL|NO)_PROXY|KUBERNETES_SERVICE_HOST)$/i;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !elsewhere.test(name)));
}
