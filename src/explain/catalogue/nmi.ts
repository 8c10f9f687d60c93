import type { Row } from '../row.ts';

export const NMI: readonly Row[] = [];
