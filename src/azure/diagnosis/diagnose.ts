import { type AzureFailure, errorMessage, type OriginalError, originalError } from '../errors.ts';
import type { Attempt } from '../identity/attempt.ts';
import { readIdentity } from '../identity/claims.ts';
import type { TokenCache } from '../identity/token-cache.ts';
import type { Facts } from './facts.ts';
import {
  aboutNumber,
  annotate,
  askedEntra,
  askedImds,
  assignReader,
  attempted,
  azureCli,
  binding,
  type Clue,
  clientId,
  type Evidence,
  entraNumber,
  entraSays,
  hasCode,
  hasNoToken,
  hostOf,
  imdsAnswers,
  isLabelled,
  isSet,
  notInjected,
  ofKind,
  pendingAzureCli,
  pendingManagedIdentity,
  placeOf,
  projected,
  proxyVariable,
  resourceManagerSays,
  said,
  serviceAccount,
  shown,
  silent,
  skewed,
  skewOf,
  symptomOf,
  tenantId,
  tokenFile,
  unreachable,
  workloadIdentity,
} from './match.ts';
import { isNodeIdentity, nodeIdentityHint } from './node-identity.ts';

/** Why there is no list, and what to do about it. */
export interface Diagnosis {
  /** One stable token. */
  reason: string;
  /** One sentence that says what to do. */
  hint: string;
  documentation?: string;
  /** What was said by whoever failed, untouched. */
  detail: string;
  /** The error that decided it. */
  original: OriginalError;
  /** What each credential came to, in the order of the chain; empty where there is a token. */
  attempts: Pick<Attempt, 'name' | 'outcome' | 'message' | 'exchange'>[];
  facts: Facts;
}

export type Diagnose = (failure: AzureFailure) => Promise<Diagnosis>;

interface Entry {
  reason: string;
  /** The clue that this entry goes by, if it is there. */
  find: (evidence: Evidence) => Clue | undefined;
  hint: (evidence: Evidence, clue: Clue) => string;
  documentation?: string | ((clue: Clue, evidence: Evidence) => string);
}

const WORKLOAD_IDENTITY = 'https://learn.microsoft.com/azure/aks/workload-identity-overview';
const IDENTITY_BINDINGS = 'https://learn.microsoft.com/azure/aks/identity-bindings-concepts';
const POD_IDENTITY = 'https://azure.github.io/aad-pod-identity/docs/troubleshooting/';
const MANAGED_IDENTITY =
  'https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token';
const EGRESS = 'https://learn.microsoft.com/azure/aks/outbound-rules-control-egress';
const ROLES = 'https://learn.microsoft.com/azure/role-based-access-control/troubleshooting';
const CLOUDS = 'https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud';
const AZURE_CLI = 'https://learn.microsoft.com/cli/azure/authenticate-azure-cli';
const THROTTLING = 'https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling';
const STATUS = 'https://azure.status.microsoft';

/**
 * The catalogue of failures. The first entry that finds its clue is the diagnosis; what is more particular stands before what is
 * more general, and what was configured for this pod before what is only there in case. Hints are advice and steer nothing:
 * Microsoft warns that the texts and numbers that some go by may change.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export const CATALOGUE: Entry[] = [
  // The files and variables that the Workload ID webhook injects.
  {
    reason: 'token-file-missing',
    find: tokenFile('ENOENT', 'ENOTDIR'),
    hint: (e) =>
      'Remove AZURE_FEDERATED_TOKEN_FILE from the manifest, let the webhook set it, and recreate the pod: ' +
      `${projected(e).file} does not exist.`,
    documentation: WORKLOAD_IDENTITY,
  },
  {
    reason: 'token-file-malformed',
    find: tokenFile('is empty', 'does not hold a JWT'),
    hint: (e) => `Recreate the pod: the projected token ${projected(e).file} ${projected(e).problem}.`,
    documentation: WORKLOAD_IDENTITY,
  },
  {
    reason: 'token-file-unreadable',
    find: (e) => (e.facts.projectedToken?.problem === undefined ? undefined : workloadIdentity(e)),
    hint: (e) =>
      "Set fsGroup in the pod's securityContext, or run as a user that may read the projected token: " +
      `${projected(e).file} cannot be read (${projected(e).problem}).`,
    documentation: WORKLOAD_IDENTITY,
  },
  {
    reason: 'client-id-missing',
    find: (e) => (e.facts.projectedToken && !isSet(e, 'AZURE_CLIENT_ID') ? workloadIdentity(e) : undefined),
    hint: (e) =>
      `Run \`${annotate(e, 'client-id')}\` and recreate the pod: there is a projected token, but no AZURE_CLIENT_ID, ` +
      'which is injected when a pod is created.',
    documentation: WORKLOAD_IDENTITY,
  },
  {
    reason: 'tenant-id-missing',
    find: (e) => (e.facts.projectedToken && !isSet(e, 'AZURE_TENANT_ID') ? workloadIdentity(e) : undefined),
    hint: (e) =>
      `Run \`${annotate(e, 'tenant-id')}\` and recreate the pod: there is a projected token, but no AZURE_TENANT_ID.`,
    documentation: WORKLOAD_IDENTITY,
  },

  // An identity binding goes first in the chain; what follows it fails for reasons of its own, the token's audience above all.
  {
    reason: 'identity-binding-not-permitted',
    find: (e) => binding(e, ({ exchange }) => exchange?.status === 403 && /^\s*\{/.test(exchange.body ?? '')),
    hint: (e) =>
      `Apply a ClusterRole (apiGroups: [cid.wi.aks.azure.com], resources: [${clientId(e)}], verbs: [use-managed-identity]) ` +
      `and bind it to the service account ${serviceAccount(e).join('/')}, which may not use the identity.`,
    documentation: IDENTITY_BINDINGS,
  },
  {
    reason: 'identity-binding-broken',
    find: (e) => binding(e, (attempt) => entraNumber(attempt) === undefined),
    hint: (e) =>
      'Check `az aks identity-binding list -g <group> --cluster-name <cluster>`, the variables AZURE_KUBERNETES_* and, ' +
      `if there is a proxy, that NO_PROXY names ${hostOf(e.facts.cloud.authorityHost)}: the token proxy gave no token.`,
    documentation: IDENTITY_BINDINGS,
  },

  // Microsoft Entra ID was asked and said no.
  {
    reason: 'wrong-tenant',
    find: (e) => resourceManagerSays(e, 'InvalidAuthenticationTokenTenant'),
    hint: (e) =>
      'Use an identity of the tenant of the subscription, on a laptop `az login --tenant <tenant>`: the token is of ' +
      `tenant ${shown(e.identity?.tenantId)}, the subscription ${shown(e.failure.subscriptionId)} of another one.`,
    documentation: ROLES,
  },
  {
    reason: 'wrong-cloud',
    find: (e) =>
      entraSays(900382, 900432, 900439, 500011)(e) ?? resourceManagerSays(e, 'InvalidAuthenticationTokenAudience'),
    hint: (e) =>
      "Set AZURE_AUTHORITY_HOST to that of the identity's cloud: " +
      `${e.facts.cloud.authorityHost} and ${e.facts.cloud.resourceManager}, in use now, do not take it.`,
    documentation: CLOUDS,
  },
  {
    reason: 'clock-skew',
    find: (e) => skewed(e, entraSays(700024)(e) ?? ofKind('token-rejected')(e)),
    hint: (e, clue) =>
      `Correct the time of the node (chronyc tracking): its clock is ${skewOf(e, clue)} Azure's, ` +
      'by which the validity of a token is judged.',
    documentation: aboutNumber,
  },
  {
    reason: 'assertion-expired',
    find: entraSays(700024),
    hint: (e) =>
      'Recreate the pod, and look at the kubelet of its node if that does not help: the token of the service account is ' +
      `not valid now (now ${e.facts.now}, valid from ${shown(projected(e).nbf)} to ${shown(projected(e).exp)}).`,
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-issuer',
    find: entraSays(700211),
    hint: (e) =>
      `Add a federated credential with the issuer ${shown(projected(e).iss)} (mind the trailing slash) to the identity ` +
      `${clientId(e)}: none is for this cluster; a recreated cluster has a new issuer.`,
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-subject',
    find: entraSays(700213),
    hint: (e) =>
      `Add a federated credential with the subject ${shown(projected(e).sub)} to the identity ${clientId(e)}, ` +
      'or run the pod under the service account that an existing one names: none has this subject.',
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-case',
    find: entraSays(7002138),
    hint: (e) =>
      `Write the federated credential of the identity ${clientId(e)} exactly like this, upper and lower case included: ` +
      `issuer ${shown(projected(e).iss)}, subject ${shown(projected(e).sub)}, audience ${shown(projected(e).aud)}.`,
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-audience',
    find: entraSays(700212),
    hint: (e) =>
      [projected(e).aud].flat().includes('api://AKSIdentityBinding')
        ? 'Recreate the pod: its token has the audience api://AKSIdentityBinding, which only the token proxy of an AKS ' +
          'identity binding takes, but AZURE_KUBERNETES_TOKEN_PROXY is not set.'
        : `Give the federated credential of the identity ${clientId(e)} and the projected token the same audience, ` +
          `api://AzureADTokenExchange: the token has ${shown(projected(e).aud)}.`,
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-missing',
    find: entraSays(70021, 70025),
    hint: (e) =>
      'Run `az identity federated-credential create -g <group> --identity-name <name> --name rgapi --issuer ' +
      `${shown(projected(e).iss)} --subject ${shown(projected(e).sub)} --audiences ${shown(projected(e).aud)}\` ` +
      `for the identity ${clientId(e)}, and allow a minute: it has no such federated credential.`,
    documentation: aboutNumber,
  },
  {
    reason: 'client-id-unknown',
    find: entraSays(700016),
    hint: (e) =>
      'Set AZURE_CLIENT_ID, or the annotation azure.workload.identity/client-id of the service account, to the clientId ' +
      'that `az identity show -g <group> -n <name>` prints, and recreate the pod: ' +
      `tenant ${tenantId(e)} has no application ${clientId(e)} (an object id? a resource id? a deleted identity?).`,
    documentation: aboutNumber,
  },
  {
    reason: 'tenant-unknown',
    find: (e) => entraSays(90002, 900023)(e) ?? said(e, /Invalid tenant id/),
    hint: (e) =>
      'Correct AZURE_TENANT_ID, or the annotation azure.workload.identity/tenant-id of the service account, and recreate ' +
      `the pod: ${tenantId(e)} is no tenant of ${e.facts.cloud.authorityHost}.`,
    documentation: aboutNumber,
  },
  {
    reason: 'issuer-unreachable',
    find: (e) => entraSays(90061)(e) ?? said(e, /External OIDC endpoint/),
    hint: (e) =>
      `Run \`curl ${shown(projected(e).iss).replace(/\/?$/, '/')}.well-known/openid-configuration\` from outside of the ` +
      'cluster: Entra cannot fetch its signing keys from there, so that the issuer must become public.',
    documentation: aboutNumber,
  },
  {
    reason: 'client-secret-refused',
    find: entraSays(7000215, 7000222),
    hint: (e) =>
      `Set AZURE_CLIENT_SECRET to the value (not the id) of a current secret of the application ${clientId(e)}, ` +
      'or better, use Workload ID, which needs none: this one is wrong or has expired.',
    documentation: aboutNumber,
  },
  {
    reason: 'az-not-logged-in',
    find: (e) => azureCli(e, /az login/, /could not be found/),
    hint: () => 'Run `az login`, then ask again, no restart is needed: nobody is logged in, or the login has expired.',
    documentation: AZURE_CLI,
  },
  {
    reason: 'entra-throttled',
    find: (e) => askedEntra(e, ({ status }) => status === 429) ?? entraSays(90055)(e),
    hint: () =>
      'Wait a minute, then ask again: Microsoft Entra ID throttles, and the SDK waits as long as it was told to.',
    documentation: aboutNumber,
  },
  {
    reason: 'entra-refused',
    find: (e) => attempted(e, (attempt) => entraNumber(attempt) !== undefined && (attempt.exchange?.status ?? 0) < 500),
    hint: (_, clue) =>
      `Follow "documentation" to what AADSTS${entraNumber(clue)} means: Microsoft Entra ID refused a token with it.`,
    documentation: aboutNumber,
  },

  // Nobody was reached, or somebody else.
  {
    reason: 'proxy-failed',
    find: (e) => unreachable(e, ({ host }) => e.facts.proxy.hosts.includes(host)),
    hint: (e, clue) =>
      `Let the proxy of ${proxyVariable(e)} pass ${placeOf(e, clue)}, or name that host in NO_PROXY: ` +
      `it cannot be reached through the proxy (${symptomOf(e, clue)}).`,
    documentation: EGRESS,
  },
  {
    reason: 'dns-failure',
    find: (e) => unreachable(e, hasCode(/^(ENOTFOUND|EAI_\w+)$/)),
    hint: (e, clue) =>
      `Check DNS from this pod (CoreDNS, network policies for port 53, private DNS zones): ` +
      `the name ${placeOf(e, clue)} cannot be resolved (${symptomOf(e, clue)}).`,
    documentation: EGRESS,
  },
  {
    reason: 'certificate-expired',
    find: (e) => unreachable(e, hasCode(/CERT_(HAS_EXPIRED|NOT_YET_VALID)/)),
    hint: (e, clue) =>
      `Check the clock of this machine: the certificate of ${placeOf(e, clue)} is not valid now (${symptomOf(e, clue)}); ` +
      'if the clock is right, something on the way presents a bad one.',
    documentation: EGRESS,
  },
  {
    reason: 'tls-intercepted',
    find: (e) => unreachable(e, hasCode(/CERT|SELF_SIGNED|UNABLE_TO_|INVALID_CA|HOSTNAME_MISMATCH|TLS|SSL|EPROTO/)),
    hint: (e, clue) =>
      "Mount the CA certificate of your company's proxy, set NODE_EXTRA_CA_CERTS to its path and restart: the certificate " +
      `of ${placeOf(e, clue)} is not trusted (${symptomOf(e, clue)}), so that something on the way probably intercepts TLS.`,
    documentation: EGRESS,
  },
  {
    reason: 'egress-blocked',
    find: (e) => unreachable(e, hasCode(/^(ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/)),
    hint: (e, clue) =>
      'Check firewall, network policies and routes of this pod: ' +
      `${placeOf(e, clue)}, port 443, cannot be reached (${symptomOf(e, clue)}).`,
    documentation: EGRESS,
  },
  {
    reason: 'connection-broken',
    find: (e) => unreachable(e, ({ status }) => status === undefined),
    hint: (e, clue) =>
      'Ask again, and look for what cuts connections on the way if it lasts (firewall, service mesh, proxy): ' +
      `that to ${placeOf(e, clue)} broke off (${symptomOf(e, clue)}).`,
    documentation: EGRESS,
  },
  {
    reason: 'entra-broken',
    find: (e) => askedEntra(e, ({ status }) => status !== undefined),
    hint: (e, clue) =>
      `Look for a proxy or captive portal on the way to ${placeOf(e, clue)}, or for an outage (${STATUS}): ` +
      `it answered ${symptomOf(e, clue)}, but neither with a token nor with a reason.`,
    documentation: STATUS,
  },

  // Labels that the pod lacks, or that did nothing.
  {
    reason: 'pod-label-missing',
    find: (e) => (isLabelled(e) === false && !e.facts.podLabels?.aadpodidbinding ? notInjected(e) : undefined),
    hint: (e) =>
      'Put the label azure.workload.identity/use: "true" (Workload ID) or aadpodidbinding (pod identity) on the pod itself, ' +
      'in a Deployment on spec.template.metadata.labels, and recreate it: ' +
      (e.facts.podLabels?.['azure.workload.identity/use']
        ? `"${e.facts.podLabels['azure.workload.identity/use']}" is not "true".`
        : "neither is among this pod's labels."),
    documentation: WORKLOAD_IDENTITY,
  },
  {
    reason: 'webhook-missed',
    find: (e) =>
      (isLabelled(e) ?? !imdsAnswers(e)) && !e.facts.podLabels?.aadpodidbinding ? notInjected(e) : undefined,
    hint: (e) =>
      e.facts.podLabels
        ? 'Run `az aks update -g <group> -n <cluster> --enable-oidc-issuer --enable-workload-identity` if the cluster lacks ' +
          'it, then recreate the pod: it has the label azure.workload.identity/use, but nothing was injected ' +
          '(so it is in kube-system, too, and where the annotation skip-containers names this container).'
        : 'Put the label azure.workload.identity/use: "true" on the pod itself, in a Deployment on ' +
          'spec.template.metadata.labels, and recreate it: the Workload ID webhook did not touch this pod.',
    documentation: WORKLOAD_IDENTITY,
  },

  // The metadata service of the node, or NMI before it; on a laptop somebody else may answer in its place.
  {
    reason: 'identity-not-found',
    find: (e) => said(e, /Identity not found|no azure identity found/i),
    hint: (e) => {
      const identity = isSet(e, 'AZURE_CLIENT_ID') ? `the identity ${clientId(e)}` : 'an identity';
      if (!e.facts.kubernetes) {
        return `Assign ${identity} to this machine, or correct AZURE_CLIENT_ID: its metadata service has no such identity.`;
      }
      const asked = `the metadata service of the node was asked for ${identity} and has none`;
      const assigned = 'look at `kubectl get azureassignedidentities -A` after a minute (pod identity)';
      return e.facts.podLabels?.aadpodidbinding
        ? `Wait, and ${assigned}: ${asked}.`
        : `Put the label azure.workload.identity/use: "true" on the pod and recreate it (Workload ID), or ${assigned}: ${asked}.`;
    },
    documentation: (_, e) => (e.facts.podLabels?.aadpodidbinding ? POD_IDENTITY : MANAGED_IDENTITY),
  },
  {
    reason: 'multiple-identities',
    find: (e) => said(e, /Multiple user assigned identities exist/i),
    hint: (e) =>
      (e.facts.kubernetes ? 'Label the pod for Workload ID and recreate it, or set' : 'Set') +
      ' AZURE_CLIENT_ID to choose one: it is the node that answered, and it has several identities.',
    documentation: (_, e) => (e.facts.kubernetes ? WORKLOAD_IDENTITY : MANAGED_IDENTITY),
  },
  {
    reason: 'az-not-installed',
    find: (e) => azureCli(e, /could not be found/),
    hint: (e) =>
      e.facts.container
        ? 'Use an image that has the Azure CLI, with your ~/.azure mounted, or run `npm start` on the host: there is no `az` here.'
        : 'Install the Azure CLI and run `az login`, then ask again: there is no `az` on the PATH of this process.',
    documentation: 'https://learn.microsoft.com/cli/azure/install-azure-cli',
  },
  {
    reason: 'az-config-unusable',
    find: (e) => azureCli(e, /Permission denied|Read-only file system/),
    hint: (_, { message }) => {
      const [, path] = /(?:Permission denied|Read-only file system): '([^']+)'/.exec(message) ?? [];
      return /Read-only file system/.test(message)
        ? `Mount the directory of your az login writable, without :ro: the Azure CLI has to write there (${shown(path)}).`
        : 'Run the container as yourself and mount your az login (--user "$(id -u):$(id -g)" -v "$HOME/.azure:/azure"): ' +
            `the Azure CLI may not use ${shown(path)}.`;
    },
    documentation: AZURE_CLI,
  },
  {
    reason: 'az-failed',
    find: (e) => azureCli(e, /./) ?? pendingAzureCli(e),
    hint: () =>
      'Run `az account get-access-token` in a terminal: the Azure CLI is there, but gave no token, or none yet.',
    documentation: AZURE_CLI,
  },
  {
    reason: 'imds-proxied',
    find: (e) => (e.facts.proxy.hosts.includes(e.facts.metadataService) ? askedImds(e, () => true) : undefined),
    hint: (e) =>
      `Add ${e.facts.metadataService}, literally, to NO_PROXY: ${proxyVariable(e)} sends requests for the node's metadata ` +
      'service to a proxy, and the Azure SDK understands neither address ranges nor * there.',
    documentation: MANAGED_IDENTITY,
  },
  {
    reason: 'identity-pending',
    find: (e) =>
      e.facts.kubernetes
        ? (askedImds(e, ({ status }) => status === 404) ??
          said(e, /AzureAssignedIdentity|in (CREATED|ASSIGNED) state/) ??
          pendingManagedIdentity(e))
        : undefined,
    hint: () =>
      'Wait a minute, then look at the label aadpodidbinding, the selector of the AzureIdentityBinding and ' +
      '`kubectl get azureassignedidentities -A`: NMI has no identity for this pod yet (pod identity is retired: plan for Workload ID).',
    documentation: POD_IDENTITY,
  },
  {
    reason: 'imds-refused',
    find: (e) => askedImds(e, ({ status }) => status !== undefined),
    hint: (e, clue) =>
      'Ask again' +
      (e.facts.kubernetes
        ? ', and read the log of the NMI pod of this node if it lasts (kubectl get pods -A -o wide | grep nmi)'
        : '') +
      `: the metadata service answered ${symptomOf(e, clue)}.`,
    documentation: MANAGED_IDENTITY,
  },
  {
    reason: 'imds-unreachable',
    find: (e) => askedImds(e, () => true),
    hint: (e) =>
      e.facts.kubernetes
        ? `Use Workload ID: nothing answers at ${e.facts.metadataService}, because NMI does not run on this node, or a ` +
          'network policy or the IMDS restriction of AKS is in the way.'
        : `Let AZURE_TOKEN_CREDENTIALS allow a credential that works here: nothing answers at ${e.facts.metadataService}, ` +
          'so that this is no machine in Azure.',
    documentation: MANAGED_IDENTITY,
  },
  {
    reason: 'token-timeout',
    find: (e) => silent(e) ?? ofKind('token-timeout')(e),
    hint: (e) =>
      'Ask again, and look for a firewall or network policy that swallows packets if it lasts: ' +
      `${silent(e)?.name ?? 'the chain of credentials'} has not answered yet.`,
    documentation: EGRESS,
  },
  {
    reason: 'nothing-configured',
    find: (e) =>
      hasNoToken(e.failure) && e.attempts.every(({ outcome }) => outcome === 'unavailable') ? e.attempts[0] : undefined,
    hint: (e) =>
      `Configure one of ${e.attempts.map(({ name }) => name).join(', ')}, or let AZURE_TOKEN_CREDENTIALS ` +
      `(${e.facts.variables['AZURE_TOKEN_CREDENTIALS'] ?? 'unset'}) allow another credential: none of these has anything to go by here.`,
    documentation: 'https://learn.microsoft.com/azure/developer/javascript/sdk/authentication/credential-chains',
  },

  // There is a token.
  {
    reason: 'node-identity',
    find: (e) =>
      isNodeIdentity(e.identity, e.facts) ? (ofKind('no-subscription')(e) ?? ofKind('not-authorized')(e)) : undefined,
    hint: (e) => nodeIdentityHint(e.identity),
    documentation: WORKLOAD_IDENTITY,
  },
  {
    reason: 'subscription-not-found',
    find: (e) => resourceManagerSays(e, 'SubscriptionNotFound'),
    hint: (e) =>
      'Correct AZURE_SUBSCRIPTION_ID, or leave it out to take the first subscription that the identity sees: ' +
      `${shown(e.failure.subscriptionId)} is gone, or not in tenant ${shown(e.identity?.tenantId)}.`,
    documentation: ROLES,
  },
  {
    reason: 'no-subscription',
    find: ofKind('no-subscription'),
    hint: (e) => `Run \`${assignReader(e)}\` and allow up to 10 minutes: the identity works, but sees no subscription.`,
    documentation: ROLES,
  },
  {
    reason: 'not-authorized',
    find: ofKind('not-authorized'),
    hint: (e) =>
      `Run \`${assignReader(e)}\` and allow up to 10 minutes (up to a day where the role comes through a group): ` +
      'the token is fine, the role is missing.',
    documentation: ROLES,
  },
  {
    reason: 'token-rejected',
    find: ofKind('token-rejected'),
    hint: () =>
      'Ask again, which brings a new token, and read "detail" if it lasts: Azure Resource Manager refused this one.',
    documentation: ROLES,
  },
  {
    reason: 'throttled',
    find: ofKind('throttled'),
    hint: (e) =>
      `Ask again in ${shown(e.failure.retryAfterSeconds)} seconds: ` +
      'Azure Resource Manager throttles this identity or its subscription.',
    documentation: THROTTLING,
  },
  {
    reason: 'timeout',
    find: ofKind('timeout'),
    hint: () =>
      'Ask again, look for an outage, or allow more time with AZURE_DEADLINE_MS: Azure Resource Manager was too slow.',
    documentation: STATUS,
  },
  {
    reason: 'broken',
    find: ofKind('broken'),
    hint: () =>
      'Ask again in a minute, and look for an outage, or for a captive portal or proxy on the way: ' +
      'what came from Azure Resource Manager makes no sense.',
    documentation: STATUS,
  },
];

const UNKNOWN_HINT =
  'Read "detail", and open an issue with this document if that does not help (it has ids, but no secrets): ' +
  'nobody foresaw this failure.';

/** Makes the diagnosis; it never fails itself, and nothing it does asks Azure. */
export function createDiagnosis(credential: TokenCache, gatherFacts: () => Promise<Facts>): Diagnose {
  return async (failure) => {
    // As they were when it failed; or as they are now, while an acquisition is under way.
    const attempts = failure.attempts || credential.attempts().map((attempt) => ({ ...attempt }));
    const facts = await gatherFacts();
    const token = credential.latestToken();
    const evidence: Evidence = { failure, attempts, facts, identity: token && readIdentity(token.token) };
    const { clue, ...found } = recognise(evidence);
    return {
      ...found,
      detail: (clue instanceof Error ? errorMessage(clue) : clue.message) || failure.message,
      original: originalOf(clue, failure),
      attempts: (hasNoToken(failure) ? attempts : []).map(({ error, ...said }) => said),
      facts,
    };
  };
}

function recognise(evidence: Evidence): Pick<Diagnosis, 'reason' | 'hint' | 'documentation'> & { clue: Clue } {
  for (const { reason, find, hint, documentation } of CATALOGUE) {
    try {
      const clue = find(evidence);
      if (!clue) continue;
      const about = typeof documentation === 'function' ? documentation(clue, evidence) : documentation;
      return { reason, hint: hint(evidence, clue), ...(about !== undefined && { documentation: about }), clue };
    } catch {
      // An entry that fails at evidence of a form that nobody foresaw does not recognise it.
    }
  }
  return {
    reason: 'unknown',
    hint: UNKNOWN_HINT,
    clue: attempted(evidence, ({ outcome }) => outcome === 'failed') ?? evidence.failure,
  };
}

function originalOf(clue: Clue, failure: Error): OriginalError {
  if (clue instanceof Error) return originalError(clue.cause ?? clue);
  if (clue.error !== undefined) return originalError(clue.error);
  return originalError(failure.cause ?? failure);
}
