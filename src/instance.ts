import type { Facts } from './azure/diagnosis/facts.ts';

/** The process that responds, to tell replicas apart; null for what is unknown. */
export interface Instance {
  pod: string | null;
  namespace: string | null;
  serviceAccount: string | null;
  node: string | null;
  version: string;
  /** ISO 8601. */
  startedAt: string;
}

/** Describes this process from the Downward API, or else from the subject of the projected token. */
export function describeInstance(
  { pod = {}, projectedToken }: Facts,
  process: Pick<Instance, 'version' | 'startedAt'>,
): Instance {
  const [, namespace, serviceAccount] =
    /^system:serviceaccount:([^:]{1,253}):([^:]{1,253})$/.exec(projectedToken?.sub ?? '') ?? [];
  return {
    pod: pod.name ?? null,
    namespace: pod.namespace ?? namespace ?? null,
    serviceAccount: pod.serviceAccount ?? serviceAccount ?? null,
    node: pod.node ?? null,
    ...process,
  };
}
