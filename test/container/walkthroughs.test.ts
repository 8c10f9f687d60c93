import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { REASONS } from '../../src/explain/catalogue.ts';

const PAGES = ['kubernetes', 'workload-identity', 'identity-bindings', 'pod-identity'];

describe.each(PAGES.map((page) => `docs/${page}.md`))('%s', (page) => {
  const text = readFileSync(page, 'utf8');
  const blocks = [...text.matchAll(/^```sh\n(.+?)^```$/gms)].map(([, block = '']) => block);

  test('each block is valid bash', () => {
    expect(blocks.length).toBeGreaterThan(2);
    for (const block of blocks) execFileSync('bash', ['-n'], { input: block });
  });

  test('each block can be pasted as a whole: nothing prompts, and background processes are awaited and ended', () => {
    for (const block of blocks) {
      for (const [command] of block.matchAll(/az group delete .+/g)) expect(command).toContain('--yes');
      for (const [command] of block.matchAll(/az aks get-credentials .+/g))
        expect(command).toContain('--overwrite-existing');
      for (const [command] of block.matchAll(/az aks create .+/g)) expect(command).toContain('--no-ssh-key');
      if (!block.includes('port-forward')) continue;
      expect(block).toMatch(/port-forward .+ &\nPORT_FORWARD=\$!\ncurl .*--retry-connrefused/);
      expect(blocks.at(-1)).toContain('kill "$PORT_FORWARD"');
    }
  });

  test('the folders and files of k8s/ that it names exist', () => {
    for (const [path] of text.matchAll(/\bk8s\/[\w./-]*\w/g)) {
      if (!path.startsWith('k8s/mine')) expect([path, existsSync(path)]).toEqual([path, true]);
    }
  });

  test('it writes exactly the existing settings', () => {
    const variables = (env: string) => [...env.matchAll(/^(\w+)=/gm)].map(([, name]) => name);
    const [, written] = /settings\.env << EOF\n(.+?)^EOF/ms.exec(text) ?? [];
    if (written === undefined) expect(page).toBe('docs/kubernetes.md');
    else expect(variables(written)).toEqual(variables(readFileSync('k8s/settings/settings.env', 'utf8')));
  });

  test('the reasons that it explains are in the catalogue', () => {
    const [, trouble] = text.split('\n## When it does not work\n');
    if (trouble === undefined) return expect(page).toBe('docs/kubernetes.md');
    const cells = [...trouble.matchAll(/^\| (`.+?) \|/gm)].map(([, cell = '']) => cell);
    const reasons = cells.flatMap((cell) => [...cell.matchAll(/`(?:Identity-Warning: )?([a-z]+(?:-[a-z]+)+)`/g)]);
    expect(reasons.length).toBeGreaterThan(3);
    for (const [, reason] of reasons) expect(REASONS.map((each) => each.reason)).toContain(reason);
  });

  test('its links lead to an existing page and heading', () => {
    for (const [, file = '', heading] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const target = file ? `docs/${file}` : page;
      expect(existsSync(target), target).toBe(true);
      const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, words = '']) =>
        words
          .toLowerCase()
          .replaceAll(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      );
      if (heading !== undefined) expect(headings).toContain(heading);
    }
  });
});
