import { bash, name, text, url, type Word } from '../bash.ts';
import { readIdentityNames } from '../commands.ts';
import type { Case, Evidence } from '../evidence.ts';
import { issuerKind } from '../issuer.ts';
import { clockSkew, entraSays, isProjected, only } from '../match.ts';
import { aboutNumber, type Row } from '../row.ts';
import { identityInWords, nodeInWords, projectedToken, shown, skewInWords } from '../words.ts';

const CLOCK = { reason: 'clock-skew', title: 'The clock is wrong', check: 'identity-provider' } as const;
const SUBJECT = {
  reason: 'federated-credential-subject',
  title: 'No federated credential for this service account',
  check: 'token',
} as const;

/** Microsoft Entra ID refused the token of another issuer, or the token matches no federated credential. */
export const FEDERATION: readonly Row[] = [
  {
    ...CLOCK,
    when: only(entraSays(700024, 50013), (e, finding) => e.facts.kubernetes && clockSkew(finding) !== undefined),
    problem: (c) => `The clock of ${nodeInWords(c)} is ${skewInWords(clockSkew(c.finding) ?? 0)} Azure's.`,
    hint: () => 'Correct the time of the node, or replace the node. The pod needs no change.',
    commands: (c) => [
      // Shows both clocks, then starts time synchronization on the node.
      bash`kubectl debug node/${name(c.facts.pod?.node, 'NODE')} --image=busybox:1.37 --profile=sysadmin -it -- chroot /host sh -c 'date -u; systemctl restart chrony; chronyc makestep'`,
    ],
    documentation: aboutNumber,
  },
  {
    ...SUBJECT,
    when: only(entraSays(700213), (e, finding) => isProjected(finding) && isFederatable(e)),
    problem: (c) => `No federated credential of ${identityInWords(c)} has the subject ${subject(c)}.`,
    hint: () => 'Create one, or run the pod under a service account that has one. A new one takes a minute.',
    commands: createFederatedCredential,
    documentation: aboutNumber,
  },
];

/** Whether the identity may trust this token: its issuer is one of a cluster, and its service account is not everybody's. */
function isFederatable(e: Evidence): boolean {
  const { iss, sub } = projectedToken(e);
  return ['aks', 'hosted'].includes(issuerKind(iss)) && !/:default$/.test(sub ?? '');
}

function subject(e: Evidence): string {
  return shown(projectedToken(e).sub, 'of this token');
}

/** A name that does not collide with one of another cluster or service account: the service account and the issuer's own id. */
function credentialName(e: Evidence): Word {
  const { namespace = '', serviceAccount = '' } = e.facts.pod ?? {};
  const cluster = /\/([0-9a-f]{8})-[0-9a-f-]{27}\/?$/.exec(projectedToken(e).iss ?? '')?.[1] ?? 'cluster';
  return name(`${namespace}-${serviceAccount}-${cluster}`, 'CREDENTIAL_NAME');
}

function createFederatedCredential(c: Case): string[] {
  const { iss, sub, aud } = projectedToken(c);
  return [
    bash`${readIdentityNames(c)} && az identity federated-credential create -g \${group:?} --identity-name $name --name ${credentialName(c)} --issuer ${url(iss, 'ISSUER')} --subject ${text(sub, 'SUBJECT')} --audiences ${text(aud?.length === 1 ? aud[0] : undefined, 'AUDIENCE')}`,
  ];
}
