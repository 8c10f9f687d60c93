import { expect, test } from 'vitest';
import { errorMessage } from '../../src/azure/errors.ts';

test('a long message keeps its beginning and its end', () => {
  const message = errorMessage(new Error(`begin${'x'.repeat(10_000)}end`));
  expect(message).toMatch(/^beginx+ … x+end$/);
  expect(message.length).toBeLessThan(2100);
});

test('the output of a command and the headers of a response are left out of a message, however long it is', () => {
  const output = `made-up-output ${'x'.repeat(5000)} made-up-end`;
  expect(errorMessage(`Error parsing JSON. Received output: ${output}`)).toBe(
    'Error parsing JSON. Received output: (left out)',
  );
  expect(errorMessage('network_error\nHeaders: {"set-cookie":"made-up"} - Correlation ID: 1 - Trace ID: 2')).toBe(
    'network_error - Correlation ID: 1 - Trace ID: 2',
  );
  expect(errorMessage('a\nHeaders: {"a":1} - Correlation ID: 1\nb\nHeaders: {"b":2} - Correlation ID: 2')).toBe(
    'a - Correlation ID: 1\nb - Correlation ID: 2',
  );
  expect(errorMessage(`network_error\nHeaders: {"set-cookie":"${'x'.repeat(5000)}"}`)).toBe('network_error');
});

test('a message that is designed to be slow is cut fast', () => {
  expect(errorMessage('\nHeaders: {'.repeat(100_000)).length).toBeLessThan(2100);
  expect(errorMessage('\nHeaders: {} - Correlation ID'.repeat(100_000)).length).toBeLessThan(2100);
});
