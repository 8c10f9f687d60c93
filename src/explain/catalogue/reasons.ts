import { aboutPlatform } from '../endpoint.ts';
import { aboutNumber, DOCUMENTATION } from '../row.ts';

/** The reasons whose rows stand in several files. */

export const AZ_FAILED = { reason: 'az-failed', title: 'The Azure CLI fails', check: 'configuration' } as const;
export const AZ_NOT_LOGGED_IN = {
  reason: 'az-not-logged-in',
  title: 'The Azure CLI needs a new login',
  check: 'configuration',
} as const;
export const AZ_WRONG_CLOUD = {
  reason: 'az-wrong-cloud',
  title: 'The Azure CLI is set to another cloud',
  check: 'configuration',
  documentation: DOCUMENTATION.clouds,
} as const;
export const BLOCKED_BY_POLICY = {
  reason: 'blocked-by-policy',
  title: 'A policy of the tenant blocks it',
  check: 'token',
} as const;
export const CLIENT_CERTIFICATE_REFUSED = {
  reason: 'client-certificate-refused',
  title: 'The client certificate was refused',
  check: 'token',
  documentation: aboutNumber,
} as const;
export const CLIENT_ID_UNKNOWN = {
  reason: 'client-id-unknown',
  title: 'The tenant does not know the client id',
  check: 'token',
  documentation: aboutNumber,
} as const;
export const CLIENT_SECRET_REFUSED = {
  reason: 'client-secret-refused',
  title: 'The client secret was refused',
  check: 'token',
  documentation: aboutNumber,
} as const;
export const CONFIGURATION_REFUSED = {
  reason: 'configuration-refused',
  title: 'A value of the configuration cannot be used',
  check: 'configuration',
  documentation: DOCUMENTATION.credentialChains,
} as const;
export const CONNECTION_BROKEN = {
  reason: 'connection-broken',
  title: 'The connection to Azure breaks off or hangs',
} as const;
export const ENTRA_BROKEN = {
  reason: 'entra-broken',
  title: 'Microsoft Entra ID gives no usable response',
  check: 'identity-provider',
} as const;
export const ENTRA_REFUSED = {
  reason: 'entra-refused',
  title: 'Microsoft Entra ID refused the request',
  check: 'token',
  documentation: aboutNumber,
} as const;
export const IDENTITY_ENDPOINT_FAILED = {
  reason: 'identity-endpoint-failed',
  title: 'The identity endpoint gave no token',
  check: 'identity-provider',
  documentation: aboutPlatform,
} as const;
export const IDENTITY_NOT_FOUND = {
  reason: 'identity-not-found',
  title: 'The managed identity was not found',
  check: 'token',
} as const;
export const IMDS_PROXIED = {
  reason: 'imds-proxied',
  title: 'A proxy captures the requests for managed identities',
  check: 'identity-provider',
  documentation: DOCUMENTATION.metadataService,
} as const;
export const IMDS_REFUSED = {
  reason: 'imds-refused',
  title: 'The metadata service gave no token',
  check: 'identity-provider',
  documentation: DOCUMENTATION.managedIdentity,
} as const;
export const IMDS_UNREACHABLE = {
  reason: 'imds-unreachable',
  title: 'The metadata service cannot be reached',
  check: 'identity-provider',
  documentation: DOCUMENTATION.metadataService,
} as const;
export const MULTIPLE_IDENTITIES = {
  reason: 'multiple-identities',
  title: 'Several managed identities, and none is chosen',
  check: 'configuration',
} as const;
export const NO_SUBSCRIPTION = {
  reason: 'no-subscription',
  title: 'The identity sees no subscription',
  check: 'subscription',
} as const;
export const NOT_AUTHORIZED = {
  reason: 'not-authorized',
  title: 'The identity may not list resource groups',
  check: 'resource-groups',
} as const;
export const NOTHING_CONFIGURED = {
  reason: 'nothing-configured',
  title: 'No credential is configured',
  check: 'configuration',
  documentation: DOCUMENTATION.credentialChains,
} as const;
export const SERVICE_PRINCIPAL_MISSING = {
  reason: 'service-principal-missing',
  title: 'The application has no service principal in this tenant',
  check: 'token',
} as const;
export const TENANT_UNKNOWN = {
  reason: 'tenant-unknown',
  title: 'The tenant does not exist',
  check: 'token',
  documentation: aboutNumber,
} as const;
export const WRONG_CLOUD = {
  reason: 'wrong-cloud',
  title: 'The identity and the service are in different clouds',
  check: 'token',
} as const;
