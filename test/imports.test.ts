import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, parse, sep } from 'node:path';
import { expect, test } from 'vitest';

/**
 * The rooms of src/ from top to bottom: a file imports from rooms below its own, and from its own. A path that ends in `/` is
 * a room with everything in it that has no line of its own. Biome's noImportCycles finds circles inside a room.
 */
const ROOMS = [
  'main.ts',
  'arguments.ts',
  'service.ts',
  'app.ts',
  'check.ts',
  'config.ts',
  'http/',
  'view.ts',
  'history.ts',
  'instance.ts',
  'memoize.ts',
  'telemetry/',
  'azure/snapshot.ts',
  'azure/azure.ts',
  'azure/whoami.ts',
  'azure/refresh-ahead-cache.ts',
  'azure/diagnosis/',
  'azure/resource-manager/',
  'azure/identity/',
  'azure/instrument.ts',
  'azure/deadline.ts',
  'azure/sdk-log.ts',
  'azure/errors.ts',
  // What a credential said. Errors carry it, the chain makes it.
  'azure/identity/attempt.ts',
  'azure/cloud.ts',
  'azure/clock-skew.ts',
  'azure/proxy.ts',
];

/** Names that say nothing about what is inside. */
const VAGUE = ['index', 'util', 'utils', 'type', 'types', 'helper', 'helpers', 'common', 'shared', 'misc'];

const files = (folder: string) => globSync(`${folder}/**/*.{ts,js}`).map((file) => file.split(sep).join('/'));
const sources = files('src').map((file) => file.slice('src/'.length));

/** The line of ROOMS that a file belongs to: its own, or that of the innermost room that it is in. */
function roomOf(file: string): number {
  const [room] = ROOMS.filter((line) => line === file || (line.endsWith('/') && file.startsWith(line))).sort(
    (a, b) => b.length - a.length,
  );
  return room === undefined ? -1 : ROOMS.indexOf(room);
}

/** What a file imports, types and dynamic imports included. */
function importsOf(file: string): string[] {
  const text = readFileSync(`src/${file}`, 'utf8');
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*'([^'\n]+)'/g)].map(([, specifier = '']) => specifier);
}

test('every file has a room, and every room has a file', () => {
  expect(sources.length).toBeGreaterThan(10);
  expect(sources.filter((file) => roomOf(file) === -1)).toEqual([]);
  const inhabited = new Set(sources.map(roomOf));
  expect(ROOMS.filter((_, index) => !inhabited.has(index))).toEqual([]);
});

test('a file imports only from its own room and from those below', () => {
  const upwards = sources.flatMap((file) =>
    importsOf(file)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => join('src', dirname(file), specifier).split(sep).join('/'))
      // The version comes from package.json, which is no room.
      .filter((path) => path.startsWith('src/'))
      .map((path) => path.slice('src/'.length))
      .filter((path) => roomOf(path) < roomOf(file))
      .map((path) => `${file} imports ${path}`),
  );
  expect(upwards).toEqual([]);
});

test('only azure/ knows the Azure SDK', () => {
  const others = sources.filter((file) => !file.startsWith('azure/'));
  expect(others.filter((file) => importsOf(file).some((specifier) => specifier.startsWith('@azure/')))).toEqual([]);
});

test('no file and no folder has a vague name', () => {
  const named = [...files('src'), ...files('test')].flatMap((file) => [
    parse(basename(file)).name,
    ...dirname(file).split('/'),
  ]);
  expect(named.filter((name) => VAGUE.includes(name))).toEqual([]);
});
