import { describe, expect, it } from 'vitest';
import { explain } from '../../src/explain/explain.ts';
import { gatherFacts } from '../../src/explain/facts.ts';
import type { Exchange } from '../../src/explain/outcome.ts';

const IMDS = '169.254.169.254';
const APP_SERVICE = { WEBSITE_SITE_NAME: 'shop' };
const ENDPOINT = { IDENTITY_ENDPOINT: 'http://localhost:42356/msi/token', IDENTITY_HEADER: 'made-up' };

async function factsOf(env: Record<string, string>, labels?: string) {
  return gatherFacts({
    env,
    readText: async (file) => {
      if (file === '/labels' && labels !== undefined) return labels;
      throw new Error('no such file');
    },
    isContainer: false,
    platform: 'linux',
    ...(labels !== undefined && { podLabelsFile: '/labels' }),
  });
}

/** The reason and the failing check for one exchange of the managed identity. */
async function diagnose(exchange: Partial<Exchange>, env: Record<string, string> = {}, labels?: string) {
  const { failure, checks } = explain({
    facts: await factsOf(env, labels),
    attempts: [
      {
        name: 'ManagedIdentityCredential',
        outcome: 'unavailable',
        message: 'made up',
        exchange: { host: IMDS, ...exchange },
      },
    ],
    identity: null,
    list: null,
    renewal: null,
    failure: { kind: 'no-token', message: 'made up' },
  });
  return {
    reason: failure?.reason,
    check: checks.find(({ status }) => status === 'fail')?.name,
    problem: failure?.problem ?? '',
  };
}

const NOT_FOUND = {
  status: 400,
  contentType: 'application/json',
  body: '{"error":"invalid_request","error_description":"Identity not found"}',
};

describe('who answered for a managed identity', () => {
  it('is the metadata service where a mesh only passes its response on', async () => {
    expect(await diagnose({ ...NOT_FOUND, server: 'envoy' })).toMatchObject({
      reason: 'identity-not-found',
      check: 'token',
    });
  });

  it('is a gateway where its own page comes from the address of the metadata service', async () => {
    const { reason, check, problem } = await diagnose({
      status: 503,
      contentType: 'text/plain',
      body: 'x',
      server: 'envoy',
    });
    expect([reason, check]).toEqual(['imds-refused', 'identity-provider']);
    expect(problem).toContain('A proxy or gateway (envoy) answered HTTP 503');
  });

  it('is the endpoint of Container Apps although its path is that of the probe', async () => {
    const { reason, problem } = await diagnose(
      { host: 'localhost', isProbe: true, status: 500, contentType: 'application/json', body: '{"message":"a fault"}' },
      { ...ENDPOINT, CONTAINER_APP_NAME: 'shop', KUBERNETES_SERVICE_HOST: '10.0.0.1' },
    );
    expect(reason).toBe('identity-endpoint-failed');
    expect(problem).toContain('container app shop could not get a token (HTTP 500)');
  });
});

describe('an app without an identity endpoint', () => {
  const nobody = { isProbe: true, code: 'ENETUNREACH' } as const;

  it.each([APP_SERVICE, { CONTAINER_APP_NAME: 'shop' }])('is not configured: %o', async (env) => {
    expect(await diagnose(nobody, env)).toMatchObject({
      reason: 'identity-endpoint-missing',
      check: 'configuration',
    });
  });

  it('is told from one that turned it off', async () => {
    const { problem } = await diagnose(nobody, { ...APP_SERVICE, WEBSITE_DISABLE_MSI: 'true' });
    expect(problem).toBe('WEBSITE_DISABLE_MSI turns off the identity endpoint of the web app shop.');
  });
});

describe('an app without an identity endpoint', () => {
  it.each<[string, Partial<Exchange>]>([
    [
      'that it has no identity',
      { status: 400, contentType: 'application/json', body: '{"error_description":"Identity not found"}' },
    ],
    ['something else in JSON', { status: 400, contentType: 'application/json', body: '{"error":"made up"}' }],
    ['that it is being updated', { status: 410, body: '' }],
    ['that it has a fault', { status: 500, contentType: 'application/json', body: '{}' }],
    ['nothing', { code: 'ECONNREFUSED' }],
  ])('lacks the endpoint, even if at the address of the metadata service something says %s', async (_, exchange) => {
    expect(await diagnose({ host: IMDS, ...exchange }, APP_SERVICE)).toMatchObject({
      reason: 'identity-endpoint-missing',
      check: 'configuration',
    });
  });
});

describe('NMI', () => {
  const inPod = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };
  const label = 'aadpodidbinding="shop"';
  const says = (status: number, body: string) => diagnose({ status, contentType: 'text/plain', body }, inPod, label);

  it.each([
    ['in CREATED state failed after 16 attempts', 'identity-pending', 'MIC has not matched this pod'],
    ['in ASSIGNED state failed after 4 attempts', 'identity-pending', 'Label and selector match'],
    ['no azure identity found for request clientID', 'identity-not-found', 'finds no AzureIdentityBinding'],
    ['match failed, ip:10.0.0.1 matching pods:[]', 'imds-refused', 'does not reach the API server'],
    ['match failed, ip:10.0.0.1 matching pods:[a b]', 'imds-refused', 'does not know this pod'],
  ])('says "%s"', async (body, reason, words) => {
    expect(await says(404, body)).toMatchObject({ reason, problem: expect.stringContaining(words) });
  });
});

describe('the facts about an app', () => {
  it('take the older variables of App Service for what they are', async () => {
    const facts = await factsOf({ ...APP_SERVICE, MSI_ENDPOINT: 'http://localhost:4141/', MSI_SECRET: 'made-up' });
    expect(facts).toMatchObject({ place: 'app-service', identityEndpoint: { kind: 'app-service' } });
  });

  it('name a deployment slot, but not the production slot', async () => {
    expect(await factsOf({ ...APP_SERVICE, WEBSITE_SLOT_NAME: 'staging' })).toMatchObject({ slot: 'staging' });
    expect(await factsOf({ ...APP_SERVICE, WEBSITE_SLOT_NAME: 'Production' })).not.toHaveProperty('slot');
  });
});
