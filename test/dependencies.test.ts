import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };

const [, atRunTime = '', inDevelopment = ''] = readFileSync('docs/dependencies.md', 'utf8').split(/^## /m);

test.each([
  ['dependencies', atRunTime, packageJson.dependencies],
  ['devDependencies', inDevelopment, packageJson.devDependencies],
])('docs/dependencies.md has a line for each of the %s, and no others', (_, table, dependencies) => {
  const names = [...table.matchAll(/^\| `(.+?)` \|/gm)].map(([, name]) => name);
  expect(names.toSorted()).toEqual(Object.keys(dependencies).toSorted());
});

test('npm installs one rolldown for Vite and for the bundle: each is 33 MB', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  expect(Object.keys(packages).filter((path) => path.endsWith('node_modules/rolldown'))).toEqual([
    'node_modules/rolldown',
  ]);
});

test('all versions are exact', () => {
  for (const [name, version] of Object.entries({ ...packageJson.dependencies, ...packageJson.devDependencies })) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
  }
});

test('the packages and .node-version have the same version of Node, and the images and types its major version', () => {
  const [version = '', ...others] = new Set(Object.values(packageJson.optionalDependencies));
  expect(others).toEqual([]);
  expect(readFileSync('.node-version', 'utf8').trim()).toBe(version);
  const [major = ''] = version.split('.');
  expect(packageJson.devDependencies['@types/node'].split('.')[0]).toBe(major);
  const images = ['Dockerfile', ...globSync('test/**/Dockerfile')].map((file) => readFileSync(file, 'utf8')).join();
  const bases = images.match(/(?<=\bnode:|\/nodejs)\d+/g) ?? [];
  expect(new Set(bases)).toEqual(new Set([major]));
});

test('test:oldest-node runs on the oldest Node that "engines" allows', () => {
  const [, oldest] = /^>=(\d+)$/.exec(packageJson.engines.node) ?? [];
  expect(packageJson.scripts['test:oldest-node']).toContain(`--package=node@${oldest}.0.0 `);
});

/** The places that name the version of a release: image tags, labels and the like. */
const VERSION =
  /(?:Unreleased \(|rg-?api:|OWNER\/REPO:|refs\/tags\/v|image\.version="|kubernetes\.io\/version: "?)(\d+\.\d+\.\d+)/g;

test('the version is that of package.json in every place', () => {
  const places = ['Dockerfile', ...globSync(['*.md', 'docs/**/*.{md,yaml}', 'k8s/**/*.{yaml,env}'])].flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(VERSION)].map(([text, version]) => ({ file, text, version })),
  );
  expect(places.length).toBeGreaterThan(3);
  expect(places.filter(({ version }) => version !== packageJson.version)).toEqual([]);
});
