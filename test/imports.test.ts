import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, parse, sep } from 'node:path';
import { expect, test } from 'vitest';

/**
 * The rooms of src/, and the rooms that each may import from besides itself. A room is a folder, or a file of src/ that is not in
 * one; the files that are named nowhere are one room, the service. Types count. Biome's noImportCycles finds cycles inside a room.
 */
const ROOMS: Record<string, readonly string[]> = {
  main: ['check', 'service', 'azure', 'telemetry', 'redaction'],
  app: ['service', 'azure', 'http', 'telemetry', 'explain', 'redaction'],
  check: ['service', 'telemetry'],
  service: ['app', 'azure', 'http', 'telemetry', 'explain', 'redaction'],
  azure: ['explain', 'redaction'],
  http: ['telemetry', 'redaction'],
  telemetry: ['redaction'],
  redaction: ['explain'],
  explain: [],
};

/** Names that do not say what is inside. */
const VAGUE = ['index', 'util', 'utils', 'type', 'types', 'helper', 'helpers', 'common', 'shared', 'misc'];

const files = (folder: string) => globSync(`${folder}/**/*.{ts,js}`).map((file) => file.split(sep).join('/'));
const sources = files('src').map((file) => file.slice('src/'.length));
const textOf = (file: string) => readFileSync(`src/${file}`, 'utf8');

function roomOf(file: string): string {
  const [room = ''] = file.split('/');
  const name = parse(room).name;
  return name in ROOMS ? name : 'service';
}

/** What a file imports, types and dynamic imports included. */
function importsOf(file: string): string[] {
  const statements = textOf(file).matchAll(/^(?:[^'\n]*\bfrom|import) '([^'\n]+)'|\bimport\(\s*'([^'\n]+)'/gm);
  return [...statements].map(([, specifier, dynamic]) => specifier ?? dynamic ?? '');
}

/** The files of src/ that a file imports. The version comes from package.json, which is not in a room. */
function neighborsOf(file: string): string[] {
  return importsOf(file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => join('src', dirname(file), specifier).split(sep).join('/'))
    .filter((path) => path.startsWith('src/'))
    .map((path) => path.slice('src/'.length));
}

test('a file imports only from its own room and from those that its room may use', () => {
  const strays = sources.flatMap((file) =>
    neighborsOf(file)
      .filter((path) => roomOf(path) !== roomOf(file) && !ROOMS[roomOf(file)]?.includes(roomOf(path)))
      .map((path) => `${file} imports ${path}`),
  );
  expect(sources.length).toBeGreaterThan(10);
  expect(strays).toEqual([]);
});

test('every room has a file, and every permission is used', () => {
  const used = new Set(sources.flatMap((file) => neighborsOf(file).map((path) => `${roomOf(file)} ${roomOf(path)}`)));
  const unused = Object.entries(ROOMS).flatMap(([room, others]) =>
    others.map((other) => `${room} ${other}`).filter((pair) => !used.has(pair)),
  );
  expect(Object.keys(ROOMS).filter((room) => !sources.some((file) => roomOf(file) === room))).toEqual([]);
  expect(unused).toEqual([]);
});

test('only azure/ knows the Azure SDK', () => {
  const others = sources.filter((file) => roomOf(file) !== 'azure');
  expect(others.filter((file) => importsOf(file).some((specifier) => specifier.startsWith('@azure/')))).toEqual([]);
});

test('explain/ can be taken home: it imports nothing but itself, and reads no file and no environment', () => {
  const own = sources.filter((file) => roomOf(file) === 'explain');
  expect(own.flatMap((file) => importsOf(file).filter((specifier) => !specifier.startsWith('.')))).toEqual([]);
  const withoutComments = (file: string) => textOf(file).replace(/\/\*.*?\*\/|\/\/.*?$/gms, '');
  expect(own.filter((file) => /\bprocess\.\w|\bimport\.meta\b/.test(withoutComments(file)))).toEqual([]);
});

test('no file and no folder has a vague name', () => {
  const named = [...files('src'), ...files('test')].flatMap((file) => [
    parse(basename(file)).name,
    ...dirname(file).split('/'),
  ]);
  expect(named.filter((name) => VAGUE.includes(name))).toEqual([]);
});
