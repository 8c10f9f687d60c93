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

/** The manifests set POD_NAME and its like from the Downward API; the subject of the projected token says some of it as well. */
export function describeInstance(
  env: NodeJS.ProcessEnv,
  { projectedToken }: Facts,
  process: Pick<Instance, 'version' | 'startedAt'>,
): Instance {
  const [, namespace, serviceAccount] =
    /^system:serviceaccount:([^:]{1,253}):([^:]{1,253})$/.exec(projectedToken?.sub ?? '') ?? [];
  return {
    pod: env['POD_NAME'] || null,
    namespace: env['POD_NAMESPACE'] || namespace || null,
    serviceAccount: env['POD_SERVICE_ACCOUNT'] || serviceAccount || null,
    node: env['NODE_NAME'] || null,
    ...process,
  };
}
