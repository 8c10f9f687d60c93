import { part } from '../bash.ts';
import { enableWorkloadIdentity, inOrder, restart, unsetVariable, useServiceAccount } from '../commands.ts';
import { type Case, isTool } from '../evidence.ts';
import {
  createFederatedCredential,
  hasUsualAudience,
  isForTokenProxy,
  isOfEverybody,
  issuerOf,
  isTrustworthy,
  listFederatedCredentials,
  presented,
  showIssuerOfCluster,
  updateFederatedCredential,
} from '../federated-credentials.ts';
import { either, entraSays, isProjected, only, type When } from '../match.ts';
import { applicationInWords } from '../principal.ts';
import { aboutNumber, DOCUMENTATION, type Reason, type Row } from '../row.ts';
import { authorityHost, identityInWords, serviceAccountInWords, shown } from '../words.ts';

const AUDIENCE = {
  reason: 'federated-credential-audience',
  title: 'The audience of the federated credential differs',
  check: 'token',
  documentation: aboutNumber,
} as const;
const ISSUER = {
  reason: 'federated-credential-issuer',
  title: 'No federated credential for this issuer',
  check: 'token',
  documentation: aboutNumber,
} as const;
const SUBJECT = {
  reason: 'federated-credential-subject',
  title: 'No federated credential for this subject',
  check: 'token',
  documentation: aboutNumber,
} as const;
const CASE = {
  reason: 'federated-credential-case',
  title: 'The federated credential differs in upper and lower case',
  check: 'token',
  documentation: aboutNumber,
} as const;
const MISSING = {
  reason: 'federated-credential-missing',
  title: 'No federated credential matches this token',
  check: 'token',
  documentation: aboutNumber,
} as const;

const audience = entraSays(700212, 7002121);
const issuer = entraSays(700211);
const subject = entraSays(700213);
const missing = entraSays(70021, 70025);
/** What to do for the token of a pipeline that no credential names. */
const FOR_PIPELINE =
  'Create one, or run the pipeline for the branch, environment or service connection that an existing one names. A new one takes a minute.';

/** The token of another issuer matches no federated credential. */
export const FEDERATION: readonly Row[] = [
  {
    ...AUDIENCE,
    // Microsoft Entra ID may miss any of the three values.
    when: ofPod(either(audience, issuer, subject, missing), isForTokenProxy),
    problem: (c) =>
      `The token has the audience api://AKSIdentityBinding for the token proxy of AKS, but it was sent to ${authorityHost(c)} directly.`,
    hint: () =>
      'Recreate the pod, so that AKS injects the variables of the identity binding. Without a binding, remove the annotation use-identity-binding from the pod template.',
    commands: restart,
    documentation: DOCUMENTATION.identityBindings,
  },
  {
    ...AUDIENCE,
    when: ofPod(audience, (c) => !hasUsualAudience(c)),
    problem: otherAudience,
    hint: () =>
      'Let the webhook project the token, with the audience api://AzureADTokenExchange, and give the federated credential the same audience.',
    commands: (c) => inOrder([listFederatedCredentials(c)], unsetVariable(c, part`AZURE_FEDERATED_TOKEN_FILE`)),
  },
  {
    ...AUDIENCE,
    when: ofPod(audience),
    problem: otherAudience,
    hint: () =>
      'Give the federated credential the audience of the token. There can be no second one with this issuer and subject.',
    commands: (c) => updateFederatedCredential(c, part`grep`),
  },
  {
    ...AUDIENCE,
    when: audience,
    problem: otherAudience,
    hint: () => 'Give both the same audience, by default api://AzureADTokenExchange, and log in again.',
    commands: (c) => [listFederatedCredentials(c)],
  },
  internalIssuer(ISSUER, issuer),
  serviceAccountOfEverybody(ISSUER, issuer),
  {
    ...ISSUER,
    when: ofPod(issuer, isTrustworthy),
    problem: otherIssuer,
    hint: (c) =>
      `Create a federated credential for it. ${slashInWords(c)}Each cluster has its own issuer, and a recreated one a new one; an identity can trust 20.`,
    commands: createFederatedCredential,
  },
  {
    ...ISSUER,
    when: ofPod(issuer),
    problem: otherIssuer,
    hint: (c) =>
      `If this is the issuer of your own cluster, create a federated credential for it. ${slashInWords(c)}`.trim(),
    commands: compare,
  },
  {
    ...ISSUER,
    when: issuer,
    problem: otherIssuer,
    hint: (c) =>
      `Create a federated credential with the issuer and subject of the pipeline, or correct the one that is there. ${slashInWords(c)}`.trim(),
    commands: (c) => [listFederatedCredentials(c)],
  },
  serviceAccountOfEverybody(SUBJECT, subject),
  {
    ...SUBJECT,
    when: ofPod(subject, isTrustworthy),
    problem: otherSubject,
    hint: () =>
      'Create a federated credential for it, or run the pod under a service account that has one. A new one can take a few minutes.',
    commands: createFederatedCredential,
  },
  {
    ...SUBJECT,
    when: ofPod(subject, (c) => issuerOf(c) !== 'pipeline'),
    problem: otherSubject,
    hint: () =>
      'Compare it with those that are there. If the issuer is that of your own cluster, create one; it can take a few minutes.',
    commands: compare,
  },
  {
    ...SUBJECT,
    when: subject,
    problem: otherSubject,
    hint: () => FOR_PIPELINE,
    commands: (c) => [listFederatedCredentials(c)],
  },
  {
    ...CASE,
    when: entraSays(7002138),
    problem: (c) =>
      `A federated credential of ${ownerInWords(c)} matches ${shown(presented(c).subject, 'the token')} only if upper and lower case are ignored.`,
    hint: () => 'Write its issuer and subject exactly as they are in the token, then try again.',
    commands: (c) => updateFederatedCredential(c, part`grep -i`),
  },
  internalIssuer(MISSING, missing),
  serviceAccountOfEverybody(MISSING, missing),
  {
    ...MISSING,
    when: ofPod(missing, isTrustworthy),
    problem: missingInWords,
    hint: () => 'Create one with exactly these values, a trailing slash included. It can take a few minutes.',
    // A credential with this issuer and subject has another audience, and there can be no second one.
    commands: (c) => inOrder(updateFederatedCredential(c, part`grep`), createFederatedCredential(c)),
  },
  {
    ...MISSING,
    when: ofPod(missing, (c) => issuerOf(c) !== 'pipeline'),
    problem: missingInWords,
    hint: (c) =>
      `Compare these values with the federated credentials. ${slashInWords(c)}If the issuer is that of your own cluster, create one; it can take a few minutes.`,
    commands: compare,
  },
  {
    ...MISSING,
    when: only(missing, (_, finding) => isTool(finding) && finding.text.assertion === undefined),
    problem: (c) => `No federated credential of ${applicationInWords(c)} matches the token of this pipeline.`,
    hint: () => 'Create a federated credential with its issuer and subject, wait a minute, and log in again.',
    commands: (c) => [listFederatedCredentials(c)],
  },
  {
    ...MISSING,
    when: missing,
    problem: missingInWords,
    hint: () => FOR_PIPELINE,
    commands: (c) => [listFederatedCredentials(c)],
  },
];

/** Matches for the token of a pod, if the condition holds for it. */
function ofPod(when: When, condition: (c: Case) => boolean = () => true): When {
  return only(when, (e, finding) => isProjected(finding) && condition({ ...e, finding }));
}

/** The issuers of AKS end with a slash, and a federated credential without it does not match. */
function slashInWords(c: Case): string {
  return presented(c).issuer?.endsWith('/') ? 'Its trailing slash counts. ' : '';
}

function otherAudience(c: Case): string {
  return `The token has the audience ${shown(presented(c).audience, 'that the message names')}, and the federated credential of ${ownerInWords(c)} has another.`;
}

function otherIssuer(c: Case): string {
  return `No federated credential of ${ownerInWords(c)} has exactly the issuer ${shown(presented(c).issuer, 'of the token')}.`;
}

function otherSubject(c: Case): string {
  return `No federated credential of ${ownerInWords(c)} has the subject ${shown(presented(c).subject, 'of the token')}.`;
}

function missingInWords(c: Case): string {
  const { issuer: iss, subject: sub, audience: aud } = presented(c);
  return `No federated credential of ${ownerInWords(c)} has the issuer ${shown(iss, 'of the token')}, the subject ${shown(sub, 'of the token')} and the audience ${shown(aud, 'of the token')}.`;
}

/** What every pod of the namespace could use, no identity may trust. */
function serviceAccountOfEverybody(reason: Reason, when: When): Row {
  return {
    ...reason,
    when: ofPod(when, isOfEverybody),
    problem: (c) =>
      `The pod runs as ${serviceAccountInWords(c)}, and no federated credential of ${identityInWords(c)} has its subject ${shown(presented(c).subject, '')}.`,
    hint: () =>
      'Set serviceAccountName in the pod template to the service account that the federated credential names. Create none for the service account default: every pod could use it.',
    commands: useServiceAccount,
  };
}

/** Microsoft Entra ID cannot read the keys of such an issuer. */
export function internalIssuer(reason: Reason, when: When): Row {
  return {
    ...reason,
    when: ofPod(when, (c) => issuerOf(c) === 'internal'),
    problem: (c) =>
      `Microsoft Entra ID cannot read the keys of ${shown(presented(c).issuer, 'the issuer')}: this issuer is internal to the cluster.`,
    hint: () =>
      "Give the cluster a public OIDC issuer: on AKS its OIDC issuer feature, elsewhere the API server's service-account-issuer. Then recreate the pod.",
    commands: (c) => [...enableWorkloadIdentity(), ...restart(c)],
  };
}

/** What is there, and what the cluster says of itself, for a person to judge. */
function compare(c: Case): string[] {
  return [listFederatedCredentials(c), showIssuerOfCluster()];
}

/** Whose federated credentials count: those of the pod's identity, or of the application as which a tool is logged in. */
function ownerInWords(c: Case): string {
  return isTool(c.finding) ? applicationInWords(c) : identityInWords(c);
}
