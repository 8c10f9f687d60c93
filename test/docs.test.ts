import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { HELP } from '../src/arguments.ts';
import { CATALOGUE, REASONS, WARNINGS } from '../src/explain/catalogue.ts';
import { CHECK_NAMES } from '../src/explain/checks.ts';
import openApi from '../src/http/openapi.json' with { type: 'json' };
import { startDemo, startProcess } from './process.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const README = read('README.md');
/** The text of the README between this heading and the next. */
const section = (heading: string) => README.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
/** The first cell of each table row that starts with backticks. */
const firstCells = (table: string) => [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, cell = '']) => cell);

test('the README can be read in one sitting', () => {
  expect(README.trim().split('\n').length).toBeLessThanOrEqual(150);
});

test('the README has every route and every variable', () => {
  expect(firstCells(section('Routes')).sort()).toEqual(Object.keys(openApi.paths).sort());
  const variables = HELP.slice(HELP.indexOf('environment')).match(/\b[A-Z]+(?:_[A-Z]+)*(?=,)/g);
  expect(firstCells(section('Environment')).sort()).toEqual(variables?.sort());
});

/**
 * Compares a file with itself after this text has replaced a part of it. `npx vitest run --project unit test/docs.test.ts -u` writes
 * the text into the file.
 */
async function expectPart(file: string, [before, after]: [string, string], text: string): Promise<void> {
  const [head = '', rest = ''] = read(file).split(before);
  const tail = rest.slice(rest.indexOf(after));
  await expect(`${head}${before}${text}${tail}`).toMatchFileSnapshot(`../${file}`);
}

test('the README shows the report of the demo, up to the first command', async () => {
  const { stdout } = await startDemo('wrong-subject', {}, '--check').end();
  const end = stdout.findIndex((line) => line.startsWith('  $ '));
  const command = stdout[end]?.slice(0, 76);
  const text = [...stdout.slice(0, end), `${command} …`, ''].join('\n');
  await expectPart('README.md', ['$ npm run demo -- wrong-subject --check\n', '```'], text);
});

test('the header that the README names has the reason that the report shows', async () => {
  const response = await startDemo('wrong-subject').get();
  expect([response.status, await response.json()]).toEqual([200, []]);
  expect(README).toContain(`\n${response.headers.get('fallback-reason')}: `);
});

test('the README shows the line for a service account as docs/gate.md does', () => {
  const blocks = (text: string) => text.match(/^```sh\n.+?^```$/gms) ?? [];
  const [line] = blocks(read('docs/gate.md'));
  expect(line).toContain('kubectl run idcheck');
  expect(blocks(README)).toContain(line);
});

test('docs/troubleshooting.md has every reason of the catalogue, in the order of the checks', async () => {
  const rows = [...CATALOGUE, ...WARNINGS];
  const lines = REASONS.map(({ reason, title }) => {
    const checks = CHECK_NAMES.filter((name) => rows.some((row) => row.reason === reason && row.check === name));
    const cells = [
      `<a id="${reason}"></a>\`${reason}\``,
      title,
      checks.map((name) => `\`${name}\``).join(' or ') || 'any',
    ];
    return {
      rank: checks[0] === undefined ? CHECK_NAMES.length : CHECK_NAMES.indexOf(checks[0]),
      line: `| ${cells.join(' | ')} |\n`,
    };
  });
  const table = lines.toSorted((a, b) => a.rank - b.rank).map(({ line }) => line);
  await expectPart(
    'docs/troubleshooting.md',
    ['| reason | title | check |\n| --- | --- | --- |\n', '\n## '],
    table.join(''),
  );
});

test('docs/troubleshooting.md has the checks in their order, and its other tables name no reason that is not there', () => {
  const text = read('docs/troubleshooting.md');
  const [, checks = ''] = text.split('\n## Checks\n');
  expect(firstCells(checks.split('\n## ')[0] ?? '')).toEqual(CHECK_NAMES);
  const [, apps = ''] = text.split('\n## App Service');
  const known = REASONS.map(({ reason }) => reason);
  expect(known).toEqual(expect.arrayContaining(firstCells(apps.split('\n## ')[0] ?? '')));
});

test('the files of the code tour exist', () => {
  const [, tour = ''] = section('Code tour').split('```');
  const paths = [...tour.matchAll(/^([\w./-]+) {1,}\S/gm)].map(([, path = '']) => path);
  expect(paths.length).toBeGreaterThan(8);
  expect(paths.filter((path) => !existsSync(path))).toEqual([]);
});

describe.each(globSync(['*.md', 'docs/*.md']))('%s', (file) => {
  const text = read(file);

  test('its links are not broken', () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)].map(([, a, b]) => a ?? b ?? '');
    const broken = links
      .filter((link) => !/^https?:/.test(link))
      .filter((link) => {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? file : join(dirname(file), path);
        return !existsSync(target) || (anchor !== undefined && !anchorsOf(read(target)).includes(anchor));
      });
    expect(broken).toEqual([]);
  });

  test('its blocks for a shell are valid bash', () => {
    for (const [, block = ''] of text.matchAll(/^```sh\n(.+?)^```$/gms)) execFileSync('bash', ['-n'], { input: block });
  });

  test('the files of the source that it names exist', () => {
    const paths = [...text.matchAll(/`((?:src|test|k8s|docs)\/[\w./-]+)`/g)].map(([, path = '']) => path);
    expect(paths.filter((path) => !existsSync(path) && !path.includes('/mine'))).toEqual([]);
  });

  test('the scripts that it names exist', () => {
    const scripts = [...text.matchAll(/npm run (?:--\S+ )*([\w:-]+)/g)].map(([, script]) => script);
    expect(Object.keys(packageJson.scripts)).toEqual(expect.arrayContaining(scripts));
  });
});

/** The anchors that GitHub gives to headings, and those that the text sets. */
function anchorsOf(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
  return [...headings, ...[...markdown.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)];
}

test('docs/copy-this.md has the lines of docs/copy-this.ts, and they work', async () => {
  expect(read('docs/copy-this.md')).toContain(`\`\`\`ts\n${read('docs/copy-this.ts')}\`\`\``);
  const announce = `data:text/javascript,${encodeURIComponent(`
    import { Server } from 'node:net';
    const { listen } = Server.prototype;
    Server.prototype.listen = function (...args) {
      this.once('listening', () => console.log(JSON.stringify({ msg: 'listening', port: this.address().port })));
      return listen.apply(this, args);
    };`)}`;
  const app = startProcess(['--import', './test/fake-azure/service.ts', '--import', announce, 'docs/copy-this.ts']);
  const response = await fetch(await app.url());
  expect(await response.json()).toHaveLength(12);
});

/** Creates an empty project with the packages of this one, and what docs/copy-this.md says to copy. */
function emptyProject(): string {
  const directory = mkdtempSync(join(tmpdir(), 'rg-api-copy-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'), 'junction');
  cpSync('src/explain', join(directory, 'explain'), { recursive: true });
  return directory;
}

describe('the folder that docs/copy-this.md says to copy', () => {
  const page = read('docs/copy-this.md');
  const [, alone = '', withFacts = ''] = [...page.matchAll(/^```ts\n(.+?)^```$/gms)].map(([, block = '']) => block);
  // The token file is missing, so that no credential asks anybody. The proxy would catch the others.
  const env = {
    AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
    AZURE_TENANT_ID: '11111111-1111-4111-8111-111111111111',
    AZURE_FEDERATED_TOKEN_FILE: '/nonexistent/azure-identity-token',
    AZURE_TOKEN_CREDENTIALS: 'WorkloadIdentityCredential',
    HTTPS_PROXY: 'http://127.0.0.1:1',
  };

  test.each([
    ['an error alone', alone],
    ['an error and the facts', withFacts],
  ])('explains %s of the real SDK in an empty project', async (_, block) => {
    expect(block).toContain('explain(error');
    const file = join(emptyProject(), 'app.ts');
    writeFileSync(file, block);
    const { code, stderr } = await startProcess([file], env).end();
    expect(stderr).toContain("reason: 'token-file-missing'");
    expect(stderr).toContain('/nonexistent/azure-identity-token');
    expect(code).toBe(0);
  });

  test('is complete: none of its files imports anything from outside', () => {
    const outside = globSync('src/explain/**/*.ts').flatMap((file) =>
      [...read(file).matchAll(/\bfrom '([^']+)'/g)]
        .map(([, specifier = '']) => specifier)
        .filter((specifier) => !resolve(dirname(file), specifier).startsWith(resolve('src/explain'))),
    );
    expect(outside).toEqual([]);
  });
});
