import type { Row } from '../row.ts';

export const NO_RESPONSE: readonly Row[] = [];
