import type { RequestHandler } from 'msw';
import { hangs, throttles, until } from './answers.ts';
import { identityNotFound, imds } from './identity.ts';
import { groups, resourceManager, subscriptions } from './resource-manager.ts';

/** How long the scenario `recovers` shows a broken identity, counted from its start. */
const RECOVERY_MS = 15_000;

const RESOURCE_GROUPS = [
  'rg-platform-hub-network',
  'rg-platform-dns',
  'rg-platform-monitoring',
  'rg-aks-prod-westeurope',
  'MC_rg-aks-prod-westeurope_aks-prod_westeurope',
  'rg-aks-staging-westeurope',
  'MC_rg-aks-staging-westeurope_aks-staging_westeurope',
  'rg-shop-frontend-prod',
  'rg-shop-orders-prod',
  'rg-shop-payments-prod',
  'rg-data-lake-prod',
  'NetworkWatcherRG',
];

interface Scenario {
  /** One sentence for the person at the terminal. */
  shows: string;
  handlers: () => RequestHandler[];
}

const allWell = () => [imds(), subscriptions(['Contoso Production']), groups(RESOURCE_GROUPS)];

/** What `npm run demo` can show, by name. Later handlers are the fallback of earlier ones. */
export const SCENARIOS: Record<string, Scenario> = {
  'all-well': {
    shows: 'the identity works and may read',
    handlers: allWell,
  },
  'no-identity': {
    shows: 'no identity is assigned to the pod',
    handlers: () => [imds({ answer: identityNotFound }), ...allWell()],
  },
  'no-role': {
    shows: 'the identity works but has no role',
    handlers: () => [subscriptions([]), ...allWell()],
  },
  throttled: {
    shows: 'Resource Manager throttles, and asks to be left alone for half a minute',
    handlers: () => [resourceManager(throttles(30)), ...allWell()],
  },
  slow: {
    shows: 'Resource Manager takes longer than the deadline',
    handlers: () => [resourceManager(hangs), ...allWell()],
  },
  recovers: {
    shows: `the identity is assigned ${RECOVERY_MS / 1000} seconds after the start`,
    handlers: () => [imds({ answer: until(Date.now() + RECOVERY_MS, identityNotFound) }), ...allWell()],
  },
};
