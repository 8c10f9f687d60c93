import type { Row } from '../row.ts';

export const SERVICE_PRINCIPAL_SETUP: readonly Row[] = [];

export const MISNAMED: readonly Row[] = [];
