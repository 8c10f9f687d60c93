import type { Row } from '../row.ts';

export const WORKLOAD_IDENTITY_SETUP: readonly Row[] = [];
