import { argument, command } from '../commands.ts';
import type { Evidence, Finding } from '../evidence.ts';
import { findingOf, unanswered } from '../match.ts';
import { isSet, orUnknown } from '../values.ts';
import { serviceTag } from './network.ts';
import { DOCUMENTATION, type Rule } from './rule.ts';

/** The variables of a service principal, before Microsoft Entra ID is asked. */
export const SERVICE_PRINCIPAL_SETUP: Rule[] = [
  {
    reason: 'nothing-configured',
    match: (e) =>
      missingVariables(e).length > 0 ? findingOf(e, ['client-secret', 'client-certificate'], isNotAsked) : undefined,
    hint: (e) =>
      `Set ${missingVariables(e).join(' and ')}, too, or remove the secret or certificate: ` +
      'a service principal is only half configured, so it was not used.',
    documentation: DOCUMENTATION.credentialChains,
  },
  {
    reason: 'client-certificate-unusable',
    match: (e) =>
      findingOf(e, ['client-certificate'], (finding) => isNotAsked(finding) && !/Invalid tenant/.test(finding.words)),
    hint: (_, { words, text }) => {
      const said = words.slice(0, 2000);
      if (/ENOENT|no such file/i.test(said)) {
        return `Correct AZURE_CLIENT_CERTIFICATE_PATH, or mount the file: ${orUnknown(text.path)} does not exist.`;
      }
      if (/EACCES|permission denied/i.test(said)) {
        return `Let the user of this process read the file of AZURE_CLIENT_CERTIFICATE_PATH: ${orUnknown(text.path)} is closed to it.`;
      }
      if (/decrypt|passphrase|password|PKCS/i.test(said)) {
        return 'Set AZURE_CLIENT_CERTIFICATE_PASSWORD to the password of the private key, or use a PEM file without one: the private key in the file of AZURE_CLIENT_CERTIFICATE_PATH cannot be decrypted.';
      }
      return (
        'Put both into the file of AZURE_CLIENT_CERTIFICATE_PATH, as PEM: the private key and its certificate. ' +
        'One of them is missing, or the file has another format (a PFX file must be converted).'
      );
    },
    commands: () => [
      command`grep BEGIN $AZURE_CLIENT_CERTIFICATE_PATH`,
      command`cat $PRIVATE_KEY $CERTIFICATE > $PEM_FILE`,
    ],
    documentation: 'https://aka.ms/azsdk/js/identity/environmentcredential/troubleshoot',
  },
];

/** Nobody refused anything: nobody has answered, or nobody was asked. */
export const NO_ANSWER: Rule[] = [
  {
    reason: 'token-timeout',
    match: (e) => unanswered(e) ?? (e.failure.kind === 'token-timeout' ? lastAsked(e) : undefined),
    hint: (e, finding) => {
      const host = finding.host ?? hostAsked(e, finding);
      return (
        `Ask again, and look for what swallows packets if it lasts (firewall, network policy, NSG or other egress rule${host ? ` for ${host}` : ''}): ` +
        `${finding.name || 'the chain of credentials'} has not answered yet${serviceTag(e, { host })}.`
      );
    },
    commands: (e, finding) => {
      const host = finding.host ?? hostAsked(e, finding);
      return host ? [command`curl -sS -o /dev/null -v https://${argument(host, 'HOST')}`] : [];
    },
    documentation: DOCUMENTATION.egress,
  },
  {
    reason: 'nothing-configured',
    match: (e) => (e.findings.every(({ outcome }) => outcome === 'unavailable') ? e.findings[0] : undefined),
    hint: (e) => {
      const names = e.findings.map(({ name }) => name).join(', ');
      return (
        `Configure one of ${names}, or let AZURE_TOKEN_CREDENTIALS (${e.facts.variables['AZURE_TOKEN_CREDENTIALS'] ?? 'unset'}) allow another credential, ` +
        'such as a login with the Azure CLI: none of these is configured here.'
      );
    },
    documentation: DOCUMENTATION.credentialChains,
  },
];

function isNotAsked({ party, outcome }: Finding): boolean {
  return party === 'not-asked' && outcome !== 'pending';
}

/** In a timeout the last one that was asked is the one that is waited for. */
function lastAsked({ findings }: Evidence): Finding | undefined {
  return findings.at(-1);
}

/** Microsoft Entra ID, for a credential that asks nobody else. */
function hostAsked({ facts }: Evidence, { credential }: Finding): string | undefined {
  if (credential === 'managed-identity') return facts.identityEndpoint?.host ?? facts.metadataService;
  const asksEntra = ['client-secret', 'client-certificate', 'user-password', 'projected-token'].includes(
    credential ?? '',
  );
  return asksEntra ? new URL(facts.cloud.authorityHost).hostname : undefined;
}

/** A service principal that is configured by half. */
function missingVariables(e: Evidence): string[] {
  const hasCredential = ['AZURE_CLIENT_SECRET', 'AZURE_CLIENT_CERTIFICATE_PATH'].some((name) => isSet(e, name));
  const ids = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID'];
  return hasCredential ? ids.filter((name) => !isSet(e, name)) : [];
}
