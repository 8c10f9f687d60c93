import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpResponse, http, type RequestHandler } from 'msw';
import type { Exchange } from '../../../src/explain/outcome.ts';
import { makeCertificate } from '../../fake-azure/certificate.ts';
import { subscriptionId } from '../../fake-azure/resource-manager.ts';
import { BrokenConnection, hangs } from '../../fake-azure/responses.ts';
import { IDENTITY, jwt, madeUpToken } from '../../fake-azure/tokens.ts';
import { SERVICE_ACCOUNT, serviceAccountToken, temporaryFile } from '../../fake-azure/workload-identity.ts';
import type { PlaceName, Reply, ReportedFailure } from './reported-failure.ts';

const { clientId, tenantId } = IDENTITY;
export const SUBSCRIPTION = subscriptionId('One');
const AKS_ISSUER = `https://westeurope.oic.prod-aks.azure.com/${tenantId}/0d3a4b5c-6d7e-4f80-9a1b-2c3d4e5f6a7b/`;
const KUBELET =
  '/subscriptions/s/resourcegroups/MC_rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/clu-agentpool';
const REFUSED = new BrokenConnection('ECONNREFUSED');

const IN_CLUSTER = { KUBERNETES_SERVICE_HOST: '10.0.0.1', AZURE_TOKEN_CREDENTIALS: 'prod', AZURE_CLIENT_ID: '' };
const SERVICE_PRINCIPAL = {
  AZURE_CLIENT_ID: clientId,
  AZURE_TENANT_ID: tenantId,
  AZURE_CLIENT_SECRET: 'made-up~client.secret',
};
const ANYWHERE = { AZURE_TOKEN_CREDENTIALS: '', AZURE_CLIENT_ID: '' };

/** Where a failure happens: variables, labels, and whether there is a metadata service. */
const PLACES: Record<
  PlaceName,
  { environment: NodeJS.ProcessEnv; labels?: Record<string, string>; hasMetadataService: boolean }
> = {
  'workload-identity': {
    environment: { ...IN_CLUSTER, AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: tenantId },
    labels: { 'azure.workload.identity/use': 'true' },
    hasMetadataService: true,
  },
  'pod-identity': { environment: IN_CLUSTER, labels: { aadpodidbinding: 'rgapi' }, hasMetadataService: true },
  pod: { environment: IN_CLUSTER, labels: { app: 'rgapi' }, hasMetadataService: true },
  'service-principal-pod': {
    environment: { ...IN_CLUSTER, ...SERVICE_PRINCIPAL },
    labels: { app: 'rgapi' },
    hasMetadataService: true,
  },
  'service-principal': { environment: { ...ANYWHERE, ...SERVICE_PRINCIPAL }, hasMetadataService: false },
  machine: { environment: ANYWHERE, hasMetadataService: true },
  laptop: { environment: ANYWHERE, hasMetadataService: false },
  'azure-cli-image': {
    environment: { ...ANYWHERE, AZURE_TOKEN_CREDENTIALS: 'AzureCliCredential' },
    hasMetadataService: false,
  },
  'cluster-image': { environment: ANYWHERE, hasMetadataService: true },
  'identity-endpoint': {
    environment: {
      ...ANYWHERE,
      IDENTITY_ENDPOINT: 'http://localhost:12356/msi/token',
      IDENTITY_HEADER: 'made-up-header',
    },
    hasMetadataService: false,
  },
  arc: {
    environment: {
      ...ANYWHERE,
      IDENTITY_ENDPOINT: 'http://localhost:40342/metadata/identity/oauth2/token',
      IMDS_ENDPOINT: 'http://localhost:40342',
    },
    hasMetadataService: false,
  },
};

/** A failure as the service meets it. */
export interface Replay {
  handlers: RequestHandler[];
  env: NodeJS.ProcessEnv;
  isContainer: boolean;
  /** How far a request comes that never ends; sockets are faked, and do not know. */
  stuckAt: Exchange['phase'];
  /** Stops what was started for it. */
  end: () => void;
}

/** Prepares the replay of a reported failure. */
export async function replay(reported: ReportedFailure): Promise<Replay> {
  const { env, end } = await environmentOf(reported);
  return {
    handlers: handlersOf(reported),
    env,
    isContainer: /-image$/.test(reported.place),
    stuckAt: isDropped(reported) ? 'connect' : 'response',
    end,
  };
}

function isDropped({ answers = {} }: ReportedFailure): boolean {
  return Object.values(answers).some(({ fails }) => fails === 'is-dropped');
}

/** The variables of the place and of the failure, with the files that they name. */
async function environmentOf(reported: ReportedFailure): Promise<Pick<Replay, 'env' | 'end'>> {
  const { place, environment = {}, az, answers = {}, certificate } = reported;
  const { environment: usual, labels: usualLabels } = PLACES[place];
  const labels = usualLabels && Object.entries({ app: 'rgapi', ...(reported.labels ?? usualLabels) });
  const env: NodeJS.ProcessEnv = {
    ...usual,
    AZURE_DEADLINE_MS: Object.values(answers).some(({ fails }) => fails === 'hangs' || fails === 'is-dropped')
      ? '300'
      : '20000',
    ...(labels && {
      POD_LABELS_FILE: temporaryFile('labels', labels.map(([key, value]) => `${key}="${value}"\n`).join('')),
    }),
    ...(place === 'workload-identity' && { AZURE_FEDERATED_TOKEN_FILE: projectedToken(reported) }),
    ...(certificate && { AZURE_CLIENT_CERTIFICATE_PATH: certificateFile(certificate) }),
    PATH: `${az ? azProgram(az) : '/nonexistent'}:/usr/bin:/bin`,
  };
  for (const [name, value] of Object.entries(environment)) env[name] = value ?? undefined;
  return { env, end: answers.proxy ? await startProxy(env, answers.proxy) : () => {} };
}

function projectedToken({ projectedToken: claims, lifetimeSeconds = 3600, unreadableToken }: ReportedFailure): string {
  const exp = Math.floor(Date.now() / 1000) + lifetimeSeconds;
  const file = temporaryFile('token', serviceAccountToken({ ...SERVICE_ACCOUNT, iss: AKS_ISSUER, exp, ...claims }));
  if (!unreadableToken) return file;
  chmodSync(file, 0);
  // Root can read every file except a write-only one of the kernel.
  const writeOnly = '/proc/sys/vm/compact_memory';
  return process.getuid?.() === 0 && existsSync(writeOnly) ? writeOnly : file;
}

function certificateFile(content: NonNullable<ReportedFailure['certificate']>): string {
  const { certificate, key } = makeCertificate();
  const files = content === 'complete' ? [key, certificate] : [key];
  return temporaryFile('certificate.pem', files.map((file) => readFileSync(file, 'utf8')).join(''));
}

/** The directory of an `az` that prints this. */
function azProgram(az: NonNullable<ReportedFailure['az']>): string {
  const expires = Math.floor(Date.now() / 1000) + 3600;
  const accessToken = jwt({
    tid: 'f220aaaa-a5d6-4a54-9beb-2db0dcee4f5b',
    oid: IDENTITY.objectId,
    idtyp: 'user',
    exp: expires,
  });
  const said = temporaryFile(
    'said',
    'token' in az ? JSON.stringify({ accessToken, expires_on: expires }) : `${az.stderr}\n`,
  );
  const script = 'token' in az ? `cat '${said}'` : `cat '${said}' >&2\nexit ${az.exitCode}`;
  return temporaryFile('az', `#!/bin/sh\n${script}\n`, 0o755).slice(0, -'/az'.length);
}

/** Starts a proxy that answers every request like this, and puts its address into the variables. */
async function startProxy(env: NodeJS.ProcessEnv, { status = 502, text = '' }: Reply): Promise<() => void> {
  // A request for plain HTTP arrives as a whole, not as CONNECT.
  const proxy = createServer((_, response) => response.writeHead(status, { 'Content-Type': 'text/html' }).end(text));
  proxy.on('connect', (_, socket) =>
    socket.end(`HTTP/1.1 ${status} made-up\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`),
  );
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  // listen() gives a TCP server an address with a port.
  const { port } = proxy.address() as AddressInfo;
  for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY']) if (env[name]) env[name] = `http://127.0.0.1:${port}`;
  return () => proxy.close();
}

function handlersOf(reported: ReportedFailure): RequestHandler[] {
  const { answers = {}, place, accessToken = {} } = reported;
  const isInCluster = PLACES[place].environment['KUBERNETES_SERVICE_HOST'] !== undefined;
  const token = (audience: string) => madeUpToken(audience, 3600, accessToken);
  const usually =
    (handler: (request: Request) => Response | Promise<Response>, reply?: Reply) =>
    async ({ request }: { request: Request }) => {
      throwIfBlocked(reported, request);
      return reply ? respond(reply, request) : handler(request);
    };
  const metadataService =
    answers.metadataService ?? (answers.proxy && isForProxy(reported) ? answers.proxy : undefined);
  return [
    http.get('http://169.254.169.254/*', async ({ request }) => {
      if (!PLACES[place].hasMetadataService) throw REFUSED;
      const url = new URL(request.url);
      const isProbe = request.headers.get('Metadata') !== 'true';
      if (isProbe && isMetadataService(metadataService)) {
        return HttpResponse.json(
          { error: 'invalid_request', error_description: 'Required metadata header not specified' },
          { status: 400 },
        );
      }
      if (metadataService) return respond(metadataService, request);
      if (isInCluster && url.searchParams.has('client_id')) {
        return HttpResponse.json(
          { error: 'invalid_request', error_description: 'Identity not found' },
          { status: 400 },
        );
      }
      const resource = url.searchParams.get('resource') ?? '';
      return HttpResponse.json({
        access_token: madeUpToken(resource, 86_400, { ...(isInCluster && { xms_mirid: KUBELET }), ...accessToken }),
        expires_in: '86400',
        expires_on: String(Math.floor(Date.now() / 1000) + 86_400),
        resource,
        token_type: 'Bearer',
      });
    }),
    ...['localhost', '127.0.0.1'].flatMap((host) => [
      http.all(`http://${host}:12356/*`, ({ request }) =>
        respond(answers.identityEndpoint ?? { status: 500, json: {} }, request),
      ),
      http.all(`http://${host}:40342/*`, ({ request }) =>
        answers.proxy
          ? respond(answers.proxy, request)
          : new HttpResponse('', {
              status: 401,
              headers: { 'WWW-Authenticate': 'Basic realm=/var/opt/azcmagent/tokens/made-up.key' },
            }),
      ),
    ]),
    http.post(/^https:\/\/login\.[\w.]+\/[^/]+\/oauth2\/v2\.0\/token$/, async ({ request }) => {
      throwIfBlocked(reported, request);
      const form = new URLSearchParams(await request.clone().text());
      const reply = (form.has('client_secret') && answers.entraForSecret) || answers.entra;
      if (reply) return respond(reply, request);
      const audience = (form.get('scope') ?? '').split(' ')[0]?.replace(/\/\.default$/, '') ?? '';
      return HttpResponse.json({ token_type: 'Bearer', expires_in: 3599, access_token: token(audience) });
    }),
    http.get(
      /^https:\/\/management\.[\w.]+\/subscriptions\/[^/]+\/resourcegroups$/i,
      usually(
        () => HttpResponse.json({ value: ['rg-a', 'rg-b'].map((name) => ({ id: `/${name}`, name })) }),
        answers.resourceGroups,
      ),
    ),
    http.get(
      /^https:\/\/management\.[\w.]+\/subscriptions$/,
      usually(
        () => HttpResponse.json({ value: [{ subscriptionId: SUBSCRIPTION, displayName: 'One' }] }),
        answers.subscriptions,
      ),
    ),
  ];
}

/** Whether a metadata service replies. Anything else in its place answers the probe like any other request. */
function isMetadataService(reply: Reply | undefined): boolean {
  if (reply?.fails !== undefined) return false;
  return reply === undefined || reply.json !== undefined || /^text\/plain/.test(reply.headers?.['content-type'] ?? '');
}

function isForProxy({ environment = {} }: ReportedFailure): boolean {
  return !String(environment['NO_PROXY']).split(',').includes('169.254.169.254');
}

/** Throws if something keeps the request from its server. */
function throwIfBlocked({ unresolvable = [], intercepted }: ReportedFailure, request: Request): void {
  if (unresolvable.includes(new URL(request.url).hostname)) throw new BrokenConnection('EAI_AGAIN');
  if (intercepted) throw new BrokenConnection('SELF_SIGNED_CERT_IN_CHAIN');
}

async function respond(reply: Reply, request: Request): Promise<Response> {
  const { fails, status = 200, aadsts, error, suberror, json, text = '', headers = {} } = reply;
  if (fails === 'hangs' || fails === 'is-dropped') return (await hangs(request)) ?? HttpResponse.error();
  if (fails === 'refused') throw REFUSED;
  if (aadsts !== undefined) {
    const number = Number(/AADSTS(\d+)/.exec(aadsts)?.[1]);
    return HttpResponse.json(
      { error, error_description: `${aadsts} Trace ID: made-up`, error_codes: [number], ...(suberror && { suberror }) },
      { status, headers },
    );
  }
  if (json) return HttpResponse.json(json, { status, headers });
  const type = headers['content-type'] ?? 'text/html';
  return new HttpResponse(text, { status, headers: { ...headers, 'content-type': type } });
}
