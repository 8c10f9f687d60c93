import { createHttpHeaders, createPipelineRequest } from '@azure/core-rest-pipeline';
import { expect, test } from 'vitest';
import {
  ResourceManagerError,
  readErrorBody,
  responseFailure,
  secondsToWait,
} from '../../../src/azure/resource-manager/response-error.ts';

function response(status: number, body: unknown, headers: Record<string, string> = {}) {
  return {
    status,
    headers: createHttpHeaders(headers),
    request: createPipelineRequest({ url: 'https://management.azure.com/' }),
    bodyAsText: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

test.each([
  ['Resource Manager', '{"error":{"code":"Odd","message":"made up"}}'],
  ['a resource provider', '{"Error":{"Code":"Odd","Message":"made up"}}'],
  ['a resource provider, flat', '{"code":"Odd","message":"made up"}'],
  ['details only', '{"error":{"code":"Odd","details":[{"code":"Inner","message":"made up"}]}}'],
  ['XML', '\uFEFF<?xml version="1.0"?><Error><Code>Odd</Code><Message>made up</Message></Error>'],
])('reads code and message in the form of %s', (_, body) => {
  expect(readErrorBody(body)).toEqual({ code: 'Odd', message: 'made up' });
});

test.each([
  '',
  'null',
  '[]',
  '"Odd"',
  '{"error":"access_denied"}',
  '{"error":{"code":7}}',
  '{"code":403,"message":"a number is not a code"}',
  '<html><Code>Odd</Code></html>',
  'Forbidden by the made-up firewall',
])('%s is not an error of Azure', (body) => {
  expect(readErrorBody(body)).toBeUndefined();
});

test('a 403 is a failure of authorization only if its body is an error of Azure', () => {
  expect(responseFailure(response(403, { Error: { Code: 'Odd', Message: 'made up' } })).kind).toBe('not-authorized');
  const byProxy = responseFailure(response(403, '<html>Blocked</html>', { 'Content-Type': 'text/html' }));
  expect(byProxy).toMatchObject({ kind: 'broken', cause: { statusCode: 403, isAzureError: false } });
});

test('any other error of Azure keeps its code', () => {
  expect(responseFailure(response(409, { error: { code: 'MadeUpConflict', message: 'made up' } }))).toMatchObject({
    kind: 'broken',
    message: 'Resource Manager answered 409 MadeUpConflict: made up',
    cause: { statusCode: 409, code: 'MadeUpConflict', isAzureError: true },
  });
});

test('only a 401 keeps its challenge, cut', () => {
  const challenge = { 'WWW-Authenticate': `Bearer error="invalid_token"${' '.repeat(5000)}` };
  const { wwwAuthenticate } = new ResourceManagerError(response(401, '', challenge));
  expect(wwwAuthenticate).toMatch(/^Bearer error="invalid_token"/);
  expect(wwwAuthenticate?.length).toBeLessThan(1100);
  expect(new ResourceManagerError(response(403, '', challenge)).wwwAuthenticate).toBeUndefined();
});

test('a message of a megabyte is cut, and a code of that length is ignored', () => {
  const long = 'x'.repeat(2 ** 20);
  const error = new ResourceManagerError(response(400, { error: { code: 'Odd', message: long } }));
  expect(error).toMatchObject({ code: 'Odd' });
  expect(error.message.length).toBeLessThan(2100);
  expect(responseFailure(response(400, { error: { code: long, message: 'made up' } })).message.length).toBeLessThan(
    500,
  );
});

test.each([
  ["Please try again after '6' minutes.", 360],
  ['The request is being throttled. Try again after 17 seconds.', 17],
  ['Retry after 30 seconds', 30],
  ['Please wait for 2 seconds before you ask again', 2],
  ['Too many requests, 42 in 5 seconds', undefined],
  ['', undefined],
])('the seconds to wait in "%s"', (text, seconds) => {
  expect(secondsToWait(text)).toBe(seconds);
});

test.each([
  ['a header', { 'Retry-After': '30' }, 'Retry after 60 seconds', 30],
  ['the message only', {}, 'Retry after 60 seconds', 60],
  ['a fraction', { 'Retry-After': '0.5' }, '', 1],
  ['nothing to wait', { 'Retry-After': '0' }, '', 1],
  ['a time in the past', { 'Retry-After': new Date(0).toUTCString() }, '', 1],
  ['more than a day', { 'Retry-After': '1e9' }, '', 86_400],
  ['infinity', { 'Retry-After': 'Infinity' }, '', 86_400],
  ['nonsense', { 'Retry-After': 'nonsense' }, '', 5],
])(
  'the wait that a 429 asks for, given as %s, is a whole number of seconds up to a day',
  (_, headers, message, seconds) => {
    const failure = responseFailure(response(429, { error: { code: 'TooManyRequests', message } }, headers));
    expect(failure).toMatchObject({ kind: 'throttled', retryAfterSeconds: seconds });
  },
);
