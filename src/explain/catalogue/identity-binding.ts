import type { Row } from '../row.ts';

export const IDENTITY_BINDING: readonly Row[] = [];
