import { bash } from '../bash.ts';
import { listIdentities } from '../commands.ts';
import { aboutPlatform, at, clientIdRefusedAt, platformInWords, requestedInWords, responded } from '../endpoint.ts';
import { dropVariables } from '../environment-commands.ts';
import { only } from '../match.ts';
import { isWindows } from '../place.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { clientIdOf, codeOf, isSet, quoted, shown } from '../words.ts';
import { howFar } from './managed-identity.ts';
import { IDENTITY_ENDPOINT_FAILED, IDENTITY_NOT_FOUND } from './reasons.ts';
import { SIGN_IN_HOSTS, setAuthorityOfAz } from './tenant.ts';

const UNSUPPORTED = {
  reason: 'client-id-not-supported',
  title: 'This platform does not let a process choose its identity',
  check: 'configuration',
  documentation: aboutPlatform,
} as const;

/** The endpoints of Azure Arc, Service Fabric, Azure Machine Learning and Cloud Shell. */
export const OTHER_ENDPOINTS: readonly Row[] = [
  {
    ...UNSUPPORTED,
    when: clientIdRefusedAt('service-fabric'),
    problem: (c) =>
      `AZURE_CLIENT_ID is ${shown(clientIdOf(c), 'set')}, but in Service Fabric the application's manifest chooses the identity.`,
    hint: () =>
      'Remove AZURE_CLIENT_ID from the environment of this service, and name the identity in its manifest (IdentityBindingPolicy).',
  },
  {
    ...UNSUPPORTED,
    when: clientIdRefusedAt('cloud-shell'),
    problem: () => 'AZURE_CLIENT_ID is set, but the endpoint of Cloud Shell gives tokens for its own user only.',
    hint: () => 'Unset AZURE_CLIENT_ID, or use the login of the Azure CLI.',
    commands: () => [bash`az login`],
  },
  {
    ...UNSUPPORTED,
    when: clientIdRefusedAt('arc'),
    problem: () => 'AZURE_CLIENT_ID is set, but Azure Arc gives a server only its system-assigned identity.',
    hint: () => 'Remove AZURE_CLIENT_ID from the environment of this process, and restart it.',
    commands: (c) => dropVariables(c, 'AZURE_CLIENT_ID'),
  },
  {
    ...IDENTITY_NOT_FOUND,
    when: responded(({ text }) => text.identity === 'not-found'),
    problem: (c) => `The identity endpoint of this ${platformInWords(c)} has no identity${requestedInWords(c)}.`,
    hint: () =>
      'Check which identity the platform gives this process. AZURE_CLIENT_ID, if set, must be its client id, not its object id.',
    commands: () => [listIdentities()],
    documentation: aboutPlatform,
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: responded(({ text }) => text.provider === 'audience-unsupported' && text.cloud !== undefined),
    problem: (c) =>
      `The identity endpoint of this ${platformInWords(c)} belongs to the cloud ${c.finding.text.cloud}, and this service asked for a token of ${c.facts.cloud.resourceManager}.`,
    hint: () => `Set AZURE_AUTHORITY_HOST to the cloud of the endpoint (${SIGN_IN_HOSTS}), and restart this service.`,
    commands: setAuthorityOfAz,
    documentation: DOCUMENTATION.clouds,
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: at('cloud-shell'),
    problem: (c) => `The endpoint of Cloud Shell gave no token for this audience (${codeOf(c.finding)}).`,
    hint: () => 'Log in with the Azure CLI in Cloud Shell, and let AZURE_TOKEN_CREDENTIALS, if it is set, allow it.',
    commands: () => [bash`az login`],
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(at('arc'), (e, { text }) => text.provider === 'key-unreadable' && e.facts.windows === true),
    problem: () => 'This process may not read the key that the agent of Azure Arc writes for each request.',
    hint: () =>
      'Add its user to the local group Hybrid Agent Extension Applications, and start a new session. Administrators need not be in it.',
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(at('arc'), (_, { text }) => text.provider === 'key-unreadable'),
    problem: () => 'This process may not read the key that the agent of Azure Arc writes to /var/opt/azcmagent/tokens.',
    hint: () => 'Add its user to the group himds, then start a new session or restart the service.',
    commands: () => [bash`sudo usermod -aG himds $USER`],
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(at('arc'), (e, { status }) => status !== undefined && isSet(e, 'AZURE_CLIENT_ID')),
    problem: (c) =>
      `The agent of Azure Arc gave no token (${codeOf(c.finding)}). AZURE_CLIENT_ID is set, but Azure Arc gives a server only its system-assigned identity.`,
    hint: () =>
      'Remove AZURE_CLIENT_ID from the environment of this process, and restart it. If that does not help, look at the state of the agent.',
    commands: (c) => [...dropVariables(c, 'AZURE_CLIENT_ID'), bash`azcmagent show`, bash`azcmagent check`],
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(at('arc'), (_, { status }) => status !== undefined),
    problem: (c) => `The agent of Azure Arc gave no token (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Look at the state of the agent. Connect the server again if it is disconnected or expired, which it is after 45 days without contact.',
    commands: () => [bash`azcmagent show`, bash`azcmagent check`],
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(at('arc'), isWindows),
    problem: (c) => `The agent of Azure Arc does not answer (${howFar(c.finding)}).`,
    hint: () => 'Start the service himds on this server. A container reaches it only on the network of its host.',
    commands: () => [bash`azcmagent show`],
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: at('arc'),
    problem: (c) => `The agent of Azure Arc does not answer (${howFar(c.finding)}).`,
    hint: () => 'Start its service, himdsd. A container reaches the agent only on the network of its host.',
    commands: () => [bash`sudo systemctl restart himdsd`, bash`azcmagent show`],
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: only(at('service-fabric'), (_, { networkCode = '' }) => /CERT|SIGN|ISSUER|TLS|SSL/.test(networkCode)),
    problem: (c) =>
      `The identity endpoint of Service Fabric has a certificate that is not trusted (${shown(c.finding.networkCode, 'TLS')}).`,
    hint: () =>
      'Its certificate is self-signed and meant to be checked by IDENTITY_SERVER_THUMBPRINT. Check that both agree, and let Node trust it with NODE_EXTRA_CA_CERTS.',
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: at('service-fabric'),
    problem: (c) =>
      `The identity endpoint of Service Fabric gave no token (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      "Check that the cluster's managed identity token service is healthy, and that the application's identity is assigned and named in its manifest.",
  },
  {
    ...IDENTITY_ENDPOINT_FAILED,
    when: at('azure-ml'),
    problem: (c) =>
      `The endpoint of Azure Machine Learning gave no token${requestedInWords(c)} (${codeOf(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Assign an identity to the compute, and set AZURE_CLIENT_ID to its client id, not its object id. On a compute instance, signing in again renews the single sign-on.',
    commands: () => [listIdentities()],
  },
];
