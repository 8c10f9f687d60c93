import { readFileSync } from 'node:fs';
import { HttpResponse, http, type RequestHandler } from 'msw';
import { afterEach, expect, test, vi } from 'vitest';
import { REASONS } from '../../../src/azure/diagnosis/catalogue.ts';
import { makeCertificate } from '../../fake-azure/certificate.ts';
import {
  aadsts,
  dated,
  entra,
  identityNotFound,
  imds,
  imdsRefuses,
  mayNotUseIdentity,
  nmiNotReady,
  noImds,
  tokenProxy,
} from '../../fake-azure/identity.ts';
import { forgetManagedIdentities } from '../../fake-azure/managed-identities.ts';
import { groups, resourceManager, subscriptionId, subscriptions } from '../../fake-azure/resource-manager.ts';
import {
  type Answer,
  asUsual,
  drops,
  hangs,
  html,
  inTurn,
  refuses,
  throttles,
  unreachable,
} from '../../fake-azure/responses.ts';
import { IDENTITY } from '../../fake-azure/tokens.ts';
import {
  identityBinding,
  SERVICE_ACCOUNT,
  serviceAccountToken,
  temporaryFile,
  workloadIdentity,
} from '../../fake-azure/workload-identity.ts';
import { EXCHANGE, startService } from '../../service.ts';

afterEach(() => {
  vi.useRealTimers();
  forgetManagedIdentities();
});

/** One failure, as the real SDK sees it, and the expected diagnosis. */
interface Case {
  title: string;
  reason: string;
  handlers: RequestHandler[];
  env?: NodeJS.ProcessEnv;
  /** Texts in the hint, including real values. */
  hint: string[];
  /** Texts in the commands. */
  commands?: string[];
  /** A text in the original message. */
  detail: string;
  documentation?: string;
}

const { clientId, tenantId, objectId } = IDENTITY;
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
const NONE = 'none';
const error = (errorNo: number) => `https://login.microsoftonline.com/error?code=${errorNo}`;
/** Makes Microsoft Entra ID give this answer. */
const entraAnswers = (answer: Answer) => [entra({ answer })];

const CASES: Case[] = [
  {
    title: 'an identity binding without its ClusterRole',
    reason: 'identity-binding-not-permitted',
    handlers: [tokenProxy(mayNotUseIdentity), entra({ answer: aadsts(700212, 'audience') })],
    env: identityBinding(),
    hint: ['rgapi/rgapi', `resources: [${clientId}]`, 'use-managed-identity'],
    detail: 'expiresOn',
  },
  {
    title: 'an identity binding whose proxy does not answer',
    reason: 'identity-binding-broken',
    handlers: [tokenProxy(drops), entra({ answer: aadsts(700212, 'audience') })],
    env: identityBinding(),
    hint: ['AZURE_KUBERNETES_', 'NO_PROXY'],
    detail: 'network_error',
  },
  {
    title: 'an identity binding with a bad proxy URL',
    reason: 'identity-binding-broken',
    handlers: [entra({ answer: aadsts(700212, 'audience') })],
    env: { ...identityBinding(), AZURE_KUBERNETES_TOKEN_PROXY: 'http://token-proxy.example' },
    hint: ['AZURE_KUBERNETES_'],
    detail: 'https scheme',
  },
  {
    title: 'an identity binding of an identity that does not exist',
    reason: 'client-id-unknown',
    handlers: [tokenProxy(aadsts(700016, 'not found')), entra({ answer: aadsts(700212, 'audience') })],
    env: identityBinding(),
    hint: [clientId],
    detail: 'AADSTS700016',
    documentation: error(700016),
  },
  {
    title: 'an identity binding without the annotation',
    reason: 'client-id-missing',
    handlers: [noImds()],
    env: { ...identityBinding(), AZURE_CLIENT_ID: '' },
    hint: ['azure.workload.identity/client-id'],
    detail: 'clientId is a required parameter',
  },
  {
    title: 'an identity binding behind a proxy that denies it',
    reason: 'identity-binding-broken',
    handlers: [
      tokenProxy(() => new HttpResponse('<html>denied</html>', { status: 403 })),
      entra({ answer: aadsts(700212, 'audience') }),
    ],
    env: identityBinding(),
    hint: ['NO_PROXY names login.microsoftonline.com'],
    detail: 'denied',
  },
  {
    title: 'a missing token file',
    reason: 'token-file-missing',
    handlers: [],
    env: { ...workloadIdentity(), AZURE_FEDERATED_TOKEN_FILE: '/nonexistent/azure-identity-token' },
    hint: ['/nonexistent/azure-identity-token', 'recreate the pod'],
    detail: 'ENOENT',
  },
  {
    title: 'a token file that is a directory',
    reason: 'token-file-unreadable',
    handlers: [],
    env: { ...workloadIdentity(), AZURE_FEDERATED_TOKEN_FILE: '/proc' },
    hint: ['/proc', 'is not a file'],
    detail: '/proc: is not a file',
  },
  {
    title: 'an empty token file',
    reason: 'token-file-malformed',
    handlers: [],
    env: workloadIdentity(''),
    hint: ['is empty', 'Recreate the pod'],
    detail: 'No content on the file',
  },
  {
    title: 'a token file without a token',
    reason: 'token-file-malformed',
    handlers: entraAnswers(aadsts(50027, 'Invalid JWT token.')),
    env: workloadIdentity('made-up-no-token'),
    hint: ['does not hold a JWT'],
    detail: 'AADSTS50027',
  },
  {
    title: 'a service account without the annotation',
    reason: 'client-id-missing',
    handlers: [noImds()],
    env: { ...workloadIdentity(), AZURE_CLIENT_ID: '' },
    hint: ['service account rgapi with azure.workload.identity/client-id', 'recreate the pod'],
    commands: ['kubectl annotate serviceaccount rgapi -n rgapi azure.workload.identity/client-id=$CLIENT_ID'],
    detail: 'clientId is a required parameter',
  },
  {
    title: 'no tenant',
    reason: 'tenant-id-missing',
    handlers: [noImds()],
    env: { ...workloadIdentity(), AZURE_TENANT_ID: '' },
    hint: ['service account rgapi with azure.workload.identity/tenant-id', 'AZURE_TENANT_ID'],
    commands: ['kubectl annotate serviceaccount rgapi -n rgapi azure.workload.identity/tenant-id=$TENANT_ID'],
    detail: 'tenantId is a required parameter',
  },
  {
    title: 'an assertion refused by a server whose clock is ahead of ours',
    reason: 'clock-skew',
    handlers: entraAnswers(dated(600, aadsts(700024, 'Client assertion is not within its valid time range.'))),
    env: workloadIdentity(),
    hint: ['10 min behind'],
    detail: 'AADSTS700024',
    documentation: error(700024),
  },
  {
    title: 'a token refused by a Resource Manager whose clock is behind ours',
    reason: 'clock-skew',
    handlers: [imds(), resourceManager(dated(-300, refuses(401, 'AuthenticationFailed', 'not yet valid')))],
    hint: ['5 min ahead'],
    detail: 'not yet valid',
  },
  {
    title: 'an expired assertion',
    reason: 'assertion-expired',
    handlers: entraAnswers(aadsts(700024, 'Client assertion is not within its valid time range.')),
    env: workloadIdentity(serviceAccountToken({ nbf: 1_700_000_000, exp: 1_700_003_600 })),
    hint: ['2023-11-14T22:13:20.000Z', '2023-11-14T23:13:20.000Z'],
    detail: 'AADSTS700024',
    documentation: error(700024),
  },
  {
    title: 'a federated credential for another issuer',
    reason: 'federated-credential-issuer',
    handlers: entraAnswers(aadsts(700211, `No matching record found for presented assertion issuer '${iss}'.`)),
    env: workloadIdentity(),
    hint: [clientId, iss],
    detail: 'AADSTS700211',
    documentation: error(700211),
  },
  {
    title: 'a federated credential for another subject',
    reason: 'federated-credential-subject',
    handlers: entraAnswers(aadsts(700213, `No matching record found for presented assertion subject '${sub}'.`)),
    env: workloadIdentity(),
    hint: [clientId, sub],
    detail: 'AADSTS700213',
    documentation: error(700213),
  },
  {
    title: 'a federated credential in another letter case',
    reason: 'federated-credential-case',
    handlers: entraAnswers(aadsts(7002138, 'The match is case-sensitive.')),
    env: workloadIdentity(),
    hint: [clientId, iss, sub, 'api://AzureADTokenExchange'],
    detail: 'AADSTS7002138',
    documentation: error(7002138),
  },
  {
    title: 'a federated credential for another audience',
    reason: 'federated-credential-audience',
    handlers: entraAnswers(aadsts(700212, 'No matching record found for presented assertion audience.')),
    env: workloadIdentity(serviceAccountToken({ aud: ['api://made-up'] })),
    hint: ['api://made-up', clientId, 'api://AzureADTokenExchange'],
    detail: 'AADSTS700212',
    documentation: error(700212),
  },
  {
    title: "an identity binding's token without its proxy",
    reason: 'federated-credential-audience',
    handlers: entraAnswers(aadsts(700212, 'No matching record found for presented assertion audience.')),
    env: { ...identityBinding(), AZURE_KUBERNETES_TOKEN_PROXY: '' },
    hint: ['api://AKSIdentityBinding', 'AZURE_KUBERNETES_TOKEN_PROXY'],
    detail: 'AADSTS700212',
  },
  {
    title: 'no federated credential',
    reason: 'federated-credential-missing',
    handlers: entraAnswers(aadsts(70021, 'No matching federated identity record found for presented assertion.')),
    env: workloadIdentity(),
    hint: [clientId, iss, sub, 'api://AzureADTokenExchange'],
    detail: 'AADSTS70021:',
    documentation: error(70021),
  },
  {
    title: 'an identity without any federated credential',
    reason: 'federated-credential-missing',
    handlers: entraAnswers(aadsts(70025, 'The client has no configured federated identity credentials.')),
    env: workloadIdentity(),
    hint: ['federated credential', iss, sub, 'api://AzureADTokenExchange'],
    commands: [
      `az identity federated-credential create -g $RG --identity-name $IDENTITY_NAME --name rgapi --issuer ${iss} ` +
        `--subject ${sub} --audiences api://AzureADTokenExchange`,
    ],
    detail: 'AADSTS70025',
    documentation: error(70025),
  },
  {
    title: 'a resource id in place of the client id',
    reason: 'client-id-unknown',
    handlers: entraAnswers(aadsts(700016, 'Application with identifier was not found in the directory.')),
    env: { ...workloadIdentity(), AZURE_CLIENT_ID: '/subscriptions/made-up/userAssignedIdentities/rgapi' },
    hint: ['/subscriptions/made-up/userAssignedIdentities/rgapi', tenantId],
    detail: 'AADSTS700016',
    documentation: error(700016),
  },
  {
    title: 'a tenant that does not exist',
    reason: 'tenant-unknown',
    handlers: entraAnswers(aadsts(90002, `Tenant '${tenantId}' not found.`)),
    env: workloadIdentity(),
    hint: [tenantId, 'https://login.microsoftonline.com'],
    detail: 'AADSTS90002',
    documentation: error(90002),
  },
  {
    title: 'an impossible tenant',
    reason: 'tenant-unknown',
    handlers: [],
    env: { ...workloadIdentity(), AZURE_TENANT_ID: 'made up' },
    hint: ['AZURE_TENANT_ID'],
    detail: 'Invalid tenant id',
  },
  {
    title: 'an issuer that Entra cannot reach',
    reason: 'issuer-unreachable',
    handlers: entraAnswers(aadsts(90061, 'Request to External OIDC endpoint failed.')),
    env: workloadIdentity(),
    hint: [`${iss}.well-known/openid-configuration`],
    detail: 'AADSTS90061',
    documentation: error(90061),
  },
  {
    title: 'an identity of another cloud',
    reason: 'wrong-cloud',
    handlers: entraAnswers(aadsts(900382, 'Confidential Client is not supported in Cross Cloud request.')),
    env: workloadIdentity(),
    hint: ['AZURE_AUTHORITY_HOST', 'https://login.microsoftonline.com', 'https://management.azure.com'],
    detail: 'AADSTS900382',
  },
  {
    title: 'a Resource Manager of another cloud',
    reason: 'wrong-cloud',
    handlers: [imds(), resourceManager(refuses(401, 'InvalidAuthenticationTokenAudience', 'wrong audience'))],
    hint: ['AZURE_AUTHORITY_HOST'],
    detail: 'wrong audience',
  },
  {
    title: 'a client secret that has expired',
    reason: 'client-secret-refused',
    handlers: entraAnswers(aadsts(7000222, 'The provided client secret keys are expired.')),
    env: { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: tenantId, AZURE_CLIENT_SECRET: 'made-up~client.secret' },
    hint: [clientId, 'AZURE_CLIENT_SECRET'],
    detail: 'AADSTS7000222',
  },
  {
    title: 'an Entra that throttles',
    reason: 'entra-throttled',
    handlers: entraAnswers(() =>
      HttpResponse.json(
        { error: 'temporarily_unavailable', error_description: 'AADSTS90055: too many requests', error_codes: [90055] },
        { status: 429, headers: { 'Retry-After': '60' } },
      ),
    ),
    env: { ...workloadIdentity(), AZURE_DEADLINE_MS: '300' },
    hint: ['throttles'],
    detail: 'Still waiting for a token',
  },
  {
    title: 'a refusal of Entra that is not in the catalogue',
    reason: 'entra-refused',
    handlers: entraAnswers(aadsts(999999, 'Made-up words.')),
    env: workloadIdentity(),
    hint: ['AADSTS999999'],
    detail: 'Made-up words',
    documentation: error(999999),
  },
  {
    title: 'a proxy that gets the requests for the metadata service',
    reason: 'imds-proxied',
    handlers: [http.get('http://169.254.169.254/*', () => new HttpResponse('denied', { status: 403 }))],
    env: {
      ...inCluster,
      HTTPS_PROXY: 'http://made-up-user:made-up-password@proxy.example:3128',
      NO_PROXY: '169.254.0.0/16',
    },
    hint: ['169.254.169.254', 'NO_PROXY', 'HTTPS_PROXY'],
    detail: 'ManagedIdentityCredential',
  },
  {
    title: 'a proxy that blocks Entra',
    reason: 'proxy-failed',
    handlers: [],
    env: { ...workloadIdentity(), HTTPS_PROXY: 'http://127.0.0.1:9', AZURE_DEADLINE_MS: '30000' },
    hint: ['login.microsoftonline.com', 'HTTPS_PROXY', 'ECONNREFUSED'],
    detail: 'network_error',
  },
  {
    title: 'no DNS for Entra',
    reason: 'dns-failure',
    handlers: entraAnswers(unreachable('EAI_AGAIN')),
    env: workloadIdentity(),
    hint: ['login.microsoftonline.com', 'EAI_AGAIN', 'CoreDNS'],
    detail: 'network_error',
  },
  {
    title: 'no DNS for Resource Manager',
    reason: 'dns-failure',
    handlers: [imds(), resourceManager(unreachable('EAI_AGAIN'))],
    hint: ['management.azure.com', 'EAI_AGAIN'],
    detail: 'EAI_AGAIN',
  },
  {
    title: 'a certificate that is not valid yet',
    reason: 'certificate-expired',
    handlers: [imds(), resourceManager(unreachable('CERT_NOT_YET_VALID'))],
    hint: ['management.azure.com', 'CERT_NOT_YET_VALID', 'clock'],
    detail: 'CERT_NOT_YET_VALID',
  },
  {
    title: 'a proxy with its own certificate',
    reason: 'tls-intercepted',
    handlers: [imds(), resourceManager(unreachable('UNABLE_TO_VERIFY_LEAF_SIGNATURE'))],
    hint: ['management.azure.com', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'NODE_EXTRA_CA_CERTS'],
    detail: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  },
  {
    title: 'something on the way that intercepts TLS',
    reason: 'tls-intercepted',
    handlers: entraAnswers(unreachable('SELF_SIGNED_CERT_IN_CHAIN')),
    env: workloadIdentity(),
    hint: ['login.microsoftonline.com', 'SELF_SIGNED_CERT_IN_CHAIN', 'NODE_EXTRA_CA_CERTS'],
    detail: 'network_error',
  },
  {
    title: 'a firewall in front of Resource Manager',
    reason: 'egress-blocked',
    handlers: [imds(), resourceManager(unreachable('EHOSTUNREACH'))],
    hint: ['management.azure.com', 'EHOSTUNREACH', 'firewall'],
    detail: 'EHOSTUNREACH',
  },
  {
    title: 'a connection to Resource Manager that breaks',
    reason: 'connection-broken',
    handlers: [imds(), resourceManager(unreachable('EPIPE'))],
    hint: ['management.azure.com', 'EPIPE'],
    detail: 'EPIPE',
  },
  {
    title: 'a captive portal in front of Entra',
    reason: 'entra-broken',
    handlers: entraAnswers(html),
    env: workloadIdentity(),
    hint: ['login.microsoftonline.com', '200', 'captive portal'],
    detail: 'Sign in to the network',
  },
  {
    title: 'a pod without any label',
    reason: 'pod-label-missing',
    handlers: [noImds()],
    env: labels('app="rgapi"\npod-template-hash="made-up"'),
    hint: ['azure.workload.identity/use: "true"', 'spec.template.metadata.labels', 'aadpodidbinding'],
    commands: ['kubectl patch deployment $DEPLOYMENT -n $NAMESPACE'],
    detail: 'IMDS endpoint',
  },
  {
    title: 'a pod whose label is almost right',
    reason: 'pod-label-missing',
    handlers: [imds({ answer: identityNotFound })],
    env: labels('azure.workload.identity/use="True"'),
    hint: ['"True" is not "true"'],
    detail: 'Identity not found',
  },
  {
    title: 'a missing webhook, although a metadata service answers',
    reason: 'webhook-missed',
    handlers: [imds({ answer: identityNotFound })],
    env: labels('azure.workload.identity/use="true"'),
    hint: ['webhook runs', 'recreate the pod'],
    commands: ['--enable-workload-identity'],
    detail: 'Identity not found',
  },
  {
    title: 'NMI that does not know the client id',
    reason: 'identity-not-found',
    handlers: [
      imds({ answer: () => new HttpResponse('no azure identity found for request clientID 4444', { status: 404 }) }),
    ],
    env: labels('aadpodidbinding="rgapi"'),
    hint: ['AzureIdentityBinding', 'namespace', '(rgapi)'],
    commands: [
      'kubectl get azureidentity,azureidentitybinding -n $NAMESPACE',
      'kubectl logs -n kube-system -l component=nmi',
    ],
    detail: 'no azure identity found',
  },
  {
    title: 'NMI that gives up waiting',
    reason: 'identity-pending',
    handlers: [
      imds({
        answer: () => new HttpResponse('no AzureAssignedIdentity found for pod in CREATED state', { status: 403 }),
      }),
    ],
    env: inCluster,
    hint: ['aadpodidbinding'],
    detail: 'no AzureAssignedIdentity found',
  },
  {
    title: 'NMI without an identity for the pod',
    reason: 'identity-pending',
    handlers: [imds({ answer: nmiNotReady })],
    env: labels('aadpodidbinding="rgapi"'),
    hint: ['aadpodidbinding', 'MIC', 'Managed Identity Operator'],
    commands: ['kubectl get azureidentity,azureidentitybinding', 'component=mic'],
    detail: 'getting assigned identities for pod rgapi/rgapi in CREATED state',
  },
  {
    title: 'a metadata service that answers 404 outside of Kubernetes',
    reason: 'imds-refused',
    handlers: [imds({ answer: nmiNotReady })],
    hint: ['404'],
    detail: 'getting assigned identities',
  },
  {
    title: 'NMI that holds the request',
    reason: 'identity-pending',
    handlers: [imds({ answer: hangs })],
    env: { ...labels('aadpodidbinding="rgapi"\n'), AZURE_DEADLINE_MS: '200' },
    hint: ['Wait a minute'],
    detail: 'Still waiting for a token after 200 ms',
  },
  {
    title: 'several identities on the node',
    reason: 'multiple-identities',
    handlers: [
      imds({
        answer: imdsRefuses(
          'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request',
        ),
      }),
    ],
    env: inCluster,
    hint: ['AZURE_CLIENT_ID', 'node'],
    detail: 'Multiple user assigned identities exist',
  },
  {
    title: 'an identity that is not on the node',
    reason: 'identity-not-found',
    handlers: [imds({ answer: identityNotFound })],
    env: { ...inCluster, AZURE_CLIENT_ID: '44444444-4444-4444-8444-444444444444' },
    hint: ['44444444-4444-4444-8444-444444444444', 'azure.workload.identity/use', 'aadpodidbinding'],
    detail: 'Identity not found',
  },
  {
    title: 'a metadata service that is broken',
    reason: 'imds-refused',
    handlers: [imds({ answer: () => new HttpResponse('made-up fault', { status: 500 }) })],
    env: inCluster,
    hint: ['500'],
    detail: 'made-up fault',
  },
  {
    title: 'a webhook that did not change the pod',
    reason: 'webhook-missed',
    handlers: [noImds()],
    env: inCluster,
    hint: ['azure.workload.identity/use: "true"', 'spec.template.metadata.labels'],
    detail: 'IMDS endpoint',
  },
  {
    title: 'a missing webhook, although the pod has its label',
    reason: 'webhook-missed',
    handlers: [noImds()],
    env: labels('azure.workload.identity/use="true"'),
    hint: ['kube-system', 'skip-containers'],
    commands: ['--enable-workload-identity', 'azure-workload-identity.io/system=true'],
    detail: 'IMDS endpoint',
  },
  {
    title: 'no az on a laptop',
    reason: 'az-not-installed',
    handlers: [noImds()],
    env: { ...onLaptop, PATH: '' },
    hint: ['az'],
    detail: 'Azure CLI could not be found',
  },
  {
    title: 'no az on a laptop in a network that answers for the metadata service',
    reason: 'az-not-installed',
    handlers: [http.get('http://169.254.169.254/*', () => new HttpResponse('denied', { status: 403 }))],
    env: { ...onLaptop, PATH: '' },
    hint: ['az'],
    detail: 'Azure CLI could not be found',
  },
  {
    title: 'an az that is not logged in',
    reason: 'az-not-logged-in',
    handlers: [],
    env: az('ERROR: Please run "az login" to setup account.'),
    hint: ['Log in with the Azure CLI', 'no restart'],
    commands: ['az login'],
    detail: 'az login',
  },
  {
    title: 'an az login that has expired',
    reason: 'az-not-logged-in',
    handlers: [],
    env: az('AADSTS700082: The refresh token has expired. To re-authenticate, please run: az login --scope made-up'),
    hint: ['Log in again with the Azure CLI'],
    commands: ['az login'],
    detail: 'AADSTS700082',
    documentation: error(700082),
  },
  {
    title: 'an az whose directory belongs to another user',
    reason: 'az-config-unusable',
    handlers: [],
    env: az(`Traceback ${'made-up line '.repeat(500)} PermissionError: [Errno 13] Permission denied: "/azure/az.json"`),
    hint: ['/azure/az.json', 'chown'],
    commands: ['sudo chown -R $(id -u):$(id -g) ~/.azure'],
    detail: 'Permission denied',
  },
  {
    title: 'an az whose directory is mounted read-only',
    reason: 'az-config-unusable',
    handlers: [],
    env: az('OSError: [Errno 30] Read-only file system: /azure/commands/made-up.log'),
    hint: ['without :ro', '/azure/commands/made-up.log'],
    commands: ['-v $HOME/.azure:/azure'],
    detail: 'Read-only file system',
  },
  {
    title: 'an az that fails for another reason',
    reason: 'az-failed',
    handlers: [],
    env: az('made-up crash'),
    hint: ['in a terminal'],
    commands: ['az account get-access-token --output none'],
    detail: 'made-up crash',
  },
  {
    title: 'a laptop behind a proxy, without az',
    reason: 'az-not-installed',
    handlers: [http.get('http://169.254.169.254/*', () => new HttpResponse('denied', { status: 403 }))],
    env: { ...onLaptop, PATH: '', HTTPS_PROXY: 'http://proxy.example:3128' },
    hint: ['az'],
    detail: 'Azure CLI could not be found',
  },
  {
    title: 'a chosen credential that is not configured',
    reason: 'nothing-configured',
    handlers: [],
    env: { AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential' },
    hint: ['EnvironmentCredential', 'AZURE_TOKEN_CREDENTIALS'],
    detail: 'No underlying credential could be used',
  },
  {
    title: "a service principal in Terraform's variables",
    reason: 'nothing-configured',
    handlers: [noImds()],
    env: {
      ARM_CLIENT_ID: clientId,
      ARM_TENANT_ID: tenantId,
      ARM_CLIENT_SECRET: 'made-up~client.secret',
      AZURE_CLIENT_ID: '',
    },
    hint: [
      'ARM_CLIENT_ID to AZURE_CLIENT_ID',
      'ARM_CLIENT_SECRET to AZURE_CLIENT_SECRET',
      'ARM_TENANT_ID to AZURE_TENANT_ID',
    ],
    detail: 'No underlying credential could be used',
  },
  {
    title: 'an identity endpoint that is not a URL',
    reason: 'configuration-refused',
    handlers: [],
    env: { IDENTITY_ENDPOINT: 'localhost/msi', IDENTITY_HEADER: 'made-up-header' },
    hint: ['IDENTITY_ENDPOINT', 'not a URL'],
    detail: 'network_error',
  },
  {
    title: 'pod identity without NMI',
    reason: 'imds-unreachable',
    handlers: [noImds()],
    env: labels('aadpodidbinding="rgapi"'),
    hint: ['169.254.169.254', 'NMI does not run', 'Use Workload ID'],
    detail: 'IMDS endpoint',
  },
  {
    title: 'a managed identity outside of Azure',
    reason: 'imds-unreachable',
    handlers: [noImds()],
    hint: ['169.254.169.254', 'AZURE_TOKEN_CREDENTIALS'],
    detail: 'IMDS endpoint',
  },
  {
    title: 'a pod that runs as its node, which has no role',
    reason: 'node-identity',
    handlers: [imds({ claims: { xms_mirid: '/subscriptions/made-up/aks-agentpool' } }), subscriptions([])],
    env: inCluster,
    hint: ['/subscriptions/made-up/aks-agentpool', 'azure.workload.identity/use', 'no role should be given'],
    detail: 'no role in any subscription',
  },
  {
    title: 'no role at all',
    reason: 'no-subscription',
    handlers: [imds(), subscriptions([])],
    hint: ['Reader', '10 minutes'],
    commands: ['az role assignment create --role Reader', `--assignee-object-id ${objectId}`],
    detail: 'no role in any subscription',
  },
  {
    title: 'a subscription that does not exist',
    reason: 'subscription-not-found',
    handlers: [imds(), resourceManager(refuses(404, 'SubscriptionNotFound', 'could not be found'))],
    env: { AZURE_SUBSCRIPTION_ID: subscriptionId('Gone') },
    hint: [subscriptionId('Gone'), tenantId],
    detail: 'could not be found',
  },
  {
    title: 'no role on the subscription',
    reason: 'not-authorized',
    handlers: [
      imds(),
      subscriptions(['One']),
      groups(1, { onPage: { 1: refuses(403, 'AuthorizationFailed', `The client '${clientId}' may not.`) } }),
    ],
    hint: ['role Reader'],
    commands: [`--assignee-object-id ${objectId}`, `--scope /subscriptions/${subscriptionId('One')}`, '--role Reader'],
    detail: `403 AuthorizationFailed: The client '${clientId}' may not.`,
  },
  {
    title: 'a token of another tenant',
    reason: 'wrong-tenant',
    handlers: [imds(), resourceManager(refuses(401, 'InvalidAuthenticationTokenTenant', 'wrong issuer'))],
    env: { AZURE_SUBSCRIPTION_ID: subscriptionId('Theirs') },
    hint: [tenantId, subscriptionId('Theirs')],
    detail: 'wrong issuer',
  },
  {
    title: 'a token that is refused',
    reason: 'token-rejected',
    handlers: [imds(), resourceManager(refuses(401, 'AuthenticationFailed', 'made-up words'))],
    hint: ['new token', 'refused this token (AuthenticationFailed)'],
    detail: '401 AuthenticationFailed: made-up words',
  },
  {
    title: 'a Resource Manager that throttles',
    reason: 'throttled',
    handlers: [imds(), resourceManager(throttles(30))],
    hint: ['30 seconds'],
    detail: '429 TooManyRequests',
  },
  {
    title: 'a Resource Manager that does not answer',
    reason: 'timeout',
    handlers: [imds(), resourceManager(hangs)],
    env: { AZURE_DEADLINE_MS: '200' },
    hint: ['AZURE_DEADLINE_MS'],
    detail: 'Still waiting for the list of subscriptions after 200 ms',
  },
  {
    title: 'an Entra that does not answer',
    reason: 'token-timeout',
    handlers: entraAnswers(hangs),
    env: { ...workloadIdentity(), AZURE_DEADLINE_MS: '200' },
    hint: ['WorkloadIdentityCredential has not answered yet', 'firewall'],
    detail: 'Still waiting for a token after 200 ms',
  },
  {
    title: 'a Resource Manager that answers nonsense',
    reason: 'broken',
    handlers: [imds(), resourceManager(html)],
    hint: ['captive portal'],
    detail: 'text/html',
  },
  {
    title: 'a filter in front of Resource Manager that forbids the request',
    reason: 'broken',
    handlers: [imds(), resourceManager(() => new HttpResponse('<html>denied</html>', { status: 403 }))],
    hint: ['proxy on the way'],
    detail: 'denied',
  },
  {
    title: 'a projected token that lives too long',
    reason: 'assertion-refused',
    handlers: entraAnswers(aadsts(70023, 'External OIDC Provider token must have a lifetime of less than 1.01:00:00.')),
    env: workloadIdentity(),
    hint: ['24 hours', 'expirationSeconds'],
    detail: 'AADSTS70023',
    documentation: error(70023),
  },
  {
    title: 'an issuer that signs with a key that it does not publish',
    reason: 'issuer-invalid',
    handlers: entraAnswers(aadsts(7000272, 'The key was not found in the JWKS of the issuer.')),
    env: workloadIdentity(),
    hint: [iss, 'JWKS'],
    commands: [`curl -sS ${iss}.well-known/openid-configuration`],
    detail: 'AADSTS7000272',
    documentation: error(7000272),
  },
  {
    title: 'an issuer that only the cluster knows',
    reason: 'federated-credential-issuer',
    handlers: entraAnswers(aadsts(700211, 'No matching record found.')),
    env: workloadIdentity(serviceAccountToken({ iss: 'https://kubernetes.default.svc.cluster.local' })),
    hint: ['public OIDC issuer', 'https://kubernetes.default.svc.cluster.local'],
    commands: ['az aks update -g $RG -n $CLUSTER --enable-oidc-issuer'],
    detail: 'AADSTS700211',
    documentation: error(700211),
  },
  {
    title: 'a pod with the service account default',
    reason: 'client-id-missing',
    handlers: [noImds()],
    env: {
      ...workloadIdentity(serviceAccountToken({ sub: 'system:serviceaccount:shop:default' })),
      AZURE_CLIENT_ID: '',
    },
    hint: ['Set serviceAccountName', 'the service account default'],
    commands: [
      'kubectl get serviceaccounts -n shop',
      'kubectl set serviceaccount deployment $DEPLOYMENT $SERVICE_ACCOUNT -n shop',
    ],
    detail: 'clientId is a required parameter',
  },
  {
    title: 'a leftover client secret in a pod with Workload ID',
    reason: 'client-secret-refused',
    handlers: entraAnswers(aadsts(7000215, 'Invalid client secret provided.')),
    env: { ...workloadIdentity(), AZURE_CLIENT_SECRET: 'made-up~client.secret' },
    hint: ['Remove AZURE_CLIENT_SECRET', 'takes precedence'],
    commands: ['kubectl set env deployment $DEPLOYMENT -n rgapi AZURE_CLIENT_SECRET-'],
    detail: 'AADSTS7000215',
    documentation: error(7000215),
  },
  {
    title: 'a certificate that is not registered',
    reason: 'client-certificate-refused',
    handlers: entraAnswers(aadsts(700027, 'The certificate is not registered. [Reason - The key was not found.]')),
    env: withCertificate(),
    hint: ['Upload', clientId, 'AZURE_CLIENT_CERTIFICATE_PATH'],
    commands: [`az ad app credential list --id ${clientId} --cert`],
    detail: 'AADSTS700027',
    documentation: error(700027),
  },
  {
    title: 'a machine whose clock is ahead when it signs its assertion',
    reason: 'clock-skew',
    handlers: entraAnswers(
      aadsts(
        700024,
        'Client assertion is not within its valid time range. Current time: 2026-01-01T10:00:00.0000000Z, assertion valid from ' +
          '2026-01-01T13:00:00.0000000Z, expiry time of assertion 2026-01-01T13:10:00.0000000Z.',
      ),
    ),
    env: withCertificate(),
    hint: ['3 h ahead of'],
    commands: ['timedatectl'],
    detail: 'AADSTS700024',
    documentation: error(700024),
  },
  {
    title: 'an application without a service principal in the tenant',
    reason: 'service-principal-missing',
    handlers: entraAnswers(
      aadsts(7000229, `The client application ${clientId} is missing service principal in the tenant ${tenantId}.`),
    ),
    env: withSecret(),
    hint: ['Create the service principal', clientId, tenantId],
    commands: [`az ad sp create --id ${clientId}`],
    detail: 'AADSTS7000229',
    documentation: error(7000229),
  },
  {
    title: 'an application that is disabled',
    reason: 'application-disabled',
    handlers: entraAnswers(aadsts(7000112, `Application '${clientId}'(made-up) is disabled.`)),
    env: withSecret(),
    hint: ['enable', clientId],
    commands: [`az ad sp update --id ${clientId} --set accountEnabled=true`],
    detail: 'AADSTS7000112',
    documentation: error(7000112),
  },
  {
    title: 'a policy of Conditional Access for workload identities',
    reason: 'blocked-by-policy',
    handlers: entraAnswers(aadsts(53003, 'Access has been blocked by Conditional Access policies.')),
    env: workloadIdentity(),
    hint: ['Conditional Access', clientId, 'named location'],
    detail: 'AADSTS53003',
    documentation: error(53003),
  },
  {
    title: 'a policy that another az login cannot satisfy',
    reason: 'blocked-by-policy',
    handlers: [],
    env: az(
      'AADSTS53003: Access has been blocked by Conditional Access policies. Please run: az login --scope made-up',
    ),
    hint: ['Conditional Access', 'logging in again does not help'],
    detail: 'AADSTS53003',
    documentation: error(53003),
  },
  {
    title: 'a tenant that is blocked',
    reason: 'tenant-blocked',
    handlers: [],
    env: az('AADSTS5000225: This tenant has been blocked due to inactivity. Please run: az login'),
    hint: ['another tenant', 'blocked'],
    commands: ['az login --tenant $TENANT_ID'],
    detail: 'AADSTS5000225',
    documentation: error(5000225),
  },
  {
    title: 'an account that is disabled',
    reason: 'account-refused',
    handlers: [],
    env: az('AADSTS50057: The user account is disabled.'),
    hint: ['administrator', 'disabled'],
    detail: 'AADSTS50057',
    documentation: error(50057),
  },
  {
    title: 'an application without consent',
    reason: 'consent-missing',
    handlers: entraAnswers(aadsts(65001, 'The user or administrator has not consented to use the application.')),
    env: withSecret(),
    hint: ['consent', clientId],
    detail: 'AADSTS65001',
    documentation: error(65001),
  },
  {
    title: 'a chosen developer tool without a login',
    reason: 'tool-not-logged-in',
    handlers: [],
    env: {
      ...onLaptop,
      AZURE_TOKEN_CREDENTIALS: 'AzureDeveloperCliCredential',
      PATH: program('azd', "echo 'ERROR: not logged in, run azd auth login' >&2; exit 1"),
    },
    hint: ['Azure Developer CLI'],
    commands: ['azd auth login'],
    detail: 'azd auth login',
  },
  {
    title: 'an az that cannot reach Entra',
    reason: 'dns-failure',
    handlers: [],
    env: az(
      "HTTPSConnectionPool(host=''login.microsoftonline.com''): [Errno -2] Name or service not known".replaceAll(
        "''",
        '"',
      ),
    ),
    hint: ['DNS', 'login.microsoftonline.com', 'ENOTFOUND'],
    detail: 'Name or service not known',
  },
  {
    title: 'an identity endpoint of the host without such an identity',
    reason: 'identity-not-found',
    handlers: [identityEndpoint(400, 'No User Assigned or Delegated Managed Identity found for specified ClientId.')],
    env: onAppService(clientId),
    hint: [`Assign the identity ${clientId}`, 'AZURE_CLIENT_ID', 'App Service'],
    commands: ['az webapp identity assign'],
    detail: 'No User Assigned',
  },
  {
    title: 'an identity endpoint of the host that fails',
    reason: 'identity-endpoint-failed',
    handlers: [identityEndpoint(500, 'An unexpected error occured while fetching the AAD Token.')],
    env: onAppService(''),
    hint: ['Ask again', 'restart'],
    commands: ['az webapp restart'],
    detail: 'An unexpected error occured',
  },
  {
    title: 'a deny assignment',
    reason: 'deny-assignment',
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
    hint: ['deny assignment Made up', 'no role assignment helps'],
    commands: [`subscriptions/${subscriptionId('One')}/providers/Microsoft.Authorization/denyAssignments`],
    detail: 'DenyAssignmentAuthorizationFailed',
  },
  {
    title: 'a private link that does not serve the request',
    reason: 'network-restricted',
    handlers: [
      imds(),
      subscriptions(['One']),
      groups(1, { onPage: { 1: refuses(403, 'PublicNetworkAccessDisabled', 'Public network access is disabled.') } }),
    ],
    hint: ['private link', subscriptionId('One'), 'PublicNetworkAccessDisabled', 'no role helps'],
    detail: 'PublicNetworkAccessDisabled',
  },
  {
    title: 'a subscription that is disabled',
    reason: 'subscription-disabled',
    handlers: [
      imds(),
      subscriptions(['One']),
      groups(1, { onPage: { 1: refuses(409, 'ReadOnlyDisabledSubscription', 'The subscription is disabled.') } }),
    ],
    hint: [subscriptionId('One'), 're-enable'],
    detail: 'ReadOnlyDisabledSubscription',
  },
  {
    title: 'a token without an object id',
    reason: 'service-principal-missing',
    handlers: [
      imds({ claims: { oid: undefined } }),
      resourceManager(
        refuses(401, 'InvalidAuthenticationToken', "at least one of the claims 'puid' or 'altsecid' or 'oid'"),
      ),
    ],
    hint: ['Create the service principal', tenantId],
    detail: 'InvalidAuthenticationToken',
  },
  {
    title: 'a location policy that Resource Manager enforces',
    reason: 'blocked-by-policy',
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
    hint: ['Conditional Access', 'management.azure.com'],
    detail: 'Continuous access evaluation',
  },
  {
    title: 'a discovered subscription that is gone',
    reason: 'subscription-not-found',
    handlers: [
      imds(),
      subscriptions(['One']),
      groups(1, { onPage: { 1: refuses(404, 'SubscriptionNotFound', 'could not be found') } }),
    ],
    hint: ['set AZURE_SUBSCRIPTION_ID to another', subscriptionId('One')],
    detail: 'could not be found',
  },
  {
    title: 'claims of an unexpected form',
    reason: 'federated-credential-issuer',
    handlers: entraAnswers(aadsts(700211, 'No matching record found.')),
    env: workloadIdentity(serviceAccountToken({ iss: { toString: 1 } })),
    hint: ['(unknown)', clientId],
    detail: 'AADSTS700211',
    documentation: error(700211),
  },
  {
    title: 'a portal that echoes the request',
    reason: 'entra-broken',
    handlers: entraAnswers(
      async (request) =>
        new HttpResponse(`<html>${await request.text()}</html>`, {
          headers: { 'Content-Type': 'text/html', 'Set-Cookie': 'session=made-up-cookie' },
        }),
    ),
    env: { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: tenantId, AZURE_CLIENT_SECRET: 'made-up~client.secret' },
    hint: ['captive portal'],
    detail: 'client_secret=(secret removed)',
  },
  {
    title: 'a missing certificate',
    reason: 'client-certificate-unusable',
    handlers: [],
    env: { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: tenantId, AZURE_CLIENT_CERTIFICATE_PATH: '/nonexistent.pem' },
    hint: ['AZURE_CLIENT_CERTIFICATE_PATH', '/nonexistent.pem does not exist'],
    detail: '/nonexistent.pem',
  },
];

const SECRETS = /made-up-signature|made-up-password|made-up(~|%7E|%7e)client\.secret|made-up-cookie|eyJ[\w-]{10}/;

// The SDK retries a refused connection.
const timeout = 60_000;

test.each(CASES)(
  '$title: $reason',
  { timeout },
  async ({ reason, handlers, env = {}, hint, commands = [], detail, documentation }) => {
    const { get, log, logText } = startService(handlers, { ...env, LOG_LEVEL: 'trace' });
    const list = await get();
    const listBody = await list.text();
    const who = await get('/whoami');
    const whoBody = await who.text();

    const listed = list.headers.get('Fallback-Reason') ?? JSON.parse(listBody).reason;
    const document = JSON.parse(whoBody);
    const explained = who.status === 503 ? document : document.warnings.at(-1);
    expect([listed, explained.reason]).toEqual([reason, reason]);
    for (const text of hint) expect(explained.hint).toContain(text);
    for (const text of commands) expect(explained.commands.join('\n')).toContain(text);
    expect(explained.hint).not.toMatch(/`|kubectl | --\w/);
    for (const line of explained.commands ?? []) expect(line).toMatch(/^[^"\\\p{Cc}]+$/u);
    expect(explained.detail).toContain(detail);
    if (documentation === NONE) expect(explained).not.toHaveProperty('documentation');
    else expect(explained.documentation).toEqual(documentation ?? expect.stringMatching(/^https:/));
    if (who.status === 503) {
      expect(who.headers.get('Content-Type')).toBe('application/problem+json');
      expect(document.attempts.length).toBeGreaterThan(0);
      expect(
        Object.keys(document)
          .filter((key) => key !== 'commands')
          .at(-1),
      ).toBe('hint');
      expect(document.facts).toMatchObject({ kubernetes: Boolean(env['KUBERNETES_SERVICE_HOST']) });
    }
    expect(log()).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        reason,
        msg: expect.stringContaining(hint[0] ?? ''),
        original: expect.objectContaining({ name: expect.any(String), message: expect.any(String) }),
      }),
    );
    const everything = [listBody, whoBody, ...list.headers, ...who.headers, ...logText].join('\n');
    expect(everything).not.toMatch(SECRETS);
  },
);

test.each([
  ['500', () => new HttpResponse('<html>down</html>', { status: 500 }), 'entra-broken'],
  ['429', () => HttpResponse.json({ error: 'x', error_description: 'slow down' }, { status: 429 }), 'entra-throttled'],
])('an error that MSAL repeats from memory after %s has the same reason', { timeout }, async (_, answer, reason) => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const { get, log } = startService(entraAnswers(answer), {
    ...workloadIdentity(),
    ANSWER_MAX_AGE_MS: '0',
    AZURE_DEADLINE_MS: '30000',
  });
  expect((await get()).headers.get('Fallback-Reason')).toBe(reason);
  vi.setSystemTime(Date.now() + 1000);
  expect((await get()).headers.get('Fallback-Reason')).toBe(reason);
  expect(log()).toHaveLength(1);
});

test('a failure is diagnosed from its own attempts, not from those of the next acquisition', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  const refusal = aadsts(700213, 'No matching record found.');
  const { get, credential, count } = startService(
    [entra({ answer: inTurn(asUsual, refusal, refusal, hangs) }), subscriptions(['One']), groups(1)],
    { ...workloadIdentity(), AZURE_TOKEN_CREDENTIALS: 'WorkloadIdentityCredential' },
  );
  await credential.getToken();
  vi.advanceTimersByTime(3400_000);
  await credential.getToken();
  await vi.waitFor(() => expect(credential.renewalFailure()).toBeDefined());
  vi.advanceTimersByTime(31_000);
  await credential.getToken();
  await vi.waitFor(() => expect(count(EXCHANGE)).toBe(3));
  const { warnings } = JSON.parse(await (await get('/whoami')).text());
  expect(warnings.at(-1).reason).toBe('federated-credential-subject');
});

test('every reason of the catalogue has a test', () => {
  const tested = new Set(CASES.map(({ reason }) => reason));
  // Only a bug of the service matches no rule; test/app.test.ts covers it.
  expect(REASONS.filter((reason) => !tested.has(reason))).toEqual(['unknown']);
});

test('the documentation explains every reason, in the order of the catalogue, and no others', () => {
  const section = readFileSync('docs/troubleshooting.md', 'utf8').split('## Reasons')[1]?.split('\n## ')[0] ?? '';
  const explained = [...section.matchAll(/^\| `([a-z-]+)`/gm)].map(([, reason]) => reason);
  expect(explained).toEqual(REASONS);
});
