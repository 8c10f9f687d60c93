import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { defineConfig, type Plugin } from 'rolldown';

const PREFIX = '\0builtin:';

/**
 * Loads Node's own modules on first use. An ES import of node:http reads all its exports, which loads undici: half of the start of
 * a bare server (34 of 70 ms, and 15 MB).
 */
const builtinsOnDemand: Plugin = {
  name: 'builtins-on-demand',
  // The bundle's own runtime imports node:module.
  resolveId: (id) => (isBuiltin(id) && id !== 'node:module' ? `${PREFIX}${id}` : undefined),
  load: (id) =>
    id.startsWith(PREFIX)
      ? `module.exports = process.getBuiltinModule(${JSON.stringify(id.slice(PREFIX.length))});`
      : undefined,
};

/** Packages to load only when one of these members is used. Those without a member are never loaded. */
const RARE: Record<string, string[]> = {
  // MSAL signs with it for a certificate. Most of its load time goes into semver, which checks the version of Node.
  jsonwebtoken: ['sign'],
  // prom-client uses it for exemplars, which are off.
  '@opentelemetry/api': [],
  // MSAL opens a browser with it, for a credential that no default chain has.
  open: [],
};
const RARE_PREFIX = '\0rare:';

const packagesOnDemand: Plugin = {
  name: 'packages-on-demand',
  resolveId: (id, importer) => (id in RARE && !importer?.startsWith(RARE_PREFIX) ? `${RARE_PREFIX}${id}` : undefined),
  load(id) {
    if (!id.startsWith(RARE_PREFIX)) return undefined;
    const name = id.slice(RARE_PREFIX.length);
    const getters = RARE[name]?.map((member) => `get ${member}() { return require('${name}').${member}; }`);
    return `module.exports = { ${getters} };`;
  },
};

/**
 * The SDK checks whether the body of each request is a FormData. Naming that class loads undici, which a check needs for nothing
 * else: 36 of its 276 ms, and 3 MB. The object's own tag tells the same.
 */
const formsByTag: Plugin = {
  name: 'forms-by-tag',
  transform(code, id) {
    if (!/ts-http-runtime.dist.esm.formData\.js$/.test(id)) return undefined;
    const tagged = code.replace(
      'typeof FormData !== "undefined" && body instanceof FormData',
      'Object(body)[Symbol.toStringTag] === "FormData"',
    );
    if (tagged === code) throw new Error(`${id} has changed; does it still mention FormData?`);
    // The code stays on its line; only some columns shift.
    return { code: tagged, map: null };
  },
};

/** The bundler adds its own code to the bundle, but not as a module under node_modules. */
const BUNDLER = 'node_modules/rolldown';

/** The name, version and licence of the package in this directory, and the licence text. */
function notice(directory: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${directory}/package.json`, 'utf8'));
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  if (files.length === 0) throw new Error(`${directory} has no licence text`);
  const texts = files.map((file) => readFileSync(`${directory}/${file}`, 'utf8').trim());
  return [`${name} ${version} (${license})`, ...texts].join('\n\n');
}

/**
 * Adds the licence of each package in the bundle, and our own. Most licences require that their text goes with every copy. A package
 * without a licence text fails the build.
 */
const licences: Plugin = {
  name: 'licences',
  generateBundle(_, bundle) {
    const modules = Object.values(bundle).flatMap((output) => (output.type === 'chunk' ? output.moduleIds : []));
    const packages = modules.flatMap((id) => /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []);
    const notices = [...new Set([BUNDLER, ...packages])].map(notice).toSorted();
    const source = `${notices.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
    this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY-NOTICES.txt', source });
    this.emitFile({ type: 'asset', fileName: 'LICENSE', source: readFileSync('LICENSE', 'utf8') });
  },
};

// The test tools bring this bundler along. Bundling shrinks the Azure SDK's 54 MB of packages to what is used.
export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  plugins: [builtinsOnDemand, packagesOnDemand, formsByTag, licences],
  output: {
    file: 'dist/main.js',
    format: 'esm',
    // V8 keeps one byte a character of such a source, and two of one with an ellipsis: 1.2 MB.
    charset: 'ascii',
    minify: true,
    // One file, including what the SDK imports lazily.
    codeSplitting: false,
    // The diagnosis names credentials by their class, as do the SDK's own messages.
    keepNames: true,
    // For stack traces, without the sources themselves.
    sourcemap: true,
    sourcemapExcludeSources: true,
  },
});
