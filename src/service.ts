import type { Logger } from 'pino';
import { createAzure } from './azure/azure.ts';
import type { Cloud } from './azure/cloud.ts';
import type { Config } from './config.ts';
import { createAnswers } from './http/responses.ts';
import { createListing } from './listing.ts';
import { createRequestObserver } from './request-observer.ts';
import { createFailureLog } from './telemetry/failure-log.ts';
import { createMetrics } from './telemetry/metrics.ts';

/** Puts the service together, but for its routes, whose framework takes long to load. Asks Azure nothing yet. */
export function createService(options: {
  config: Config;
  cloud: Cloud;
  version: string;
  env: NodeJS.ProcessEnv;
  /** Where the Downward API mounts the labels of the pod, if it does. */
  podLabelsFile: string;
  /** Takes secrets out of a text. */
  redact: (text: string) => string;
  /** True from the moment the process drains. */
  isDraining: () => boolean;
  log: Logger;
}) {
  const { config, cloud, version, log } = options;
  const metrics = createMetrics({
    version,
    tokenExpiresOn: () => azure.credential.latestToken()?.expiresOnTimestamp,
    answerAgeMs: () => listing.ageMs(),
  });
  const renewalLog = createFailureLog(log, 'the token is renewed again');
  const azure = createAzure({
    ...config,
    cloud,
    userAgentPrefix: `rg-api/${version}`,
    env: options.env,
    podLabelsFile: options.podLabelsFile,
    onRenewalFailure: renewalLog.failed,
    onToken: () => renewalLog.succeeded(),
    onCall: metrics.recordAzureCall,
  });
  const listing = createListing({ ...config, azure, log });
  const { redact, isDraining } = options;
  const answers = createAnswers({ redact, onFallback: metrics.recordFallback });
  const observed = createRequestObserver(metrics, log);
  const { deadlineMs } = config;
  return { version, azure, listing, answers, deadlineMs, redact, isDraining, metrics, observed, log };
}
