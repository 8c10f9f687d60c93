import type { Evidence, Finding } from '../evidence.ts';

/** One entry of the catalogue: a failure, how it is recognised, and what to do about it. */
export interface Rule {
  /** A stable identifier; several rules may share one. */
  reason: string;
  /** The deciding finding, if this is the failure. */
  match: (evidence: Evidence) => Finding | undefined;
  /** One or two short sentences: what to do, then why. No command, no backtick. */
  hint: (evidence: Evidence, finding: Finding) => string;
  /** Complete lines for bash. */
  commands?: (evidence: Evidence, finding: Finding) => readonly string[];
  documentation?: string | ((finding: Finding, evidence: Evidence) => string);
}

export const DOCUMENTATION = {
  workloadIdentity: 'https://learn.microsoft.com/azure/aks/workload-identity-overview',
  identityBindings: 'https://learn.microsoft.com/azure/aks/identity-bindings-concepts',
  podIdentity: 'https://azure.github.io/aad-pod-identity/docs/troubleshooting/',
  managedIdentity: 'https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token',
  appService: 'https://learn.microsoft.com/azure/app-service/overview-managed-identity',
  arc: 'https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication',
  egress: 'https://learn.microsoft.com/azure/aks/outbound-rules-control-egress',
  roles: 'https://learn.microsoft.com/azure/role-based-access-control/troubleshooting',
  clouds: 'https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud',
  azureCli: 'https://learn.microsoft.com/cli/azure/authenticate-azure-cli',
  installAzureCli: 'https://learn.microsoft.com/cli/azure/install-azure-cli',
  azureCliProxy: 'https://learn.microsoft.com/cli/azure/use-azure-cli-successfully-troubleshooting',
  throttling: 'https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling',
  status: 'https://azure.status.microsoft',
  credentialChains: 'https://learn.microsoft.com/azure/developer/javascript/sdk/authentication/credential-chains',
  continuousAccess:
    'https://learn.microsoft.com/entra/identity/conditional-access/concept-continuous-access-evaluation-workload',
  denyAssignments: 'https://learn.microsoft.com/azure/role-based-access-control/deny-assignments',
  subscriptionStates: 'https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states',
  entraErrors: 'https://learn.microsoft.com/entra/identity-platform/reference-error-codes',
} as const;

/** The documentation of an error of Microsoft Entra ID. */
export function aboutNumber({ aadsts }: Finding): string {
  return aadsts === undefined ? DOCUMENTATION.entraErrors : `https://login.microsoftonline.com/error?code=${aadsts}`;
}
