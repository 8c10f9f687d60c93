import { ASSERTION } from './catalogue/assertion.ts';
import { AZURE_CLI } from './catalogue/azure-cli.ts';
import { AZURE_CLI_ABSENT } from './catalogue/azure-cli-absent.ts';
import { AZURE_CLI_REFUSED, AZURE_CLI_TENANT } from './catalogue/azure-cli-refused.ts';
import { LEFT_OVER } from './catalogue/client-secret.ts';
import { ENTRA } from './catalogue/entra.ts';
import { FEDERATION } from './catalogue/federation.ts';
import { IDENTITY_BINDING } from './catalogue/identity-binding.ts';
import { IDENTITY_ENDPOINT } from './catalogue/identity-endpoint.ts';
import { MANAGED_IDENTITY, NO_METADATA_SERVICE } from './catalogue/managed-identity.ts';
import { NETWORK } from './catalogue/network.ts';
import { NMI } from './catalogue/nmi.ts';
import { NO_RESPONSE } from './catalogue/no-response.ts';
import { NODE_IDENTITY, OTHER_CLIENT_ID } from './catalogue/node-identity.ts';
import { OTHER_ENDPOINTS } from './catalogue/other-endpoints.ts';
import { POD_LABELS } from './catalogue/pod-labels.ts';
import { RESOURCE_MANAGER } from './catalogue/resource-manager.ts';
import { EMPTY_LIST, ROLES } from './catalogue/roles.ts';
import { MISNAMED, SERVICE_PRINCIPAL_SETUP } from './catalogue/service-principal.ts';
import { SUBSCRIPTION } from './catalogue/subscription.ts';
import { TOKEN_REJECTED } from './catalogue/token-rejected.ts';
import { OTHER_TOOLS, OTHER_TOOLS_REFUSED } from './catalogue/tools.ts';
import { WORKLOAD_IDENTITY_SETUP } from './catalogue/workload-identity.ts';
import { WORKLOAD_IDENTITY_REFUSED } from './catalogue/workload-identity-refused.ts';
import type { Row } from './row.ts';
import { unknownRow } from './unknown.ts';

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
  ...LEFT_OVER,
  ...WORKLOAD_IDENTITY_REFUSED,
  ...FEDERATION,
  ...AZURE_CLI_REFUSED,
  ...OTHER_TOOLS_REFUSED,
  ...ASSERTION,
  ...ENTRA,
  ...NETWORK,
  ...MISNAMED,
  ...POD_LABELS,
  ...NMI,
  ...MANAGED_IDENTITY,
  ...IDENTITY_ENDPOINT,
  ...OTHER_ENDPOINTS,
  ...AZURE_CLI,
  ...OTHER_TOOLS,
  ...AZURE_CLI_ABSENT,
  ...NO_METADATA_SERVICE,
  ...NO_RESPONSE,
  ...TOKEN_REJECTED,
  ...AZURE_CLI_TENANT,
  ...NODE_IDENTITY,
  ...ROLES,
  ...SUBSCRIPTION,
  ...RESOURCE_MANAGER,
];

/** All rows about something that works but smells. The first match of each reason is a warning. */
export const WARNINGS: readonly Row[] = [...NODE_IDENTITY, ...OTHER_CLIENT_ID, ...EMPTY_LIST];

/** Every reason that a diagnosis may have, with its title, in the order of the catalogue. */
export const REASONS: readonly Pick<Row, 'reason' | 'title'>[] = [
  ...new Map(
    [...CATALOGUE, ...WARNINGS, unknownRow()].map(({ reason, title }) => [reason, { reason, title }]),
  ).values(),
];

/**
 * The reasons that an empty list may have: those of every failure of the identity. A reason of the way to Resource Manager is
 * one, too, where the same can happen on the way to Microsoft Entra ID.
 */
export const FALLBACK_REASONS: readonly string[] = [
  ...new Set(CATALOGUE.filter(({ check }) => check !== 'resource-manager').map(({ reason }) => reason)),
  unknownRow().reason,
];
