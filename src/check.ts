import { setTimeout } from 'node:timers/promises';
import type { RefreshAheadCache } from './azure/refresh-ahead-cache.ts';
import { reasonOf, type Snapshot } from './azure/snapshot.ts';
import type { Warning } from './azure/whoami.ts';
import { whoAmIDocument } from './http/responses.ts';
import { toSafeText } from './telemetry/safe-json.ts';
import { isWell, type View } from './view.ts';

/** The pause between two tries of `--wait`, in milliseconds. */
const PAUSE_MS = 1000;

/**
 * Takes snapshots until everything works or the time is up, but at least one. While it waits, it tells each new reason.
 *
 * @returns the view of the last snapshot
 */
export async function check(
  deps: { snapshots: Pick<RefreshAheadCache<Snapshot, never>, 'get'>; viewOf: (snapshot: Snapshot) => Promise<View> },
  waitMs: number,
  onReason: (reason: string | null) => void,
): Promise<View> {
  const endsAtMs = performance.now() + waitMs;
  let lastReason: string | null | undefined;
  while (true) {
    const snapshot = await deps.snapshots.get();
    const remainingMs = endsAtMs - performance.now();
    if (isWell(snapshot) || remainingMs <= 0) return deps.viewOf(snapshot);
    const reason = reasonOf(snapshot);
    if (reason !== lastReason) onReason(reason);
    lastReason = reason;
    await setTimeout(Math.min(PAUSE_MS, remainingMs));
  }
}

/** The report for machines: the document of `/whoami`, with the number of resource groups; null if there is no list. */
export function checkDocument(view: View): object {
  const document = whoAmIDocument(view);
  const resourceGroups = view.listing.kind === 'listed' ? view.listing.names.length : null;
  return { resourceGroups, ...('problem' in document ? document.problem : document.identity) };
}

/** The report for people: who we are and what we see, or what is wrong and what to do. */
export function checkReport(view: View): string {
  const { who, listing, subscription, warnings, instance } = view;
  const lines = [isWell(view) ? 'OK' : 'NOT OK'];
  const line = (term: string, value: string | null | undefined) => {
    if (value) lines.push(`  ${`${term}:`.padEnd(18)}${toSafeText(value)}`);
  };
  line('pod', instance.pod && [instance.namespace, instance.pod].filter(Boolean).join('/'));
  if (who.kind === 'identified') {
    const { type, clientId, objectId, tenantId, managedIdentityResourceId } = who.identity;
    line('credential', who.credential);
    line('identity', type);
    line('client id', clientId);
    line('object id', objectId);
    line('tenant id', tenantId);
    line('resource id', managedIdentityResourceId);
    line('token until', who.expiresOn);
  } else {
    const { projectedToken, variables } = who.diagnosis.facts;
    line('client id', variables['AZURE_CLIENT_ID']);
    line('tenant id', variables['AZURE_TENANT_ID']);
    line('issuer', projectedToken?.iss);
    line('subject', projectedToken?.sub);
    line('audience', projectedToken?.aud?.join(', '));
  }
  line('subscription', subscription && [subscription.name, subscription.id].filter(Boolean).join(' '));
  line('resource groups', listing.kind === 'listed' ? String(listing.names.length) : null);
  const problems: Warning[] = who.kind === 'unidentified' ? [who.diagnosis] : [...warnings];
  if (who.kind === 'unidentified' && listing.kind !== 'listed' && listing.diagnosis.reason !== who.diagnosis.reason) {
    problems.push(listing.diagnosis);
  }
  for (const { reason, hint, commands, documentation, detail } of problems) {
    lines.push('', `${reason}: ${toSafeText(hint)}`, ...commands.map((command) => `  $ ${toSafeText(command)}`));
    line('documentation', documentation);
    line('detail', detail);
  }
  return `${lines.join('\n')}\n`;
}
