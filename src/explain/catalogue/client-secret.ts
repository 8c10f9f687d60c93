import { type AadstsClass, isWithin } from '../aadsts.ts';
import { bash } from '../bash.ts';
import { listIdentities, listVariables } from '../commands.ts';
import { dropVariables } from '../environment-commands.ts';
import type { Case, Finding } from '../evidence.ts';
import { either, entraMeans, entraRefusal, entraSays, ofPodToken, ofTool, only } from '../match.ts';
import { isPipeline, isPod } from '../place.ts';
import { applicationInWords, applicationOf, fromEnvironment, otherLogin } from '../principal.ts';
import { replaceSecret, showNewSecret, trimSecret } from '../registration-commands.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { capitalized, isPadded, isTooShort, shown } from '../words.ts';
import { CLIENT_SECRET_REFUSED } from './reasons.ts';

/** An old number that means a wrong secret or a wrong certificate. */
const wrongOld = only(entraSays(50012), (_, { credential }) => credential === 'client-secret');
const refused = either(entraMeans('client-secret'), wrongOld);
const missing = entraMeans('client-secret-missing');

/** These say nothing about the credential: they would come with the one that is meant, too. */
const NOT_ABOUT_CREDENTIAL: readonly AadstsClass[] = [
  'transient',
  'throttled',
  'cloud',
  'resource',
  'policy',
  'blocked-tenant',
  'flow-regional-endpoint',
  'flow-old-tls',
];

/** The variable with the credential that EnvironmentCredential presents. */
function variableOf({ credential }: Finding): string {
  if (credential === 'client-secret') return 'AZURE_CLIENT_SECRET';
  return credential === 'client-certificate' ? 'AZURE_CLIENT_CERTIFICATE_PATH' : 'AZURE_PASSWORD';
}

/** Workload ID is there, and a credential of another time is in its way: EnvironmentCredential comes first, and its refusal ends the chain. */
export const LEFT_OVER: readonly Row[] = [
  {
    ...CLIENT_SECRET_REFUSED,
    when: only(
      fromEnvironment(entraRefusal),
      ({ facts }, { aadstsClass }) =>
        facts.projectedToken !== undefined && !NOT_ABOUT_CREDENTIAL.some((name) => isWithin(aadstsClass, name)),
    ),
    problem: ({ finding }) =>
      `${variableOf(finding)} takes precedence over Workload ID, which is configured here and was never tried: Microsoft Entra ID refused it (AADSTS${finding.aadsts}).`,
    hint: ({ finding }) =>
      `Remove ${variableOf(finding)} from the manifest, also where it comes from an envFrom. Workload ID needs none.`,
    commands: (c) => dropVariables(c, variableOf(c.finding)),
  },
];

/** Microsoft Entra ID refused the secret of an application. */
export const CLIENT_SECRET: readonly Row[] = [
  {
    ...CLIENT_SECRET_REFUSED,
    when: fromEnvironment(only(refused, (e) => isPadded(e, 'AZURE_CLIENT_SECRET'))),
    problem: () =>
      'AZURE_CLIENT_SECRET has white space or quotation marks around it, which were sent as part of it: the newline of an echo, the quotes of an env file.',
    hint: () =>
      'Remove them where the variable is set, such as the Secret that it comes from, and restart. No new secret is needed.',
    commands: trimSecret,
  },
  {
    ...CLIENT_SECRET_REFUSED,
    when: entraMeans('client-secret-of-managed-identity'),
    problem: (c) => `${shown(applicationOf(c), 'AZURE_CLIENT_ID')} is a managed identity, which has no client secret.`,
    hint: () =>
      'Remove AZURE_CLIENT_SECRET. A pod or machine of Azure gets the token of a managed identity without any secret.',
    commands: (c) => dropVariables(c, 'AZURE_CLIENT_SECRET'),
  },
  {
    ...CLIENT_SECRET_REFUSED,
    when: ofTool(refused),
    problem: (c) =>
      `The secret of ${applicationInWords(c)}, with which the tool is logged in, is wrong or has expired.`,
    hint: () => 'Log in again with a current secret. If nobody has one, add a new secret to the application.',
    commands: showNewSecret,
  },
  {
    ...CLIENT_SECRET_REFUSED,
    when: fromEnvironment(entraMeans('client-secret-expired')),
    problem: (c) => `The client secret of ${applicationInWords(c)} has expired.`,
    hint: (c) =>
      `Set AZURE_CLIENT_SECRET to a new secret and restart; if it was replaced already, only restart. If you meant ${otherLogin(c)}, unset AZURE_CLIENT_SECRET, which comes before it.`,
    commands: replaceSecret,
  },
  {
    ...CLIENT_SECRET_REFUSED,
    when: only(missing, (_, { credential }) => credential === 'user-password'),
    problem: (c) =>
      `${capitalized(applicationInWords(c))} is no public client: a user name and password alone are not enough.`,
    hint: () =>
      'Set AZURE_CLIENT_SECRET to a secret of the application; AZURE_USERNAME and AZURE_PASSWORD are not needed then.',
    commands: replaceSecret,
  },
  {
    ...CLIENT_SECRET_REFUSED,
    when: ofPodToken(missing),
    problem: (c) => `The request carried no usable token of the service account for ${applicationInWords(c)}.`,
    hint: () => 'Check that the client id is that of an identity with a federated credential for this service account.',
    commands: () => [listIdentities()],
  },
  {
    ...CLIENT_SECRET_REFUSED,
    when: only(fromEnvironment(missing), isPipeline),
    problem: (c) => `The request carried no usable secret of ${applicationInWords(c)}.`,
    hint: () =>
      'A service connection with workload identity federation has no secret: unset AZURE_CLIENT_SECRET, and run this in a task that logs in with az. Otherwise set it to a current secret.',
    documentation: DOCUMENTATION.pipelines,
  },
  {
    ...CLIENT_SECRET_REFUSED,
    when: missing,
    problem: (c) => `The request carried no usable secret of ${applicationInWords(c)}.`,
    hint: () => 'Set AZURE_CLIENT_SECRET to a current secret of the application.',
    commands: replaceSecret,
  },
  {
    ...CLIENT_SECRET_REFUSED,
    // A shell, an env file or a pipeline has cut it.
    when: fromEnvironment(only(refused, (e) => isTooShort(e, 'AZURE_CLIENT_SECRET'))),
    problem: () => 'AZURE_CLIENT_SECRET is too short for a client secret: it was cut off, often at a #, $, % or quote.',
    hint: () => 'Set it to the whole value, in single quotes. If nobody has it, create a new secret.',
    commands: (c) => [...showOrigin(c), ...replaceSecret(c)],
  },
  {
    ...CLIENT_SECRET_REFUSED,
    when: fromEnvironment(refused),
    problem: (c) =>
      `AZURE_CLIENT_SECRET is not a secret of ${applicationInWords(c)}: it was replaced, is the id instead of the value, or is encoded.`,
    hint: (c) =>
      `Set it to the value of a current secret, or create one, and restart. A new one takes a minute. If you meant ${otherLogin(c)}, unset AZURE_CLIENT_SECRET, which comes before it.`,
    commands: replaceSecret,
  },
];

/** Shows the Secret that the variable of a pod comes from, if it comes from one. */
function showOrigin(c: Case): string[] {
  if (!isPod(c)) return [];
  return [bash`${listVariables(c)} | grep '# AZURE_CLIENT_SECRET from'`];
}
