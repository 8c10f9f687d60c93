// Runs every check that this machine can run. At the end it lists what it skipped, and why.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BROWSERS } from './browser/launch.ts';
import { usableDockerfile } from './container/engine.ts';

interface Step {
  /** The script of package.json, with its arguments. */
  script: [name: string, ...args: string[]];
  /** True if vitest runs the step and counts its tests. Any other step counts as one. */
  isVitest: boolean;
  /** Why it cannot run here; undefined if it can. */
  missing: () => string | undefined;
}

const scratch = mkdtempSync(join(tmpdir(), 'rg-api-verify-'));

const STEPS: Step[] = [
  { script: ['check'], isVitest: false, missing: nothing },
  { script: ['test'], isVitest: true, missing: nothing },
  { script: ['test:oldest-node'], isVitest: true, missing: () => unless(reachesRegistry(), 'the npm registry') },
  { script: ['test:browser'], isVitest: true, missing: noBrowser },
  { script: ['test:faults'], isVitest: true, missing: noRig },
  { script: ['bench', '--quick'], isVitest: false, missing: noRig },
  {
    script: ['test:commands'],
    isVitest: true,
    missing: () =>
      unless(
        works(process.env['AZ'] || 'az', 'version') ||
          works(process.env['KUBECTL'] || 'kubectl', 'version', '--client'),
        'az or kubectl, or their paths in AZ and KUBECTL',
      ),
  },
  {
    script: ['test:container'],
    isVitest: true,
    missing: () =>
      unless(
        usableDockerfile(scratch) !== undefined && works('openssl', 'version'),
        'docker or podman, the base images of the Dockerfile, and openssl',
      ),
  },
  {
    script: ['test:cluster'],
    isVitest: true,
    missing: () =>
      unless(
        Boolean(process.env['IMAGE'] && process.env['FAKE_AZURE_IMAGE']) &&
          works('kubectl', 'version', '--request-timeout=5s'),
        'a cluster that kubectl reaches, and IMAGE and FAKE_AZURE_IMAGE: docs/kubernetes.md',
      ),
  },
];

function nothing(): undefined {}

function unless(isAvailable: boolean, what: string): string | undefined {
  return isAvailable ? undefined : `needs ${what}`;
}

function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** If only one browser is missing, the page tests themselves say so. */
function noBrowser(): string | undefined {
  const hasBrowser = BROWSERS.some(({ isInstalled }) => isInstalled);
  return unless(hasBrowser, 'Chromium or Firefox, or their paths in CHROMIUM and FIREFOX');
}

/** The fault tests and the benchmark run in their own network: test/faults/rig.sh. */
function noRig(): string | undefined {
  const canRun =
    works('unshare', '--net', '--mount', 'true') &&
    works('ip', '-Version') &&
    works('openssl', 'version') &&
    works('taskset', '--version');
  return unless(canRun, 'root on Linux, iproute2, openssl and taskset');
}

function reachesRegistry(): boolean {
  return npm('ping', '--fetch-retries=0', '--fetch-timeout=10000').status === 0;
}

/** Runs npm, even where it is a .cmd file. */
function npm(...args: string[]) {
  const cli = process.env['npm_execpath'];
  if (cli === undefined) throw new Error('Start it with `npm run verify`');
  return spawnSync(process.execPath, [cli, ...args], { stdio: args[0] === 'run' ? 'inherit' : 'ignore' });
}

const total = { passed: 0, failed: 0, skipped: 0 };
const notes: string[] = [];

for (const { script, isVitest, missing } of STEPS) {
  const name = script.join(' ');
  const reason = missing();
  if (reason !== undefined) {
    total.skipped += 1;
    notes.push(`skipped: ${name} ${reason}`);
    continue;
  }
  process.stdout.write(`\n== npm run ${name}\n`);
  const results = join(scratch, 'results.json');
  rmSync(results, { force: true });
  const reporters = isVitest ? ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`] : [];
  const { status } = npm('run', script[0], '--', ...script.slice(1), ...reporters);
  const counted = isVitest ? countIn(results) : { passed: 1, failed: 0, skipped: 0, failures: [] };
  total.passed += status === 0 || isVitest ? counted.passed : 0;
  total.skipped += counted.skipped;
  // A step can also fail outside of a test.
  total.failed += status === 0 ? counted.failed : Math.max(1, counted.failed);
  if (status !== 0) notes.push(`failed: npm run ${name}`, ...counted.failures);
  if (counted.skipped > 0) notes.push(`skipped: ${counted.skipped} tests of ${name}`);
}
rmSync(scratch, { recursive: true });

interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  testResults: {
    name: string;
    message: string;
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
  }[];
}

/** What vitest's JSON report says; zeros if vitest did not write it. The failures stand at the end, where a long log is read. */
function countIn(file: string) {
  try {
    const report: VitestReport = JSON.parse(readFileSync(file, 'utf8'));
    const failures = report.testResults.flatMap(({ name, message, assertionResults }) => [
      ...(message ? [`  ${name}: ${message}`] : []),
      ...assertionResults
        .filter(({ status }) => status === 'failed')
        .map(({ fullName, failureMessages }) => `  ${name}\n    ${fullName}\n    ${failureMessages.join('\n    ')}`),
    ]);
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests,
      skipped: report.numPendingTests,
      failures,
    };
  } catch {
    return { passed: 0, failed: 0, skipped: 0, failures: [] };
  }
}

process.stdout.write(`\n${[...notes, ''].join('\n')}`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
