import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse, stringify } from 'yaml';

const TESTS = 'test/alerts/rules.test.yaml';
const { spec } = parse(readFileSync('k8s/components/prometheus-operator/prometheusrule.yaml', 'utf8'));
const alerts: string[] = spec.groups.flatMap(({ rules }: { rules: { alert: string }[] }) =>
  rules.map(({ alert }) => alert),
);

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

test.skipIf(!hasPromtool)('promtool: each alert fires when it should, and only then', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rg-api-alerts-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'rules.yaml'), stringify(spec));
  cpSync(TESTS, join(directory, 'tests.yaml'));
  const promtool = (...args: string[]) => execFileSync('promtool', args, { cwd: directory, encoding: 'utf8' });
  expect(promtool('check', 'rules', 'rules.yaml')).toContain(`SUCCESS: ${alerts.length} rules found`);
  expect(promtool('test', 'rules', 'tests.yaml')).toContain('SUCCESS');
});

test('each alert has a test in which it fires, and is in the docs', () => {
  const fired = parse(readFileSync(TESTS, 'utf8')).tests.flatMap(
    ({ alert_rule_test }: { alert_rule_test: { alertname: string; exp_alerts?: object[] }[] }) =>
      alert_rule_test.filter(({ exp_alerts }) => exp_alerts).map(({ alertname }) => alertname),
  );
  expect([...new Set(fired)].toSorted()).toEqual(alerts.toSorted());
  const documented = [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `(Rgapi\w+)`/gm)].map(
    ([, name]) => name,
  );
  expect(documented.toSorted()).toEqual(alerts.toSorted());
});
