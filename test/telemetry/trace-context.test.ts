import { http } from 'msw';
import { expect, test } from 'vitest';
import { traceContextOf } from '../../src/telemetry/trace-context.ts';
import { identityNotFound, imds } from '../fake-azure/identity.ts';
import { groups, subscriptions } from '../fake-azure/resource-manager.ts';
import { startService } from '../service.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${TRACE_ID}-00f067aa0ba902b7-01`;

/** Records the headers of all requests to Resource Manager. */
function keepsHeaders() {
  const kept: Headers[] = [];
  const handler = http.get('https://management.azure.com/*', ({ request }) => {
    kept.push(request.headers);
  });
  return { handler, kept };
}

test('the trace of a request is passed on to Resource Manager', async () => {
  const { handler, kept } = keepsHeaders();
  const { get } = startService([handler, imds(), subscriptions(['One']), groups(2, { pageSize: 1 })]);
  await get('/', { headers: { traceparent, tracestate: 'made=up' } });
  expect(kept).toHaveLength(3);
  for (const headers of kept) {
    expect(headers.get('traceparent')).toBe(traceparent);
    expect(headers.get('tracestate')).toBe('made=up');
  }
});

test.each([
  ['nothing', undefined],
  ['a higher version that continues without a hyphen', `01-${TRACE_ID}-00f067aa0ba902b7-01.more`],
  ['two headers', `${traceparent}, ${traceparent}`],
  ['a part', traceparent.slice(0, -1)],
  ['version ff', `ff-${TRACE_ID}-00f067aa0ba902b7-01`],
  ['no trace', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
  ['no span', `00-${TRACE_ID}-${'0'.repeat(16)}-01`],
  ['upper case', `00-${TRACE_ID.toUpperCase()}-00f067aa0ba902b7-01`],
  ['more', `${traceparent}-more`],
  ['nonsense', 'nonsense'],
])('%s in traceparent is ignored', async (_, header) => {
  const { handler, kept } = keepsHeaders();
  const { get, log } = startService([handler, imds(), subscriptions(['One']), groups(1)], { LOG_LEVEL: 'debug' });
  await get('/', { headers: { tracestate: 'made=up', ...(header !== undefined && { traceparent: header }) } });
  expect(kept).toHaveLength(2);
  expect(kept.flatMap((headers) => [headers.get('traceparent'), headers.get('tracestate')])).toEqual(
    Array(4).fill(null),
  );
  expect(log().map((line) => line.trace_id)).toEqual([undefined]);
});

test.each([
  [`01-${TRACE_ID}-00f067aa0ba902b7-01`, '01'],
  [`cc-${TRACE_ID}-00f067aa0ba902b7-03-what-the-future-will-be-like`, '01'],
  [`fe-${TRACE_ID}-00f067aa0ba902b7-02-`, '00'],
])('%s of a higher version is read and passed on as version 00', (header, flags) => {
  expect(traceContextOf({ traceparent: header })).toEqual({
    traceId: TRACE_ID,
    headers: { traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-${flags}` },
  });
});

test('the flags of version 00 are passed on unchanged', () => {
  const header = `00-${TRACE_ID}-00f067aa0ba902b7-03`;
  expect(traceContextOf({ traceparent: header })?.headers.traceparent).toBe(header);
});

test('the trace id is in the log line of a request and in the warning of a failing listing', async () => {
  const { get, log } = startService([imds({ answer: identityNotFound })], { LOG_LEVEL: 'debug' });
  await get('/', { headers: { traceparent } });
  expect(log()).toMatchObject([
    { level: 'warn', reason: 'identity-not-found', trace_id: TRACE_ID },
    { level: 'debug', reason: 'identity-not-found', trace_id: TRACE_ID },
    { level: 'debug', path: '/', trace_id: TRACE_ID },
  ]);
});

test('a request that shares a snapshot does not change its trace', async () => {
  const { handler, kept } = keepsHeaders();
  const { get } = startService([handler, imds(), subscriptions(['One']), groups(1)]);
  const other = traceparent.replace('4bf9', '5bf9');
  await Promise.all([get('/', { headers: { traceparent } }), get('/', { headers: { traceparent: other } })]);
  expect(kept.map((headers) => headers.get('traceparent'))).toEqual([traceparent, traceparent]);
});
