import type { CheckName } from './checks.ts';
import type { Case, Evidence, Finding } from './evidence.ts';

/** What all rows of one reason share. */
export interface Reason {
  /** A stable identifier in kebab case: part of the interface. */
  reason: string;
  /** One phrase without values, at most 60 characters. */
  title: string;
  /** The check that this failure fails, or that this warning is about. */
  check: CheckName;
  documentation?: string | ((about: Case) => string);
}

/** One variant of a failure: how it is recognized, and what to say and do about it. Nothing in a row branches; what differs is another row. */
export interface Row extends Reason {
  /** The deciding finding, if this is the failure. */
  when: (evidence: Evidence) => Finding | undefined;
  /** One sentence: what is wrong here, with the actual values. At most 160 characters without them. */
  problem: (about: Case) => string;
  /** One or two short sentences: what to do. At most 200 characters without values. No command, no backtick. */
  hint: (about: Case) => string;
  /** Complete lines for bash, in order. Without any, nothing can be done in a terminal. */
  commands?: (about: Case) => readonly string[];
}

export const DOCUMENTATION = {
  workloadIdentity: 'https://learn.microsoft.com/azure/aks/workload-identity-overview',
  identityBindings: 'https://learn.microsoft.com/azure/aks/identity-bindings-concepts',
  podIdentity: 'https://learn.microsoft.com/azure/aks/workload-identity-migrate-from-pod-identity',
  managedIdentity: 'https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token',
  appService: 'https://learn.microsoft.com/azure/app-service/overview-managed-identity',
  containerApps: 'https://learn.microsoft.com/azure/container-apps/managed-identity',
  assignIdentity:
    'https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-configure-managed-identities',
  metadataService: 'https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service',
  containerAppsFirewall: 'https://learn.microsoft.com/azure/container-apps/use-azure-firewall',
  machineLearning: 'https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication',
  serviceFabric: 'https://learn.microsoft.com/azure/service-fabric/concepts-managed-identity',
  cloudShell: 'https://learn.microsoft.com/azure/cloud-shell/msi-authorization',
  arc: 'https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication',
  privateLink: 'https://learn.microsoft.com/azure/azure-resource-manager/management/create-private-link-access-portal',
  virtualNetworkIntegration: 'https://learn.microsoft.com/azure/app-service/overview-vnet-integration',
  containerAppsNetworking: 'https://learn.microsoft.com/azure/container-apps/networking',
  outboundAccess: 'https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access',
  aksEgress: 'https://learn.microsoft.com/azure/aks/outbound-rules-control-egress',
  proxy: 'https://learn.microsoft.com/azure/developer/javascript/sdk/use-azure-sdk#troubleshooting',
  roles: 'https://learn.microsoft.com/azure/role-based-access-control/troubleshooting',
  clouds: 'https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud',
  azureCli: 'https://learn.microsoft.com/cli/azure/authenticate-azure-cli',
  pipelines: 'https://learn.microsoft.com/azure/developer/github/connect-from-azure',
  azureDeveloperCli: 'https://learn.microsoft.com/azure/developer/azure-developer-cli/reference#azd-auth-login',
  azurePowerShell: 'https://learn.microsoft.com/powershell/azure/authenticate-azureps',
  installAzureCli: 'https://learn.microsoft.com/cli/azure/install-azure-cli',
  azureCliProxy: 'https://learn.microsoft.com/cli/azure/use-azure-cli-successfully-troubleshooting',
  throttling: 'https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling',
  status: 'https://azure.status.microsoft',
  credentialChains: 'https://learn.microsoft.com/azure/developer/javascript/sdk/authentication/credential-chains',
  continuousAccess:
    'https://learn.microsoft.com/entra/identity/conditional-access/concept-continuous-access-evaluation-workload',
  denyAssignments: 'https://learn.microsoft.com/azure/role-based-access-control/deny-assignments',
  subscriptionStates: 'https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states',
  subscriptionTransfer: 'https://learn.microsoft.com/azure/role-based-access-control/transfer-subscription',
  applications: 'https://learn.microsoft.com/entra/identity-platform/howto-create-service-principal-portal',
  certificates: 'https://aka.ms/azsdk/js/identity/environmentcredential/troubleshoot',
  conditionalAccessWorkloads: 'https://learn.microsoft.com/entra/identity/conditional-access/workload-identity',
  conditionalAccess: 'https://learn.microsoft.com/entra/identity/conditional-access/troubleshoot-conditional-access',
  tenantRestrictions: 'https://learn.microsoft.com/entra/external-id/tenant-restrictions-v2',
  tokenProtection: 'https://learn.microsoft.com/entra/identity/conditional-access/concept-token-protection',
  entraErrors: 'https://learn.microsoft.com/entra/identity-platform/reference-error-codes',
} as const;

/** The documentation of an error of Microsoft Entra ID. */
export function aboutNumber({ finding: { aadsts } }: Case): string {
  return aadsts === undefined ? DOCUMENTATION.entraErrors : `https://login.microsoftonline.com/error?code=${aadsts}`;
}
