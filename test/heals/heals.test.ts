import { describe, expect, test } from 'vitest';
import { CATALOGUE, WARNINGS } from '../../src/explain/catalogue.ts';
import { SCENARIOS } from '../fake-azure/scenarios.ts';
import { IDENTITY } from '../fake-azure/tokens.ts';
import { SUBSCRIPTION } from '../fake-azure/world.ts';
import { type Healing, harms, heal } from './heal.ts';
import { WORLDS } from './worlds.ts';

/** What somebody chooses from what a command has shown, because they know which things are theirs. */
const KNOWN = {
  CLIENT_ID: IDENTITY.clientId,
  CLUSTER: 'aks-prod',
  SERVICE_ACCOUNT: 'rgapi',
  SUBSCRIPTION_ID: SUBSCRIPTION,
  VM: 'rgapi',
};

/** The worlds that the printed commands heal: the reason after each round. */
const HEALED: Record<string, string[]> = {
  'all-well': ['list'],
  'identity-binding': ['list'],
  'pod-identity': ['list'],
  recovers: ['federated-credential-missing', 'list'],
  'node-identity': ['node-identity', 'list'],
  'node-annotation': ['node-identity', 'list'],
  'no-webhook': ['webhook-missed', 'list'],
  'no-annotation': ['client-id-missing', 'list'],
  'no-token-file': ['token-file-missing', 'list'],
  'wrong-subject': ['federated-credential-subject', 'list'],
  'wrong-client-id': ['client-id-unknown', 'list'],
  'clock-skew': ['clock-skew', 'list'],
  'no-permission': ['identity-binding-not-permitted', 'list'],
  'no-identity': ['identity-not-found', 'identity-not-found', 'list'],
  'not-assigned': ['identity-not-found', 'list'],
  'app-service': ['identity-not-found', 'list'],
  'no-login': ['az-not-logged-in', 'list'],
  mfa: ['az-not-logged-in', 'list'],
  'no-role': ['no-subscription', 'list'],
  forbidden: ['not-authorized', 'list'],
  'default-account': ['client-id-missing', 'list'],
  'tenant-annotation': ['client-id-unknown', 'list'],
  'deleted-identity': ['client-id-unknown', 'list'],
  'empty-client-id': ['client-id-missing', 'list'],
  'webhook-injects-nothing': ['client-id-missing', 'list'],
  'webhook-off': ['webhook-missed', 'list'],
  'no-credential': ['federated-credential-missing', 'list'],
  'second-cluster': ['federated-credential-issuer', 'list'],
  'issuer-slash': ['federated-credential-issuer', 'list'],
  'other-audience': ['federated-credential-audience', 'list'],
  'left-over-secret': ['client-secret-refused', 'list'],
  'subscription-gone': ['subscription-not-found', 'list'],
  'role-elsewhere': ['not-authorized', 'list'],
  'padded-secret': ['client-secret-refused', 'list'],
  'expired-secret': ['client-secret-refused', 'list'],
  'disabled-application': ['application-disabled', 'list'],
  'application-tenant': ['client-id-unknown', 'list'],
  'empty-list': ['no-resource-groups', 'list'],
  'label-missing': ['pod-label-missing', 'list'],
  'node-with-two-identities': ['multiple-identities', 'list'],
  'subject-case': ['federated-credential-case', 'list'],
  'issuer-in-cluster': ['issuer-unreachable', 'federated-credential-issuer', 'list'],
  'unknown-tenant': ['tenant-unknown', 'list'],
  'empty-tenant': ['tenant-id-missing', 'list'],
  'malformed-token': ['token-file-malformed', 'list'],
  'token-directory': ['token-file-unreadable', 'list'],
  'login-in-another-cloud': ['wrong-cloud', 'list'],
  'app-without-identity': ['identity-endpoint-missing', 'no-subscription', 'list'],
  'machine-without-identity': ['identity-not-found', 'no-subscription', 'list'],
  'expired-login': ['az-not-logged-in', 'list'],
  'expired-login-of-application': ['client-secret-refused', 'list'],
  'other-tenant': ['no-subscription', 'list'],
  'unit-with-two-identities': ['multiple-identities', 'list'],
  'unit-object-id': ['identity-not-found', 'list'],
  'unit-resource-id': ['identity-not-found', 'list'],
  'unit-not-assigned': ['identity-not-found', 'list'],
  'unit-with-another': ['no-subscription', 'identity-not-found', 'list'],
  'unit-subscription-gone': ['subscription-not-found', 'list'],
  'unit-token-file': ['token-file-missing', 'list'],
  'unit-tenant': ['client-id-unknown', 'list'],
  'unit-no-tenant': ['nothing-configured', 'list'],
  'unit-expired-secret': ['client-secret-refused', 'list'],
  'unit-padded-secret': ['client-secret-refused', 'list'],
  'unit-misnamed': ['nothing-configured', 'list'],
  'app-subscription-gone': ['subscription-not-found', 'list'],
  'app-expired-secret': ['client-secret-refused', 'list'],
  'app-object-id': ['identity-not-found', 'list'],
  'application-object-id': ['client-id-unknown', 'list'],
  'application-without-id': ['nothing-configured', 'list'],
  'swapped-ids': ['tenant-unknown', 'list'],
  'names-of-terraform': ['nothing-configured', 'list'],
  'config-map': ['subscription-not-found', 'list'],
  'left-over-in-secret': ['client-secret-refused', 'list'],
  'padded-in-secret': ['client-secret-refused', 'list'],
  'other-credentials': ['nothing-configured', 'list'],
  'subscription-of-another-tenant': ['wrong-tenant', 'list'],
  'no-service-principal': ['service-principal-missing', 'list'],
  'no-consent': ['consent-missing', 'list'],
  'malformed-tenant': ['configuration-refused', 'list'],
  'broken-extension': ['az-failed', 'list'],
};

/** The variables that are filled in by hand. Any other world heals without. */
const BY_HAND: Record<string, string> = {
  'no-webhook': 'CLUSTER',
  'webhook-off': 'CLUSTER',
  'default-account': 'SERVICE_ACCOUNT',
  'issuer-in-cluster': 'CLUSTER',
  'no-identity': 'CLIENT_ID',
  'app-service': 'CLIENT_ID',
  'machine-without-identity': 'VM',
  'unit-with-two-identities': 'CLIENT_ID',
  'unit-with-another': 'CLIENT_ID',
  // Only chosen where no identity has the id that is set.
  'unit-object-id': 'CLIENT_ID',
  'unit-resource-id': 'CLIENT_ID',
  'unit-not-assigned': 'CLIENT_ID',
  'app-object-id': 'CLIENT_ID',
  'application-without-id': 'CLIENT_ID',
  'application-object-id': 'CLIENT_ID',
  'application-tenant': 'CLIENT_ID',
  'swapped-ids': 'CLIENT_ID',
};

/** The application is chosen from the list of applications. */
const APPLICATION = { ...KNOWN, CLIENT_ID: 'eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee' };

/** A new secret is the remedy for an old one. */
const ALLOWED: Record<string, string[]> = {
  'expired-secret': ['a new secret'],
  'expired-login-of-application': ['a new secret'],
  'unit-expired-secret': ['a new secret'],
  'app-expired-secret': ['a new secret'],
};

/** The worlds that no command of a terminal heals, and what the commands show of the cause. */
const SHOWN: Record<string, { reason: string; shows?: RegExp }> = {
  // Whatever starts the service of a machine has its variables; no command knows what that is.
  'machine-with-two-identities': { reason: 'multiple-identities', shows: /^22222222-.*rgapi/m },
  'not-ready': { reason: 'identity-pending', shows: /^No resources found in rgapi namespace/ },
  'conditional-access': { reason: 'blocked-by-policy' },
  'no-dns': { reason: 'dns-failure', shows: /Could not resolve host: login\.microsoftonline\.com/ },
  intercepted: { reason: 'tls-intercepted', shows: /self-signed certificate in certificate chain/ },
  'deny-assignment': { reason: 'deny-assignment', shows: /"denyAssignmentName": "made-up"/ },
  'wrong-cloud': { reason: 'wrong-cloud' },
  throttled: { reason: 'throttled' },
  slow: { reason: 'timeout', shows: /200/ },
  broken: { reason: 'broken', shows: /content-type: text\/html/ },
  'disabled-subscription': { reason: 'subscription-disabled', shows: /Contoso Production/ },
  'private-link': { reason: 'network-restricted' },
  'rejected-token': { reason: 'token-rejected', shows: /restarted/ },
  'broken-entra': { reason: 'entra-broken' },
  'unknown-refusal': { reason: 'entra-refused' },
  'blocked-tenant': { reason: 'tenant-blocked' },
  'stale-token': { reason: 'assertion-expired', shows: /GMT/ },
  'refused-assertion': { reason: 'assertion-refused', shows: /restarted/ },
  'unknown-key': { reason: 'issuer-invalid' },
  'broken-connection': { reason: 'connection-broken' },
  'closed-port': { reason: 'egress-blocked' },
  'expired-certificate': { reason: 'certificate-expired', shows: /GMT/ },
  'broken-metadata-service': { reason: 'imds-refused', shows: /compute/ },
  'no-metadata-service': { reason: 'imds-unreachable' },
  'broken-endpoint': { reason: 'identity-endpoint-failed', shows: /rgapi/ },
};

/** The SDK reads the exceptions of a proxy once for each process, so this one is healed in processes of its own: demo.test.ts. */
const ELSEWHERE = ['proxy'];

/** The reasons whose commands are run in no world, each with why. */
const NOT_RUN: Record<string, string> = {
  'account-refused': 'a person asks the administrator, or logs in with another account; the fake Azure has one',
  'az-config-unusable': 'the commands mend files of the person who logged in, with sudo or docker',
  'az-not-installed': 'the command is a login with a program that has to be installed first',
  'az-wrong-cloud': 'az names a host that does not exist, or a cloud that it does not know: the fake az has neither',
  'ca-bundle-missing': 'the variable is one of the shell that started the process',
  'client-certificate-refused': 'the fake Azure checks no signatures',
  'client-certificate-unusable': 'the commands show a file that the person has, and its mounts',
  'client-id-not-supported': 'the agent of Azure Arc and Cloud Shell are not part of the fake Azure',
  'identity-binding-broken': 'the token proxy of a cluster is not part of what az and kubectl change',
  'other-client-id': 'two credentials that both work: only a person knows which one was meant',
  'proxy-failed': 'the SDK reads the proxy once for each process, and only its owner can mend it',
  'token-timeout': 'it takes the whole deadline, twice; the commands are those of egress-blocked',
  'tool-failed': 'azd and PowerShell are not part of the fake Azure',
  'tool-not-logged-in': 'azd and PowerShell are not part of the fake Azure',
};

const met = new Set<string>(['imds-proxied']);

function meet({ reasons }: Healing): void {
  for (const reason of reasons.flatMap((each) => each.split('+'))) met.add(reason);
}

const all = { ...SCENARIOS, ...WORLDS };

test('each scenario of the demo and each world is healed, or shows its cause', () => {
  expect([...Object.keys(HEALED), ...Object.keys(SHOWN), ...ELSEWHERE].sort()).toEqual(Object.keys(all).sort());
});

describe('following the commands heals', () => {
  test.each(Object.entries(HEALED))('%s', async (name, reasons) => {
    const healing = await heal(
      worldNamed(name),
      /application|swapped|malformed-tenant/.test(name) ? APPLICATION : KNOWN,
    );
    meet(healing);
    expect(healing.reasons, transcript(healing)).toEqual(reasons);
    expect(healing.isHealed).toBe(true);
    expect(healing.byHand.join()).toBe(BY_HAND[name] ?? '');
    expect(harms(healing, ALLOWED[name])).toEqual([]);
  });
});

describe('the commands show the cause', () => {
  test.each(Object.entries(SHOWN))('%s', async (name, { reason, shows }) => {
    const healing = await heal(worldNamed(name), KNOWN);
    meet(healing);
    expect(healing.reasons[0]).toBe(reason);
    expect(healing.isHealed).toBe(false);
    expect(
      healing.ran.some(({ output }) => shows?.test(output)),
      transcript(healing),
    ).toBe(shows !== undefined);
    expect(harms(healing)).toEqual([]);
  });
});

test('each reason with commands is met in a world, or there is a reason not to', () => {
  const withCommands = [...CATALOGUE, ...WARNINGS].filter(({ commands }) => commands).map(({ reason }) => reason);
  expect([...new Set(withCommands)].filter((reason) => !met.has(reason)).sort()).toEqual(Object.keys(NOT_RUN));
});

function worldNamed(name: string) {
  const scenario = all[name];
  if (!scenario) throw new Error(`there is no world ${name}`);
  return scenario;
}

function transcript({ ran }: Healing): string {
  return ran.map(({ command, code, output }) => `$ ${command}\n[${code}] ${output}`).join('\n');
}
