import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };

const [, atRunTime = '', inDevelopment = ''] = readFileSync('docs/dependencies.md', 'utf8').split(/^## /m);

test.each([
  ['dependencies', atRunTime, packageJson.dependencies],
  ['devDependencies', inDevelopment, packageJson.devDependencies],
])('docs/dependencies.md has a line for each of the %s, and no other', (_, table, dependencies) => {
  const names = [...table.matchAll(/^\| `(.+?)` \|/gm)].map(([, name]) => name);
  expect(names.toSorted()).toEqual(Object.keys(dependencies).toSorted());
});

test('all versions are exact', () => {
  for (const [name, version] of Object.entries({ ...packageJson.dependencies, ...packageJson.devDependencies })) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
  }
});
