import type { Cloud } from './cloud.ts';
import { createDiagnosis, type Diagnose } from './diagnosis/diagnose.ts';
import { type Facts, gatherFacts } from './diagnosis/facts.ts';
import { isNodeIdentity } from './diagnosis/node-identity.ts';
import { defaultChain } from './identity/chain.ts';
import { readIdentity } from './identity/claims.ts';
import { createTokenCache, type TokenCache } from './identity/token-cache.ts';
import type { OnCall } from './instrument.ts';
import { createResourceGroupListing, type ResourceGroupListing } from './resource-manager/resource-groups.ts';
import { createWhoAmI, type WhoAmI } from './whoami.ts';

/** Azure, as far as this service needs it. */
export interface Azure extends ResourceGroupListing {
  credential: TokenCache;
  /**
   * Who the token in use says we are.
   *
   * @throws {AzureFailure} when there is no token, or none yet
   */
  whoAmI: () => Promise<WhoAmI>;
  diagnose: Diagnose;
  /** What the process, its files and its environment say about how it gets an identity. Never throws. */
  facts: () => Promise<Facts>;
}

/** Puts one cloud together: one credential, and all that uses it. Asks Azure nothing yet. */
export function createAzure(options: {
  cloud: Cloud;
  /** Whether AKS identity bindings are in force. */
  identityBinding: boolean;
  /** The subscription to list, or undefined: the first that the identity sees. */
  subscriptionId: string | undefined;
  deadlineMs: number;
  /** How old an answer may be that callers share; 0: none may. */
  answerMaxAgeMs: number;
  userAgentPrefix: string;
  /** What the diagnosis reads; @azure/identity reads process.env by itself. */
  env: NodeJS.ProcessEnv;
  /** Where the Downward API mounts the labels of the pod, if it does. */
  podLabelsFile: string;
  onCall: OnCall;
  /** A new version of the SDK lacks something that the service watches. */
  onWarning: (message: string) => void;
}): Azure {
  const { cloud, deadlineMs, userAgentPrefix } = options;
  const acquireToken = defaultChain({
    cloud,
    identityBinding: options.identityBinding,
    workloadIdentityFile: workloadIdentityFile(options.env),
    userAgentPrefix,
    onWarning: options.onWarning,
  });
  const credential = createTokenCache(acquireToken, cloud.scope, {
    onCall: options.onCall,
    // Where every answer is to be fetched after its request began, so are refusals.
    refusalHoldsMs: Math.min(1000, options.answerMaxAgeMs),
    // NMI may come later than the pod, and a label may be corrected.
    shouldRecheck: async ({ token }) => isNodeIdentity(readIdentity(token), await facts()),
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

/** The projected token, where everything is set that an exchange of it needs. */
function workloadIdentityFile(env: NodeJS.ProcessEnv): string | undefined {
  return (env['AZURE_CLIENT_ID'] && env['AZURE_TENANT_ID'] && env['AZURE_FEDERATED_TOKEN_FILE']) || undefined;
}
