import { bash } from '../bash.ts';
import { showNmiBindings } from '../commands.ts';
import { type Case, type Evidence, type Finding, isTool } from '../evidence.ts';
import { either, entraMeans, entraRefusal, ofAzureCli, only, type When } from '../match.ts';
import { applicationInWords, applicationWord, tenantInWords } from '../principal.ts';
import { aboutNumber, DOCUMENTATION, type Row } from '../row.ts';
import { capitalized, codeOf, quoted, shown } from '../words.ts';
import { ACCOUNTS } from './account.ts';
import { APPLICATION } from './application.ts';
import { CLIENT_CERTIFICATE } from './client-certificate.ts';
import { CLIENT_SECRET } from './client-secret.ts';
import { POLICY } from './policy.ts';
import { ENTRA_BROKEN, ENTRA_REFUSED } from './reasons.ts';
import { TENANT } from './tenant.ts';

const THROTTLED = {
  reason: 'entra-throttled',
  title: 'Microsoft Entra ID throttles the requests',
  check: 'identity-provider',
  documentation: aboutNumber,
} as const;
const BROKEN = { ...ENTRA_BROKEN, documentation: DOCUMENTATION.status } as const;

/** A response of Microsoft Entra ID without a number of its own. */
function unnumbered(predicate: (finding: Finding) => boolean): When {
  return ({ findings }) =>
    findings.find(
      (finding) =>
        finding.responder === 'entra' &&
        finding.aadsts === undefined &&
        finding.credential !== 'managed-identity' &&
        predicate(finding),
    );
}

function answersWith(...codes: string[]): When {
  return only(entraRefusal, (_, { errorCode }) => errorCode !== undefined && codes.includes(errorCode));
}

/** Temporary faults, then refusals that say what to do by themselves, then those that do not. */
const OTHERS: readonly Row[] = [
  {
    ...THROTTLED,
    when: either(
      entraMeans('throttled'),
      unnumbered(({ status }) => status === 429),
    ),
    problem: (c) => `${responder(c)} throttles the requests for tokens (${codeOf(c.finding)}).`,
    hint: () =>
      'Wait a minute, then ask again. If it comes back, find what asks for a token for each request instead of keeping it.',
  },
  {
    ...BROKEN,
    when: either(
      entraMeans('transient'),
      unnumbered(({ status = 0, errorCode }) => status >= 500 || errorCode === 'temporarily_unavailable'),
    ),
    problem: (c) => `${responder(c)} has a temporary fault (${codeOf(c.finding)}).`,
    hint: () =>
      'Ask again in a minute, and look at the status page of Azure if it lasts. Nothing here needs to change.',
  },
  {
    ...ENTRA_REFUSED,
    when: entraMeans('flow-public-client'),
    problem: (c) =>
      `${capitalized(applicationInWords(c))} is registered as a public client, which may not send a secret.`,
    hint: () => 'Register it as a confidential client (a web application), or use another application.',
    commands: (c) => [bash`az ad app update --id ${applicationWord(c)} --is-fallback-public-client false`],
  },
  {
    ...ENTRA_REFUSED,
    when: entraMeans('flow-malformed'),
    problem: ({ finding }) =>
      `The request is malformed (AADSTS${finding.aadsts}): an id or secret is empty or has a quote, a space or a line break.`,
    hint: () =>
      'Look at AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET where they are set: in the annotations of the service account, the manifest or the environment.',
  },
  {
    ...ENTRA_REFUSED,
    when: entraMeans('flow-regional-endpoint'),
    problem: (c) => `${responder(c)} is a regional endpoint, which is not for this application.`,
    hint: () => 'Unset AZURE_REGIONAL_AUTHORITY_NAME.',
  },
  {
    ...ENTRA_REFUSED,
    when: entraMeans('flow-old-tls'),
    problem: () => 'The connection to Microsoft Entra ID uses an old version of TLS; it takes TLS 1.2 and later only.',
    hint: () => 'Update what breaks TLS on the way, such as a proxy, or the program that connects.',
  },
  {
    ...ENTRA_REFUSED,
    when: either(entraMeans('resource'), answersWith('invalid_scope', 'invalid_resource')),
    problem: (c) =>
      `${capitalized(tenantInWords(c))} gives no token for ${c.facts.cloud.resourceManager} (${codeOf(c.finding)}).`,
    hint: () => 'Check that the tenant and AZURE_AUTHORITY_HOST are those of the subscription.',
    documentation: DOCUMENTATION.clouds,
  },
  {
    ...ENTRA_REFUSED,
    when: only(either(entraMeans('flow'), answersWith('unauthorized_client')), (_, finding) => !isTool(finding)),
    problem: (c) => `${capitalized(applicationInWords(c))} may not make this request (${codeOf(c.finding)}).`,
    hint: () =>
      'Use an application or managed identity that gets tokens without a person: with a secret, certificate or federated credential.',
  },
  {
    ...ENTRA_REFUSED,
    when: ofAzureCli(entraRefusal),
    problem: (c) => `Microsoft Entra ID refused the login of az: ${said(c)}.`,
    hint: () =>
      'Log in again. If that does not help, an administrator finds the request in the sign-in log by its correlation id.',
    commands: () => [bash`az login`],
  },
  {
    ...ENTRA_REFUSED,
    when: only(entraRefusal, isNoToolLogin),
    problem: (c) => `Microsoft Entra ID gave ${applicationInWords(c)} no token: ${said(c)}.`,
    hint: () =>
      'Read what the number means. An administrator finds the request in the sign-in log by its correlation id.',
  },
];

function responder({ finding }: Case): string {
  return shown(finding.host, 'Microsoft Entra ID');
}

/** Logins of other tools that have to be made again are rows of these tools. */
function isNoToolLogin(_: Evidence, finding: Finding): boolean {
  return !isTool(finding) || (finding.aadstsClass !== 'sign-in' && finding.aadstsClass !== 'mfa');
}

/** The message without its number, which stands in the sentence already. */
function said({ finding }: Case): string {
  return quoted({ summary: finding.summary.replace(/^[\s\S]{0,80}?(?=AADSTS\d)/, '') });
}

/** Microsoft Entra ID refused a token, for any credential. */
export const ENTRA: readonly Row[] = [
  {
    ...ENTRA_REFUSED,
    when: only(
      entraMeans('client-secret', 'client-certificate', 'application-unknown', 'tenant'),
      (_, { responder }) => responder === 'nmi',
    ),
    problem: (c) =>
      `NMI signs in as a service principal (AzureIdentity of type 1 or 2), which Microsoft Entra ID refuses (${codeOf(c.finding)}).`,
    hint: () =>
      'Correct clientID, tenantID and the secret or certificate in the AzureIdentity. For a managed identity, which needs none, its type is 0.',
    commands: (c) => [showNmiBindings(c)],
    documentation: DOCUMENTATION.podIdentity,
  },
  ...APPLICATION,
  ...CLIENT_SECRET,
  ...CLIENT_CERTIFICATE,
  ...TENANT,
  ...POLICY,
  ...ACCOUNTS,
  ...OTHERS,
];
