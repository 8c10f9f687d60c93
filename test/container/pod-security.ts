interface SecurityContext {
  runAsNonRoot?: boolean;
  runAsUser?: number;
  allowPrivilegeEscalation?: boolean;
  privileged?: boolean;
  procMount?: string;
  seccompProfile?: { type?: string };
  capabilities?: { add?: string[]; drop?: string[] };
  sysctls?: unknown[];
}

interface Action {
  httpGet?: { host?: string };
  tcpSocket?: { host?: string };
}

interface Container {
  name: string;
  securityContext?: SecurityContext;
  ports?: { hostPort?: number }[];
  startupProbe?: Action;
  readinessProbe?: Action;
  livenessProbe?: Action;
  lifecycle?: { postStart?: Action; preStop?: Action };
}

export interface PodSpec {
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  securityContext?: SecurityContext;
  containers: Container[];
  initContainers?: Container[];
  volumes?: Record<string, unknown>[];
}

const VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

/**
 * What the level "restricted" of the Pod Security Standards forbids in a Linux pod, one phrase each.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
 */
export function violations(pod: PodSpec): string[] {
  const found: string[] = [];
  const forbid = (isForbidden: boolean | undefined, what: string) => {
    if (isForbidden) found.push(what);
  };
  forbid(pod.hostNetwork || pod.hostPID || pod.hostIPC, 'a namespace of the host');
  forbid(Boolean(pod.securityContext?.sysctls?.length), 'sysctls');
  for (const { name: _, ...source } of pod.volumes ?? []) {
    forbid(!Object.keys(source).every((type) => VOLUMES.includes(type)), `a volume of type ${Object.keys(source)}`);
  }
  for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
    const { name } = container;
    const own = container.securityContext ?? {};
    const inherited = { ...pod.securityContext, ...own };
    forbid(inherited.runAsNonRoot !== true, `${name}: not runAsNonRoot`);
    forbid(inherited.runAsUser === 0, `${name}: runAsUser 0`);
    forbid(own.allowPrivilegeEscalation !== false, `${name}: allowPrivilegeEscalation`);
    forbid(own.privileged, `${name}: privileged`);
    forbid(own.procMount !== undefined && own.procMount !== 'Default', `${name}: procMount`);
    forbid(!own.capabilities?.drop?.includes('ALL'), `${name}: capabilities not dropped`);
    forbid(
      own.capabilities?.add?.some((capability) => capability !== 'NET_BIND_SERVICE'),
      `${name}: capabilities added`,
    );
    forbid(
      !['RuntimeDefault', 'Localhost'].includes(inherited.seccompProfile?.type ?? ''),
      `${name}: no seccomp profile`,
    );
    forbid(
      container.ports?.some(({ hostPort }) => hostPort),
      `${name}: a port of the host`,
    );
    // Forbidden since 1.34, the version that k8s/namespace.yaml pins.
    const { startupProbe, readinessProbe, livenessProbe, lifecycle } = container;
    const actions = [startupProbe, readinessProbe, livenessProbe, lifecycle?.postStart, lifecycle?.preStop];
    forbid(
      actions.some((action) => (action?.httpGet?.host ?? action?.tcpSocket?.host) !== undefined),
      `${name}: a probe or a hook that asks another host`,
    );
  }
  return found;
}
