import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, parse, sep } from 'node:path';
import { expect, test } from 'vitest';

/**
 * The layers of src/ from top to bottom: a file imports from its own layer and from those below. A path that ends in `/` is
 * a layer of all files in it that have no separate line. Biome's noImportCycles finds cycles inside a layer.
 */
const LAYERS = [
  'main.ts',
  'signals.ts',
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
  // The outcome of a credential. Errors contain it, the chain creates it.
  'azure/identity/attempt.ts',
  'azure/cloud.ts',
  'azure/clock-skew.ts',
  'azure/proxy.ts',
];

/** Names that do not say what is inside. */
const VAGUE = ['index', 'util', 'utils', 'type', 'types', 'helper', 'helpers', 'common', 'shared', 'misc'];

const files = (folder: string) => globSync(`${folder}/**/*.{ts,js}`).map((file) => file.split(sep).join('/'));
const sources = files('src').map((file) => file.slice('src/'.length));

/** The index in LAYERS of the layer that a file belongs to: its own line, or that of the innermost folder. */
function layerOf(file: string): number {
  const [layer] = LAYERS.filter((line) => line === file || (line.endsWith('/') && file.startsWith(line))).sort(
    (a, b) => b.length - a.length,
  );
  return layer === undefined ? -1 : LAYERS.indexOf(layer);
}

/** What a file imports, types and dynamic imports included. */
function importsOf(file: string): string[] {
  const text = readFileSync(`src/${file}`, 'utf8');
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*'([^'\n]+)'/g)].map(([, specifier = '']) => specifier);
}

test('every file has a layer, and every layer has a file', () => {
  expect(sources.length).toBeGreaterThan(10);
  expect(sources.filter((file) => layerOf(file) === -1)).toEqual([]);
  const inhabited = new Set(sources.map(layerOf));
  expect(LAYERS.filter((_, index) => !inhabited.has(index))).toEqual([]);
});

test('a file imports only from its own layer and from those below', () => {
  const upwards = sources.flatMap((file) =>
    importsOf(file)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => join('src', dirname(file), specifier).split(sep).join('/'))
      // The version comes from package.json, which is not in a layer.
      .filter((path) => path.startsWith('src/'))
      .map((path) => path.slice('src/'.length))
      .filter((path) => layerOf(path) < layerOf(file))
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
