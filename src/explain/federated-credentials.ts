import { bash, guid, name, part, text, url, type Word } from './bash.ts';
import {
  changeWorkload,
  inNamespace,
  inOrder,
  listIdentities,
  readIdentityNames,
  restart,
  serviceAccount,
  unsetVariable,
  workload,
} from './commands.ts';
import { type Evidence, type Finding, isTool } from './evidence.ts';
import { type IssuerKind, issuerKind } from './issuer.ts';
import { applicationWord } from './principal.ts';
import { projectedToken, shown } from './words.ts';

/** What a federated credential compares: exactly these three values. */
interface Presented {
  issuer?: string | undefined;
  subject?: string | undefined;
  audience?: string | undefined;
}

type WithFacts = Pick<Evidence, 'facts'>;
/** The facts, and the refusal that is explained. */
type Refused = WithFacts & { finding: Finding };

/** The claims that were, or would be, compared: those of the pod's own token, or those that the refusal of a tool's login quotes. */
export function presented({ facts, finding }: Refused): Presented {
  const quoted: Presented = finding.text.assertion ?? {};
  if (isTool(finding)) return quoted;
  const { iss = quoted.issuer, sub = quoted.subject, aud = [] } = projectedToken({ facts });
  return { issuer: iss, subject: sub, audience: aud.length > 0 ? aud.join(', ') : quoted.audience };
}

export function issuerOf(c: Refused): IssuerKind {
  return issuerKind(presented(c).issuer);
}

/** Whether the token is that of the service account which every pod without one of its own uses. */
export function isOfEverybody(c: Refused): boolean {
  return /^system:serviceaccount:[^:]{1,253}:default$/.test(presented(c).subject ?? '');
}

/** Whether an identity may trust this token: its issuer is a cluster's, and its service account is not everybody's. */
export function isTrustworthy(c: Refused): boolean {
  return (
    ['aks', 'hosted'].includes(issuerOf(c)) &&
    /^system:serviceaccount:[a-z0-9.-]{1,253}:[a-z0-9.-]{1,253}$/.test(presented(c).subject ?? '') &&
    !isOfEverybody(c)
  );
}

/** The audience of an AKS identity binding: only the token proxy of the cluster accepts it. */
export function isForTokenProxy({ facts }: WithFacts): boolean {
  return projectedToken({ facts }).aud?.includes('api://AKSIdentityBinding') ?? false;
}

/** Whether the audience is the one that Microsoft Entra ID, of whichever cloud, expects by default. */
export function hasUsualAudience({ facts }: WithFacts): boolean {
  const { aud = [] } = projectedToken({ facts });
  return aud.length === 1 && /^api:\/\/AzureADTokenExchange/.test(aud[0] ?? '');
}

/** Where an issuer publishes what verifies its tokens. */
export function discoveryDocument(c: Refused): string {
  return `${shown(presented(c).issuer, 'the issuer').replace(/\/$/, '')}/.well-known/openid-configuration`;
}

const LIST = part`az identity federated-credential list -g \${group:?} --identity-name $name`;

/** Shows which tokens the identity trusts, or the application as which a tool is logged in. */
export function listFederatedCredentials(c: Refused): string {
  const columns = part`--query '[].[name,issuer,subject]' -o table`;
  return isTool(c.finding)
    ? bash`az ad app federated-credential list --id ${applicationWord(c)} ${columns}`
    : bash`${readIdentityNames(c)} && ${LIST} ${columns}`;
}

const issuerWord = (c: Refused): Word => url(presented(c).issuer, 'ISSUER');
const subjectWord = (c: Refused): Word => text(presented(c).subject, 'SUBJECT');
function audienceWord({ facts }: Refused): Word {
  const { aud = [] } = projectedToken({ facts });
  return text(aud.length === 1 ? aud[0] : undefined, 'AUDIENCE');
}

/** Finds the credentials with this issuer and subject, in lines that end with the two. */
const ofThisToken = (c: Refused): Word => part`${issuerWord(c)}'[[:space:]]'${subjectWord(c)}$`;

/** The part of a line that succeeds, and shows it, if the service account names another identity than the pod uses. */
function namesAnother(c: Refused): Word {
  const clientId = guid(c.facts.variables['AZURE_CLIENT_ID'], 'CLIENT_ID');
  return part`kubectl get serviceaccount ${serviceAccount(c)} ${inNamespace(c)} -o yaml | grep azure.workload.identity/client-id: | grep -iv ${clientId}`;
}

/**
 * Lets the identity of the pod trust its token. Where another identity trusts it already, that one was meant: the service account
 * then names it, nothing is created, and the variables of the manifest may not hide the annotation.
 */
export function createFederatedCredential(c: Refused): string[] {
  const values = part`--issuer ${issuerWord(c)} --subject ${subjectWord(c)} --audiences ${audienceWord(c)}`;
  return inOrder(
    [annotateIfTrusted(c)],
    [
      bash`${namesAnother(c)} || { ${readIdentityNames(c)} && az identity federated-credential create -g \${group:?} --identity-name $name --name ${credentialName(c)} ${values}; }`,
    ],
    changeWorkload(
      c,
      bash`if ${namesAnother(c)}; then kubectl set env ${workload(c)} ${inNamespace(c)} AZURE_CLIENT_ID- AZURE_TENANT_ID-; fi`,
    ),
    restart(c),
  );
}

/** Writes the federated credential with this issuer and subject, as this command finds them, like the token, if the identity may trust that. */
export function updateFederatedCredential(c: Refused, grep: Word): string[] {
  if (!isTrustworthy(c)) return [listFederatedCredentials(c)];
  const update = bash`${readIdentityNames(c)} && ${LIST} --query '[].[name,issuer,subject]' -o tsv | ${grep} ${ofThisToken(c)} | while read -r credential _; do az identity federated-credential update -g $group --identity-name $name --name $credential --issuer ${issuerWord(c)} --subject ${subjectWord(c)} --audiences ${audienceWord(c)}; done`;
  return [listFederatedCredentials(c), update];
}

/** A name for this service account of this cluster alone: neither part may hold an underscore itself. */
function credentialName(c: Refused): Word {
  const { issuer = '', subject = '' } = presented(c);
  const [, , namespace = 'pod', account = 'pod'] = subject.split(':');
  const id = issuer.split('/').findLast((segment) => segment !== '') ?? '';
  const cluster = /^[0-9a-f]{8}[0-9a-f-]{24,28}$/i.test(id) ? id.slice(0, 8) : id;
  const fit = [namespace, account, cluster].map((each) => each.replace(/[^a-z0-9-]/gi, '-').slice(0, 38)).join('_');
  return name(fit, 'CREDENTIAL_NAME');
}

/** Shows what the cluster itself says that its issuer is, to compare with the token. */
export function showIssuerOfCluster(): string {
  return bash`kubectl get --raw /.well-known/openid-configuration`;
}

/** Annotates the service account with the identity that trusts exactly its token, if there is one; it is the one that was meant. */
function annotateIfTrusted(c: Refused): string {
  return bash`az identity list --query '[].[resourceGroup,name,clientId,tenantId]' -o tsv | while read -r group name id tenant; do ${LIST} --query '[].[issuer,subject]' -o tsv | grep -q ^${ofThisToken(c)} || continue; kubectl annotate serviceaccount ${serviceAccount(c)} ${inNamespace(c)} azure.workload.identity/client-id=$id azure.workload.identity/tenant-id=$tenant --overwrite; done`;
}

/** The same, with a list of all identities for a person to choose from if none trusts it. */
export function annotateWithTrustingIdentity(c: Refused): string[] {
  return [listIdentities(), annotateIfTrusted(c)];
}

/** Annotates the service account with the tenant of its identity. */
export function annotateTenant(e: WithFacts): string {
  const clientId = e.facts.variables['AZURE_CLIENT_ID'];
  return bash`read -r tenant id <<< $(az identity list --query '[].[tenantId,clientId]' -o tsv | grep -i ${guid(clientId, 'CLIENT_ID')}) && kubectl annotate serviceaccount ${serviceAccount(e)} ${inNamespace(e)} azure.workload.identity/tenant-id=\${tenant:?} --overwrite`;
}

/** Lets the webhook set these variables, from the annotations of the service account: it leaves one of the manifest alone. */
export function letWebhookSet(e: WithFacts, ...variables: Word[]): string[] {
  return inOrder(unsetVariable(e, ...variables), restart(e));
}
