import type { Azure } from './azure.ts';
import type { Diagnosis } from './diagnosis/diagnose.ts';
import type { Facts } from './diagnosis/facts.ts';
import { AzureFailure } from './errors.ts';
import type { ResourceGroups } from './resource-manager/resource-groups.ts';
import { type Warning, type WhoAmI, warningOf, withListing } from './whoami.ts';

/** A failure, and why. */
export interface Diagnosed {
  failure: AzureFailure;
  diagnosis: Diagnosis;
}

/** `fallback`: authentication or authorization failed, the list is `[]`. `failed`: Azure itself failed, there is no list. */
export type Listing = ({ kind: 'listed' } & ResourceGroups) | ({ kind: 'fallback' | 'failed' } & Diagnosed);

export type Who = ({ kind: 'identified' } & WhoAmI) | ({ kind: 'unidentified' } & Diagnosed);

/** One look at Azure: who we are and what we see. Everything that the service answers about Azure is a view of one. */
export interface Snapshot {
  /** When it was complete, ISO 8601. */
  asOf: string;
  /** How long it took. */
  tookMs: number;
  facts: Facts;
  who: Who;
  listing: Listing;
  /** What works but looks wrong, and why there is a token but no list; empty where there is no token. */
  warnings: readonly Warning[];
}

/**
 * Asks Azure for both at once, each within the deadline. `headers` go along on every request to Resource Manager.
 *
 * @throws only for a bug; a failure of Azure is part of the snapshot
 */
export async function takeSnapshot(azure: Azure, headers?: Record<string, string>): Promise<Snapshot> {
  const startedAtMs = performance.now();
  const [who, listing, facts] = await Promise.all([identify(azure), list(azure, headers), azure.facts()]);
  const tookMs = performance.now() - startedAtMs;
  return { asOf: new Date().toISOString(), tookMs, facts, who, listing, warnings: warningsOf(who, listing) };
}

async function identify(azure: Azure): Promise<Who> {
  try {
    return { kind: 'identified', ...(await azure.whoAmI()) };
  } catch (error) {
    return { kind: 'unidentified', ...(await diagnosed(azure, error)) };
  }
}

async function list(azure: Azure, headers?: Record<string, string>): Promise<Listing> {
  try {
    return { kind: 'listed', ...(await azure.listResourceGroups(headers)) };
  } catch (error) {
    const failed = await diagnosed(azure, error);
    return { kind: failed.failure.category === 'identity' ? 'fallback' : 'failed', ...failed };
  }
}

async function diagnosed(azure: Azure, error: unknown): Promise<Diagnosed> {
  if (!(error instanceof AzureFailure)) throw error;
  return { failure: error, diagnosis: await azure.diagnose(error) };
}

function warningsOf(who: Who, listing: Listing): readonly Warning[] {
  if (who.kind === 'unidentified') return [];
  return listing.kind === 'listed' ? who.warnings : withListing(who.warnings, warningOf(listing.diagnosis));
}

/** What a program goes by: why there is no list, or else what is wrong with the identity that lists; null where all is well. */
export function reasonOf({ listing, warnings }: Snapshot): string | null {
  return listing.kind === 'listed' ? (warnings[0]?.reason ?? null) : listing.diagnosis.reason;
}
