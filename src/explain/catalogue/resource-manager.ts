import type { Row } from '../row.ts';

export const RESOURCE_MANAGER: readonly Row[] = [];
