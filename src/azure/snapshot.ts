import type { Azure } from './azure.ts';
import type { Diagnosis } from './diagnosis/diagnose.ts';
import type { Facts } from './diagnosis/facts.ts';
import { AzureFailure } from './errors.ts';
import { isSameIdentity } from './identity/claims.ts';
import type { TokenClaims } from './identity/token-cache.ts';
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

/** Who we are and what we see in Azure, at one moment. Every response about Azure is rendered from a snapshot. */
export interface Snapshot {
  /** When the snapshot was complete, ISO 8601. */
  asOf: string;
  /** How long taking it took. */
  tookMs: number;
  facts: Facts;
  who: Who;
  listing: Listing;
  /** What works but looks wrong, and why there is a token but no list; empty if there is no token. */
  warnings: readonly Warning[];
}

/**
 * Takes a snapshot: identifies us and lists the resource groups in parallel, each within the deadline. Every request to Resource
 * Manager carries `headers`.
 *
 * @throws only for a bug; a failure of Azure is part of the snapshot
 */
export async function takeSnapshot(azure: Azure, headers?: Record<string, string>): Promise<Snapshot> {
  const startedAtMs = performance.now();
  const [identified, listing, facts] = await Promise.all([identify(azure), list(azure, headers), azure.facts()]);
  // The identity may have changed in between. One answer is about one identity: the one whose list it is.
  const isOther =
    listing.kind === 'listed' &&
    identified.kind === 'identified' &&
    !isSameIdentity(identified.identity, listing.token.identity);
  const who = isOther ? await identify(azure, listing.token) : identified;
  const tookMs = performance.now() - startedAtMs;
  return { asOf: new Date().toISOString(), tookMs, facts, who, listing, warnings: warningsOf(who, listing) };
}

async function identify(azure: Azure, token?: TokenClaims): Promise<Who> {
  try {
    return { kind: 'identified', ...(await azure.whoAmI(token)) };
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

/** Why there is no list, or else the first warning about the identity; null if everything works. */
export function reasonOf({ listing, warnings }: Snapshot): string | null {
  return listing.kind === 'listed' ? (warnings[0]?.reason ?? null) : listing.diagnosis.reason;
}
