import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Deployment } from 'kubernetes-models/apps/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ClusterRole, ClusterRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1';
import { Namespace, Pod, Service, ServiceAccount } from 'kubernetes-models/v1';
import { afterAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { readConfig } from '../../src/config.ts';
import { type PodSpec, violations } from './pod-security.ts';

const KINDS = {
  ClusterRole,
  ClusterRoleBinding,
  Deployment,
  Namespace,
  NetworkPolicy,
  Pod,
  PodDisruptionBudget,
  Service,
  ServiceAccount,
};

// The manifests are data that nobody has typed.
// biome-ignore lint/suspicious/noExplicitAny: each test names what it expects of them
type Manifest = any;

const parse = (yaml: string): Manifest[] => parseAllDocuments(yaml).map((document) => document.toJS());
const kustomize = (directory: string) => parse(execFileSync('kubectl', ['kustomize', directory], { encoding: 'utf8' }));
const hasKubectl = existsSync('/usr/bin/kubectl') || existsSync('/usr/local/bin/kubectl');

/** A copy of k8s/ in which a user has edited the one file. */
const edited = mkdtempSync(join(tmpdir(), 'rg-api-k8s-'));
afterAll(() => rmSync(edited, { recursive: true }));
const [CLIENT_ID, TENANT_ID] = ['22222222-2222-4222-8222-222222222222', '11111111-1111-4111-8111-111111111111'];
cpSync('k8s', edited, { recursive: true });
writeFileSync(
  join(edited, 'workload-identity/settings.env'),
  `CLIENT_ID=${CLIENT_ID}\nTENANT_ID=${TENANT_ID}\nIMAGE=made-up.example/rgapi:9.9.9\n`,
);

/**
 * The fields of a manifest that its schema does not know, as an API server with strict validation would name them: those that
 * the validation has never looked at.
 */
function unknown(manifest: Manifest): string[] {
  const seen = new Set<string>();
  const known = new Set<string>();
  function observe(value: unknown, path: string): unknown {
    if (typeof value !== 'object' || value === null) return value;
    for (const key of Object.keys(value)) seen.add(`${path}.${key}`);
    return new Proxy(value, {
      get(target, key, receiver) {
        if (typeof key === 'string') known.add(`${path}.${key}`);
        return observe(Reflect.get(target, key, receiver), `${path}.${String(key)}`);
      },
    });
  }
  const { prototype } = KINDS[manifest.kind as keyof typeof KINDS];
  Object(observe(Object.assign(Object.create(prototype), manifest), '')).validate();
  return [...seen].filter((path) => !known.has(path));
}

describe.skipIf(!hasKubectl && !process.env['CI'])('the manifests', () => {
  const pod = parse(readFileSync('k8s/pod.yaml', 'utf8'));
  const workloadIdentity = kustomize('k8s/workload-identity');
  const identityBinding = kustomize('k8s/identity-binding');
  const ofKind = (manifests: Manifest[], kind: string) => manifests.find((manifest) => manifest.kind === kind);
  const template = (manifests: Manifest[]) => ofKind(manifests, 'Deployment').spec.template;

  test.each([...pod, ...workloadIdentity, ...identityBinding].map((manifest) => [manifest.kind, manifest]))(
    '%s has the schema of Kubernetes, and no other field',
    (kind, manifest) => {
      const Model: { new (data: never): { validate(): void } } = KINDS[kind as keyof typeof KINDS];
      expect(() => new Model(manifest as never).validate()).not.toThrow();
      expect(unknown(manifest)).toEqual([]);
    },
  );

  test.each([
    ['the pod', pod[0]?.spec],
    ['the Deployment with Workload ID', template(workloadIdentity).spec],
    ['the Deployment with an identity binding', template(identityBinding).spec],
  ])('%s keeps to the Pod Security level restricted, read-only and with limits', (_, spec: PodSpec & Manifest) => {
    expect(violations(spec)).toEqual([]);
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(spec.securityContext.runAsUser).toBe(65532);
    const [container] = spec.containers;
    expect(container.securityContext.readOnlyRootFilesystem).toBe(true);
    expect(container.resources).toEqual({ requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '128Mi' } });
  });

  test('the check of fields finds a misspelt one, however deep', () => {
    const misspelt = structuredClone(pod[0]);
    misspelt.spec.containers[0].securityContext.readOnlyRootFileSystem = true;
    misspelt.kinds = 'Pod';
    expect(unknown(misspelt)).toEqual(['.kinds', '.spec.containers.0.securityContext.readOnlyRootFileSystem']);
  });

  test('the check of Pod Security finds what is forbidden', () => {
    const bad = {
      hostNetwork: true,
      volumes: [{ name: 'x', hostPath: { path: '/' } }],
      containers: [{ name: 'c', securityContext: { privileged: true, capabilities: { add: ['SYS_ADMIN'] } } }],
    };
    expect(violations(bad)).toHaveLength(8);
  });

  test('the pod carries the label of pod identity, Linux and the namespace', () => {
    expect(pod).toHaveLength(1);
    expect(pod[0]).toMatchObject({
      kind: 'Pod',
      metadata: { name: 'rgapi', namespace: 'rgapi', labels: { aadpodidbinding: 'rgapi' } },
      spec: { nodeSelector: { 'kubernetes.io/os': 'linux' } },
    });
  });

  test('the label of Workload ID is on the pod template, and its service account is used', () => {
    for (const manifests of [workloadIdentity, identityBinding]) {
      expect(template(manifests)).toMatchObject({
        metadata: { labels: { 'azure.workload.identity/use': 'true' } },
        spec: { serviceAccountName: 'rgapi' },
      });
    }
    expect(template(workloadIdentity).metadata).not.toHaveProperty('annotations');
    expect(template(identityBinding).metadata.annotations).toEqual({
      'azure.workload.identity/use-identity-binding': 'true',
    });
  });

  test('namespace, label, image, port, probes and environment agree with each other and with the code', () => {
    const [, tag] = pod[0].spec.containers[0].image.split(':');
    expect(tag).toBe(packageJson.version);
    for (const spec of [pod[0].spec, template(workloadIdentity).spec, template(identityBinding).spec]) {
      const [container] = spec.containers;
      expect(container.image).toBe(pod[0].spec.containers[0].image);
      expect(container.ports).toEqual([{ name: 'http', containerPort: readConfig({}).port }]);
      expect(container.startupProbe.httpGet).toEqual({ path: '/healthz', port: 'http' });
      expect(container.livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'http' });
      expect(container.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'http' });
      const env: { name: string; value: string }[] = container.env;
      expect(() => readConfig(Object.fromEntries(env.map(({ name, value }) => [name, value])))).not.toThrow();
      expect(env).toEqual([{ name: 'AZURE_TOKEN_CREDENTIALS', value: 'prod' }]);
      const preStopSeconds = container.lifecycle?.preStop.sleep.seconds ?? 0;
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(
        preStopSeconds + readConfig({}).shutdownGraceMs / 1000,
      );
      // Where src/main.ts looks for them.
      const main = readFileSync('src/main.ts', 'utf8');
      expect(main).toContain(`'${container.volumeMounts[0].mountPath}/${spec.volumes[0].downwardAPI.items[0].path}'`);
    }
    for (const manifests of [workloadIdentity, identityBinding]) {
      const labels = { 'app.kubernetes.io/name': 'rgapi' };
      expect(template(manifests).metadata.labels).toMatchObject(labels);
      expect(ofKind(manifests, 'Deployment').spec.selector).toEqual({ matchLabels: labels });
      expect(ofKind(manifests, 'Service').spec).toMatchObject({ selector: labels, ports: [{ targetPort: 'http' }] });
      expect(ofKind(manifests, 'PodDisruptionBudget').spec.selector).toEqual({ matchLabels: labels });
      expect(ofKind(manifests, 'NetworkPolicy').spec.podSelector).toEqual({ matchLabels: labels });
      for (const { kind, metadata } of manifests) {
        const isOfCluster = ['Namespace', 'ClusterRole', 'ClusterRoleBinding'].includes(kind);
        expect([kind, metadata.namespace]).toEqual([kind, isOfCluster ? undefined : 'rgapi']);
      }
    }
  });

  test('one edited file reaches every place', () => {
    const manifests = kustomize(join(edited, 'identity-binding'));
    expect(ofKind(manifests, 'ServiceAccount').metadata.annotations).toEqual({
      'azure.workload.identity/client-id': CLIENT_ID,
      'azure.workload.identity/tenant-id': TENANT_ID,
    });
    expect(ofKind(manifests, 'ClusterRole').rules).toEqual([
      { apiGroups: ['cid.wi.aks.azure.com'], resources: [CLIENT_ID], verbs: ['use-managed-identity'] },
    ]);
    expect(template(manifests).spec.containers[0].image).toBe('made-up.example/rgapi:9.9.9');
    expect(manifests.filter(({ kind }) => kind === 'ConfigMap')).toEqual([]);
    expect(JSON.stringify(manifests)).not.toContain('set by settings.env');
  });

  test('a rolling update has no gap, and a drain leaves a pod', () => {
    const { spec } = ofKind(workloadIdentity, 'Deployment');
    expect(spec).toMatchObject({ replicas: 2, strategy: { rollingUpdate: { maxUnavailable: 0 } } });
    expect(ofKind(workloadIdentity, 'PodDisruptionBudget').spec.maxUnavailable).toBe(1);
  });
});
