/**
 * Takes out of an environment what would lead the SDK elsewhere than the stand-in: the developer's own Azure settings, another
 * source of managed identities, a proxy; also the subscription to list.
 */
export function withoutAzure(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const elsewhere =
    /^(AZURE_(?!DEADLINE_MS$).*|(IDENTITY|IMDS|MSI)_.*|(HTTPS?|ALL|NO)_PROXY|KUBERNETES_SERVICE_HOST)$/i;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !elsewhere.test(name)));
}
