import { expect, test } from 'vitest';
import { bodySummary, sdkSummary, toolSummary, withoutNoise } from '../../src/explain/summary.ts';

test.each([
  [
    { body: '{"error":"x","error_description":"made \\"up\\"\\r\\nTrace ID: 1"}', contentType: 'application/json' },
    'made "up"',
  ],
  [{ body: '{"error":{"code":"X","message":"made up"}}' }, 'made up'],
  [{ body: '{"code":"X"}' }, '{"code":"X"}'],
  [{ body: ' made up \n', contentType: 'text/plain' }, 'made up'],
  [{ body: '<html><title>Made</title><body><script>x</script>up</body></html>' }, 'Made: up'],
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
  ['one\ntwo', 'two'],
  ['one\n~~~', 'one'],
  ['one\n拒绝访问。', '拒绝访问。'],
  ['', ''],
])('the summary of what a tool prints, %j, is %j', (text, summary) => {
  expect(toolSummary(text)).toBe(summary);
});
