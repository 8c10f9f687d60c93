/** The pod, as the Downward API and the files that Kubernetes mounts describe it; unknown members are missing. */
export interface Pod {
  name?: string;
  namespace?: string;
  serviceAccount?: string;
  node?: string;
  /** What made the pod, where labels or the form of its name tell. */
  owner?: Owner;
}

export interface Owner {
  kind: 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'Job' | 'CronJob' | 'ScaledJob' | 'Rollout' | 'Knative Service';
  /** Undefined where only the kind is known. */
  name?: string;
}

/** Kubernetes generates suffixes from this alphabet: no vowels, and nothing that looks like another character. */
const GENERATED = '[bcdfghjklmnpqrstvwxz2456789]';
/**
 * The hash of a pod template is a number of 32 bits, written with ten letters of that alphabet. Nearly all have eight digits or more;
 * shorter ones could be the number of somebody's Job. The schedule of a CronJob looks different.
 */
const TEMPLATE_HASH = '[bcdf4-9]{8,10}';

/** The labels with the hash of the pod template, and what puts them there. */
const TEMPLATE_HASHES = [
  ['pod-template-hash', 'Deployment'],
  ['rollouts-pod-template-hash', 'Rollout'],
] as const;

/** Puts together what is known. The claims are those of the service account's own token. */
export function podFrom(known: {
  env: Readonly<Record<string, string | undefined>>;
  labels: ReadonlyMap<string, string> | undefined;
  subject: string | undefined;
  claims: Record<string, unknown> | undefined;
}): Pod | undefined {
  const { env, labels, subject, claims } = known;
  const bound = Object(claims?.['kubernetes.io']);
  const [, namespace, serviceAccount] =
    /^system:serviceaccount:([^:]{1,253}):([^:]{1,253})$/.exec(subject ?? String(claims?.['sub'] ?? '')) ?? [];
  const name = text(env['POD_NAME']) ?? text(Object(bound.pod).name) ?? text(env['HOSTNAME']);
  const owner = ownerOf(name, labels);
  const pod = {
    ...member('name', name),
    ...member('namespace', text(env['POD_NAMESPACE']) ?? namespace ?? text(bound.namespace)),
    ...member(
      'serviceAccount',
      text(env['POD_SERVICE_ACCOUNT']) ?? serviceAccount ?? text(Object(bound.serviceaccount).name),
    ),
    ...member('node', text(env['NODE_NAME']) ?? text(Object(bound.node).name)),
    ...(owner && { owner }),
  };
  return Object.keys(pod).length > 0 ? pod : undefined;
}

/**
 * The labels that controllers put on their pods say who owns one. Where labels are not visible, only a ReplicaSet's form of name
 * is certain enough: the template's hash and five more characters, both of the generated alphabet.
 */
export function ownerOf(pod: string | undefined, labels: ReadonlyMap<string, string> | undefined): Owner | undefined {
  // These two own the Deployment or Job that owns the pod. Knative undoes changes to its Deployments.
  const service = labels?.get('serving.knative.dev/service');
  if (service) return { kind: 'Knative Service', name: service };
  const scaledJob = labels?.get('scaledjob.keda.sh/name');
  if (scaledJob) return { kind: 'ScaledJob', name: scaledJob };
  for (const [label, kind] of TEMPLATE_HASHES) {
    const hash = labels?.get(label);
    if (hash !== undefined && /^[a-z0-9]{1,63}$/.test(hash)) {
      return { kind, ...member('name', before(pod, `-${hash}-[a-z0-9]{5}`)) };
    }
  }
  const job = labels?.get('batch.kubernetes.io/job-name') ?? labels?.get('job-name');
  if (job) {
    // A CronJob appends the minute of its schedule.
    const cronJob = /^(.{1,52})-\d{8}$/.exec(job)?.[1];
    return cronJob === undefined ? { kind: 'Job', name: job } : { kind: 'CronJob', name: cronJob };
  }
  if (labels?.has('statefulset.kubernetes.io/pod-name')) {
    return { kind: 'StatefulSet', ...member('name', before(pod, '-\\d{1,9}')) };
  }
  if (labels?.has('controller-revision-hash')) {
    return { kind: 'DaemonSet', ...member('name', before(pod, `-${GENERATED}{5}`)) };
  }
  if (labels) return undefined;
  const deployment = before(pod, `-${TEMPLATE_HASH}-${GENERATED}{5}`);
  return deployment === undefined ? undefined : { kind: 'Deployment', name: deployment };
}

function before(name: string | undefined, suffix: string): string | undefined {
  return new RegExp(`^(.{1,230}?)${suffix}$`).exec(name ?? '')?.[1];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 253) : undefined;
}

function member<Name extends string>(name: Name, value: string | undefined): { [name in Name]?: string } {
  // The computed key is widened to string.
  return value === undefined ? {} : ({ [name]: value } as { [name in Name]: string });
}
