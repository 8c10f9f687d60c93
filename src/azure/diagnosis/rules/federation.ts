import { argument, command, findIdentity, restartDeployment } from '../commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { clockSkew, entraMeans, entraSays } from '../match.ts';
import { clientIdOf, orUnknown, projectedToken, skewInWords } from '../values.ts';
import { aboutNumber, type Rule } from './rule.ts';

/** Microsoft Entra ID refused the token of another issuer, or the token matches no federated credential. */
export const FEDERATION: Rule[] = [
  {
    reason: 'clock-skew',
    match: (e) => {
      const finding = entraSays(700024, 50013)(e);
      return clockSkew(finding) === undefined ? undefined : finding;
    },
    hint: (e, finding) =>
      `Correct the time of the ${e.facts.kubernetes ? 'node' : 'machine'} (NTP): its clock is ` +
      `${skewInWords(clockSkew(finding) ?? 0)} Azure's, by which the validity of a token is judged.`,
    commands: () => [command`timedatectl`, command`chronyc tracking`],
    documentation: aboutNumber,
  },
  {
    reason: 'assertion-expired',
    match: entraSays(700024),
    hint: (e, finding) => {
      if (finding.credential === 'client-certificate') {
        return "Correct the time of this machine (NTP): the assertion that it signs with its certificate is not valid by Azure's clock.";
      }
      if (!isProjected(finding)) {
        return (
          'Log in to Azure again right before this step (azure/login, or az login with a new ID token): the ID token of the pipeline, ' +
          'with which az is logged in, lives for minutes only and has expired.'
        );
      }
      return (
        'Recreate the pod, and look at the kubelet of its node if that does not help: the token of the service account ' +
        `${isExpired(e) ? 'has expired and was not renewed' : 'is not valid now'} (now ${e.facts.now}, valid from ${orUnknown(projectedToken(e).nbf)} to ${orUnknown(projectedToken(e).exp)}).`
      );
    },
    commands: (e, finding) => (isProjected(finding) && e.facts.kubernetes ? [restartDeployment(e)] : []),
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-audience',
    // The token of an identity binding matches no federated credential at all.
    match: (e) =>
      isForTokenProxy(e) ? entraSays(70021, 700211, 700212, 700213, 7002121)(e) : entraSays(700212, 7002121)(e),
    hint: (e, finding) =>
      isForTokenProxy(e)
        ? 'Recreate the pod: its token has the audience api://AKSIdentityBinding, which only the token proxy of an AKS ' +
          'identity binding takes, but AZURE_KUBERNETES_TOKEN_PROXY is not set, or not used.'
        : `Give the federated credential of ${applicant(e, finding)} and the token the same audience, ` +
          `api://AzureADTokenExchange: the token has ${orUnknown(presented(e, finding).audience)}.`,
    commands: (e, finding) =>
      isForTokenProxy(e)
        ? [command`az aks identity-binding list -g $RG --cluster-name $CLUSTER`, restartDeployment(e)]
        : federate(e, finding),
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-issuer',
    match: entraSays(700211),
    hint: (e, finding) =>
      internalIssuer(e, finding) ??
      `Create a federated credential for ${applicant(e, finding)} whose issuer is exactly ` +
        `${orUnknown(presented(e, finding).issuer)} (mind the trailing slash): it has none for this issuer. A recreated cluster has a new one.`,
    commands: federate,
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-subject',
    match: entraSays(700213),
    hint: (e, finding) =>
      `Create a federated credential with the subject ${orUnknown(presented(e, finding).subject)} for ${applicant(e, finding)}, ` +
      (isProjected(finding)
        ? 'or run the pod under the service account that an existing one names: none has this subject. '
        : 'or run the pipeline for the branch, environment or connection that an existing one names: none has this subject. ') +
      'If one has it exactly, ask again: a new one takes a minute.',
    commands: federate,
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-case',
    match: entraSays(7002138),
    hint: (e, finding) => {
      const { issuer, subject, audience } = presented(e, finding);
      return (
        `Write the federated credential of ${applicant(e, finding)} exactly like this, upper and lower case included: ` +
        `issuer ${orUnknown(issuer)}, subject ${orUnknown(subject)}, audience ${orUnknown(audience)}.`
      );
    },
    commands: federate,
    documentation: aboutNumber,
  },
  {
    reason: 'federated-credential-missing',
    match: entraSays(70021, 70025),
    hint: (e, finding) => {
      const { issuer, subject, audience } = presented(e, finding);
      return (
        internalIssuer(e, finding) ??
        `Create a federated credential for ${applicant(e, finding)} with exactly the issuer ${orUnknown(issuer)}, ` +
          `the subject ${orUnknown(subject)} and the audience ${orUnknown(audience)}, and wait a minute: ` +
          `it has none like this yet. If another identity has it, ${isProjected(finding) ? 'AZURE_CLIENT_ID' : 'the client id'} is the wrong one.`
      );
    },
    commands: federate,
    documentation: aboutNumber,
  },
  {
    reason: 'issuer-unreachable',
    match: (e) =>
      entraSays(90061, 50166, 501661, 900610, 900611)(e) ??
      e.findings.find(({ words, party }) => party === 'entra' && /External OIDC endpoint/.test(words.slice(0, 2000))),
    hint: (e, finding) => {
      const document = discoveryDocument(e, finding);
      switch (issuerKind(presented(e, finding).issuer)) {
        case 'unknown':
          return (
            'Ask again in some minutes, and look at the status page of the issuer of the token (GitHub, Azure DevOps) if it lasts: ' +
            'Microsoft Entra ID cannot read its OIDC documents, an outage that passes.'
          );
        case 'aks':
          return (
            `Ask again in a minute: Microsoft Entra ID could not read ${document}, which AKS publishes, and that passes. ` +
            'If it lasts, reconcile the cluster with an update, then open a support request.'
          );
        case 'internal':
          return internalIssuer(e, finding) ?? '';
        default:
          return (
            `Make ${document} and the keys that it names public on the internet: Microsoft Entra ID cannot reach them. ` +
            'If they are public, ask again: the failure may pass.'
          );
      }
    },
    commands: (e, finding) => {
      switch (issuerKind(presented(e, finding).issuer)) {
        case 'unknown':
          return [];
        case 'aks':
          return [fetchDocument(e, finding), command`az aks update -g $RG -n $CLUSTER`];
        case 'internal':
          return enableIssuer();
        default:
          return [fetchDocument(e, finding)];
      }
    },
    documentation: aboutNumber,
  },
  {
    reason: 'issuer-invalid',
    match: entraMeans('issuer'),
    hint: (e, finding) =>
      `Correct what the issuer ${orUnknown(presented(e, finding).issuer)} publishes: Microsoft Entra ID has read it and cannot use it. ` +
      'Its discovery document must name the same issuer, and its JWKS the key that signed the token (rotated keys? another cluster?).',
    commands: (e, finding) => [fetchDocument(e, finding)],
    documentation: aboutNumber,
  },
  {
    reason: 'assertion-refused',
    match: entraMeans('assertion'),
    hint: assertionHint,
    commands: (e, finding) => (finding.aadsts === 70023 || !isProjected(finding) ? [] : federate(e, finding)),
    documentation: aboutNumber,
  },
];

function assertionHint(e: Evidence, finding: Finding): string {
  const { aadsts = 0, credential } = finding;
  if (aadsts === 70023) {
    return (
      'Shorten the lifetime of the projected token to at most 24 hours (expirationSeconds of the volume, or the annotation ' +
      'azure.workload.identity/service-account-token-expiration), and recreate the pod: Microsoft Entra ID takes none that lives longer.'
    );
  }
  if (credential === 'client-certificate') {
    return (
      'Check that AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_AUTHORITY_HOST are those of the application whose certificate this is: ' +
      `Microsoft Entra ID refused the assertion that was signed with it (AADSTS${aadsts}).`
    );
  }
  if (
    issuerKind(presented(e, finding).issuer) === 'entra' ||
    [700222, 700226, 700229, 700231, 700236].includes(aadsts)
  ) {
    return (
      "Present the token of the cluster's service account, as the Workload ID webhook projects it, and federate that issuer with the identity: " +
      'a token that Microsoft Entra ID issued itself is not taken here.'
    );
  }
  return isProjected(finding)
    ? `Compare the token with the federated credential of ${applicant(e, finding)}, and recreate the pod for a new token: ` +
        `Microsoft Entra ID refused the assertion (AADSTS${aadsts}).`
    : `Log in again with a new token, and compare it with the federated credential of ${applicant(e, finding)}: ` +
        `Microsoft Entra ID refused the assertion (AADSTS${aadsts}).`;
}

/** The claims that were compared with the federated credentials: those of the pod's token, or those in the refusal. */
function presented(e: Evidence, finding: Finding): { issuer?: string; subject?: string; audience?: string } {
  if (!isProjected(finding)) return finding.text.assertion ?? {};
  const { iss, sub, aud } = projectedToken(e);
  return { ...(iss && { issuer: iss }), ...(sub && { subject: sub }), ...(aud && { audience: aud.join(', ') }) };
}

function isProjected({ credential }: Finding): boolean {
  return credential === 'projected-token' || credential === 'identity-binding';
}

/** Whose federated credential it is. */
function applicant(e: Evidence, finding: Finding): string {
  return isProjected(finding)
    ? `the identity ${orUnknown(clientIdOf(e))}`
    : `the application ${orUnknown(finding.text.application ?? 'of the login')}`;
}

function federate(e: Evidence, finding: Finding): readonly string[] {
  const { issuer, subject, audience } = presented(e, finding);
  if (issuerKind(issuer) === 'internal') return enableIssuer();
  if (!isProjected(finding)) {
    return [command`az ad app federated-credential list --id ${argument(finding.text.application, 'CLIENT_ID')}`];
  }
  return [
    findIdentity(e),
    command`az identity federated-credential list -g $RG --identity-name $IDENTITY_NAME -o table`,
    command`az identity federated-credential create -g $RG --identity-name $IDENTITY_NAME --name rgapi --issuer ${argument(issuer, 'ISSUER')} --subject ${argument(subject, 'SUBJECT')} --audiences ${argument(audience?.includes(',') ? undefined : audience, 'AUDIENCE')}`,
  ];
}

function enableIssuer(): readonly string[] {
  return [
    command`az aks update -g $RG -n $CLUSTER --enable-oidc-issuer --enable-workload-identity`,
    command`az aks show -g $RG -n $CLUSTER --query oidcIssuerProfile.issuerUrl -o tsv`,
  ];
}

/** A federated credential cannot help if the issuer is not on the internet. */
function internalIssuer(e: Evidence, finding: Finding): string | undefined {
  const { issuer } = presented(e, finding);
  if (issuerKind(issuer) !== 'internal') return undefined;
  return (
    "Give the cluster a public OIDC issuer (on AKS the OIDC issuer feature, else the API server's service-account-issuer), then a federated credential for it: " +
    `${orUnknown(issuer)} is known inside of the cluster only, and Microsoft Entra ID cannot read its keys there.`
  );
}

function isForTokenProxy(e: Evidence): boolean {
  return projectedToken(e).aud?.includes('api://AKSIdentityBinding') ?? false;
}

/** Where an issuer publishes its keys: AKS does so on the internet, a cluster's default issuer only inside the cluster. */
function issuerKind(issuer: string | undefined): 'aks' | 'internal' | 'entra' | 'other' | 'unknown' {
  if (issuer === undefined) return 'unknown';
  const url = URL.parse(issuer);
  const host = url?.hostname ?? '';
  if (/(^|\.)(oic|oidc)\.[\w-]{1,40}-aks\.azure\.\w{2,10}$/.test(host)) return 'aks';
  if (
    /^(login\.microsoftonline\.\w{2,10}|sts\.windows\.net|login\.partner\.microsoftonline\.cn|login\.chinacloudapi\.cn)$/.test(
      host,
    )
  ) {
    return 'entra';
  }
  const isPrivate =
    /^(localhost$|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)|\.(svc|local|internal|localdomain)$|\.svc\./.test(
      host,
    );
  return url?.protocol !== 'https:' || !host.includes('.') || isPrivate ? 'internal' : 'other';
}

function discoveryDocument(e: Evidence, finding: Finding): string {
  return `${orUnknown(presented(e, finding).issuer).replace(/\/$/, '')}/.well-known/openid-configuration`;
}

function fetchDocument(e: Evidence, finding: Finding): string {
  const isKnown = presented(e, finding).issuer !== undefined;
  return isKnown
    ? command`curl -sS ${argument(discoveryDocument(e, finding), 'ISSUER/.well-known/openid-configuration')}`
    : command`curl -sS $ISSUER/.well-known/openid-configuration`;
}

function isExpired(e: Evidence): boolean {
  return Date.parse(projectedToken(e).exp ?? '') <= Date.parse(e.facts.now);
}
