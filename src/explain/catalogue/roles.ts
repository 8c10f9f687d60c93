import type { Row } from '../row.ts';

export const ROLES: readonly Row[] = [];

export const EMPTY_LIST: readonly Row[] = [];
