import { AZURE_CLI, AZURE_CLI_ABSENT, OTHER_TOOLS } from './rules/azure-cli.ts';
import { ENTRA } from './rules/entra.ts';
import { FEDERATION } from './rules/federation.ts';
import { MISNAMED, NO_ANSWER, SERVICE_PRINCIPAL_SETUP } from './rules/general.ts';
import { IDENTITY_BINDING } from './rules/identity-binding.ts';
import { MANAGED_IDENTITY, NO_METADATA_SERVICE } from './rules/managed-identity.ts';
import { NETWORK } from './rules/network.ts';
import { RESOURCE_MANAGER } from './rules/resource-manager.ts';
import type { Rule } from './rules/rule.ts';
import { POD_LABELS, WORKLOAD_IDENTITY_SETUP } from './rules/workload-identity.ts';

/**
 * All rules, in order: the first match is the diagnosis. Credentials that are configured for this process come before fallbacks,
 * refusals before missing responses, and specific rules before general ones. Hints are only advice: Microsoft warns that texts and
 * numbers, which some rules match, may change.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export const CATALOGUE: readonly Rule[] = [
  ...WORKLOAD_IDENTITY_SETUP,
  ...IDENTITY_BINDING,
  ...SERVICE_PRINCIPAL_SETUP,
  ...FEDERATION,
  ...ENTRA,
  ...NETWORK,
  ...MISNAMED,
  ...POD_LABELS,
  ...MANAGED_IDENTITY,
  ...AZURE_CLI,
  ...OTHER_TOOLS,
  ...AZURE_CLI_ABSENT,
  ...NO_METADATA_SERVICE,
  ...NO_ANSWER,
  ...RESOURCE_MANAGER,
];

/** The reason of a failure that no rule matches. */
export const UNKNOWN = 'unknown';

/** Every reason that a diagnosis may have. */
export const REASONS: readonly string[] = [...new Set(CATALOGUE.map(({ reason }) => reason)), UNKNOWN];
