import type { Row } from '../row.ts';

export const ENTRA: readonly Row[] = [];
