import { HOSTS } from '../fake-azure/certificate.ts';

/** The objects that the cluster tests add. Manifests and responses of the API server have no types. */
// biome-ignore lint/suspicious/noExplicitAny: each test states what it expects
export type Manifest = any;

/** The level "restricted", for the pods that the tests add. */
const RESTRICTED = {
  pod: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
  container: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
};

export function serviceAccount(namespace: string, name: string, annotations: Record<string, string>): Manifest {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, annotations } };
}

/** The fake Azure and its Service. The Secret `tls` has the certificate. */
export function fakeAzure(namespace: string, image: string | undefined): Manifest[] {
  const metadata = { name: 'azure', namespace, labels: { app: 'azure' } };
  const port = (name: string, number: number) => ({ name, port: number, protocol: 'TCP' });
  const service = { selector: metadata.labels, ports: [port('https', 443), port('metadata', 80)] };
  const container = {
    name: 'azure',
    image,
    args: ['test/cluster/azure.ts', '/tls', '443', '80'],
    securityContext: RESTRICTED.container,
    readinessProbe: { tcpSocket: { port: 443 }, periodSeconds: 1 },
    volumeMounts: [{ name: 'tls', mountPath: '/tls', readOnly: true }],
  };
  // The same ports in the pod as well: a network policy checks the port of the pod, not of the Service.
  const sysctls = [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }];
  const spec = {
    securityContext: { ...RESTRICTED.pod, sysctls },
    containers: [container],
    volumes: [{ name: 'tls', secret: { secretName: 'tls' } }],
  };
  const template = { metadata: { labels: metadata.labels }, spec };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: service },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { selector: { matchLabels: metadata.labels }, template },
    },
  ];
}

/** A pod with busy clients of the Service. */
export function loadPod(namespace: string, name: string, image: string | undefined): Manifest {
  const args = ['test/cluster/load.ts', 'http://rgapi/'];
  const container = { name: 'load', image, args, securityContext: RESTRICTED.container };
  const spec = { restartPolicy: 'Never', securityContext: RESTRICTED.pod, containers: [container] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec };
}

/** What differs from the pods of the Deployment. */
export interface Mistake {
  /** A label that is undefined is missing. */
  labels?: Record<string, string | undefined>;
  /** Those of a service account of its own. */
  annotations?: Record<string, string>;
  env?: object[];
}

/** The pod template of the Deployment, as it was before the webhook, with these differences. */
export function podLike(template: Manifest, serviceAccountName: string, { labels, env = [] }: Mistake): Manifest {
  const [container] = template.spec.containers;
  const isInjected = ({ name }: Manifest) =>
    /^AZURE_(CLIENT_ID|TENANT_ID|FEDERATED_TOKEN_FILE|AUTHORITY_HOST)$|^azure-identity-token$/.test(name);
  const keep = (list: Manifest[]) => list.filter((item) => !isInjected(item));
  return {
    // The network policy applies to this pod, the Service does not.
    metadata: { labels: { ...template.metadata.labels, 'app.kubernetes.io/instance': 'rgapi-check', ...labels } },
    spec: {
      ...template.spec,
      topologySpreadConstraints: undefined,
      serviceAccountName,
      serviceAccount: undefined,
      volumes: keep(template.spec.volumes),
      containers: [{ ...container, env: [...keep(container.env), ...env], volumeMounts: keep(container.volumeMounts) }],
    },
  };
}

/** An owner of such a pod. A CronJob makes its first Job at the next full minute. */
export function ownerOf(
  kind: 'DaemonSet' | 'StatefulSet' | 'Job' | 'CronJob',
  namespace: string,
  name: string,
  { metadata, spec }: Manifest,
): Manifest {
  const app = { app: name };
  const template = { metadata: { labels: { ...metadata.labels, ...app } }, spec };
  const ofJob = { ...template, spec: { ...spec, restartPolicy: 'Never' } };
  const selector = { matchLabels: app };
  const own = {
    DaemonSet: { apiVersion: 'apps/v1', spec: { selector, template } },
    StatefulSet: { apiVersion: 'apps/v1', spec: { selector, template, serviceName: name } },
    Job: { apiVersion: 'batch/v1', spec: { template: ofJob } },
    CronJob: {
      apiVersion: 'batch/v1',
      spec: { schedule: '* * * * *', concurrencyPolicy: 'Forbid', jobTemplate: { spec: { template: ofJob } } },
    },
  };
  return { kind, metadata: { name, namespace, labels: app }, ...own[kind] };
}

/** The part of a pod that makes it trust the fake Azure and find it under Azure's names. */
export function onFakeAzure(spec: Manifest, address: string): Manifest {
  return {
    ...spec,
    hostAliases: [{ ip: address, hostnames: HOSTS }],
    volumes: [...(spec.volumes ?? []), { name: 'ca', configMap: { name: 'ca-certificate' } }],
    containers: spec.containers.map((container: Manifest) => ({
      ...container,
      env: [...(container.env ?? []), { name: 'NODE_EXTRA_CA_CERTS', value: '/etc/ca/ca.crt' }],
      volumeMounts: [...(container.volumeMounts ?? []), { name: 'ca', mountPath: '/etc/ca', readOnly: true }],
    })),
  };
}
