import { expect, test } from 'vitest';
import { bodySummary, sdkSummary, toolSummary, withoutNoise } from '../../src/explain/summary.ts';

test.each([
  [
    { body: '{"error":"x","error_description":"made \\"up\\"\\r\\nTrace ID: 1"}', contentType: 'application/json' },
    'made "up"',
  ],
  [{ body: '{"error":{"code":"X","message":"made up"}}' }, 'made up'],
  [{ body: '{"Message":"made up"}' }, 'made up'],
  [{ body: '{"title":"X","detail":"made up"}' }, 'made up'],
  [{ body: '{"code":"X"}' }, '{"code":"X"}'],
  [{ body: ' made up \n', contentType: 'text/plain' }, 'made up'],
  [{ body: '<html><title>Made</title><body><script>x</script>up</body></html>' }, 'Made: up'],
  [{ body: '<style>x</style><head>x</head><p>up</p>' }, 'up'],
  [{ body: '  ' }, undefined],
  [{}, undefined],
])('the summary of the body %j is %j', (exchange, summary) => {
  expect(bodySummary(exchange)?.trim()).toBe(summary);
});

test('a page without text says so, and a long one is cut', () => {
  expect(bodySummary({ body: '<html></html>' })).toBe('a page without text');
  expect(bodySummary({ body: `<p>${'x'.repeat(1000)}</p>` })).toHaveLength(300);
});

test.each([
  ['made up To troubleshoot, visit https://aka.ms/x', 'made up'],
  ['EnvironmentCredential authentication failed. made up', 'made up'],
  ['made up Trace ID: 1 Correlation ID: 2', 'made up'],
  ['made up Correlation ID: 2', 'made up'],
  ['ManagedIdentityCredential: Authentication failed. Message made up', 'made up'],
  ['To mitigate this issue, please refer to the guide here at https://aka.ms/x made up', 'made up'],
  ['See the troubleshooting guide for more: https://aka.ms/x made up', 'made up'],
  ['made up Status code: 400', 'made up'],
  ['More details: made up', 'made up'],
])('links and ids of %j are noise', (message, rest) => {
  expect(withoutNoise(message).trim()).toBe(rest);
});

test('of a response that MSAL quotes, the description counts', () => {
  expect(sdkSummary('network_error: Http status message: {"error_description":"made up"} - Correlation ID: 1')).toBe(
    'made up',
  );
  expect(sdkSummary('made up')).toBe('made up');
});

test.each([
  ['WARNING: x\nERROR: made up\nmore', 'made up'],
  ['Traceback (most recent call last):\n  File "a"\nmsal.exceptions.MadeError: up\n', 'msal.exceptions.MadeError: up'],
  ['Traceback (most recent call last):\nmade.up.Exception: up\nmore', 'made.up.Exception: up'],
  ['Traceback (most recent call last):\nSystemExit: 1\nmore', 'SystemExit: 1'],
  ['Traceback (most recent call last):\nKeyboardInterrupt\nmore', 'KeyboardInterrupt'],
  ['one\nWARNING: two', 'one'],
  ['one\nTo re-authenticate, please run: az login', 'one'],
  ['one\nTo check existing subscriptions, run: az account list', 'one'],
  ['one\nOtherwise, run az logout', 'one'],
  ['one\nTraceback (most recent call last):\n  File "a", line 1', 'one'],
  ['one\nERROR:', 'one'],
  ['one\nHere is the traceback:', 'one'],
  ["ERROR: Error loading command module 'vm': two\none", 'one'],
  ["ERROR: one\nERROR: Error loading command module 'profile': two", 'two'],
  ['one\ntwo', 'two'],
  ['one\n~~~', 'one'],
  ['one\n拒绝访问。', '拒绝访问。'],
  ['', ''],
])('the summary of what a tool prints, %j, is %j', (text, summary) => {
  expect(toolSummary(text)).toBe(summary);
});
