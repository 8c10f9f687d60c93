import {
  annotateServiceAccount,
  argument,
  command,
  createFederatedCredential,
  findIdentity,
  labelPodTemplate,
  listFederatedCredentials,
  listServiceAccounts,
  restartDeployment,
  showWebhook,
  useServiceAccount,
} from '../commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { clockSkew, entraMeans, entraSays, findingOf } from '../match.ts';
import {
  clientIdOf,
  discoveryDocument,
  isLabelled,
  isSet,
  issuerKind,
  orUnknown,
  projectedToken,
  serviceAccountOf,
  skewInWords,
  usesPodIdentity,
} from '../values.ts';
import { aboutNumber, DOCUMENTATION, type Rule } from './rule.ts';

/** What goes wrong before Microsoft Entra ID is asked: the file and the variables that the Workload ID webhook injects. */
export const WORKLOAD_IDENTITY_SETUP: Rule[] = [
  {
    reason: 'token-file-missing',
    match: tokenFile('ENOENT', 'ENOTDIR'),
    hint: (e) =>
      e.facts.kubernetes
        ? 'Remove AZURE_FEDERATED_TOKEN_FILE from the manifest, let the Workload ID webhook set it, and recreate the pod: ' +
          `${projectedToken(e).file} does not exist. The path differs between versions of the webhook.`
        : `Correct or unset AZURE_FEDERATED_TOKEN_FILE: ${projectedToken(e).file} does not exist, and outside of Kubernetes no webhook writes it.`,
    commands: recreatePod,
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    reason: 'token-file-malformed',
    match: tokenFile('is empty', 'does not hold a JWT'),
    hint: (e) => `Recreate the pod: the projected token ${projectedToken(e).file} ${projectedToken(e).problem}.`,
    commands: recreatePod,
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    reason: 'token-file-unreadable',
    match: (e) => (projectedToken(e).problem === undefined ? undefined : withProjectedToken(e)),
    hint: (e) =>
      "Set fsGroup in the pod's securityContext, or run as a user that may read the projected token: " +
      `${projectedToken(e).file} cannot be read (${projectedToken(e).problem}).`,
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    reason: 'client-id-missing',
    match: (e) => (e.facts.projectedToken && !isSet(e, 'AZURE_CLIENT_ID') ? withProjectedToken(e) : undefined),
    hint: (e) =>
      isDefaultServiceAccount(e)
        ? 'Set serviceAccountName in the pod template to the service account with the annotation azure.workload.identity/client-id, ' +
          'and recreate the pod: it runs as the service account default, which has no such annotation, so AZURE_CLIENT_ID is missing.'
        : 'Annotate the service account ' +
          `${orUnknown(serviceAccountOf(e))} with azure.workload.identity/client-id (with a hyphen), and recreate the pod: ` +
          'there is a projected token, but no AZURE_CLIENT_ID, which is injected when a pod is created.',
    commands: (e) =>
      isDefaultServiceAccount(e)
        ? [listServiceAccounts(e), useServiceAccount(e)]
        : [annotateServiceAccount(e, 'client-id'), restartDeployment(e)],
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    reason: 'tenant-id-missing',
    match: (e) => (e.facts.projectedToken && !isSet(e, 'AZURE_TENANT_ID') ? withProjectedToken(e) : undefined),
    hint: (e) =>
      `Annotate the service account ${orUnknown(serviceAccountOf(e))} with azure.workload.identity/tenant-id, and recreate the pod: ` +
      'there is a projected token, but no AZURE_TENANT_ID.',
    commands: (e) => [annotateServiceAccount(e, 'tenant-id'), restartDeployment(e)],
    documentation: DOCUMENTATION.workloadIdentity,
  },
];

/** The label of the pod, and what the webhook made of it. */
export const POD_LABELS: Rule[] = [
  {
    reason: 'multiple-identities',
    match: (e) => (isLabelled(e) === true ? undefined : fromNode(e, /Multiple user assigned identities/i)),
    hint: (e) =>
      e.facts.kubernetes
        ? 'Label the pod template azure.workload.identity/use: "true" and recreate the pod (Workload ID), or set AZURE_CLIENT_ID ' +
          'to choose an identity: the node answered, and it has several identities.'
        : 'Set AZURE_CLIENT_ID to the client id of the identity to use: this machine has several, and its metadata service does not choose.',
    commands: (e) => (e.facts.kubernetes ? [labelPodTemplate(e)] : [command`az identity list -o table`]),
    documentation: (_, e) => (e.facts.kubernetes ? DOCUMENTATION.workloadIdentity : DOCUMENTATION.managedIdentity),
  },
  {
    reason: 'pod-label-missing',
    match: (e) => (isLabelled(e) === false && !usesPodIdentity(e) ? notInjected(e) : undefined),
    hint: (e) =>
      'Put the label azure.workload.identity/use: "true" (Workload ID) or aadpodidbinding (pod identity) on the pod itself, ' +
      `in a Deployment on spec.template.metadata.labels, and recreate it: ${labelProblem(e)}` +
      (isSet(e, 'AZURE_CLIENT_ID')
        ? ' AZURE_CLIENT_ID alone does nothing.'
        : ' To use an identity of the node instead, set AZURE_CLIENT_ID to its client id.'),
    commands: (e) => [labelPodTemplate(e)],
    documentation: DOCUMENTATION.workloadIdentity,
  },
  {
    reason: 'webhook-missed',
    match: (e) => ((isLabelled(e) ?? !nodeAnswers(e)) && !usesPodIdentity(e) ? notInjected(e) : undefined),
    hint: (e) =>
      isLabelled(e)
        ? 'Check that the Workload ID webhook runs and that the API server reaches it (network policies, its logs), then recreate the pod: ' +
          'it has the label azure.workload.identity/use, but nothing was injected. This is so, too, in kube-system, and where ' +
          'the annotation skip-containers names this container.'
        : 'Put the label azure.workload.identity/use: "true" on the pod itself, in a Deployment on ' +
          'spec.template.metadata.labels, and recreate it: the Workload ID webhook did not touch this pod.',
    commands: (e) =>
      isLabelled(e)
        ? [
            showWebhook(),
            command`az aks update -g $RG -n $CLUSTER --enable-oidc-issuer --enable-workload-identity`,
            restartDeployment(e),
          ]
        : [labelPodTemplate(e)],
    documentation: DOCUMENTATION.workloadIdentity,
  },
];

/** What Microsoft Entra ID says about the projected token and its federated credential. */
export const FEDERATION: Rule[] = [
  {
    reason: 'clock-skew',
    match: (e) => {
      const finding = entraSays(700024, 50013)(e);
      return clockSkew(finding) === undefined ? undefined : finding;
    },
    hint: (_, finding) =>
      `Correct the time of the ${finding.credential === 'projected-token' ? 'node' : 'machine'} (NTP): its clock is ` +
      `${skewInWords(clockSkew(finding) ?? 0)} Azure's, by which the validity of a token is judged.`,
    commands: () => [command`timedatectl`, command`chronyc tracking`],
    documentation: aboutNumber,
  },
  {
    reason: 'assertion-expired',
    match: entraSays(700024),
    hint: (e, finding) =>
      finding.credential === 'azure-cli'
        ? 'Log in to Azure again right before this step (azure/login, or az login with a new ID token): the ID token of the pipeline, ' +
          'with which az is logged in, lives for minutes only and has expired.'
        : finding.credential === 'client-certificate'
          ? "Correct the time of this machine: the assertion that it signs is not valid by Azure's clock."
          : 'Recreate the pod, and look at the kubelet of its node if that does not help: the token of the service account is ' +
            `not valid now (now ${e.facts.now}, valid from ${orUnknown(projectedToken(e).nbf)} to ${orUnknown(projectedToken(e).exp)}).`,
    commands: (e, finding) => (finding.credential === 'projected-token' ? recreatePod(e) : []),
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-audience',
    // The token of an identity binding fits no federated credential at all.
    match: (e) =>
      isForTokenProxy(e) ? entraSays(70021, 700211, 700212, 700213, 7002121)(e) : entraSays(700212, 7002121)(e),
    hint: (e) =>
      isForTokenProxy(e)
        ? 'Recreate the pod: its token has the audience api://AKSIdentityBinding, which only the token proxy of an AKS ' +
          'identity binding takes, but AZURE_KUBERNETES_TOKEN_PROXY is not set, or not used.'
        : `Give the federated credential of the identity ${orUnknown(clientIdOf(e))} and the projected token the same audience, ` +
          `api://AzureADTokenExchange: the token has ${orUnknown(projectedToken(e).aud)}.`,
    commands: (e) =>
      isForTokenProxy(e)
        ? [command`az aks identity-binding list -g $RG --cluster-name $CLUSTER`, restartDeployment(e)]
        : [findIdentity(e), listFederatedCredentials(), createFederatedCredential(e)],
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-issuer',
    match: entraSays(700211),
    hint: (e) =>
      internalIssuer(e) ??
      `Create a federated credential for the identity ${orUnknown(clientIdOf(e))} whose issuer is exactly ` +
        `${orUnknown(projectedToken(e).iss)} (mind the trailing slash): it has none for this cluster. A recreated cluster has a new issuer.`,
    commands: federate,
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-subject',
    match: entraSays(700213),
    hint: (e) =>
      `Create a federated credential with the subject ${orUnknown(projectedToken(e).sub)} for the identity ${orUnknown(clientIdOf(e))}, ` +
      'or run the pod under the service account that an existing one names: none has this subject. ' +
      'If one has it exactly, ask again: a new one takes a minute.',
    commands: federate,
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-case',
    match: entraSays(7002138),
    hint: (e) =>
      `Write the federated credential of the identity ${orUnknown(clientIdOf(e))} exactly like this, upper and lower case included: ` +
      `issuer ${orUnknown(projectedToken(e).iss)}, subject ${orUnknown(projectedToken(e).sub)}, audience ${orUnknown(projectedToken(e).aud)}.`,
    commands: federate,
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-missing',
    match: entraSays(70021, 70025),
    hint: (e) =>
      internalIssuer(e) ??
      `Create a federated credential for the identity ${orUnknown(clientIdOf(e))} with exactly the issuer ${orUnknown(projectedToken(e).iss)}, ` +
        `the subject ${orUnknown(projectedToken(e).sub)} and the audience ${orUnknown(projectedToken(e).aud)}, and wait a minute: ` +
        'it has none like this yet. If another identity has it, AZURE_CLIENT_ID is the wrong one.',
    commands: federate,
    documentation: aboutNumber,
  },
  {
    reason: 'issuer-unreachable',
    match: (e) =>
      entraSays(90061, 50166, 501661, 900610, 900611)(e) ??
      e.findings.find(({ words, party }) => party === 'entra' && /External OIDC endpoint/.test(words.slice(0, 2000))),
    hint: (e) => {
      if (!e.facts.projectedToken) {
        return (
          'Ask again in some minutes, and look at the status page of the issuer of the token (GitHub, Azure DevOps) if it lasts: ' +
          'Microsoft Entra ID cannot read its OIDC documents, an outage that passes.'
        );
      }
      switch (issuerKind(e)) {
        case 'aks':
          return (
            `Ask again in a minute: Microsoft Entra ID could not read ${discoveryDocument(e)}, which AKS publishes, and that passes. ` +
            'If it lasts, reconcile the cluster with an update, then open a support request.'
          );
        case 'internal':
          return internalIssuer(e) ?? '';
        default:
          return (
            `Make ${discoveryDocument(e)} and the keys that it names public on the internet: Microsoft Entra ID cannot reach them. ` +
            'If they are public, ask again: the failure may pass.'
          );
      }
    },
    commands: (e) => {
      if (!e.facts.projectedToken) return [];
      if (issuerKind(e) === 'internal') return enableIssuer();
      const fetch = command`curl -sS ${argument(discoveryDocument(e), 'ISSUER/.well-known/openid-configuration')}`;
      return issuerKind(e) === 'aks' ? [fetch, command`az aks update -g $RG -n $CLUSTER`] : [fetch];
    },
    documentation: aboutNumber,
  },
  {
    reason: 'issuer-invalid',
    match: entraMeans('issuer'),
    hint: (e) =>
      `Correct what the issuer ${orUnknown(projectedToken(e).iss)} publishes: Microsoft Entra ID has read it and cannot use it. ` +
      'Its discovery document must name the same issuer, and its JWKS the key that signed the token (rotated keys? another cluster?).',
    commands: (e) => [command`curl -sS ${argument(discoveryDocument(e), 'ISSUER/.well-known/openid-configuration')}`],
    documentation: aboutNumber,
  },
  {
    reason: 'assertion-refused',
    match: entraMeans('assertion'),
    hint: (e, finding) => {
      if (finding.aadsts === 70023) {
        return (
          'Shorten the lifetime of the projected token to at most 24 hours (expirationSeconds of the volume, or the annotation ' +
          'azure.workload.identity/service-account-token-expiration), and recreate the pod: Microsoft Entra ID takes none that lives longer.'
        );
      }
      if (issuerKind(e) === 'entra' || [700222, 700226, 700229, 700231, 700236].includes(finding.aadsts ?? 0)) {
        return (
          "Present the token of the cluster's service account, as the Workload ID webhook projects it, and federate that issuer with the identity: " +
          'a token that Microsoft Entra ID issued itself is not taken here.'
        );
      }
      return (
        `Compare the token with the federated credential of the application ${orUnknown(clientIdOf(e))}, and recreate the pod for a new token: ` +
        `Microsoft Entra ID refused the assertion (AADSTS${finding.aadsts}).`
      );
    },
    commands: (e, finding) => (finding.aadsts === 70023 || finding.credential !== 'projected-token' ? [] : federate(e)),
    documentation: aboutNumber,
  },
];

function recreatePod(e: Evidence): readonly string[] {
  return e.facts.kubernetes ? [restartDeployment(e)] : [];
}

function federate(e: Evidence): readonly string[] {
  if (issuerKind(e) === 'internal') return enableIssuer();
  return [findIdentity(e), listFederatedCredentials(), createFederatedCredential(e)];
}

function enableIssuer(): readonly string[] {
  return [
    command`az aks update -g $RG -n $CLUSTER --enable-oidc-issuer --enable-workload-identity`,
    command`az aks show -g $RG -n $CLUSTER --query oidcIssuerProfile.issuerUrl -o tsv`,
  ];
}

/** A federated credential cannot help where the issuer is not on the internet. */
function internalIssuer(e: Evidence): string | undefined {
  if (!e.facts.projectedToken || issuerKind(e) !== 'internal' || !projectedToken(e).iss) return undefined;
  return (
    "Give the cluster a public OIDC issuer (on AKS the OIDC issuer feature, else the API server's service-account-issuer), then a federated credential for it: " +
    `${orUnknown(projectedToken(e).iss)} is known inside of the cluster only, and Microsoft Entra ID cannot read its keys there.`
  );
}

function isForTokenProxy(e: Evidence): boolean {
  return projectedToken(e).aud?.includes('api://AKSIdentityBinding') ?? false;
}

function isDefaultServiceAccount(e: Evidence): boolean {
  return serviceAccountOf(e) === 'default';
}

function labelProblem(e: Evidence): string {
  const value = e.facts.podLabels?.['azure.workload.identity/use'];
  return value ? `"${orUnknown(value)}" is not "true".` : "neither is among this pod's labels.";
}

/** The credential that uses the projected token; what the metadata service of the node said instead tells more, where it did. */
function withProjectedToken(e: Evidence): Finding | undefined {
  return (
    findingOf(e, ['projected-token', 'identity-binding'], ({ party }) => party !== 'not-asked') ??
    nodeAnswer(e) ??
    findingOf(e, ['identity-binding', 'projected-token'])
  );
}

function tokenFile(...problems: string[]) {
  return (e: Evidence) =>
    problems.includes(projectedToken(e).problem ?? '')
      ? findingOf(e, ['identity-binding', 'projected-token'])
      : undefined;
}

/** Workload ID in a pod to which the webhook has given nothing. What the node said decides it, where it said anything. */
function notInjected(e: Evidence): Finding | undefined {
  if (!e.facts.kubernetes || e.facts.projectedToken) return undefined;
  const workloadIdentity = findingOf(e, ['projected-token']);
  return workloadIdentity && (findingOf(e, ['managed-identity']) ?? workloadIdentity);
}

/** Whether a metadata service is there, even if it lets us wait. */
function nodeAnswers(e: Evidence): boolean {
  return findingOf(e, ['managed-identity'], ({ party }) => party !== 'nobody' && party !== 'not-asked') !== undefined;
}

function nodeAnswer(e: Evidence): Finding | undefined {
  return findingOf(
    e,
    ['managed-identity'],
    ({ party, status }) => (party === 'imds' || party === 'nmi') && status !== undefined,
  );
}

function fromNode(e: Evidence, words: RegExp): Finding | undefined {
  return findingOf(e, ['managed-identity'], (finding) => words.test(finding.words.slice(0, 2000)));
}
