import type { Facts } from './explain/facts.ts';

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

/** Describes this process by what the pod says about itself. */
export function describeInstance({ pod = {} }: Facts, process: Pick<Instance, 'version' | 'startedAt'>): Instance {
  return {
    pod: pod.name ?? null,
    namespace: pod.namespace ?? null,
    serviceAccount: pod.serviceAccount ?? null,
    node: pod.node ?? null,
    ...process,
  };
}
