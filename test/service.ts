import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { http, passthrough, type RequestHandler } from 'msw';
import { afterEach, expect, vi } from 'vitest';
import { cloudOf } from '../src/azure/cloud.ts';
import { readConfig } from '../src/config.ts';
import { hideSecretsOf } from '../src/redaction.ts';
import { createService } from '../src/service.ts';
import { createLog } from '../src/telemetry/log.ts';
import { checkAgainstDocument } from './described.ts';
import { withoutAzure } from './fake-azure/environment.ts';
import { startFakeAzure } from './fake-azure/fake-azure.ts';

/** Parts of requests, for `count`. */
export const PROBE_OR_TOKEN = '/metadata/identity/oauth2/token';
export const TOKEN = `${PROBE_OR_TOKEN}?`;
export const EXCHANGE = '/oauth2/v2.0/token';
export const DISCOVERY = '/subscriptions?';
export const LISTING = '/resourcegroups?';

/** Waits until these expectations hold, for nearly as long as a test may take, because the machine may be slow. */
export const eventually = (expectations: () => void) => vi.waitFor(expectations, { timeout: 50_000 });

const realEnvironment = process.env;
let cleanUp: (() => void)[] = [];

afterEach(stopServices);

/** Stops all services that a test has started, which also happens at its end. */
export function stopServices(): void {
  const undos = cleanUp;
  cleanUp = [];
  for (const undo of undos) undo();
}

/**
 * Starts the service on a loopback port and a fake Azure, with the real SDK and the credential chain of a pod. The test fails at its
 * end if a request had no handler.
 */
export function startService(handlers: RequestHandler[], env: NodeJS.ProcessEnv = {}, isContainer = false) {
  process.env = {
    ...withoutAzure(realEnvironment),
    AZURE_TOKEN_CREDENTIALS: 'prod',
    // MSAL caches tokens of managed identities for the whole process, by client id, so each test has its own identity.
    AZURE_CLIENT_ID: randomUUID(),
    ...env,
  };
  const azure = startFakeAzure(
    ...handlers,
    // The requests of the test itself. Endpoints of Azure on loopback come first.
    http.all('http://127.0.0.1:*/*', () => passthrough()),
  );
  cleanUp.push(() => {
    service.server.close();
    azure.close();
    process.env = realEnvironment;
    expect(azure.strays).toEqual([]);
  });

  const config = readConfig(process.env);
  const cloud = cloudOf(config.authorityHost);
  if (!cloud) throw new Error('the authority host of the test belongs to no known cloud');
  const logText: string[] = [];
  hideSecretsOf(process.env);
  const write = (line: string) => logText.push(line);
  const log = createLog({ level: config.logLevel, isTerminal: false, write });
  const service = createService({
    config,
    azureOptions: {
      ...config,
      cloud,
      userAgentPrefix: 'rg-api/0.0.0-test',
      env: process.env,
      podLabelsFile: env['POD_LABELS_FILE'] ?? '/nonexistent',
      cgroupFile: env['CGROUP_FILE'] ?? '/nonexistent',
      isContainer,
      onWarning: (message) => log.warn(message),
    },
    process: { version: '0.0.0-test', startedAt: new Date().toISOString() },
    log,
  });
  const listening = service.server.listen(service.app.fetch, 0, '127.0.0.1');

  return {
    app: service.app,
    url: async () => `http://127.0.0.1:${(await listening).port}`,
    azure,
    credential: service.azure.credential,
    listResourceGroups: async () => (await service.azure.listResourceGroups()).names,
    service,
    /** Sends a request, and checks the response against the OpenAPI document. */
    get: async (path = '/', init?: RequestInit) => {
      const response = await fetch(`http://127.0.0.1:${(await listening).port}${path}`, {
        redirect: 'manual',
        ...init,
      });
      checkAgainstDocument(path, init, response, await response.clone().text());
      return response;
    },
    logText,
    /** The lines of the log so far, parsed. */
    log: () => logText.map((line) => JSON.parse(line)),
    /** The number of requests to Azure whose URL contains this. */
    count: (part: string) => azure.requests.filter((request) => request.includes(part)).length,
  };
}

/** Sends a request with any Host, which fetch does not allow. */
export async function askWithHost({ url }: { url: () => Promise<string> }, host: string, path = '/') {
  const [response]: IncomingMessage[] = await once(get(`${await url()}${path}`, { headers: { host } }), 'response');
  if (!response) throw new Error('no response');
  const headers = new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
  const answer = { status: response.statusCode ?? 0, headers, body: await text(response) };
  checkAgainstDocument(path, undefined, answer, answer.body);
  return answer;
}
