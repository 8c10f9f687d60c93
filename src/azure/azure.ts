import { gatherFacts } from '../explain/facts.ts';
import { isNodeIdentity } from '../explain/node-identity.ts';
import { usesPodIdentity } from '../explain/words.ts';
import { redact } from '../redaction.ts';
import type { Cloud } from './cloud.ts';
import { defaultChain } from './identity/chain.ts';
import { createTokenCache, type TokenCache } from './identity/token-cache.ts';
import { readSmallFile } from './identity/token-file.ts';
import type { OnCall } from './instrument.ts';
import { createProbe, type Probe } from './probe.ts';
import { createResourceGroupListing, type ResourceGroupListing } from './resource-manager/resource-groups.ts';

/** Azure, as far as this service needs it. */
export interface Azure extends ResourceGroupListing {
  credential: TokenCache;
  look: Probe;
}

export interface AzureOptions {
  cloud: Cloud;
  /** Whether the pod uses an AKS identity binding. */
  identityBinding: boolean;
  /** The subscription to list, or undefined: the first that the identity sees. */
  subscriptionId: string | undefined;
  /** Ask for a token of this scope only, and for nothing of Resource Manager. */
  scope?: string | undefined;
  deadlineMs: number;
  /** How old a shared response may be; 0: requests share none. */
  answerMaxAgeMs: number;
  userAgentPrefix: string;
  /** What the diagnosis reads; @azure/identity reads process.env by itself. */
  env: NodeJS.ProcessEnv;
  /** Where the Downward API mounts the labels of the pod, if it does. */
  podLabelsFile: string;
  /** Where the kernel shows the control groups of this process, if it does. */
  cgroupFile: string;
  /** Whether this runs in a container. */
  isContainer: boolean;
  /** Called when a new version of the SDK lacks something that the service relies on. */
  onWarning: (message: string) => void;
}

/** Creates the access to one cloud: one credential, and everything that uses it. Sends no request yet. */
export function createAzure(options: AzureOptions, onCall: OnCall): Azure {
  const { cloud, deadlineMs, userAgentPrefix, scope, env } = options;
  const acquireToken = defaultChain({
    cloud,
    identityBinding: options.identityBinding,
    selection: env['AZURE_TOKEN_CREDENTIALS'],
    clientId: env['AZURE_CLIENT_ID'],
    workloadIdentity: workloadIdentity(env),
    waitsForNmi: async () => usesPodIdentity({ facts: await facts() }),
    userAgentPrefix,
    onWarning: options.onWarning,
  });
  const facts = () =>
    gatherFacts({
      env,
      readText: readSmallFile,
      isContainer: options.isContainer,
      platform: process.platform,
      cloud: { authorityHost: cloud.authorityHost, resourceManager: cloud.resourceManager },
      podLabelsFile: options.podLabelsFile,
      cgroupFile: options.cgroupFile,
      clean: redact,
    });
  const credential = createTokenCache(acquireToken, scope ?? cloud.scope, {
    onCall,
    // If no response may be older than its request, no refusal may be either.
    refusalTtlMs: Math.min(1000, options.answerMaxAgeMs),
    // NMI may start later than the pod, and someone may correct a label.
    shouldRecheck: async ({ identity }) => isNodeIdentity(identity, await facts()),
  });
  const listing = createResourceGroupListing({ ...options, credential, onCall });
  const look = createProbe({
    credential,
    listing: scope === undefined ? listing : undefined,
    gatherFacts: facts,
    deadlineMs,
  });
  return { credential, ...listing, look };
}

/** What the Workload ID webhook injects, if all of it is set. */
function workloadIdentity(env: NodeJS.ProcessEnv) {
  const clientId = env['AZURE_CLIENT_ID'];
  const tenantId = env['AZURE_TENANT_ID'];
  const file = env['AZURE_FEDERATED_TOKEN_FILE'];
  return clientId && tenantId && file ? { clientId, tenantId, file } : undefined;
}
