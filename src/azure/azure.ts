import type { Cloud } from './cloud.ts';
import { createDiagnosis, type Diagnose } from './diagnosis/diagnose.ts';
import { type Facts, gatherFacts } from './diagnosis/facts.ts';
import { isNodeIdentity } from './diagnosis/node-identity.ts';
import { usesPodIdentity } from './diagnosis/values.ts';
import { defaultChain } from './identity/chain.ts';
import { createTokenCache, type TokenCache, type TokenClaims } from './identity/token-cache.ts';
import type { OnCall } from './instrument.ts';
import { createResourceGroupListing, type ResourceGroupListing } from './resource-manager/resource-groups.ts';
import { createWhoAmI, type WhoAmI } from './whoami.ts';

/** Azure, as far as this service needs it. */
export interface Azure extends ResourceGroupListing {
  credential: TokenCache;
  /**
   * Says who we are, from the claims of the given token, or else of the current one.
   *
   * @throws {AzureFailure} `no-token`, or `token-timeout` at the deadline
   */
  whoAmI: (token?: TokenClaims) => Promise<WhoAmI>;
  diagnose: Diagnose;
  /** Gathers what the process, its files and its environment say about its identity. Never throws. */
  facts: () => Promise<Facts>;
}

/** Creates the access to one cloud: one credential, and everything that uses it. Sends no request yet. */
export function createAzure(options: {
  cloud: Cloud;
  /** Whether the pod uses an AKS identity binding. */
  identityBinding: boolean;
  /** The subscription to list, or undefined: the first that the identity sees. */
  subscriptionId: string | undefined;
  deadlineMs: number;
  /** How old a shared response may be; 0: requests share none. */
  answerMaxAgeMs: number;
  userAgentPrefix: string;
  /** What the diagnosis reads; @azure/identity reads process.env by itself. */
  env: NodeJS.ProcessEnv;
  /** Where the Downward API mounts the labels of the pod, if it does. */
  podLabelsFile: string;
  onCall: OnCall;
  /** Called when a new version of the SDK lacks something that the service relies on. */
  onWarning: (message: string) => void;
}): Azure {
  const { cloud, deadlineMs, userAgentPrefix } = options;
  const acquireToken = defaultChain({
    cloud,
    identityBinding: options.identityBinding,
    selection: options.env['AZURE_TOKEN_CREDENTIALS'],
    clientId: options.env['AZURE_CLIENT_ID'],
    workloadIdentity: workloadIdentity(options.env),
    waitsForNmi: async () => usesPodIdentity({ facts: await facts() }),
    userAgentPrefix,
    onWarning: options.onWarning,
  });
  const credential = createTokenCache(acquireToken, cloud.scope, {
    onCall: options.onCall,
    // If no response may be older than its request, no refusal may be either.
    refusalTtlMs: Math.min(1000, options.answerMaxAgeMs),
    // NMI may start later than the pod, and someone may correct a label.
    shouldRecheck: async ({ identity }) => isNodeIdentity(identity, await facts()),
  });
  const facts = () => gatherFacts(options.env, cloud, options.podLabelsFile);
  const diagnose = createDiagnosis(credential, facts);
  return {
    credential,
    ...createResourceGroupListing({
      cloud,
      credential,
      subscriptionId: options.subscriptionId,
      deadlineMs,
      userAgentPrefix,
      onCall: options.onCall,
    }),
    whoAmI: createWhoAmI({ credential, deadlineMs, gatherFacts: facts, diagnose }),
    diagnose,
    facts,
  };
}

/** What the Workload ID webhook injects, if all of it is set. */
function workloadIdentity(env: NodeJS.ProcessEnv) {
  const clientId = env['AZURE_CLIENT_ID'];
  const tenantId = env['AZURE_TENANT_ID'];
  const file = env['AZURE_FEDERATED_TOKEN_FILE'];
  return clientId && tenantId && file ? { clientId, tenantId, file } : undefined;
}
