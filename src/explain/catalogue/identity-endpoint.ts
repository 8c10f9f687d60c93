import type { Row } from '../row.ts';

export const IDENTITY_ENDPOINT: readonly Row[] = [];
