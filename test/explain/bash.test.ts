import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import {
  bash,
  choice,
  guid,
  host,
  isGuid,
  isName,
  name,
  part,
  path,
  resourceId,
  text,
  unit,
  url,
} from '../../src/explain/bash.ts';

const GUID = '22222222-2222-4222-8222-222222222222';

const FORMS = { guid, name, host, url, resourceId, path, text, unit };

test.each([
  ['guid', GUID, GUID],
  ['guid', GUID.slice(1), '$VALUE'],
  ['guid', `${GUID}0`, '$VALUE'],
  ['name', 'rgapi-7c9d8b6f5', 'rgapi-7c9d8b6f5'],
  ['name', 'MC_rg_aks (1)', '$VALUE'],
  ['name', 'MC_rg(1)', "'MC_rg(1)'"],
  ['name', 'a.', '$VALUE'],
  ['name', 'a'.repeat(254), 'a'.repeat(254)],
  ['name', 'a'.repeat(255), '$VALUE'],
  ['host', 'login.microsoftonline.com:443', 'login.microsoftonline.com:443'],
  ['host', '-h.example', '$VALUE'],
  ['host', 'h.example/x', '$VALUE'],
  ['url', 'https://oidc.example/x/', 'https://oidc.example/x/'],
  ['url', 'file:///etc/passwd', '$VALUE'],
  ['url', 'https://oidc.example/?a&b', '$VALUE'],
  ['resourceId', '/subscriptions/1/resourceGroups/a(b)', "'/subscriptions/1/resourceGroups/a(b)'"],
  ['resourceId', '/etc/passwd', '$VALUE'],
  ['path', '/var/run/token file', "'/var/run/token file'"],
  ['path', 'relative', '$VALUE'],
  ['unit', 'rg-api@1.service', 'rg-api@1.service'],
  ['unit', 'rg\\x2dapi.service', '$VALUE'],
  ['unit', 'rg%i.service', '$VALUE'],
  ['unit', '../../x.service', '$VALUE'],
  ['unit', 'rgapi.scope', '$VALUE'],
  ['text', 'system:serviceaccount:ns:name', 'system:serviceaccount:ns:name'],
  ['text', 'repo:org/name:ref:refs/heads/a b', "'repo:org/name:ref:refs/heads/a b'"],
  ['text', 'a;b|c&d', "'a;b|c&d'"],
  ['text', 'a$(touch x)', "'a$(touch x)'"],
  ['text', 'a`touch x`', '$VALUE'],
  ['text', '$(touch x)', '$VALUE'],
  ['text', '@/etc/passwd', '$VALUE'],
  ['text', '-rf', '$VALUE'],
  ['text', "it's", '$VALUE'],
  ['text', 'it\u2019s', '$VALUE'],
  ['text', 'say "hi"', '$VALUE'],
  ['text', 'back\\slash', '$VALUE'],
  ['text', 'two\nlines', '$VALUE'],
  ['text', 'ümläut', '$VALUE'],
  ['text', '(set)', '$VALUE'],
  ['text', '', '$VALUE'],
  ['text', undefined, '$VALUE'],
  ['text', null, '$VALUE'],
  ['text', 'x'.repeat(402), '$VALUE'],
] as const)('as a %s, %j becomes %s', (form, value, shown) => {
  expect(bash`${FORMS[form](value, 'VALUE')}`).toBe(shown);
});

test('the constant parts are code, and a part of a line is one, too', () => {
  const where = part`-n ${name('shop', 'NAMESPACE')}`;
  expect(bash`kubectl get ${choice('pods')} ${where} -o name`).toBe('kubectl get pods -n shop -o name');
});

test('a value fits exactly if it would stand in a command as itself', () => {
  expect([isGuid(GUID), isGuid('x'), isGuid(null), isName('x'), isName('-x'), isName(undefined)]).toEqual([
    true,
    false,
    false,
    true,
    false,
    false,
  ]);
});

/** A directory with an `az` and a `kubectl` that print their arguments, one a line and each after its index, and run nothing. */
const stubs = mkdtempSync(join(tmpdir(), 'rg-api-bash-'));
for (const program of ['az', 'kubectl']) {
  writeFileSync(join(stubs, program), '#!/bin/bash\nprintf "%s\\0" "$@"\n', { mode: 0o755 });
}
afterAll(() => rmSync(stubs, { recursive: true }));

/** The arguments with which bash runs the stub of a line. Whatever else the line runs is not found, or fails at the empty root. */
function argumentsOf(line: string): string[] {
  const output = execFileSync('/bin/bash', ['-c', line], {
    cwd: stubs,
    env: { PATH: stubs, VALUE: 'from-the-variable' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return output.split('\0').slice(0, -1);
}

const hostile = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        ...[
          "'",
          '"',
          '`',
          '$(touch x)',
          '$HOME',
          ';',
          '&',
          '|',
          '\n',
          '\\',
          '-',
          '--all',
          '@',
          '/etc/passwd',
          '*',
          '?',
        ],
        ...[
          '{a,b}',
          '~',
          '#',
          '!',
          '=',
          ' ',
          '(',
          ')',
          '<',
          '>',
          '\u2018',
          '\u2019',
          '\u201c',
          '\u00a0',
          '\u202e',
          'a',
        ],
        ...['system:serviceaccount:a:b', GUID, 'https://x.example/', '/subscriptions/1'],
      ),
      { maxLength: 6 },
    )
    .map((parts) => parts.join('')),
);

test.each(Object.entries(FORMS))('whatever the value, as a %s it is one argument of bash', (_, form) => {
  fc.assert(
    fc.property(hostile, (value) => {
      const line = bash`az show --name ${form(value, 'VALUE')} -o tsv`;
      expect(JSON.stringify(line)).toBe(`"${line}"`);
      const [command, option, argument = '', ...rest] = argumentsOf(line);
      expect([command, option, rest]).toEqual(['show', '--name', ['-o', 'tsv']]);
      expect([value, 'from-the-variable']).toContain(argument);
      expect(argument).not.toMatch(/^[-@]/);
    }),
    { numRuns: 40 },
  );
});
