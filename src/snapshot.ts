import type { Look } from './azure/probe.ts';
import type { Diagnosis, Explanation } from './explain/explain.ts';

/** A look at Azure, explained. Every response about Azure is rendered from a snapshot. */
export interface Snapshot extends Look, Explanation {}

/** Everything that is wrong, the failure first; empty if everything works. */
export function findings({ failure, warnings }: Snapshot): readonly Diagnosis[] {
  return failure ? [failure, ...warnings.filter(({ reason }) => reason !== failure.reason)] : warnings;
}

/** The warnings of /whoami: what works but smells and, last, why there is a token but no list. Empty without a token. */
export function identityWarnings(snapshot: Snapshot): readonly Diagnosis[] {
  if (snapshot.outcome.identity === null) return [];
  const [first, ...others] = findings(snapshot);
  return first && snapshot.failure ? [...others, first] : findings(snapshot);
}

/** Why there is no list, or else the first warning about the identity; null if everything works. */
export function reasonOf(snapshot: Snapshot): string | null {
  return findings(snapshot)[0]?.reason ?? null;
}
