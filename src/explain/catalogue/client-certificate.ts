import { bash, choice, part, path, type Word } from '../bash.ts';
import { findWorkload, inNamespace, templatePath, workload } from '../commands.ts';
import { type Case, type Evidence, type Finding, isTool } from '../evidence.ts';
import { entraMeans, findingOf, ofTool, only, type When } from '../match.ts';
import { isPod } from '../place.ts';
import { applicationInWords, applicationWord } from '../principal.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import type { CertificateProblem } from '../text-forms.ts';
import { isSet, shown } from '../words.ts';
import { CLIENT_CERTIFICATE_REFUSED } from './reasons.ts';

const UNUSABLE = {
  reason: 'client-certificate-unusable',
  title: 'The client certificate cannot be used',
  check: 'configuration',
  documentation: DOCUMENTATION.certificates,
} as const;

/** The SDK could not use the file, so nobody was asked. */
function unusable(...problems: CertificateProblem[]): When {
  return (e) => findingOf(e, ['client-certificate'], (f) => f.responder === 'not-asked' && has(f, ...problems));
}

function has({ outcome, text: { certificate } }: Finding, ...problems: CertificateProblem[]): boolean {
  return (
    outcome !== 'pending' && (problems.length === 0 || (certificate !== undefined && problems.includes(certificate)))
  );
}

function says(when: When, ...problems: CertificateProblem[]): When {
  return only(when, (_, finding) => has(finding, ...problems));
}

const hasPassword = (e: Evidence) => isSet(e, 'AZURE_CLIENT_CERTIFICATE_PASSWORD');

/** Its path is not among the facts. The shell that starts a process has the variable; of a pod's file, a person has a copy. */
function file({ facts }: Case): Word {
  return facts.kubernetes ? part`$CERTIFICATE_FILE` : part`$AZURE_CLIENT_CERTIFICATE_PATH`;
}

function showParts(c: Case): string[] {
  return [bash`grep -a BEGIN ${file(c)}`];
}

/** Shows the file and whose it is: for a pod, what is mounted where and for which group. */
function showFile(c: Case): string[] {
  if (!isPod(c)) return [bash`ls -ln ${path(c.finding.text.path, 'AZURE_CLIENT_CERTIFICATE_PATH')}`];
  const spec = choice(`.${templatePath(c)}.spec`);
  return [
    ...findWorkload(c),
    bash`kubectl get ${workload(c)} ${inNamespace(c)} -o jsonpath='{${spec}.volumes} {${spec}.containers[*].volumeMounts} {${spec}.securityContext}'`,
  ];
}

/** The file of AZURE_CLIENT_CERTIFICATE_PATH does not hold what the SDK needs. */
export const CLIENT_CERTIFICATE_FILE: readonly Row[] = [
  {
    ...UNUSABLE,
    when: unusable('file-missing'),
    problem: (c) =>
      `AZURE_CLIENT_CERTIFICATE_PATH names ${shown(c.finding.text.path, 'a file')}, which does not exist.`,
    hint: () =>
      'Correct AZURE_CLIENT_CERTIFICATE_PATH, or put the file there: in a pod, by mounting the Secret with the certificate.',
    commands: showFile,
  },
  {
    ...UNUSABLE,
    when: unusable('file-unreadable'),
    problem: (c) =>
      `This process may not read ${shown(c.finding.text.path, 'the file')}, which AZURE_CLIENT_CERTIFICATE_PATH names.`,
    hint: () =>
      'Let the user of this process read it: in a pod, by fsGroup in its security context or by the mode of the mounted Secret.',
    commands: showFile,
  },
  {
    ...UNUSABLE,
    when: only(unusable('password-wrong', 'key-unusable'), hasPassword),
    problem: () =>
      'AZURE_CLIENT_CERTIFICATE_PASSWORD does not decrypt the private key in the file of AZURE_CLIENT_CERTIFICATE_PATH.',
    hint: () => 'Correct the password, or use a PEM file whose private key is not encrypted.',
    commands: (c) => [bash`openssl pkey -in ${file(c)} -noout`],
  },
  {
    ...UNUSABLE,
    when: unusable('password-wrong', 'key-unusable'),
    problem: () =>
      'The private key in the file of AZURE_CLIENT_CERTIFICATE_PATH is encrypted and no password is set, or the file has no private key.',
    hint: () => 'Set AZURE_CLIENT_CERTIFICATE_PASSWORD, or use a PEM file with the certificate and an unencrypted key.',
    commands: showParts,
  },
  {
    ...UNUSABLE,
    when: unusable('certificate-absent'),
    problem: () =>
      'The file of AZURE_CLIENT_CERTIFICATE_PATH has no PEM certificate: it is a PFX file, or has only the private key.',
    hint: () => 'Put the private key and its certificate into one PEM file. A PFX file has to be converted.',
    commands: (c) => [...showParts(c), bash`(umask 077; openssl pkcs12 -in ${file(c)} -nodes -out certificate.pem)`],
  },
  {
    ...UNUSABLE,
    when: (e) => findingOf(e, ['client-certificate'], (f) => f.responder === 'not-asked' && f.outcome === 'failed'),
    problem: () => 'The SDK cannot sign with the file of AZURE_CLIENT_CERTIFICATE_PATH.',
    hint: () => 'It has to be a PEM file with the private key and its certificate. Read the message for what it lacks.',
    commands: showParts,
  },
];

const refused = entraMeans('client-certificate');

/** Microsoft Entra ID refused the certificate of an application. */
export const CLIENT_CERTIFICATE: readonly Row[] = [
  {
    ...CLIENT_CERTIFICATE_REFUSED,
    when: entraMeans('client-certificate-revocation-list'),
    problem: () =>
      'Microsoft Entra ID cannot load the revocation list (CRL) of the authority that issued the certificate.',
    hint: () =>
      'Make the CRL distribution point reachable from the internet and keep the list current. Nothing here needs to change.',
    commands: (c) => [bash`openssl x509 -in ${file(c)} -noout -issuer -ext crlDistributionPoints`],
  },
  {
    ...CLIENT_CERTIFICATE_REFUSED,
    when: entraMeans('client-certificate-chain'),
    problem: () => 'The tenant does not trust the chain of the certificate.',
    hint: () =>
      'Upload the CA certificates of the chain to the trusted authorities of the tenant, or register the certificate itself.',
    commands: (c) => [bash`openssl x509 -in ${file(c)} -noout -subject -issuer -dates`],
  },
  {
    ...CLIENT_CERTIFICATE_REFUSED,
    when: says(refused, 'revoked', 'expired'),
    problem: (c) => `${certificate(c)} ${c.finding.text.certificate === 'revoked' ? 'was revoked' : 'has expired'}.`,
    hint: () => 'Create a new certificate, register it with the application, and put it in place.',
    commands: showRegistered,
  },
  {
    ...CLIENT_CERTIFICATE_REFUSED,
    when: says(refused, 'key-too-short'),
    problem: (c) =>
      `${certificate(c)} has a key that is too short: Microsoft Entra ID accepts RSA keys from 2,048 bits on.`,
    hint: () => 'Create a certificate with a longer key, register it with the application, and put it in place.',
    commands: (c) => [bash`openssl x509 -in ${file(c)} -noout -text | grep Public-Key`],
  },
  {
    ...CLIENT_CERTIFICATE_REFUSED,
    when: says(refused, 'not-valid-now'),
    problem: (c) =>
      `${certificate(c)} is not valid now: it has expired, is not yet valid, or the clock that signed is wrong.`,
    hint: () =>
      'Compare its dates with the time here and with the ones registered, then correct the clock or renew it.',
    commands: showRegistered,
  },
  {
    ...CLIENT_CERTIFICATE_REFUSED,
    when: says(refused, 'key-mismatch'),
    problem: (c) =>
      `${certificate(c)} does not belong to the private key that signed; its thumbprint is registered with ${applicationInWords(c)}.`,
    hint: () => 'Put the certificate of the private key first in the PEM file: the leaf, before those of the CA.',
    commands: (c) => [...showParts(c), bash`openssl x509 -in ${file(c)} -noout -subject -fingerprint`],
  },
  {
    ...CLIENT_CERTIFICATE_REFUSED,
    when: ofTool(refused),
    problem: (c) => `${certificate(c)} is not registered with ${applicationInWords(c)}, or is not accepted.`,
    hint: () => 'Log in with the certificate that is registered, or register this one. Compare the thumbprints.',
    commands: (c) => [bash`az login`, listRegistered(c)],
  },
  {
    ...CLIENT_CERTIFICATE_REFUSED,
    when: only(says(refused, 'not-registered'), (e) => !isSet(e, 'AZURE_CLIENT_SEND_CERTIFICATE_CHAIN')),
    problem: (c) => `${certificate(c)} is not registered with ${applicationInWords(c)}.`,
    hint: () =>
      'Register it, or use the one that is registered. If the application trusts certificates by subject name and issuer, set AZURE_CLIENT_SEND_CERTIFICATE_CHAIN to true.',
    commands: (c) => [...showRegistered(c), register(c)],
  },
  {
    ...CLIENT_CERTIFICATE_REFUSED,
    when: refused,
    problem: (c) => `${certificate(c)} is not registered with ${applicationInWords(c)}, or is not accepted.`,
    hint: () =>
      'Register it with the application, or set AZURE_CLIENT_CERTIFICATE_PATH to the one that is. Compare the thumbprints.',
    commands: (c) => [...showRegistered(c), register(c)],
  },
];

function certificate({ finding }: Case): string {
  return isTool(finding)
    ? 'The certificate with which the tool is logged in'
    : 'The certificate of AZURE_CLIENT_CERTIFICATE_PATH';
}

function listRegistered(c: Case): string {
  return bash`az ad app credential list --id ${applicationWord(c)} --cert`;
}

function showRegistered(c: Case): string[] {
  return [listRegistered(c), bash`openssl x509 -in ${file(c)} -noout -fingerprint -dates`];
}

/** Registers the certificate without its private key, beside those that are registered. */
function register(c: Case): string {
  return bash`(IFS=; az ad app credential reset --id ${applicationWord(c)} --append --cert=$(openssl x509 -in ${file(c)}))`;
}
