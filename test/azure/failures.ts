import { readFileSync } from 'node:fs';
import { HttpResponse, http, type RequestHandler } from 'msw';
import { makeCertificate } from '../fake-azure/certificate.ts';
import {
  aadsts,
  dated,
  entra,
  exchange,
  identityNotFound,
  imds,
  imdsRefuses,
  mayNotUseIdentity,
  nmiNotReady,
  noImds,
  tokenProxy,
} from '../fake-azure/identity.ts';
import { groups, resourceManager, subscriptionId, subscriptions } from '../fake-azure/resource-manager.ts';
import { type Answer, drops, hangs, html, refuses, throttles, unreachable } from '../fake-azure/responses.ts';
import { IDENTITY } from '../fake-azure/tokens.ts';
import {
  identityBinding,
  SERVICE_ACCOUNT,
  serviceAccountToken,
  temporaryFile,
  workloadIdentity,
} from '../fake-azure/workload-identity.ts';

interface Case {
  title: string;
  handlers: RequestHandler[];
  env?: () => NodeJS.ProcessEnv;
}

const { clientId, tenantId } = IDENTITY;
const { iss, sub } = SERVICE_ACCOUNT;
const inCluster = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };
const onLaptop = { AZURE_TOKEN_CREDENTIALS: '', AZURE_CLIENT_ID: '' };
const labels = (text: string) => ({ ...inCluster, POD_LABELS_FILE: temporaryFile('labels', text) });
/** The variables for an `az` that prints this and fails. */
const az = (stderr: string) => {
  const file = temporaryFile('az', `#!/bin/sh\necho '${stderr}' >&2\nexit 1\n`, 0o755);
  return { ...onLaptop, AZURE_TOKEN_CREDENTIALS: 'AzureCliCredential', PATH: `${file.slice(0, -3)}:/usr/bin:/bin` };
};
/** The directory of a program with this script. */
const program = (name: string, script: string) =>
  temporaryFile(name, `#!/bin/sh\n${script}\n`, 0o755).slice(0, -name.length - 1);
const withSecret = () => ({
  AZURE_CLIENT_ID: clientId,
  AZURE_TENANT_ID: tenantId,
  AZURE_CLIENT_SECRET: 'made-up~client.secret',
});
const withCertificate = () => {
  const { certificate, key } = makeCertificate();
  return {
    AZURE_CLIENT_ID: clientId,
    AZURE_TENANT_ID: tenantId,
    AZURE_CLIENT_CERTIFICATE_PATH: temporaryFile(
      'sp.pem',
      readFileSync(key, 'utf8') + readFileSync(certificate, 'utf8'),
    ),
  };
};
const onAppService = (assigned: string) => ({
  AZURE_CLIENT_ID: assigned,
  IDENTITY_ENDPOINT: 'http://localhost:12356/msi/token',
  IDENTITY_HEADER: 'made-up-header',
});
const identityEndpoint = (status: number, message: string) =>
  http.get('http://localhost:12356/msi/token', () => HttpResponse.json({ statusCode: status, message }, { status }));
/** Makes Microsoft Entra ID give this answer. */
const entraAnswers = (answer: Answer) => [entra({ answer })];

/** Failures of every kind, as the real SDK sees them. */
export const FAILURES: Case[] = [
  {
    title: 'an identity binding without its ClusterRole',
    handlers: [tokenProxy(mayNotUseIdentity), entra({ answer: aadsts(700212, 'audience') })],
    env: () => identityBinding(),
  },
  {
    title: 'an identity binding whose proxy does not answer',
    handlers: [tokenProxy(drops), entra({ answer: aadsts(700212, 'audience') })],
    env: () => identityBinding(),
  },
  {
    title: 'an identity binding with a bad proxy URL',
    handlers: [entra({ answer: aadsts(700212, 'audience') })],
    env: () => ({ ...identityBinding(), AZURE_KUBERNETES_TOKEN_PROXY: 'http://token-proxy.example' }),
  },
  {
    title: 'an identity binding of an identity that does not exist',
    handlers: [tokenProxy(aadsts(700016, 'not found')), entra({ answer: aadsts(700212, 'audience') })],
    env: () => identityBinding(),
  },
  {
    title: 'an identity binding without the annotation',
    handlers: [noImds()],
    env: () => ({ ...identityBinding(), AZURE_CLIENT_ID: undefined }),
  },
  {
    title: 'an identity binding behind a proxy that denies it',
    handlers: [
      tokenProxy(() => new HttpResponse('<html>denied</html>', { status: 403 })),
      entra({ answer: aadsts(700212, 'audience') }),
    ],
    env: () => identityBinding(),
  },
  {
    title: 'a missing token file',
    handlers: [],
    env: () => ({ ...workloadIdentity(), AZURE_FEDERATED_TOKEN_FILE: '/nonexistent/azure-identity-token' }),
  },
  {
    title: 'a missing token file on a virtual node',
    handlers: [],
    env: () => ({
      ...workloadIdentity(),
      AZURE_FEDERATED_TOKEN_FILE: '/nonexistent/azure-identity-token',
      NODE_NAME: 'virtual-node-aci-linux',
    }),
  },
  {
    title: 'a token file that is a directory',
    handlers: [],
    env: () => ({ ...workloadIdentity(), AZURE_FEDERATED_TOKEN_FILE: '/proc' }),
  },
  {
    title: 'a token file on a broken volume',
    handlers: [],
    // Nothing is mapped at its beginning: EIO.
    env: () => ({ ...workloadIdentity(), AZURE_FEDERATED_TOKEN_FILE: '/proc/self/mem' }),
  },
  {
    title: 'an empty token file',
    handlers: [],
    env: () => workloadIdentity(''),
  },
  {
    title: 'a token file without a token',
    handlers: entraAnswers(aadsts(50027, 'Invalid JWT token.')),
    env: () => workloadIdentity('made-up-no-token'),
  },
  {
    title: 'a service account without the annotation',
    handlers: [noImds()],
    env: () => ({ ...workloadIdentity(), AZURE_CLIENT_ID: '' }),
  },
  {
    title: 'no tenant',
    handlers: [noImds()],
    env: () => ({ ...workloadIdentity(), AZURE_TENANT_ID: '' }),
  },
  {
    title: 'an assertion refused by a server whose clock is ahead of ours',
    handlers: entraAnswers(dated(600, aadsts(700024, 'Client assertion is not within its valid time range.'))),
    env: () => workloadIdentity(),
  },
  {
    title: 'a token refused by a Resource Manager whose clock is behind ours',
    handlers: [imds(), resourceManager(dated(-300, refuses(401, 'AuthenticationFailed', 'not yet valid')))],
  },
  {
    title: 'an expired assertion',
    handlers: entraAnswers(aadsts(700024, 'Client assertion is not within its valid time range.')),
    env: () => workloadIdentity(serviceAccountToken({ nbf: 1_700_000_000, exp: 1_700_003_600 })),
  },
  {
    title: 'a federated credential for another issuer',
    handlers: entraAnswers(aadsts(700211, `No matching record found for presented assertion issuer '${iss}'.`)),
    env: () => workloadIdentity(),
  },
  {
    title: 'a federated credential for another subject',
    handlers: entraAnswers(aadsts(700213, `No matching record found for presented assertion subject '${sub}'.`)),
    env: () => workloadIdentity(),
  },
  {
    title: 'a federated credential in another letter case',
    handlers: entraAnswers(aadsts(7002138, 'The match is case-sensitive.')),
    env: () => workloadIdentity(),
  },
  {
    title: 'a federated credential for another audience',
    handlers: entraAnswers(aadsts(700212, 'No matching record found for presented assertion audience.')),
    env: () => workloadIdentity(serviceAccountToken({ aud: ['api://made-up'] })),
  },
  {
    title: "an identity binding's token without its proxy",
    handlers: entraAnswers(aadsts(700212, 'No matching record found for presented assertion audience.')),
    env: () => ({ ...identityBinding(), AZURE_KUBERNETES_TOKEN_PROXY: '' }),
  },
  {
    title: 'no federated credential',
    handlers: entraAnswers(aadsts(70021, 'No matching federated identity record found for presented assertion.')),
    env: () => workloadIdentity(),
  },
  {
    title: 'an identity without any federated credential',
    handlers: entraAnswers(aadsts(70025, 'The client has no configured federated identity credentials.')),
    env: () => workloadIdentity(),
  },
  {
    title: 'a resource id in place of the client id',
    handlers: entraAnswers(aadsts(700016, 'Application with identifier was not found in the directory.')),
    env: () => ({ ...workloadIdentity(), AZURE_CLIENT_ID: '/subscriptions/made-up/userAssignedIdentities/rgapi' }),
  },
  {
    title: 'a tenant that does not exist',
    handlers: entraAnswers(aadsts(90002, `Tenant '${tenantId}' not found.`)),
    env: () => workloadIdentity(),
  },
  {
    title: 'an impossible tenant',
    handlers: [],
    env: () => ({ ...workloadIdentity(), AZURE_TENANT_ID: 'made up' }),
  },
  {
    title: 'an issuer that Entra cannot reach',
    handlers: entraAnswers(aadsts(90061, 'Request to External OIDC endpoint failed.')),
    env: () => workloadIdentity(),
  },
  {
    title: 'an identity of another cloud',
    handlers: entraAnswers(aadsts(900382, 'Confidential Client is not supported in Cross Cloud request.')),
    env: () => workloadIdentity(),
  },
  {
    title: 'an identity of another cloud, which a variable of other programs names',
    handlers: entraAnswers(aadsts(900382, 'Confidential Client is not supported in Cross Cloud request.')),
    env: () => ({ ...withSecret(), AZURE_ENVIRONMENT: 'AzureUSGovernment' }),
  },
  {
    title: 'a service principal whose tenant stands in the variable of another program',
    handlers: [noImds()],
    env: () => ({ AZURE_CLIENT_ID: clientId, AZURE_CLIENT_SECRET: 'made-up~client.secret', ARM_TENANT_ID: tenantId }),
  },
  {
    title: 'a Resource Manager of another cloud',
    handlers: [imds(), resourceManager(refuses(401, 'InvalidAuthenticationTokenAudience', 'wrong audience'))],
  },
  {
    title: 'a client secret that has expired',
    handlers: entraAnswers(aadsts(7000222, 'The provided client secret keys are expired.')),
    env: () => ({ AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: tenantId, AZURE_CLIENT_SECRET: 'made-up~client.secret' }),
  },
  {
    title: 'an Entra that throttles',
    handlers: entraAnswers(() =>
      HttpResponse.json(
        { error: 'temporarily_unavailable', error_description: 'AADSTS90055: too many requests', error_codes: [90055] },
        { status: 429, headers: { 'Retry-After': '60' } },
      ),
    ),
    env: () => ({ ...workloadIdentity(), AZURE_DEADLINE_MS: '300' }),
  },
  {
    title: 'a refusal of Entra that is not in the catalogue',
    handlers: entraAnswers(aadsts(999999, 'Made-up words.')),
    env: () => workloadIdentity(),
  },
  {
    title: 'a proxy that gets the requests for the metadata service',
    handlers: [http.get('http://169.254.169.254/*', () => new HttpResponse('denied', { status: 403 }))],
    env: () => ({
      ...inCluster,
      HTTPS_PROXY: 'http://made-up-user:made-up-password@proxy.example:3128',
      NO_PROXY: '169.254.0.0/16',
    }),
  },
  {
    title: 'a proxy that blocks Entra',
    handlers: [],
    env: () => ({ ...workloadIdentity(), HTTPS_PROXY: 'http://127.0.0.1:9', AZURE_DEADLINE_MS: '30000' }),
  },
  {
    title: 'no DNS for Entra',
    handlers: entraAnswers(unreachable('EAI_AGAIN')),
    env: () => workloadIdentity(),
  },
  {
    title: 'no DNS for Resource Manager',
    handlers: [imds(), resourceManager(unreachable('EAI_AGAIN'))],
  },
  {
    title: 'a certificate that is not valid yet',
    handlers: [imds(), resourceManager(unreachable('CERT_NOT_YET_VALID'))],
  },
  {
    title: 'a proxy with its own certificate',
    handlers: [imds(), resourceManager(unreachable('UNABLE_TO_VERIFY_LEAF_SIGNATURE'))],
  },
  {
    title: 'something on the way that intercepts TLS',
    handlers: entraAnswers(unreachable('SELF_SIGNED_CERT_IN_CHAIN')),
    env: () => workloadIdentity(),
  },
  {
    title: 'a firewall in front of Resource Manager',
    handlers: [imds(), resourceManager(unreachable('EHOSTUNREACH'))],
  },
  {
    title: 'a connection to Resource Manager that breaks',
    handlers: [imds(), resourceManager(unreachable('EPIPE'))],
  },
  {
    title: 'a captive portal in front of Entra',
    handlers: entraAnswers(html),
    env: () => workloadIdentity(),
  },
  {
    title: 'a pod without any label',
    handlers: [noImds()],
    env: () => labels('app="rgapi"\npod-template-hash="made-up"'),
  },
  {
    title: 'a pod whose label is almost right',
    handlers: [imds({ answer: identityNotFound })],
    env: () => labels('azure.workload.identity/use="True"'),
  },
  {
    title: 'a missing webhook, although a metadata service answers',
    handlers: [imds({ answer: identityNotFound })],
    env: () => labels('azure.workload.identity/use="true"'),
  },
  {
    title: 'NMI that does not know the client id',
    handlers: [
      imds({ answer: () => new HttpResponse('no azure identity found for request clientID 4444', { status: 404 }) }),
    ],
    env: () => labels('aadpodidbinding="rgapi"'),
  },
  {
    title: 'NMI with a service principal whose secret is wrong',
    handlers: [
      imds({
        answer: () =>
          new HttpResponse(
            "failed to refresh token, error: adal: Refresh request failed. Status Code = '401'. Response body: " +
              '{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215]}',
            { status: 403 },
          ),
      }),
    ],
    env: () => labels('aadpodidbinding="rgapi"'),
  },
  {
    title: 'NMI that gives up waiting',
    handlers: [
      imds({
        answer: () => new HttpResponse('no AzureAssignedIdentity found for pod in CREATED state', { status: 403 }),
      }),
    ],
    env: () => inCluster,
  },
  {
    title: 'NMI without an identity for the pod',
    handlers: [imds({ answer: nmiNotReady })],
    env: () => labels('aadpodidbinding="rgapi"'),
  },
  {
    title: 'NMI that finds several pods with the address of the node',
    handlers: [
      imds({
        answer: () =>
          new HttpResponse('match failed, ip:10.240.0.4 matching pods:&PodList{Items:[made-up made-up]}', {
            status: 500,
          }),
      }),
    ],
    env: () => labels('aadpodidbinding="rgapi"'),
  },
  {
    title: 'a metadata service that answers 404 outside of Kubernetes',
    handlers: [imds({ answer: nmiNotReady })],
  },
  {
    title: 'NMI that holds the request',
    handlers: [imds({ answer: hangs })],
    env: () => ({ ...labels('aadpodidbinding="rgapi"\n'), AZURE_DEADLINE_MS: '200' }),
  },
  {
    title: 'several identities on the node',
    handlers: [
      imds({
        answer: imdsRefuses(
          'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request',
        ),
      }),
    ],
    env: () => inCluster,
  },
  {
    title: 'an identity that is not on the node',
    handlers: [imds({ answer: identityNotFound })],
    env: () => ({ ...inCluster, AZURE_CLIENT_ID: '44444444-4444-4444-8444-444444444444' }),
  },
  {
    title: 'a metadata service that is broken',
    handlers: [imds({ answer: () => new HttpResponse('made-up fault', { status: 500 }) })],
    env: () => inCluster,
  },
  {
    title: 'a webhook that did not change the pod',
    handlers: [noImds()],
    env: () => inCluster,
  },
  {
    title: 'a missing webhook, although the pod has its label',
    handlers: [noImds()],
    env: () => labels('azure.workload.identity/use="true"'),
  },
  {
    title: 'no az on a laptop',
    handlers: [noImds()],
    env: () => ({ ...onLaptop, PATH: '' }),
  },
  {
    title: 'no az on a laptop in a network that answers for the metadata service',
    handlers: [http.get('http://169.254.169.254/*', () => new HttpResponse('denied', { status: 403 }))],
    env: () => ({ ...onLaptop, PATH: '' }),
  },
  {
    title: 'an az that is not logged in',
    handlers: [],
    env: () => az('ERROR: Please run "az login" to setup account.'),
  },
  {
    title: 'an az login that has expired',
    handlers: [],
    env: () =>
      az('AADSTS700082: The refresh token has expired. To re-authenticate, please run: az login --scope made-up'),
  },
  {
    title: 'an az whose directory belongs to another user',
    handlers: [],
    env: () =>
      az(`Traceback ${'made-up line '.repeat(500)} PermissionError: [Errno 13] Permission denied: "/azure/az.json"`),
  },
  {
    title: 'an az whose directory is mounted read-only',
    handlers: [],
    env: () => az('OSError: [Errno 30] Read-only file system: /azure/commands/made-up.log'),
  },
  {
    title: 'an az that fails for another reason',
    handlers: [],
    env: () => az('made-up crash'),
  },
  {
    title: 'a laptop behind a proxy, without az',
    handlers: [http.get('http://169.254.169.254/*', () => new HttpResponse('denied', { status: 403 }))],
    env: () => ({ ...onLaptop, PATH: '', HTTPS_PROXY: 'http://proxy.example:3128' }),
  },
  {
    title: 'a chosen credential that is not configured',
    handlers: [],
    env: () => ({ AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential' }),
  },
  {
    title: "a service principal in Terraform's variables",
    handlers: [noImds()],
    env: () => ({
      ARM_CLIENT_ID: clientId,
      ARM_TENANT_ID: tenantId,
      ARM_CLIENT_SECRET: 'made-up~client.secret',
      AZURE_CLIENT_ID: '',
    }),
  },
  {
    title: 'an identity endpoint that is not a URL',
    handlers: [],
    env: () => ({ IDENTITY_ENDPOINT: 'localhost/msi', IDENTITY_HEADER: 'made-up-header' }),
  },
  {
    title: 'pod identity without NMI',
    handlers: [noImds()],
    env: () => labels('aadpodidbinding="rgapi"'),
  },
  {
    title: 'a managed identity outside of Azure',
    handlers: [noImds()],
  },
  {
    title: 'a pod that runs as its node, which has no role',
    handlers: [imds({ claims: { xms_mirid: '/subscriptions/made-up/aks-agentpool' } }), subscriptions([])],
    env: () => inCluster,
  },
  {
    title: 'a pod that runs as its node, because its manifest sets an empty client id',
    handlers: [imds({ claims: { xms_mirid: '/subscriptions/made-up/aks-agentpool' } }), subscriptions([])],
    env: () => ({ ...workloadIdentity(), AZURE_CLIENT_ID: '' }),
  },
  {
    title: 'no role at all',
    handlers: [imds(), subscriptions([])],
  },
  {
    title: 'a subscription that does not exist',
    handlers: [imds(), resourceManager(refuses(404, 'SubscriptionNotFound', 'could not be found'))],
    env: () => ({ AZURE_SUBSCRIPTION_ID: subscriptionId('Gone') }),
  },
  {
    title: 'no role on the subscription',
    handlers: [
      imds(),
      subscriptions(['One']),
      groups(1, { onPage: { 1: refuses(403, 'AuthorizationFailed', `The client '${clientId}' may not.`) } }),
    ],
  },
  {
    title: 'a token of another tenant',
    handlers: [imds(), resourceManager(refuses(401, 'InvalidAuthenticationTokenTenant', 'wrong issuer'))],
    env: () => ({ AZURE_SUBSCRIPTION_ID: subscriptionId('Theirs') }),
  },
  {
    title: 'an identity of another tenant than the subscription that is set',
    handlers: [
      entra({
        answer: exchange(3600, { xms_mirid: `/subscriptions/${subscriptionId('Ours')}/resourcegroups/made-up` }),
      }),
      resourceManager(refuses(401, 'InvalidAuthenticationTokenTenant', 'wrong issuer')),
    ],
    env: () => ({ ...workloadIdentity(), AZURE_SUBSCRIPTION_ID: subscriptionId('Theirs') }),
  },
  {
    title: 'a token that is refused',
    handlers: [imds(), resourceManager(refuses(401, 'AuthenticationFailed', 'made-up words'))],
  },
  {
    title: 'a Resource Manager that throttles',
    handlers: [imds(), resourceManager(throttles(30))],
  },
  {
    title: 'a Resource Manager that does not answer',
    handlers: [imds(), resourceManager(hangs)],
    env: () => ({ AZURE_DEADLINE_MS: '200' }),
  },
  {
    title: 'an Entra that does not answer',
    handlers: entraAnswers(hangs),
    env: () => ({ ...workloadIdentity(), AZURE_DEADLINE_MS: '200' }),
  },
  {
    title: 'a Resource Manager that answers nonsense',
    handlers: [imds(), resourceManager(html)],
  },
  {
    title: 'a filter in front of Resource Manager that forbids the request',
    handlers: [imds(), resourceManager(() => new HttpResponse('<html>denied</html>', { status: 403 }))],
  },
  {
    title: 'a projected token that lives too long',
    handlers: entraAnswers(aadsts(70023, 'External OIDC Provider token must have a lifetime of less than 1.01:00:00.')),
    env: () => workloadIdentity(),
  },
  {
    title: 'an issuer that signs with a key that it does not publish',
    handlers: entraAnswers(aadsts(7000272, 'The key was not found in the JWKS of the issuer.')),
    env: () => workloadIdentity(),
  },
  {
    title: 'an issuer that only the cluster knows',
    handlers: entraAnswers(aadsts(700211, 'No matching record found.')),
    env: () => workloadIdentity(serviceAccountToken({ iss: 'https://kubernetes.default.svc.cluster.local' })),
  },
  {
    title: 'a pod with the service account default',
    handlers: [noImds()],
    env: () => ({
      ...workloadIdentity(serviceAccountToken({ sub: 'system:serviceaccount:shop:default' })),
      AZURE_CLIENT_ID: '',
    }),
  },
  {
    title: 'a leftover client secret in a pod with Workload ID',
    handlers: entraAnswers(aadsts(7000215, 'Invalid client secret provided.')),
    env: () => ({ ...workloadIdentity(), AZURE_CLIENT_SECRET: 'made-up~client.secret' }),
  },
  {
    title: 'a certificate that is not registered',
    handlers: entraAnswers(aadsts(700027, 'The certificate is not registered. [Reason - The key was not found.]')),
    env: () => withCertificate(),
  },
  {
    title: 'a machine whose clock is ahead when it signs its assertion',
    handlers: entraAnswers(
      aadsts(
        700024,
        'Client assertion is not within its valid time range. Current time: 2026-01-01T10:00:00.0000000Z, assertion valid from ' +
          '2026-01-01T13:00:00.0000000Z, expiry time of assertion 2026-01-01T13:10:00.0000000Z.',
      ),
    ),
    env: () => withCertificate(),
  },
  {
    title: 'an application without a service principal in the tenant',
    handlers: entraAnswers(
      aadsts(7000229, `The client application ${clientId} is missing service principal in the tenant ${tenantId}.`),
    ),
    env: () => withSecret(),
  },
  {
    title: 'an application that is disabled',
    handlers: entraAnswers(aadsts(7000112, `Application '${clientId}'(made-up) is disabled.`)),
    env: () => withSecret(),
  },
  {
    title: 'a policy of Conditional Access for workload identities',
    handlers: entraAnswers(aadsts(53003, 'Access has been blocked by Conditional Access policies.')),
    env: () => workloadIdentity(),
  },
  {
    title: 'a policy that another az login cannot satisfy',
    handlers: [],
    env: () =>
      az('AADSTS53003: Access has been blocked by Conditional Access policies. Please run: az login --scope made-up'),
  },
  {
    title: 'a tenant that is blocked',
    handlers: [],
    env: () => az('AADSTS5000225: This tenant has been blocked due to inactivity. Please run: az login'),
  },
  {
    title: 'an account that is disabled',
    handlers: [],
    env: () => az('AADSTS50057: The user account is disabled.'),
  },
  {
    title: 'an application without consent',
    handlers: entraAnswers(aadsts(65001, 'The user or administrator has not consented to use the application.')),
    env: () => withSecret(),
  },
  {
    title: 'a pod whose manifest does not allow the Workload ID that it has',
    handlers: [],
    env: () => ({ ...workloadIdentity(), AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential' }),
  },
  {
    title: 'a chosen developer tool without a login',
    handlers: [],
    env: () => ({
      ...onLaptop,
      AZURE_TOKEN_CREDENTIALS: 'AzureDeveloperCliCredential',
      PATH: program('azd', "echo 'ERROR: not logged in, run azd auth login' >&2; exit 1"),
    }),
  },
  {
    title: 'a PowerShell that may not load its module',
    handlers: [],
    env: () => ({
      ...onLaptop,
      AZURE_TOKEN_CREDENTIALS: 'AzurePowerShellCredential',
      PATH: program(
        'pwsh',
        "[ $1 = /? ] && exit; echo 'Import-Module: File Az.Accounts.psm1 cannot be loaded because running scripts is disabled on this system. For more information, see about_Execution_Policies at https://go.microsoft.com/fwlink/?LinkID=135170.' >&2; exit 1",
      ),
    }),
  },
  {
    title: 'an az that cannot reach Entra',
    handlers: [],
    env: () =>
      az(
        "HTTPSConnectionPool(host=''login.microsoftonline.com''): [Errno -2] Name or service not known".replaceAll(
          "''",
          '"',
        ),
      ),
  },
  {
    title: 'an identity endpoint of the host without such an identity',
    handlers: [identityEndpoint(400, 'No User Assigned or Delegated Managed Identity found for specified ClientId.')],
    env: () => onAppService(clientId),
  },
  {
    title: 'an identity endpoint of the host that fails',
    handlers: [identityEndpoint(500, 'An unexpected error occured while fetching the AAD Token.')],
    env: () => onAppService(''),
  },
  {
    title: 'a deny assignment',
    handlers: [
      imds(),
      subscriptions(['One']),
      groups(1, {
        onPage: {
          1: refuses(
            403,
            'DenyAssignmentAuthorizationFailed',
            "denied because of the deny assignment with name 'Made up' and Id",
          ),
        },
      }),
    ],
  },
  {
    title: 'a pod whose manifest names the identity endpoint of an app',
    handlers: [
      http.get('http://localhost:42356/msi/token', () => HttpResponse.json({ statusCode: 400 }, { status: 400 })),
    ],
    env: () => ({
      ...inCluster,
      IDENTITY_ENDPOINT: 'http://localhost:42356/msi/token',
      IDENTITY_HEADER: 'made-up-header',
    }),
  },
  {
    title: 'a private link that serves the subscription to its own network only',
    handlers: [
      imds(),
      subscriptions(['One']),
      groups(1, { onPage: { 1: refuses(403, 'PrivateLinkAccessRestricted', 'Not allowed from this network.') } }),
    ],
  },
  {
    title: 'a private link that does not serve the request',
    handlers: [
      imds(),
      subscriptions(['One']),
      groups(1, { onPage: { 1: refuses(403, 'PublicNetworkAccessDisabled', 'Public network access is disabled.') } }),
    ],
  },
  {
    title: 'a subscription that is disabled',
    handlers: [
      imds(),
      subscriptions(['One']),
      groups(1, { onPage: { 1: refuses(409, 'ReadOnlyDisabledSubscription', 'The subscription is disabled.') } }),
    ],
  },
  {
    title: 'a token without an object id',
    handlers: [
      imds({ claims: { oid: undefined } }),
      resourceManager(
        refuses(401, 'InvalidAuthenticationToken', "at least one of the claims 'puid' or 'altsecid' or 'oid'"),
      ),
    ],
  },
  {
    title: 'a location policy that Resource Manager enforces',
    handlers: [
      imds(),
      resourceManager(
        refuses(
          401,
          'InvalidAuthenticationToken',
          'Continuous access evaluation resulted in challenge: LocationConditionEvaluationSatisfied',
        ),
      ),
    ],
  },
  {
    title: 'an identity whose tokens were revoked',
    handlers: [
      imds(),
      resourceManager(
        refuses(
          401,
          'InvalidAuthenticationToken',
          'Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp',
        ),
      ),
    ],
  },
  {
    title: 'a discovered subscription that is gone',
    handlers: [
      imds(),
      subscriptions(['One']),
      groups(1, { onPage: { 1: refuses(404, 'SubscriptionNotFound', 'could not be found') } }),
    ],
  },
  {
    title: 'claims of an unexpected form',
    handlers: entraAnswers(aadsts(700211, 'No matching record found.')),
    env: () => workloadIdentity(serviceAccountToken({ iss: { toString: 1 } })),
  },
  {
    title: 'a portal that echoes the request',
    handlers: entraAnswers(
      async (request) =>
        new HttpResponse(`<html>${await request.text()}</html>`, {
          headers: { 'Content-Type': 'text/html', 'Set-Cookie': 'session=made-up-cookie' },
        }),
    ),
    env: () => ({ AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: tenantId, AZURE_CLIENT_SECRET: 'made-up~client.secret' }),
  },
  {
    title: 'a missing certificate',
    handlers: [],
    env: () => ({
      AZURE_CLIENT_ID: clientId,
      AZURE_TENANT_ID: tenantId,
      AZURE_CLIENT_CERTIFICATE_PATH: '/nonexistent.pem',
    }),
  },
];
