import type { Row } from '../row.ts';

export const POD_LABELS: readonly Row[] = [];

export const POD_WARNINGS: readonly Row[] = [];
