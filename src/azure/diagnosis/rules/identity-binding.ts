import { argument, command } from '../commands.ts';
import { findingOf } from '../match.ts';
import { clientIdOf, errorCodeOf, namespaceOf, orUnknown, serviceAccountOf } from '../values.ts';
import { DOCUMENTATION, type Rule } from './rule.ts';

/** AKS identity bindings come first in the chain. Later credentials fail for other reasons, above all the token's audience. */
export const IDENTITY_BINDING: Rule[] = [
  {
    reason: 'identity-binding-not-permitted',
    match: (e) =>
      findingOf(
        e,
        ['identity-binding'],
        // A response other than JSON comes from something on the way.
        ({ party, status, content }) => party === 'token-proxy' && status === 403 && content === 'json',
      ),
    hint: (e) =>
      `Apply a ClusterRole (apiGroups: [cid.wi.aks.azure.com], resources: [${orUnknown(clientIdOf(e))}], verbs: [use-managed-identity]) ` +
      `and bind it to the service account ${orUnknown(namespaceOf(e))}/${orUnknown(serviceAccountOf(e))}, which may not use the identity.`,
    commands: (e) => [
      command`kubectl auth can-i use-managed-identity ${argument(clientIdOf(e), 'CLIENT_ID')}.cid.wi.aks.azure.com --as system:serviceaccount:${argument(namespaceOf(e), 'NAMESPACE')}:${argument(serviceAccountOf(e), 'SERVICE_ACCOUNT')}`,
    ],
    documentation: DOCUMENTATION.identityBindings,
  },
  {
    reason: 'identity-binding-broken',
    match: (e) =>
      findingOf(e, ['identity-binding'], ({ aadsts, outcome }) => aadsts === undefined && outcome !== 'pending'),
    hint: (e, finding) =>
      'Check that the identity binding exists, that the variables AZURE_KUBERNETES_* are those that AKS injected, and, ' +
      `if there is a proxy, that NO_PROXY names ${new URL(e.facts.cloud.authorityHost).hostname}: the token proxy gave no token (${errorCodeOf(finding)}).`,
    commands: () => [command`az aks identity-binding list -g $RG --cluster-name $CLUSTER`],
    documentation: DOCUMENTATION.identityBindings,
  },
];
