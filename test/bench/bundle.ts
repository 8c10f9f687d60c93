import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import packageJson from '../../package.json' with { type: 'json' };
import lockfile from '../../package-lock.json' with { type: 'json' };

const OURS = 'src/';
const BUNDLER = 'the bundler';

/** How many bytes of dist/main.js come from each package, according to its source map. */
function bytesByPackage(): Map<string, number> {
  const map = new SourceMap(JSON.parse(readFileSync('dist/main.js.map', 'utf8')));
  const bytes = new Map<string, number>();
  for (const [line, text] of readFileSync('dist/main.js', 'utf8').split('\n').entries()) {
    let column = 0;
    for (const character of `${text}\n`) {
      const entry = map.findEntry(line, column);
      const name = packageOf('originalSource' in entry ? entry.originalSource : '');
      bytes.set(name, (bytes.get(name) ?? 0) + Buffer.byteLength(character));
      column += character.length;
    }
  }
  return bytes;
}

function packageOf(source: string): string {
  const [, name] = /.*\bnode_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source) ?? [];
  return name ?? (/\/src\/.*\.ts$/.test(source) ? OURS : BUNDLER);
}

interface Installed {
  version?: string;
  dependencies?: Record<string, string>;
}

const installed: Record<string, Installed> = lockfile.packages;

/** A package and all its dependencies. */
function withDependencies(name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found;
  found.add(name);
  const { dependencies = {} } = installed[`node_modules/${name}`] ?? {};
  for (const dependency of Object.keys(dependencies)) withDependencies(dependency, found);
  return found;
}

const bytes = bytesByPackage();
const kB = (names: Iterable<string>) =>
  Math.round([...names].reduce((sum, name) => sum + (bytes.get(name) ?? 0), 0) / 1000);

const runtime = Object.keys(packageJson.dependencies);
const shared = new Set(bytes.keys());
const rows = runtime.map((name) => {
  const others = new Set(runtime.filter((other) => other !== name).flatMap((other) => [...withDependencies(other)]));
  const only = withDependencies(name).difference(others).add(name);
  for (const counted of only) shared.delete(counted);
  return { name, itself: kB([name]), total: kB(only) };
});
for (const own of [OURS, BUNDLER]) {
  shared.delete(own);
  rows.push({ name: own, itself: kB([own]), total: kB([own]) });
}
rows.push({ name: 'shared by several of them', itself: kB(shared), total: kB(shared) });

const line = (name: string, ...sizes: (number | string)[]) =>
  `${name.padEnd(36)}${sizes.map((size) => String(size).padStart(16)).join('')}\n`;
process.stdout.write(line('kB of dist/main.js, minified', 'itself', 'with its own'));
for (const { name, itself, total } of rows) process.stdout.write(line(name, itself, total));
process.stdout.write(line('together', '', kB(bytes.keys())));
