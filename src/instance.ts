import type { Facts } from './azure/diagnosis/facts.ts';

/** Which process answers: with several replicas nobody could tell otherwise. Null where unknown. */
export interface Instance {
  pod: string | null;
  namespace: string | null;
  serviceAccount: string | null;
  node: string | null;
  version: string;
  /** ISO 8601. */
  startedAt: string;
}

/** The manifests pass the Downward API on; the subject of the projected token says some of it as well. */
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
