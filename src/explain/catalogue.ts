import { FEDERATION } from './catalogue/federation.ts';
import type { Row, Warning } from './row.ts';

/**
 * All rows, in order: the first match is the diagnosis. Credentials that are configured for this process come before fallbacks,
 * refusals before missing responses, and specific rows before general ones. Hints are only advice: Microsoft warns that texts and
 * numbers, which some rows match, may change.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export const CATALOGUE: readonly Row[] = [...FEDERATION];

/** All rows about something that works but smells. Each match is a warning. */
export const WARNINGS: readonly Warning[] = [];

/** The reason of a failure that no row matches. */
export const UNKNOWN = 'unknown';

/** Every reason that a diagnosis may have. */
export const REASONS: readonly string[] = [
  ...new Set([...CATALOGUE, ...WARNINGS].map(({ reason }) => reason)),
  UNKNOWN,
];
