import { IDENTITY } from '../fake-azure/tokens.ts';

/** The part of a manifest that the webhook reads. */
interface Pod {
  metadata?: { labels?: Record<string, string> };
  spec: {
    serviceAccountName?: string;
    containers: { env?: Variable[]; volumeMounts?: object[] }[];
    initContainers?: Pod['spec']['containers'];
    volumes?: object[];
  };
}

interface Variable {
  name: string;
  value?: string;
}

const TOKENS = '/var/run/secrets/azure/wi/token';
const VOLUME = 'azure-identity-token';

/**
 * Changes a pod like the Workload ID webhook (1.6.0), for clusters without it. Changes nothing without the label, and adds no
 * variable that has no value or exists already.
 *
 * @param annotations those of the pod's service account
 */
export function injectWorkloadIdentity(pod: Pod, annotations: Record<string, string>): Pod {
  if (pod.metadata?.labels?.['azure.workload.identity/use'] !== 'true') return pod;
  const variables = Object.entries({
    AZURE_CLIENT_ID: annotations['azure.workload.identity/client-id'],
    // The tenant of the cluster, if the service account names none.
    AZURE_TENANT_ID: annotations['azure.workload.identity/tenant-id'] ?? IDENTITY.tenantId,
    AZURE_FEDERATED_TOKEN_FILE: `${TOKENS}/azure-identity-token`,
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
  }).flatMap(([name, value]) => (value ? [{ name, value }] : []));
  const inject = ({ env = [], volumeMounts = [], ...container }: Pod['spec']['containers'][number]) => ({
    ...container,
    env: [...env, ...variables.filter(({ name }) => !env.some((present) => present.name === name))],
    volumeMounts: [...volumeMounts, { name: VOLUME, mountPath: TOKENS, readOnly: true }],
  });
  const token = { path: 'azure-identity-token', audience: 'api://AzureADTokenExchange', expirationSeconds: 3600 };
  const { initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: pod.spec.containers.map(inject),
      ...(initContainers && { initContainers: initContainers.map(inject) }),
      volumes: [
        ...(pod.spec.volumes ?? []),
        { name: VOLUME, projected: { defaultMode: 420, sources: [{ serviceAccountToken: token }] } },
      ],
    },
  };
}
