import { type AzureFailure, type OriginalError, originalError } from '../errors.ts';
import type { Attempt } from '../identity/attempt.ts';
import { readIdentity } from '../identity/claims.ts';
import type { TokenCache } from '../identity/token-cache.ts';
import { CATALOGUE, UNKNOWN } from './catalogue.ts';
import { type Evidence, type Finding, gatherEvidence, hasNoToken } from './evidence.ts';
import type { Facts } from './facts.ts';
import { quoted } from './values.ts';

/** Why there is no list, and what to do about it. */
export interface Diagnosis {
  /** A stable identifier, such as `clock-skew`. */
  reason: string;
  /** One or two sentences that say what to do, then why. */
  hint: string;
  /** Complete lines for bash, in the order in which to run them; may be empty. */
  commands: readonly string[];
  documentation?: string;
  /** The original message behind the diagnosis, unchanged. */
  detail: string;
  /** The error behind the diagnosis. */
  original: OriginalError;
  /** The outcome of each credential, in the order of the chain; empty if there is a token. */
  attempts: Pick<Attempt, 'name' | 'outcome' | 'message' | 'exchange'>[];
  facts: Facts;
}

export type Diagnose = (failure: AzureFailure) => Promise<Diagnosis>;

/** Creates the function that makes a diagnosis. It never fails and sends no request to Azure. */
export function createDiagnosis(credential: TokenCache, gatherFacts: () => Promise<Facts>): Diagnose {
  return async (failure) => {
    // The attempts at the time of the failure, or the current ones while an acquisition is pending.
    const attempts = failure.attempts || credential.attempts().map((attempt) => ({ ...attempt }));
    const facts = await gatherFacts();
    const token = credential.latestToken();
    const identity = token && readIdentity(token.token);
    const evidence = gatherEvidence({ failure, attempts, facts, identity });
    const { finding, ...found } = recognise(evidence);
    return {
      ...found,
      detail: finding?.words || failure.message,
      original: originalOf(finding, failure),
      attempts: (hasNoToken(failure) ? attempts : []).map(({ error, ...said }) => said),
      facts,
    };
  };
}

function recognise(
  evidence: Evidence,
): Pick<Diagnosis, 'reason' | 'hint' | 'commands' | 'documentation'> & { finding: Finding | undefined } {
  for (const { reason, match, hint, commands, documentation } of CATALOGUE) {
    try {
      const finding = match(evidence);
      if (!finding) continue;
      const about = typeof documentation === 'function' ? documentation(finding, evidence) : documentation;
      return {
        reason,
        hint: hint(evidence, finding),
        commands: commands?.(evidence, finding) ?? [],
        ...(about !== undefined && { documentation: about }),
        finding,
      };
    } catch {
      // A rule that throws for unexpected evidence does not match.
    }
  }
  const { findings, resourceManager } = evidence;
  const finding = resourceManager ?? findings.find(({ outcome }) => outcome === 'failed');
  return { reason: UNKNOWN, hint: unknownHint(finding), commands: [], finding };
}

function unknownHint(finding: Finding | undefined): string {
  const who = finding?.name || (finding ? 'Azure Resource Manager' : 'the service');
  const said = finding?.said ? `, and said ${quoted(finding)}` : '';
  return (
    'Read the message, and open an issue with this document if that does not help (it has ids, but no secrets): ' +
    `this failure is unexpected. It is that of ${who}${said}.`
  );
}

function originalOf(finding: Finding | undefined, failure: AzureFailure): OriginalError {
  return originalError(finding?.error ?? failure.cause ?? failure);
}
