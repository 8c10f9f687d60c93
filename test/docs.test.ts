import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { HELP } from '../src/arguments.ts';
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

test('the README shows the same failure as the demo', async () => {
  const demo = startDemo('wrong-subject');
  const list = await demo.get();
  const { reason, hint, commands } = JSON.parse(await (await demo.get('/whoami')).text());
  const [, shown = ''] = /\/whoami\n\{\n {2}…\n([\s\S]+?)\n```/.exec(README) ?? [];
  expect(JSON.parse(`{${shown}`)).toEqual({ reason, hint, commands });
  expect(README).toContain(`HTTP/1.1 ${list.status} OK\nFallback-Reason: ${reason}\n\n${await list.text()}\n`);
});

test('the files of the code tour exist', () => {
  const paths: string[] = [];
  for (const [, indent, path = ''] of (section('Code tour').split('```')[1] ?? '').matchAll(
    /^( *)([\w./-]+) {1,}\S/gm,
  )) {
    paths.push(indent ? join('src/azure', path) : path);
  }
  expect(paths.length).toBeGreaterThan(10);
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

  test('the scripts that it names exist', () => {
    const scripts = [...text.matchAll(/npm run (?:--\S+ )*([\w:-]+)/g)].map(([, script]) => script);
    expect(Object.keys(packageJson.scripts)).toEqual(expect.arrayContaining(scripts));
  });
});

/** The anchors that GitHub gives to headings. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
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
