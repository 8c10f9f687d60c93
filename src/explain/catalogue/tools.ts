import type { Row } from '../row.ts';

export const OTHER_TOOLS: readonly Row[] = [];
