import type { Row } from '../row.ts';

export const AZURE_CLI: readonly Row[] = [];

export const AZURE_CLI_ABSENT: readonly Row[] = [];
