import { bash, name, part, url, type Word } from '../bash.ts';
import { annotateServiceAccount, findNode, listClusters, onCluster, restart, unsetVariable } from '../commands.ts';
import type { Case, Evidence } from '../evidence.ts';
import {
  discoveryDocument,
  issuerOf,
  letWebhookSet,
  listFederatedCredentials,
  presented,
  showIssuerOfCluster,
} from '../federated-credentials.ts';
import type { IssuerKind } from '../issuer.ts';
import { either, entraMeans, entraSays, ofPodToken, only } from '../match.ts';
import { isNoPod } from '../place.ts';
import { listApplications } from '../registration-commands.ts';
import { aboutNumber, type Row } from '../row.ts';
import { codeOf, identityInWords, projectedToken, serviceAccountInWords, shown } from '../words.ts';
import { CLOCKS, showClocks } from './clock.ts';
import { internalIssuer } from './federation.ts';

const EXPIRED = {
  reason: 'assertion-expired',
  title: 'The token to exchange is not valid now',
  check: 'token',
  documentation: aboutNumber,
} as const;
const UNREACHABLE = {
  reason: 'issuer-unreachable',
  title: 'Microsoft Entra ID cannot reach the issuer',
  check: 'token',
  documentation: aboutNumber,
} as const;
const INVALID = {
  reason: 'issuer-invalid',
  title: 'Microsoft Entra ID cannot use the issuer',
  check: 'token',
  documentation: aboutNumber,
} as const;
const REFUSED = {
  reason: 'assertion-refused',
  title: 'The token to exchange was refused',
  check: 'token',
  documentation: aboutNumber,
} as const;

const expired = entraSays(700024);
const unreachable = either(entraSays(90061, 50166, 501661, 900610, 900611), ({ findings }) =>
  findings.find(({ message, responder }) => responder === 'entra' && /External OIDC endpoint/.test(message)),
);
const refused = entraMeans('assertion');
/** What Microsoft Entra ID says where the token is one of its own. */
const OF_ENTRA = [700222, 700226, 700229, 700231, 700236];

/** The token of another issuer, or one that this process signs, is refused for itself: its times, its issuer, its form. */
export const ASSERTION: readonly Row[] = [
  ...CLOCKS,
  {
    ...EXPIRED,
    when: only(expired, (_, { credential }) => credential === 'client-certificate'),
    problem: () => "The assertion that this process signed with its certificate is not valid by Azure's clock.",
    hint: () => 'Compare the time of this machine with that of Azure, and turn on time synchronization (NTP).',
    commands: () => [showClocks()],
  },
  {
    ...EXPIRED,
    when: only(ofPodToken(expired), isNoPod),
    problem: (c) => `The token in ${shown(projectedToken(c).file, 'the file')} ${validityInWords(c)}.`,
    hint: () => 'Write a new token to this file, and renew it before it expires.',
  },
  {
    ...EXPIRED,
    when: only(ofPodToken(expired), isPast),
    problem: (c) => `The token of ${serviceAccountInWords(c)} ${validityInWords(c)}; the kubelet has not renewed it.`,
    hint: () => 'Recreate the pod. If it happens again, look at the kubelet of its node.',
    commands: restart,
  },
  {
    ...EXPIRED,
    when: ofPodToken(expired),
    problem: (c) =>
      `The token of ${serviceAccountInWords(c)} ${validityInWords(c)}, but Microsoft Entra ID says that it is not valid now.`,
    hint: () => 'Compare the clock of the node with that of Azure, and recreate the pod for a new token.',
    commands: (c) => [
      ...restart(c),
      ...findNode(c),
      bash`kubectl debug node/${name(c.facts.pod?.node, 'NODE')} --image=busybox:1.37 --attach -- date -u`,
    ],
  },
  {
    ...EXPIRED,
    when: expired,
    problem: () =>
      'The ID token of the pipeline, with which the tool is logged in, has expired. It lives for a few minutes only.',
    hint: () =>
      'Log in right before the step that needs Azure, or ask for the tokens at its beginning: a new login needs a new ID token.',
  },
  internalIssuer(UNREACHABLE, unreachable),
  {
    ...UNREACHABLE,
    when: only(unreachable, issuerIs('aks')),
    problem: (c) => `Microsoft Entra ID could not read ${discoveryDocument(c)}, which AKS publishes.`,
    hint: () =>
      'Ask again in a minute; this passes. If it lasts, update the cluster without a change, then open a support request.',
    commands: (c) => [fetchDocument(c), listClusters(), onCluster(part`update`, part`--yes`)],
  },
  {
    ...UNREACHABLE,
    when: only(unreachable, issuerIs('unknown', 'pipeline', 'entra')),
    problem: (c) => `Microsoft Entra ID could not read the OIDC documents of ${issuer(c)}.`,
    hint: () =>
      'Ask again in some minutes. If it lasts, look at the status page of whoever issues the token (GitHub, Azure DevOps).',
  },
  {
    ...UNREACHABLE,
    when: unreachable,
    problem: (c) => `Microsoft Entra ID cannot reach ${discoveryDocument(c)}, or the keys that it names.`,
    hint: () => 'Make both public on the internet: Microsoft Entra ID reads them. If they are public, ask again.',
    commands: (c) => [fetchDocument(c)],
  },
  {
    ...INVALID,
    when: only(entraSays(7000272), issuerIs('other')),
    problem: (c) =>
      `The key that signed the token is not among those that ${issuer(c)} publishes (${codeOf(c.finding)}).`,
    hint: () =>
      'Add its public key to the key set (JWKS) that the discovery document names. After a rotation, keep the old key there until its tokens have expired.',
    commands: (c) => [fetchDocument(c), fetchKeys(c)],
  },
  {
    ...INVALID,
    when: entraMeans('issuer'),
    problem: (c) => `Microsoft Entra ID cannot use ${issuer(c)}, or what it publishes (${codeOf(c.finding)}).`,
    hint: () =>
      'Its discovery document must name exactly this issuer, and its keys must include the one that signed the token. Keys may have been rotated.',
    commands: (c) => [fetchDocument(c)],
  },
  {
    ...REFUSED,
    when: only(ofPodToken(entraSays(70023)), (e) => !projectedToken(e).isInjected),
    problem: () => 'The projected token lives for more than 24 hours, and Microsoft Entra ID accepts none that does.',
    hint: () =>
      'Lower expirationSeconds of the projected volume to at most 86400, or remove the volume and let the webhook make one.',
    commands: (c) => unsetVariable(c, part`AZURE_FEDERATED_TOKEN_FILE`),
  },
  {
    ...REFUSED,
    when: ofPodToken(entraSays(70023)),
    problem: () => 'The projected token lives for more than 24 hours, and Microsoft Entra ID accepts none that does.',
    hint: () =>
      'Shorten its lifetime by the annotation service-account-token-expiration (or expirationSeconds of the volume), and recreate the pod.',
    commands: (c) => annotateServiceAccount(c, 'service-account-token-expiration', part`3600`),
  },
  {
    ...REFUSED,
    when: only(refused, (_, { credential }) => credential === 'client-certificate'),
    problem: (c) =>
      `Microsoft Entra ID refused the assertion that this process signed with its certificate (${codeOf(c.finding)}).`,
    hint: () =>
      'Check that AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_AUTHORITY_HOST are those of the application that the certificate belongs to.',
    commands: () => [listApplications()],
  },
  {
    ...REFUSED,
    when: ofPodToken(entraSays(700229)),
    problem: (c) =>
      `The token in ${shown(projectedToken(c).file, 'the file')} is one that Microsoft Entra ID issued for a person; it only exchanges those of a managed identity or application.`,
    hint: () =>
      "Present the token of the pod's service account, which a federated credential of the identity trusts, or that of a managed identity.",
    commands: (c) => [...letWebhookSet(c, part`AZURE_FEDERATED_TOKEN_FILE`), listFederatedCredentials(c)],
  },
  {
    ...REFUSED,
    when: only(ofPodToken(refused), isOfEntra),
    problem: (c) =>
      `The token in ${shown(projectedToken(c).file, 'the file')} was issued by Microsoft Entra ID itself, which does not exchange its own tokens.`,
    hint: () =>
      "Present the token of the pod's service account instead, as the Workload ID webhook projects it, and let a federated credential of the identity trust it.",
    commands: (c) => [
      ...letWebhookSet(c, part`AZURE_FEDERATED_TOKEN_FILE`),
      showIssuerOfCluster(),
      listFederatedCredentials(c),
    ],
  },
  {
    ...REFUSED,
    when: ofPodToken(refused),
    problem: (c) =>
      `Microsoft Entra ID refused the token of ${serviceAccountInWords(c)} for ${identityInWords(c)} (${codeOf(c.finding)}).`,
    hint: () =>
      'Recreate the pod for a new token. If it is refused again, compare the token with the federated credential and the keys of the cluster.',
    commands: (c) => [...restart(c), listFederatedCredentials(c), showIssuerOfCluster()],
  },
  {
    ...REFUSED,
    when: only(refused, isOfEntra),
    problem: () =>
      'The login presented a token that Microsoft Entra ID issued itself, and it does not exchange its own tokens.',
    hint: () => 'Log in with the ID token of the pipeline or cluster, whose issuer the federated credential names.',
  },
  {
    ...REFUSED,
    when: refused,
    problem: (c) => `Microsoft Entra ID refused the token that the login presented (${codeOf(c.finding)}).`,
    hint: () => 'Log in again with a new token, and compare it with the federated credential of the application.',
  },
];

function issuerIs(...kinds: IssuerKind[]) {
  return (e: Evidence, finding: Case['finding']) => kinds.includes(issuerOf({ ...e, finding }));
}

function isOfEntra(e: Evidence, finding: Case['finding']): boolean {
  return issuerOf({ ...e, finding }) === 'entra' || OF_ENTRA.includes(finding.aadsts ?? 0);
}

function issuer(c: Case): string {
  return shown(presented(c).issuer, 'the issuer of the token');
}

function isPast(e: Evidence): boolean {
  return Date.parse(projectedToken(e).exp ?? '') <= Date.parse(e.facts.now);
}

/** "expired at …", "is valid from … to …", as far as the token says. */
function validityInWords(e: Evidence): string {
  const { nbf, exp } = projectedToken(e);
  if (isPast(e)) return `expired at ${exp} (now ${e.facts.now})`;
  if (exp === undefined) return `is not valid now (${e.facts.now})`;
  return nbf === undefined
    ? `is valid until ${exp} (now ${e.facts.now})`
    : `is valid from ${nbf} to ${exp} (now ${e.facts.now})`;
}

function document(c: Case): Word {
  return url(presented(c).issuer && discoveryDocument(c), 'ISSUER');
}

function fetchDocument(c: Case): string {
  return bash`curl -sS ${document(c)}`;
}

function fetchKeys(c: Case): string {
  return bash`curl -sS ${document(c)} | grep -oE 'jwks_uri[^,]+' | grep -oE 'https://[[:alnum:]./_:-]+' | xargs curl -sS`;
}
