import { type Deadline, withinDeadline } from './deadline.ts';
import type { Diagnose, Diagnosis } from './diagnosis/diagnose.ts';
import type { Facts } from './diagnosis/facts.ts';
import { isNodeIdentity, nodeIdentityCommands, nodeIdentityHint } from './diagnosis/node-identity.ts';
import type { Identity } from './identity/claims.ts';
import type { TokenCache, TokenClaims } from './identity/token-cache.ts';

/** Something that works but looks suspicious, or that fails although there is a token. */
export interface Warning {
  reason: string;
  hint: string;
  /** Complete lines for bash; may be empty. */
  commands: readonly string[];
  documentation?: string;
  /** The original message, unchanged. */
  detail?: string;
}

export interface WhoAmI {
  identity: Identity;
  /** The credential of the chain that got the token. */
  credential: string;
  /** When the token expires, ISO 8601; null if Azure sent something other than a time. */
  expiresOn: string | null;
  warnings: Warning[];
}

/** Creates the function that says who we are, from the claims of the given token, or else of the current one. */
export function createWhoAmI(options: {
  credential: TokenCache;
  deadlineMs: number;
  gatherFacts: () => Promise<Facts>;
  diagnose: Diagnose;
}): (token?: TokenClaims) => Promise<WhoAmI> {
  const { credential, deadlineMs, gatherFacts, diagnose } = options;

  /** @throws {AzureFailure} `no-token`, or `token-timeout` at the deadline */
  return async (given) => {
    const token = given ?? (await withinDeadline(deadlineMs, currentToken));
    const { identity } = token;
    const expires = new Date(token.expiresOnTimestamp);
    const expiresOn = Number.isNaN(expires.getTime()) ? null : expires.toISOString();
    const warnings = suspicions(identity, token.credential, await gatherFacts());
    const renewalFailure = credential.renewalFailure();
    if (renewalFailure) {
      const warning = warningOf(await diagnose(renewalFailure));
      warnings.push({ ...warning, hint: `The token works until ${expiresOn}, but cannot be renewed. ${warning.hint}` });
    }
    return { identity, credential: token.credential, expiresOn, warnings };
  };

  function currentToken(deadline: Deadline): Promise<TokenClaims> {
    deadline.pendingExchange = () => credential.pendingExchange();
    return credential.getToken();
  }
}

export function warningOf({ reason, hint, commands, documentation, detail }: Diagnosis): Warning {
  return { detail, ...(documentation !== undefined && { documentation }), reason, hint, commands };
}

/** Adds the reason why there is no list to the warnings, without repeating one. */
export function withListing(warnings: readonly Warning[], listing: Warning): Warning[] {
  const others = warnings.filter(({ reason }) => reason !== listing.reason);
  return [...others, listing];
}

/** Checks a token that works for signs of the wrong identity. */
function suspicions(identity: Identity, credential: string, facts: Facts): Warning[] {
  const warnings: Warning[] = [];
  const { clientId } = identity;
  const isNode = isNodeIdentity(identity, facts);
  if (isNode) {
    warnings.push({
      reason: 'node-identity',
      hint: nodeIdentityHint({ facts, identity }),
      commands: nodeIdentityCommands({ facts, identity }),
      documentation: 'https://learn.microsoft.com/azure/aks/workload-identity-overview',
    });
  }
  const configured = facts.variables['AZURE_CLIENT_ID'];
  // The warning about the node's identity already says it.
  if (!isNode && configured !== undefined && clientId !== null && configured.toLowerCase() !== clientId.toLowerCase()) {
    warnings.push({
      reason: 'other-client-id',
      hint:
        `Check why the credential that AZURE_CLIENT_ID (${configured}) was meant for did not answer: ` +
        `${credential} did, as ${clientId}.`,
      commands: [],
    });
  }
  return warnings;
}
