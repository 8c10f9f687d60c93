import { HttpResponse } from 'msw';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { groups, pageWithNextLink, subscriptions } from '../fake-azure/resource-manager.ts';
import {
  type Answer,
  asUsual,
  drips,
  drops,
  floods,
  hangs,
  html,
  inTurn,
  refuses,
  says,
  stalls,
  throttles,
  truncated,
} from '../fake-azure/responses.ts';
import { get, recovered, startAzure, startService } from './rig.ts';
import { expectAnswer, printTable, report } from './table.ts';

/** Longer than the SDK's retries after a 500, and longer than a busy machine takes for seven pages. */
const PATIENT_MS = 9000;
/** Longer than six pages take, but shorter than the SDK's retries: the last failure is the reason. */
const IMPATIENT_MS = 4000;
/** For a response that never comes. */
const HOPELESS_MS = 1500;

const claims = Buffer.from('{"access_token":{"nbf":{"essential":true,"value":"1"}}}').toString('base64');
const challenges: Answer = () =>
  HttpResponse.json(
    { error: { code: 'InvalidAuthenticationToken', message: 'challenged' } },
    { status: 401, headers: { 'WWW-Authenticate': `Bearer error="insufficient_claims", claims="${claims}"` } },
  );

let page = 0;

interface Fault {
  answer: Answer;
  status: number;
  reason: string | RegExp;
  deadlineMs?: number;
}

const FAULTS: Record<string, Fault> = {
  '401': { answer: refuses(401, 'AuthenticationFailed'), status: 200, reason: 'token-rejected' },
  '401 with endless claims challenges': { answer: challenges, status: 200, reason: 'token-rejected' },
  '403': { answer: refuses(403, 'AuthorizationFailed'), status: 200, reason: 'not-authorized' },
  '404, subscription gone': {
    answer: refuses(404, 'SubscriptionNotFound'),
    status: 200,
    reason: 'subscription-not-found',
  },
  '429, Retry-After 1': { answer: throttles(1), status: 503, reason: /throttled|timeout/, deadlineMs: HOPELESS_MS },
  '429, Retry-After 3600': { answer: throttles(3600), status: 503, reason: 'throttled' },
  '429 without Retry-After': { answer: throttles(), status: 503, reason: 'throttled', deadlineMs: IMPATIENT_MS },
  '429, Retry-After as a date': {
    answer: (request) => throttles(new Date(Date.now() + 3600_000).toUTCString())(request),
    status: 503,
    reason: 'throttled',
  },
  '500': { answer: refuses(500, 'InternalServerError'), status: 502, reason: 'broken' },
  '503': { answer: refuses(503, 'ServiceUnavailable'), status: 502, reason: 'broken', deadlineMs: IMPATIENT_MS },
  'connection reset': { answer: drops, status: 502, reason: 'connection-broken', deadlineMs: IMPATIENT_MS },
  'hang before headers': { answer: hangs, status: 504, reason: 'timeout', deadlineMs: HOPELESS_MS },
  'hang in the body': { answer: stalls, status: 504, reason: 'timeout', deadlineMs: HOPELESS_MS },
  'one byte a second': { answer: drips, status: 504, reason: 'timeout', deadlineMs: HOPELESS_MS },
  'truncated JSON': { answer: truncated, status: 502, reason: 'broken' },
  'HTML with 200': { answer: html, status: 502, reason: 'broken' },
  'no value': { answer: says('{}'), status: 502, reason: 'broken' },
  'null among the values': { answer: says('{"value":[null]}'), status: 502, reason: 'broken|unknown' },
  'null for a name': {
    answer: says('{"value":[{"id":"/x","name":null,"subscriptionId":null}]}'),
    status: 502,
    reason: 'broken',
  },
  'a nextLink to itself': { answer: pageWithNextLink((request) => request.url), status: 502, reason: 'broken' },
  'a nextLink to another host': {
    answer: pageWithNextLink('https://elsewhere.example/x'),
    status: 502,
    reason: 'broken',
  },
  'a nextLink in plain http': {
    answer: pageWithNextLink('http://management.azure.com/x'),
    status: 502,
    reason: 'broken',
  },
  'a redirect to another host': {
    answer: () => HttpResponse.redirect('https://elsewhere.example/x', 307),
    status: 502,
    reason: 'broken',
  },
  'a body of 200 MB': { answer: floods(200 * 2 ** 20), status: 502, reason: 'broken' },
};

/** Discovery ends at the first subscription, so these are harmless there. */
const HARMLESS_ON_DISCOVERY = ['a nextLink to itself', 'a nextLink to another host', 'a nextLink in plain http'];

describe('Resource Manager', () => {
  let azure: Awaited<ReturnType<typeof startAzure>>;
  let service: Awaited<ReturnType<typeof startService>> | undefined;
  beforeAll(async () => {
    azure = await startAzure();
  });
  afterEach(async () => {
    azure.answer();
    await service?.end();
    service = undefined;
  });
  afterAll(() => azure.close());
  printTable();

  const places = {
    discovery: (answer: Answer) => subscriptions(['One'], { onPage: { 1: answer } }),
    'page 1': (answer: Answer) => groups(20, { pageSize: 2, onPage: { 1: answer } }),
    'page 7': (answer: Answer) => groups(20, { pageSize: 2, onPage: { 7: answer } }),
  };
  const cases = Object.entries(FAULTS).flatMap(([name, fault]) =>
    Object.entries(places)
      .filter(([place]) => place !== 'discovery' || !HARMLESS_ON_DISCOVERY.includes(name))
      .map(([place, handler]) => ({ title: `${name}, on ${place}`, fault, handler })),
  );

  test.each(cases)('$title', async ({ title, fault, handler }) => {
    const { deadlineMs = PATIENT_MS } = fault;
    service = await startService(azure.certificate, { AZURE_DEADLINE_MS: String(deadlineMs) });
    azure.answer(handler(fault.answer));
    const before = azure.requests.length;
    const answer = await get();
    // The SDK waits for a short Retry-After each time, until the deadline.
    await expectAnswer(
      title,
      answer,
      title.startsWith('429, Retry-After 1,') ? { status: answer.status === 503 ? 503 : 504 } : fault,
      deadlineMs,
    );
    const { log } = service;
    await vi.waitFor(() =>
      expect(log()).toContainEqual(expect.objectContaining({ level: 'warn', reason: answer.reason })),
    );
    expect(azure.requests.slice(before).filter((request) => /elsewhere|http:\/\/management/.test(request))).toEqual([]);
    azure.answer();
    await recovered();
    expect(service.memoryMiB('VmHWM')).toBeLessThan(200);
  });

  test('endless nextLinks', async () => {
    service = await startService(azure.certificate, { AZURE_DEADLINE_MS: '80000' });
    azure.answer(
      groups(1, { onPage: { 1: pageWithNextLink(({ url }) => `${url.split('&page')[0]}&page=${++page}`) } }),
    );
    await expectAnswer('endless new nextLinks', await get(), { status: 502, reason: 'broken' }, 80_000);
    azure.answer();
    await recovered();
  });

  test('empty pages with a nextLink, a name of a megabyte, an answered claims challenge', async () => {
    service = await startService(azure.certificate, { AZURE_DEADLINE_MS: '8000' });
    azure.answer(groups(20, { pageSize: 2, emptyPages: true }));
    const empty = await get();
    report('empty pages with a nextLink', `${empty.status} ${empty.body.length} names`, empty.ms);
    expect(empty.body).toHaveLength(20);

    azure.answer(groups(['x'.repeat(2 ** 20), 'short']));
    await expectAnswer('a name of 1 MB', await get(), { status: 502, reason: 'broken' }, 8000);

    azure.answer(groups(20, { pageSize: 2, onPage: { 7: inTurn(challenges, asUsual) } }));
    const challenged = await get();
    report('one claims challenge on page 7', `${challenged.status} ${challenged.body.length} names`, challenged.ms);
    expect(challenged.body).toHaveLength(20);
  });

  test('after a subscription is gone, the next one is discovered', async () => {
    service = await startService(azure.certificate);
    await recovered();
    azure.answer(
      groups(1, { subscription: 'One', onPage: { 1: refuses(404, 'SubscriptionNotFound') } }),
      subscriptions(['Two']),
      groups(['rg-new'], { subscription: 'Two' }),
    );
    const answer = await get();
    report('404, subscription gone, another one exists', `${answer.status} ${answer.body.length} names`, answer.ms);
    expect(answer.body).toEqual(['rg-new']);
  });
});
