import type { Row } from '../row.ts';

export const MANAGED_IDENTITY: readonly Row[] = [];

export const NO_METADATA_SERVICE: readonly Row[] = [];
