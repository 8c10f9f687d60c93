import type { Row } from '../row.ts';

export const NETWORK: readonly Row[] = [];
