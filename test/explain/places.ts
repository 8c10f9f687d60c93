import type { Facts } from '../../src/explain/facts.ts';
import type { Outcome } from '../../src/explain/outcome.ts';

const ELSEWHERE = { kubernetes: false, container: false, place: 'machine' } as const satisfies Partial<Facts>;

const POD = {
  kubernetes: true,
  container: true,
  place: 'kubernetes',
  pod: {
    name: 'orders-7c9d8b6f5-x2x7k',
    namespace: 'shop',
    serviceAccount: 'orders',
    node: 'aks-nodepool1-12345678-vmss000000',
    owner: { kind: 'Deployment', name: 'orders' },
  },
} as const satisfies Partial<Facts>;

const label = (aadpodidbinding: string | null, use: string | null): Partial<Facts> => ({
  ...POD,
  podLabels: { aadpodidbinding, 'azure.workload.identity/use': use },
});

/** What the facts say in each place. */
export const PLACES: Record<string, Partial<Facts>> = {
  laptop: ELSEWHERE,
  'Windows laptop': { ...ELSEWHERE, windows: true },
  container: { ...ELSEWHERE, container: true, place: 'container' },
  pipeline: { ...ELSEWHERE, place: 'ci' },
  'service of a machine': { ...ELSEWHERE, unit: 'orders.service' },
  pod: POD,
  'pod with Workload ID': label(null, 'true'),
  'pod with pod identity': label('orders', null),
  'pod without a label': label(null, null),
  'pod of a Job': { ...label(null, 'true'), pod: { ...POD.pod, owner: { kind: 'Job', name: 'orders-1' } } },
  'App Service': {
    ...ELSEWHERE,
    container: true,
    place: 'app-service',
    app: 'shop',
    identityEndpoint: { kind: 'app-service', host: 'localhost' },
    variables: { IDENTITY_ENDPOINT: '(set)', IDENTITY_HEADER: '(set)' },
  },
  'App Service without an identity': {
    ...ELSEWHERE,
    container: true,
    place: 'app-service',
    app: 'shop',
    identityEndpointMissing: true,
  },
};

/** The same outcome at another place. */
export function at(place: Partial<Facts>, outcome: Outcome): Outcome {
  const { pod, podLabels, identityEndpoint, identityEndpointMissing, app, windows, unit, ...facts } = outcome.facts;
  const variables = { ...facts.variables, ...place.variables };
  return { ...outcome, facts: { ...facts, ...place, variables } };
}
