import type { Attempt, Exchange } from './chain.ts';
import { type Identity, readIdentity } from './claims.ts';
import type { Credential } from './credential.ts';
import type { Facts, ProjectedToken } from './facts.ts';
import { AzureFailure, errorChain, type IdentityFailure, type OriginalError, originalError } from './failure.ts';
import { ResourceManagerError } from './resource-manager.ts';

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
  attempts: { name: string; outcome: Attempt['outcome']; message: string }[];
  facts: Facts;
}

export type Diagnose = (failure: IdentityFailure | AzureFailure) => Promise<Diagnosis>;

/** What a diagnosis is made from. */
interface Evidence {
  failure: IdentityFailure | AzureFailure;
  attempts: readonly Attempt[];
  facts: Facts;
  /** Who the latest token says we are, if there was one. */
  identity: Identity | undefined;
}

/** What one who failed said: an attempt, or an error. */
type Clue = Attempt | Error;

interface Entry {
  reason: string;
  /** The clue that this entry goes by, if it is there. */
  find: (evidence: Evidence) => Clue | undefined;
  hint: (evidence: Evidence, clue: Clue) => string;
  documentation?: string | ((clue: Clue) => string);
}

const ENTRA_ERRORS = 'https://learn.microsoft.com/entra/identity-platform/reference-error-codes';
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

/** From here on a clock is off, however much a server tolerates: Microsoft Entra ID five minutes, others less. */
const SKEW_SECONDS = 60;

/**
 * The catalogue of failures. The first entry that finds its clue is the diagnosis; what is more particular stands before what is
 * more general, and what was configured for this pod before what is only there in case. Hints are advice and steer nothing:
 * Microsoft warns that the texts and numbers that some go by may change.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export const CATALOGUE: Entry[] = [
  // An identity binding goes first in the chain; what follows it fails for its own reasons, the token's audience above all.
  {
    reason: 'identity-binding-not-permitted',
    find: (e) => binding(e, (attempt) => attempt.exchange?.status === 403),
    hint: (e) =>
      `Allow ${subject(e)} to use the identity: a ClusterRole with the verb use-managed-identity on ` +
      `cid.wi.aks.azure.com/${clientId(e)}, bound to that service account.`,
    documentation: IDENTITY_BINDINGS,
  },
  {
    reason: 'identity-binding-broken',
    find: (e) => binding(e, (attempt) => entraNumber(attempt) === undefined),
    hint: () =>
      'The proxy of AKS identity bindings gave no token: check its AZURE_KUBERNETES_* variables, that NO_PROXY names ' +
      'login.microsoftonline.com if a proxy is set, and `az aks identity-binding list` for this cluster.',
    documentation: IDENTITY_BINDINGS,
  },

  // The files and variables that the Workload ID webhook injects.
  {
    reason: 'token-file-missing',
    find: tokenFile('ENOENT'),
    hint: (e) =>
      `The projected token ${projected(e).file} does not exist: is this container in the annotation skip-containers, ` +
      'or does a manifest hard-code the path of an older webhook?',
    documentation: WORKLOAD_IDENTITY,
  },
  {
    reason: 'token-file-unreadable',
    find: tokenFile('EACCES', 'EPERM', 'EISDIR', 'is not a file'),
    hint: (e) =>
      `The projected token ${projected(e).file} cannot be read (${projected(e).problem}): ` +
      "set fsGroup in the pod's securityContext, or run as a user that may read it.",
    documentation: WORKLOAD_IDENTITY,
  },
  {
    reason: 'token-file-malformed',
    find: tokenFile('is empty', 'does not hold a JWT'),
    hint: (e) =>
      `The projected token ${projected(e).file} ${projected(e).problem}: the kubelet has not written it (yet); ` +
      'recreate the pod if it stays so.',
    documentation: WORKLOAD_IDENTITY,
  },
  {
    reason: 'client-id-missing',
    find: (e) => (e.facts.projectedToken && !isSet(e, 'AZURE_CLIENT_ID') ? workloadIdentity(e) : undefined),
    hint: (e) =>
      `Annotate the service account ${subject(e)} with azure.workload.identity/client-id and recreate the pod: ` +
      'there is a projected token, but no AZURE_CLIENT_ID, which is injected when a pod is created.',
    documentation: WORKLOAD_IDENTITY,
  },
  {
    reason: 'tenant-id-missing',
    find: (e) => (e.facts.projectedToken && !isSet(e, 'AZURE_TENANT_ID') ? workloadIdentity(e) : undefined),
    hint: (e) =>
      `Set AZURE_TENANT_ID, or annotate the service account ${subject(e)} with azure.workload.identity/tenant-id and ` +
      'recreate the pod: there is a projected token, but no tenant.',
    documentation: WORKLOAD_IDENTITY,
  },

  // Microsoft Entra ID was asked and said no.
  {
    reason: 'clock-skew',
    find: (e) => skewed(e),
    hint: (e) =>
      `The clock of this node is ${skewOf(e)}: a token is refused as not valid now; ` +
      'correct the time of the node (chrony), then wait for a new token.',
    documentation: aboutNumber,
  },
  {
    reason: 'assertion-expired',
    find: entraSays(700024),
    hint: (e) =>
      `The service account's token is not valid now (now ${e.facts.now}, valid from ${shown(projected(e).nbf)} to ` +
      `${shown(projected(e).exp)}): the kubelet did not renew it, or a clock is off; recreate the pod.`,
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-issuer',
    find: entraSays(700211),
    hint: (e) =>
      `Set the issuer of the federated credential of ${clientId(e)} to ${shown(projected(e).iss)}, ` +
      "this cluster's, with its trailing slash; it changes when the cluster is made anew.",
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-subject',
    find: entraSays(700213),
    hint: (e) =>
      `Set the subject of the federated credential of ${clientId(e)} to ${shown(projected(e).sub)}: ` +
      'it names another namespace or service account.',
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-case',
    find: entraSays(7002138),
    hint: (e) =>
      `Write the federated credential of ${clientId(e)} exactly like issuer ${shown(projected(e).iss)}, ` +
      `subject ${shown(projected(e).sub)}, audience ${shown(projected(e).aud)}: upper and lower case matter.`,
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-audience',
    find: entraSays(700212),
    hint: (e) =>
      [projected(e).aud].flat().includes('api://AKSIdentityBinding')
        ? 'The token has the audience api://AKSIdentityBinding, which only the proxy of AKS identity bindings takes: ' +
          'AZURE_KUBERNETES_TOKEN_PROXY must be set; recreate the pod with its annotation use-identity-binding.'
        : `The token has the audience ${shown(projected(e).aud)}, the federated credential of ${clientId(e)} ` +
          'another one: both must say api://AzureADTokenExchange.',
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-missing',
    find: entraSays(70021),
    hint: (e) =>
      `Create a federated credential on ${clientId(e)} with exactly issuer ${shown(projected(e).iss)}, ` +
      `subject ${shown(projected(e).sub)}, audience ${shown(projected(e).aud)}; a new one can take a minute.`,
    documentation: aboutNumber,
  },
  {
    reason: 'client-id-unknown',
    find: entraSays(700016),
    hint: (e) =>
      `AZURE_CLIENT_ID (${clientId(e)}) must be the identity's client id, neither its object id nor its resource id, ` +
      `and its tenant must be ${tenantId(e)}.`,
    documentation: aboutNumber,
  },
  {
    reason: 'tenant-unknown',
    find: (e) => entraSays(90002, 900023)(e) ?? said(e, /Invalid tenant id/),
    hint: (e) =>
      `AZURE_TENANT_ID (${tenantId(e)}) is no tenant of ${e.facts.cloud.authorityHost}: correct it, or the annotation ` +
      'azure.workload.identity/tenant-id of the service account, and recreate the pod.',
    documentation: aboutNumber,
  },
  {
    reason: 'issuer-unreachable',
    find: (e) => entraSays(90061)(e) ?? said(e, /External OIDC endpoint/),
    hint: (e) =>
      `Make ${String(projected(e).iss ?? '(the issuer)/').replace(/\/?$/, '/')}.well-known/openid-configuration ` +
      "public: Entra cannot fetch the cluster's signing keys from there (az aks update --enable-oidc-issuer).",
    documentation: aboutNumber,
  },
  {
    reason: 'wrong-cloud',
    find: (e) => entraSays(900382, 900432, 500011)(e) ?? managerSays(e, 'InvalidAuthenticationTokenAudience'),
    hint: (e) =>
      `Set AZURE_AUTHORITY_HOST to the cloud that the tenant is in: it chooses ${e.facts.cloud.authorityHost} and ` +
      `${e.facts.cloud.resourceManager}, which do not take this identity.`,
    documentation: CLOUDS,
  },
  {
    reason: 'client-secret-refused',
    find: entraSays(7000215, 7000222),
    hint: (e) =>
      `AZURE_CLIENT_SECRET is not, or no longer, a secret of the application ${clientId(e)}: ` +
      'set the value (not the id) of a current one, or better, use no secret at all (Workload ID).',
    documentation: aboutNumber,
  },
  {
    reason: 'az-not-logged-in',
    find: (e) => onLaptop(e, 'AzureCliCredential', /az login/, /could not be found/),
    hint: () => 'Run `az login` (its session is missing or has expired), then ask again; no restart is needed.',
    documentation: AZURE_CLI,
  },
  {
    reason: 'entra-throttled',
    find: (e) => askedEntra(e, ({ status }) => status === 429),
    hint: () => 'Microsoft Entra ID throttles: wait a minute; MSAL asks nobody before the time it was told has passed.',
    documentation: aboutNumber,
  },
  {
    reason: 'entra-refused',
    find: (e) => attempted(e, (attempt) => entraNumber(attempt) !== undefined),
    hint: (_, clue) =>
      `Microsoft Entra ID refused with AADSTS${entraNumber(clue)}: look the number up under "documentation".`,
    documentation: aboutNumber,
  },

  // Nobody was reached, or somebody else.
  {
    reason: 'imds-proxied',
    find: (e) => (e.facts.proxy.hosts.includes(e.facts.metadataService) ? askedImds(e, () => true) : undefined),
    hint: (e) =>
      `Add ${e.facts.metadataService}, literally, to NO_PROXY: ${proxyVariables(e)} sends requests for the node's metadata service to ` +
      'a proxy, and the Azure SDK understands neither address ranges nor * there.',
    documentation: MANAGED_IDENTITY,
  },
  {
    reason: 'proxy-failed',
    find: (e) => unreachable(e, ({ host }) => e.facts.proxy.hosts.includes(host)),
    hint: (e, clue) =>
      `${placeOf(e, clue)} cannot be reached through the proxy of ${proxyVariables(e)} (${symptomOf(e, clue)}): ` +
      'let the proxy pass it, or name the host in NO_PROXY.',
    documentation: EGRESS,
  },
  {
    reason: 'dns-failure',
    find: (e) => unreachable(e, ({ code }) => /^(ENOTFOUND|EAI_\w+)$/.test(code ?? '')),
    hint: (e, clue) =>
      `The name ${placeOf(e, clue)} cannot be resolved (${symptomOf(e, clue)}): check DNS from this pod ` +
      '(CoreDNS, network policies for port 53, private DNS zones).',
    documentation: EGRESS,
  },
  {
    reason: 'tls-intercepted',
    find: (e) => unreachable(e, ({ code }) => /CERT|SELF_SIGNED|TLS|SSL|EPROTO/.test(code ?? '')),
    hint: (e, clue) =>
      `Somebody between here and ${placeOf(e, clue)} breaks TLS (${symptomOf(e, clue)}): ` +
      'if that is a proxy of your company, give its CA certificate to NODE_EXTRA_CA_CERTS.',
    documentation: EGRESS,
  },
  {
    reason: 'egress-blocked',
    find: (e) => unreachable(e, ({ code }) => /^(ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/.test(code ?? '')),
    hint: (e, clue) =>
      `${placeOf(e, clue)}, port 443, cannot be reached (${symptomOf(e, clue)}): check firewall, network policies ` +
      'and routes of this pod.',
    documentation: EGRESS,
  },
  {
    reason: 'connection-broken',
    find: (e) => unreachable(e, ({ code }) => code !== undefined),
    hint: (e, clue) =>
      `The connection to ${placeOf(e, clue)} broke off (${symptomOf(e, clue)}): ask again; ` +
      'if it lasts, something on the way cuts it (firewall, service mesh, proxy).',
    documentation: EGRESS,
  },
  {
    reason: 'entra-broken',
    find: (e) => askedEntra(e, ({ status }) => status !== undefined),
    hint: (e, clue) =>
      `${placeOf(e, clue)} answered ${symptomOf(e, clue)} instead of a token: a proxy or captive portal on the way, ` +
      `or an outage (${STATUS}).`,
    documentation: STATUS,
  },

  // A managed identity: NMI or the metadata service of the node.
  {
    reason: 'pod-label-missing',
    find: (e) => (e.facts.podLabels && !Object.values(e.facts.podLabels).some(Boolean) ? notInjected(e) : undefined),
    hint: () =>
      'Put azure.workload.identity/use: "true" (Workload ID) or aadpodidbinding (pod identity) on the pod itself, in a ' +
      "Deployment on spec.template.metadata.labels, and recreate it: neither is among this pod's labels.",
    documentation: WORKLOAD_IDENTITY,
  },
  {
    reason: 'identity-pending',
    find: (e) =>
      askedImds(e, ({ status }) => status === 404) ??
      attempted(e, ({ name, outcome }) => name === 'ManagedIdentityCredential' && outcome === 'pending'),
    hint: () =>
      'NMI has no identity for this pod yet; that can take a minute. If it lasts, check the label aadpodidbinding, ' +
      'the selector of the AzureIdentityBinding and `kubectl get azureassignedidentities -A`.',
    documentation: POD_IDENTITY,
  },
  {
    reason: 'multiple-identities',
    find: (e) => said(e, /Multiple user assigned identities exist/i),
    hint: () =>
      'Set AZURE_CLIENT_ID: the node has several identities; and it is the node that answered, ' +
      'so that neither Workload ID nor pod identity is active in this pod.',
    documentation: MANAGED_IDENTITY,
  },
  {
    reason: 'identity-not-found',
    find: (e) => said(e, /Identity not found/i),
    hint: (e) =>
      `The identity ${isSet(e, 'AZURE_CLIENT_ID') ? clientId(e) : 'of this pod'} is not assigned to the node: wrong ` +
      'AZURE_CLIENT_ID, deleted and made anew, or the assignment is still under way (a minute on a scale set).',
    documentation: POD_IDENTITY,
  },
  {
    reason: 'imds-refused',
    find: (e) => askedImds(e, ({ status }) => status !== undefined),
    hint: (e, clue) =>
      `The metadata service of the node (or NMI before it) answered ${symptomOf(e, clue)}: ask again; ` +
      'if it lasts, look at the logs of NMI (kubectl logs -n kube-system -l component=nmi).',
    documentation: MANAGED_IDENTITY,
  },
  {
    reason: 'webhook-missed',
    find: (e) => (e.facts.podLabels?.aadpodidbinding ? undefined : notInjected(e)),
    hint: (e) =>
      e.facts.podLabels
        ? 'The pod has the label azure.workload.identity/use, but the webhook injected nothing: is it installed ' +
          '(az aks update --enable-workload-identity)? Then recreate the pod; in kube-system it never works.'
        : 'The Workload ID webhook did not touch this pod: put azure.workload.identity/use: "true" on the pod itself, ' +
          'in a Deployment on spec.template.metadata.labels, and recreate it.',
    documentation: WORKLOAD_IDENTITY,
  },
  {
    reason: 'az-not-installed',
    find: (e) => onLaptop(e, 'AzureCliCredential', /could not be found/),
    hint: (e) =>
      e.facts.container
        ? 'This image has no `az`: run the image that has it, with your ~/.azure mounted, or `npm start` on the host.'
        : 'Install the Azure CLI and run `az login`, then ask again: there is no `az` on the PATH of this process.',
    documentation: 'https://learn.microsoft.com/cli/azure/install-azure-cli',
  },
  {
    reason: 'az-failed',
    find: (e) => onLaptop(e, 'AzureCliCredential', /./),
    hint: () => 'Run `az account get-access-token` in a terminal: the Azure CLI is there, but gave no token.',
    documentation: AZURE_CLI,
  },
  {
    reason: 'imds-unreachable',
    find: (e) => askedImds(e, () => true),
    hint: (e) =>
      `Nothing answers at ${e.facts.metadataService}: ` +
      (e.facts.kubernetes
        ? 'NMI does not run on this node, or a network policy or the IMDS restriction of AKS blocks it; ' +
          'pod identity cannot work here, use Workload ID.'
        : 'this is no machine in Azure; AZURE_TOKEN_CREDENTIALS must allow a credential that works here.'),
    documentation: MANAGED_IDENTITY,
  },

  // There is a token.
  {
    reason: 'no-subscription',
    find: ofKind('no-subscription', (e) => !managerSays(e, 'SubscriptionNotFound')),
    hint: (e) =>
      `The identity works, but sees no subscription: az role assignment create --assignee-object-id ${objectId(e)} ` +
      `--assignee-principal-type ${e.identity?.type === 'user' ? 'User' : 'ServicePrincipal'} --role Reader ` +
      '--scope /subscriptions/<id>; allow up to 10 minutes.',
    documentation: ROLES,
  },
  {
    reason: 'subscription-not-found',
    find: ofKind('no-subscription'),
    hint: (e) =>
      `The subscription ${shown(e.failure.subscriptionId)} is not in tenant ${shown(e.identity?.tenantId)}, or gone: ` +
      'correct AZURE_SUBSCRIPTION_ID, or leave it out to take the first that the identity sees.',
    documentation: ROLES,
  },
  {
    reason: 'not-authorized',
    find: ofKind('not-authorized'),
    hint: (e) =>
      `Give ${objectId(e)} the role Reader on /subscriptions/${e.failure.subscriptionId ?? '<id>'}: the token is fine, ` +
      'the role is missing; a new one needs up to 10 minutes, one by group membership a new token.',
    documentation: ROLES,
  },
  {
    reason: 'wrong-tenant',
    find: (e) => managerSays(e, 'InvalidAuthenticationTokenTenant'),
    hint: (e) =>
      `The token is of tenant ${shown(e.identity?.tenantId)}, the subscription ` +
      `${shown(e.failure.subscriptionId)} of another one: use an identity, or an \`az login --tenant\`, of its tenant.`,
    documentation: ROLES,
  },
  {
    reason: 'token-rejected',
    find: ofKind('token-rejected'),
    hint: () =>
      'Azure Resource Manager refused the token; its own words are under "detail". The next request brings a new token.',
    documentation: ROLES,
  },
  {
    reason: 'throttled',
    find: ofKind('throttled'),
    hint: (e) =>
      `Ask again in ${shown(e.failure instanceof AzureFailure ? e.failure.retryAfterSeconds : undefined)} seconds: ` +
      'Azure Resource Manager throttles this identity or its subscription.',
    documentation: THROTTLING,
  },
  {
    reason: 'timeout',
    find: ofKind('timeout'),
    hint: () =>
      'Azure Resource Manager was too slow: ask again, look for an outage, or allow it more time with AZURE_DEADLINE_MS.',
    documentation: STATUS,
  },
  {
    reason: 'token-timeout',
    find: ofKind('token-timeout'),
    hint: (e) =>
      `${attempted(e, ({ outcome }) => outcome === 'pending')?.name ?? 'The chain'} has not answered yet: it goes on, ask again; if it lasts, ` +
      'something between here and it swallows the packets (firewall, network policy).',
    documentation: EGRESS,
  },
  {
    reason: 'broken',
    find: ofKind('broken'),
    hint: () =>
      'Azure Resource Manager answers nonsense, or somebody on the way in its place (a captive portal?): ' +
      'ask again in a minute, and look for an outage.',
    documentation: STATUS,
  },
];

const UNKNOWN: Entry = {
  reason: 'unknown',
  find: (e) => attempted(e, ({ outcome }) => outcome === 'failed') ?? e.failure,
  hint: () =>
    'Nobody foresaw this failure: "detail" has its own words, "attempts" and "facts" have all that is known. ' +
    'Please open an issue with this document.',
};

/** Makes the diagnosis; it never fails itself, and nothing it does asks Azure. */
export function createDiagnosis(credential: Credential, gatherFacts: () => Promise<Facts>): Diagnose {
  return async (failure) => {
    // As they are now: an acquisition may be under way.
    const attempts = credential.attempts().map((attempt) => ({ ...attempt }));
    const facts = await gatherFacts();
    const token = credential.latestToken();
    const evidence = { failure, attempts, facts, identity: token && readIdentity(token.token) };
    const { entry, clue } = recognise(evidence);
    const documentation = typeof entry.documentation === 'function' ? entry.documentation(clue) : entry.documentation;
    return {
      reason: entry.reason,
      hint: entry.hint(evidence, clue),
      ...(documentation !== undefined && { documentation }),
      detail: clue.message || failure.message,
      original: originalOf(clue, failure),
      attempts: (hasNoToken(failure) ? attempts : []).map(({ name, outcome, message }) => ({ name, outcome, message })),
      facts,
    };
  };
}

function recognise(evidence: Evidence): { entry: Entry; clue: Clue } {
  for (const entry of CATALOGUE) {
    const clue = entry.find(evidence);
    if (clue) return { entry, clue };
  }
  return { entry: UNKNOWN, clue: UNKNOWN.find(evidence) ?? evidence.failure };
}

function originalOf(clue: Clue, failure: Error): OriginalError {
  if (clue instanceof Error) return originalError(clue.cause ?? clue);
  if (clue.error !== undefined) return originalError(clue.error);
  return originalError(failure.cause ?? failure);
}

/** A clue for one kind of failure, with a condition where there is one. */
function ofKind(kind: Evidence['failure']['kind'], condition: (e: Evidence) => boolean = () => true) {
  return (e: Evidence) => (e.failure.kind === kind && condition(e) ? e.failure : undefined);
}

/** The first credential that was asked and of which this is true, where there is no token. */
function attempted(e: Evidence, isTrue: (attempt: Attempt) => boolean): Attempt | undefined {
  if (!hasNoToken(e.failure)) return undefined;
  return e.attempts.find((attempt) => attempt.outcome !== 'not-tried' && isTrue(attempt));
}

function hasNoToken({ kind }: Evidence['failure']): boolean {
  return kind === 'no-token' || kind === 'token-timeout';
}

function said(e: Evidence, text: RegExp): Attempt | undefined {
  return attempted(e, ({ message }) => text.test(message));
}

function askedImds(e: Evidence, isTrue: (exchange: Exchange) => boolean): Attempt | undefined {
  return attempted(e, ({ exchange }) => exchange?.host === e.facts.metadataService && isTrue(exchange));
}

function askedEntra(e: Evidence, isTrue: (exchange: Exchange) => boolean): Attempt | undefined {
  const { metadataService } = e.facts;
  return attempted(
    e,
    ({ exchange }) => exchange !== undefined && exchange.host !== metadataService && isTrue(exchange),
  );
}

function binding(e: Evidence, isTrue: (attempt: Attempt) => boolean): Attempt | undefined {
  return attempted(
    e,
    (attempt) => /identity binding/.test(attempt.name) && attempt.outcome !== 'pending' && isTrue(attempt),
  );
}

function workloadIdentity(e: Evidence): Attempt | undefined {
  return attempted(e, ({ name }) => name === 'WorkloadIdentityCredential');
}

/** Workload ID in a pod that the webhook has given nothing. */
function notInjected(e: Evidence): Attempt | undefined {
  return e.facts.kubernetes && !e.facts.projectedToken ? workloadIdentity(e) : undefined;
}

function onLaptop(e: Evidence, name: string, text: RegExp, unlike?: RegExp): Attempt | undefined {
  if (e.facts.kubernetes) return undefined;
  return attempted(e, (a) => a.name === name && text.test(a.message) && !unlike?.test(a.message));
}

function tokenFile(...problems: string[]) {
  return (e: Evidence) => (problems.includes(e.facts.projectedToken?.problem ?? '') ? workloadIdentity(e) : undefined);
}

function entraSays(...numbers: number[]) {
  return (e: Evidence) => attempted(e, (attempt) => numbers.includes(entraNumber(attempt) ?? 0));
}

/** The number of the error of Microsoft Entra ID. MSAL keeps it, some credentials only the text. */
function entraNumber(clue: Clue): number | undefined {
  for (const error of errorChain(clue instanceof Error ? clue : clue.error)) {
    const number = Number(Reflect.get(error, 'errorNo') ?? /\bAADSTS(\d+)/.exec(error.message)?.[1]);
    if (number > 0) return number;
  }
  return undefined;
}

function aboutNumber(clue: Clue): string {
  const number = entraNumber(clue);
  return number === undefined ? ENTRA_ERRORS : `https://login.microsoftonline.com/error?code=${number}`;
}

/** The failure, where Resource Manager gave it this error code. */
function managerSays(e: Evidence, code: string): Error | undefined {
  return managerError(e)?.code === code ? e.failure : undefined;
}

function managerError({ failure }: Evidence): ResourceManagerError | undefined {
  return failure.cause instanceof ResourceManagerError ? failure.cause : undefined;
}

/** Statuses with which a proxy answers in its own name. */
const PROXY_STATUSES = [403, 407, 502, 503, 504];

/** The clue for a host that matters and was not reached: Microsoft Entra ID, where there is no token, else Resource Manager. */
function unreachable(e: Evidence, isTrue: (exchange: Exchange) => boolean): Clue | undefined {
  const isUnreached = (exchange: Exchange) =>
    (exchange.code !== undefined ||
      (PROXY_STATUSES.includes(exchange.status ?? 0) && !/^\s*\{/.test(exchange.body ?? ''))) &&
    isTrue(exchange);
  const exchange = managerExchange(e);
  if (exchange) return isUnreached(exchange) ? e.failure : undefined;
  return askedEntra(e, isUnreached);
}

function managerExchange(e: Evidence): Exchange | undefined {
  const { host } = new URL(e.facts.cloud.resourceManager);
  if (e.failure.kind === 'unreachable') return { host, code: String(originalError(e.failure.cause).code) };
  const error = managerError(e);
  // With a code of its own it was Resource Manager that answered.
  return error && error.code === undefined ? { host, status: error.statusCode } : undefined;
}

function exchangeOf(e: Evidence, clue: Clue): Exchange | undefined {
  return clue instanceof Error ? managerExchange(e) : clue.exchange;
}

function placeOf(e: Evidence, clue: Clue): string {
  return exchangeOf(e, clue)?.host ?? 'Azure';
}

function symptomOf(e: Evidence, clue: Clue): string {
  const { code, status } = exchangeOf(e, clue) ?? {};
  return String(code ?? status);
}

/** The clue for a token that is refused as not valid now, where the server's clock says why. */
function skewed(e: Evidence): Clue | undefined {
  const clue = entraSays(700024)(e) ?? ofKind('token-rejected')(e);
  return clue && Math.abs(skewSeconds(e)) >= SKEW_SECONDS ? clue : undefined;
}

function skewSeconds(e: Evidence): number {
  const fromAttempts = e.attempts
    .map(({ exchange }) => exchange?.serverAheadSeconds)
    .find((skew) => skew !== undefined);
  return managerError(e)?.serverAheadSeconds ?? fromAttempts ?? 0;
}

function skewOf(e: Evidence): string {
  const minutes = Math.round(skewSeconds(e) / 60);
  return `${Math.abs(minutes)} min ${minutes > 0 ? 'behind' : 'ahead of'} Azure's`;
}

function projected(e: Evidence): Partial<ProjectedToken> {
  return e.facts.projectedToken ?? {};
}

function subject(e: Evidence): string {
  return shown(projected(e).sub);
}

function isSet(e: Evidence, variable: string): boolean {
  return e.facts.variables[variable] !== undefined;
}

function clientId(e: Evidence): string {
  return shown(e.facts.variables['AZURE_CLIENT_ID']);
}

function tenantId(e: Evidence): string {
  return shown(e.facts.variables['AZURE_TENANT_ID']);
}

function objectId(e: Evidence): string {
  return e.identity?.objectId ?? '<object-id>';
}

function proxyVariables(e: Evidence): string {
  return e.facts.proxy.variables.filter((name) => name !== 'NO_PROXY').join(', ');
}

function shown(value: unknown): string {
  if (value === undefined || value === null || value === '') return '(unknown)';
  return Array.isArray(value) ? value.join(', ') : String(value);
}
