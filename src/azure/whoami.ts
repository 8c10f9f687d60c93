import { type Identity, readIdentity } from './claims.ts';
import type { Credential } from './credential.ts';
import { withinDeadline } from './deadline.ts';
import type { Diagnose } from './diagnosis.ts';
import type { Facts } from './facts.ts';

/** What works but smells, or does not work although there is a token. */
interface Warning {
  reason: string;
  hint: string;
  documentation?: string;
  /** The original message, untouched. */
  detail?: string;
}

export interface WhoAmI {
  identity: Identity;
  /** The credential of the chain that got the token. */
  credential: string;
  /** When the token expires, ISO 8601. */
  expiresOn: string;
  warnings: Warning[];
}

/** Makes what tells who we are, from the token in use. */
export function createWhoAmI(options: {
  credential: Credential;
  deadlineMs: number;
  gatherFacts: () => Promise<Facts>;
  diagnose: Diagnose;
}): () => Promise<WhoAmI> {
  const { credential, deadlineMs, gatherFacts, diagnose } = options;

  /**
   * @throws {IdentityFailure} when there is no token
   * @throws {AzureFailure} when there is none yet
   */
  return async () => {
    const token = await withinDeadline(deadlineMs, () => credential.getToken());
    const identity = readIdentity(token.token);
    const expiresOn = new Date(token.expiresOnTimestamp).toISOString();
    const warnings = smells(identity, token.credential, await gatherFacts());
    const renewalFailure = credential.renewalFailure();
    if (renewalFailure) {
      const { reason, hint, documentation, detail } = await diagnose(renewalFailure);
      warnings.push({
        reason,
        hint: `The token works until ${expiresOn}, but cannot be renewed: ${hint}`,
        ...(documentation !== undefined && { documentation }),
        detail,
      });
    }
    return { identity, credential: token.credential, expiresOn, warnings };
  };
}

function smells(identity: Identity, credential: string, facts: Facts): Warning[] {
  const warnings: Warning[] = [];
  const { clientId, managedIdentityResourceId } = identity;
  // The kubelet's identity, or that of the machines themselves.
  if (facts.kubernetes && /-agentpool$|\/virtualMachine(ScaleSet)?s\//i.test(managedIdentityResourceId ?? '')) {
    warnings.push({
      reason: 'node-identity',
      hint:
        `Authenticated as ${managedIdentityResourceId} via ${credential}: that is the node's identity, not the pod's; ` +
        'bind one to this pod with Workload ID (label azure.workload.identity/use: "true" on the pod, and its service account).',
      documentation: 'https://learn.microsoft.com/azure/aks/workload-identity-overview',
    });
  }
  const configured = facts.variables['AZURE_CLIENT_ID'];
  if (configured !== undefined && clientId !== null && configured.toLowerCase() !== clientId.toLowerCase()) {
    warnings.push({
      reason: 'other-client-id',
      hint:
        `AZURE_CLIENT_ID is ${configured}, but ${credential} authenticated as ${clientId}: ` +
        'another credential of the chain answered than the one that was configured.',
    });
  }
  return warnings;
}
