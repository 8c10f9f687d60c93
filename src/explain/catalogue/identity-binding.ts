import { bash, choice, guid, name, part, type Word } from '../bash.ts';
import { isDefaultServiceAccount, listClusters, serviceAccount, useServiceAccount } from '../commands.ts';
import { addToNoProxy } from '../environment-commands.ts';
import type { Case } from '../evidence.ts';
import { letWebhookSet } from '../federated-credentials.ts';
import { credential, either, isRefusalOfTokenProxy, only, type When } from '../match.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import {
  authorityHost,
  capitalized,
  clientIdOf,
  codeOf,
  identityInWords,
  quoted,
  serviceAccountInWords,
} from '../words.ts';

const FORBIDDEN = {
  reason: 'identity-binding-not-permitted',
  title: 'The service account may not use the bound identity',
  check: 'token',
  documentation: DOCUMENTATION.identityBindings,
} as const;
const BROKEN = {
  reason: 'identity-binding-broken',
  title: 'The identity binding gives no token',
  check: 'identity-provider',
  documentation: DOCUMENTATION.identityBindings,
} as const;

const forbidden = credential(['identity-binding'], isRefusalOfTokenProxy);
const broken: When = credential(
  ['identity-binding'],
  ({ aadsts, outcome }) => aadsts === undefined && outcome !== 'pending',
);

/** AKS identity bindings come first in the chain. Later credentials fail for other reasons, above all the token's audience. */
export const IDENTITY_BINDING: readonly Row[] = [
  {
    ...FORBIDDEN,
    when: only(forbidden, isDefaultServiceAccount),
    problem: (c) => `The pod runs as ${serviceAccountInWords(c)}, which may not use ${identityInWords(c)}.`,
    hint: () =>
      'Run the pod under its own service account, and allow that one to use the identity. What default may do, every pod may do.',
    commands: useServiceAccount,
  },
  {
    ...FORBIDDEN,
    when: forbidden,
    problem: (c) => `${capitalized(serviceAccountInWords(c))} may not use ${identityInWords(c)} in this cluster.`,
    hint: () =>
      'Bind it to a ClusterRole with the verb use-managed-identity for this client id. The pod needs no restart.',
    commands: (c) => [allowIdentity(c), canUseIdentity(c)],
  },
  {
    ...BROKEN,
    when: either(
      only(broken, (e, { responder }) => responder !== 'not-asked' && e.facts.proxy.hosts.includes(authorityHost(e))),
      only(broken, (_, { status, content }) => status !== undefined && content !== 'json'),
    ),
    problem: (c) =>
      `A proxy or something else on the way captures the request for ${authorityHost(c)}, which has to reach the token proxy of AKS (${codeOf(c.finding)}).`,
    hint: (c) =>
      `Add ${authorityHost(c)} to NO_PROXY, and let a service mesh pass it: with an identity binding, it is the cluster that answers there.`,
    commands: (c) => addToNoProxy(c, choice(authorityHost(c))),
  },
  {
    ...BROKEN,
    when: only(broken, (_, { responder }) => responder === 'not-asked'),
    problem: (c) =>
      `The variables AZURE_KUBERNETES_* of the identity binding cannot be used: ${quoted({ summary: c.finding.summary.replace(/^.{0,60}is unavailable\. /, '') })}.`,
    hint: () => 'Remove those that the manifest sets, so that AKS injects them, and recreate the pod.',
    commands: (c) =>
      letWebhookSet(
        c,
        part`AZURE_KUBERNETES_TOKEN_PROXY`,
        part`AZURE_KUBERNETES_SNI_NAME`,
        part`AZURE_KUBERNETES_CA_FILE`,
        part`AZURE_KUBERNETES_CA_DATA`,
      ),
  },
  {
    ...BROKEN,
    when: broken,
    problem: (c) =>
      `The token proxy of the identity binding gave no token for ${identityInWords(c)} (${codeOf(c.finding)}).`,
    hint: () =>
      'Check that an identity binding for this identity exists in this cluster, and create it if not, and that a network policy lets the pod reach the API server.',
    commands: () => [
      // The command is part of this extension.
      bash`az extension add --upgrade --name aks-preview`,
      listClusters(),
      bash`az aks list --query '[].[resourceGroup,name]' -o tsv | while read -r group cluster; do if [[ $cluster = \${CLUSTER:?} ]]; then az aks identity-binding list -g $group --cluster-name $cluster; fi; done`,
    ],
  },
];

/** The name of the role and of its binding belongs to this identity and service account. kubectl takes a text that begins with a brace for JSON. */
function allowIdentity(c: Case): string {
  const { namespace, serviceAccount: account } = c.facts.pod ?? {};
  const role = name(
    `use-managed-identity-${clientIdOf(c) ?? 'id'}-${namespace ?? 'namespace'}-${account ?? 'account'}`,
    'ROLE',
  );
  const id = guid(clientIdOf(c), 'CLIENT_ID');
  const group = 'rbac.authorization.k8s.io';
  const clusterRole = part`{apiVersion: ${choice(`${group}/v1`)}, kind: ClusterRole, metadata: {name: ${unquoted(role)}}, rules: [{apiGroups: [cid.wi.aks.azure.com], resources: [${unquoted(id)}], verbs: [use-managed-identity]}]}`;
  const binding = part`{apiVersion: ${choice(`${group}/v1`)}, kind: ClusterRoleBinding, metadata: {name: ${unquoted(role)}}, roleRef: {apiGroup: ${choice(group)}, kind: ClusterRole, name: ${unquoted(role)}}, subjects: [{kind: ServiceAccount, name: ${unquoted(serviceAccount(c))}, namespace: ${unquoted(name(namespace, 'NAMESPACE'))}}]}`;
  return bash`kubectl apply -f - <<< '!!map {apiVersion: v1, kind: List, items: [${clusterRole}, ${binding}]}'`;
}

/** Ends the single quotes around a word, which may be a variable or have quotes of its own. */
function unquoted(word: Word): Word {
  return part`'${word}'`;
}

function canUseIdentity(c: Case): string {
  return bash`kubectl auth can-i use-managed-identity ${guid(clientIdOf(c), 'CLIENT_ID')}.cid.wi.aks.azure.com --as system:serviceaccount:${name(c.facts.pod?.namespace, 'NAMESPACE')}:${serviceAccount(c)}`;
}
