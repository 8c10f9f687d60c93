/**
 * Removes from an environment what would lead the SDK away from the fake Azure: the developer's own Azure settings, another
 * source of managed identities, a proxy. Also removes the subscription to list, and the variables that tell the diagnosis where
 * this runs: a test in a pipeline is not about pipelines.
 */
export function withoutAzure(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const elsewhere =
    /^(AZURE_(?!DEADLINE_MS$).*|(IDENTITY|IMDS|MSI)_.*|(HTTPS?|ALL|NO)_PROXY|KUBERNETES_SERVICE_HOST)$/i;
  const place =
    /^(CI|GITHUB_ACTIONS|GITLAB_CI|TF_BUILD|JENKINS_URL|CODESPACES|REMOTE_CONTAINERS|DEVCONTAINER|ACC_CLOUD|AZUREPS_HOST_ENVIRONMENT|CONTAINER_APP_NAME|WEBSITE_SITE_NAME|FUNCTIONS_WORKER_RUNTIME|POD_.*|NODE_NAME|HOSTNAME)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !elsewhere.test(name) && !place.test(name)));
}
