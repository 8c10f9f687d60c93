import type { RequestHandler } from 'msw';
import type { Exchange, Outcome } from '../../src/explain/outcome.ts';
import type { Family, RecordedCase } from '../explain/outcome-files.ts';
import { forgetManagedIdentities } from '../fake-azure/managed-identities.ts';
import { SCENARIOS, startOf } from '../fake-azure/scenarios.ts';
import { IDENTITY } from '../fake-azure/tokens.ts';
import { startService, stopServices } from '../service.ts';
import { FAILURES } from './failures.ts';
import { replay, SUBSCRIPTION } from './reported-failures/replay.ts';
import { FAMILIES as REPORTED, reportedFailures } from './reported-failures/reported-failure.ts';
import { steady } from './steady.ts';

/** Something that the real SDK can meet here, with what is known about it. */
export interface Recordable {
  family: Family;
  about: Omit<RecordedCase, 'outcome'>;
  meet: () => Promise<{
    handlers: RequestHandler[];
    env: NodeJS.ProcessEnv;
    isContainer?: boolean;
    stuckAt?: Exchange['phase'];
    end?: () => void;
  }>;
}

/** Everything whose outcome can be recorded, in the order of its file. */
export const RECORDABLE: readonly Recordable[] = [
  ...REPORTED.flatMap((family) =>
    reportedFailures(family, { ...IDENTITY, subscriptionId: SUBSCRIPTION }).map((reported) => ({
      family,
      about: {
        case: reported.failure,
        source: reported.source,
        solution: reported.solution,
        ...(reported.reasons.length > 0 && { expected: reported.reasons }),
        ...(reported.never && { never: reported.never }),
        says: reported.says,
      },
      meet: () => replay(reported),
    })),
  ),
  ...FAILURES.map(({ title, handlers, env = () => ({}) }) => ({
    family: 'failures' as const,
    about: { case: title },
    meet: async () => ({ handlers, env: env() }),
  })),
  ...Object.entries(SCENARIOS).map(([name, scenario]) => ({
    family: 'demo' as const,
    about: { case: `${name}: ${scenario.shows}` },
    async meet() {
      const { handlers, environment } = startOf(scenario);
      return { handlers, env: { AZURE_DEADLINE_MS: '2000', ...environment } };
    },
  })),
];

/** Lets the real SDK meet it, and returns the outcome without anything that differs from run to run. */
export async function record({ meet }: Recordable): Promise<Outcome> {
  forgetManagedIdentities();
  const { handlers, env, isContainer = false, stuckAt, end = () => {} } = await meet();
  try {
    const { service } = startService(
      handlers,
      {
        AZURE_CLIENT_ID: '44444444-4444-4444-8444-444444444444',
        AZURE_DEADLINE_MS: '20000',
        ...env,
        NODE_EXTRA_CA_CERTS: undefined,
      },
      isContainer,
    );
    return steady((await service.azure.look()).outcome, stuckAt);
  } finally {
    end();
    stopServices();
    forgetManagedIdentities();
  }
}
