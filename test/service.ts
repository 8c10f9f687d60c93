import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'msw';
import { pino } from 'pino';
import { afterEach, expect } from 'vitest';
import { createApp } from '../src/app.ts';
import { createAzure } from '../src/azure/azure.ts';
import { cloudOf } from '../src/azure/cloud.ts';
import { readConfig } from '../src/config.ts';
import { createFailureLog } from '../src/failure-log.ts';
import { createRedaction } from '../src/redaction.ts';
import { withoutAzure } from './azure/environment.ts';
import { startStandIn } from './azure/stand-in.ts';

/** Parts of requests, to count them by. */
export const PROBE_OR_TOKEN = '/metadata/identity/oauth2/token';
export const TOKEN = `${PROBE_OR_TOKEN}?`;
export const EXCHANGE = '/oauth2/v2.0/token';
export const DISCOVERY = '/subscriptions?';
export const LISTING = '/resourcegroups?';

const realEnvironment = process.env;
let cleanUp: (() => void)[] = [];

afterEach(() => {
  for (const undo of cleanUp) undo();
  cleanUp = [];
});

/**
 * The service without its socket, on a stand-in Azure: the real SDK, the real credential chain as in a pod.
 * After the test no request may have gone astray.
 */
export function startService(handlers: RequestHandler[], env: NodeJS.ProcessEnv = {}) {
  process.env = {
    ...withoutAzure(realEnvironment),
    AZURE_TOKEN_CREDENTIALS: 'prod',
    // MSAL keeps the tokens of managed identities for the whole process, by client id: each test is another identity.
    AZURE_CLIENT_ID: randomUUID(),
    ...env,
  };
  const azure = startStandIn(...handlers);
  cleanUp.push(() => {
    azure.close();
    process.env = realEnvironment;
    expect(azure.strays).toEqual([]);
  });

  const config = readConfig(process.env);
  const cloud = cloudOf(config.authorityHost);
  if (!cloud) throw new Error('the test names an authority host of no known cloud');
  const logText: string[] = [];
  const redact = createRedaction(process.env);
  const hooks = { streamWrite: redact };
  const log = pino({ level: config.logLevel, base: null, hooks }, { write: (line: string) => logText.push(line) });
  const renewalLog = createFailureLog(log, 'healed: the token is renewed again');
  const podLabelsFile = env['POD_LABELS_FILE'] ?? '/nonexistent';
  const service = createAzure({
    ...config,
    cloud,
    userAgentPrefix: 'rg-api/test',
    env: process.env,
    podLabelsFile,
    onRenewalFailure: renewalLog.failed,
    onToken: renewalLog.succeeded,
  });
  const state = { isDraining: false };
  const app = createApp({ ...config, azure: service, isDraining: () => state.isDraining, redact, log });

  return {
    app,
    azure,
    credential: service.credential,
    listResourceGroups: async () => (await service.listResourceGroups()).names,
    state,
    get: (path = '/', init?: RequestInit) => app.request(path, init),
    logText,
    /** The lines of the log so far, parsed. */
    log: () => logText.map((line) => JSON.parse(line)),
    /** How many requests Azure got whose URL contains this. */
    count: (part: string) => azure.requests.filter((request) => request.includes(part)).length,
  };
}
