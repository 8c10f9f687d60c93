import { ASSERTION } from './catalogue/assertion.ts';
import { AZURE_CLI, AZURE_CLI_ABSENT } from './catalogue/azure-cli.ts';
import { ENTRA } from './catalogue/entra.ts';
import { FEDERATION } from './catalogue/federation.ts';
import { IDENTITY_BINDING } from './catalogue/identity-binding.ts';
import { IDENTITY_ENDPOINT } from './catalogue/identity-endpoint.ts';
import { MANAGED_IDENTITY, NO_METADATA_SERVICE } from './catalogue/managed-identity.ts';
import { NETWORK } from './catalogue/network.ts';
import { NMI } from './catalogue/nmi.ts';
import { NO_RESPONSE } from './catalogue/no-response.ts';
import { NODE_IDENTITY, OTHER_CLIENT_ID } from './catalogue/node-identity.ts';
import { POD_LABELS } from './catalogue/pod-labels.ts';
import { RESOURCE_MANAGER } from './catalogue/resource-manager.ts';
import { EMPTY_LIST, ROLES } from './catalogue/roles.ts';
import { MISNAMED, SERVICE_PRINCIPAL_SETUP } from './catalogue/service-principal.ts';
import { OTHER_TOOLS } from './catalogue/tools.ts';
import { WORKLOAD_IDENTITY_SETUP } from './catalogue/workload-identity.ts';
import { WORKLOAD_IDENTITY_REFUSED } from './catalogue/workload-identity-refused.ts';
import type { Row, Warning } from './row.ts';

/**
 * All rows, in order: the first match is the diagnosis. Credentials that are configured for this process come before fallbacks,
 * refusals before missing responses, and specific rows before general ones. Hints are only advice: Microsoft warns that texts and
 * numbers, which some rows match, may change.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export const CATALOGUE: readonly Row[] = [
  ...WORKLOAD_IDENTITY_SETUP,
  ...IDENTITY_BINDING,
  ...SERVICE_PRINCIPAL_SETUP,
  ...WORKLOAD_IDENTITY_REFUSED,
  ...FEDERATION,
  ...ASSERTION,
  ...ENTRA,
  ...NETWORK,
  ...MISNAMED,
  ...POD_LABELS,
  ...NMI,
  ...MANAGED_IDENTITY,
  ...IDENTITY_ENDPOINT,
  ...AZURE_CLI,
  ...OTHER_TOOLS,
  ...AZURE_CLI_ABSENT,
  ...NO_METADATA_SERVICE,
  ...NO_RESPONSE,
  ...NODE_IDENTITY,
  ...ROLES,
  ...RESOURCE_MANAGER,
];

/** All rows about something that works but smells. The first match of each reason is a warning. */
export const WARNINGS: readonly Warning[] = [...NODE_IDENTITY, ...OTHER_CLIENT_ID, ...EMPTY_LIST];

/** The reason of a failure that no row matches. */
export const UNKNOWN = 'unknown';

/** Every reason that a diagnosis may have. */
export const REASONS: readonly string[] = [
  ...new Set([...CATALOGUE, ...WARNINGS].map(({ reason }) => reason)),
  UNKNOWN,
];
