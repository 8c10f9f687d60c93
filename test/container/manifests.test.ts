import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { readConfig } from '../../src/config.ts';
import { unknownFields, validate } from './kubernetes-schema.ts';
import { type PodSpec, violations } from './pod-security.ts';

// The manifests have no types.
// biome-ignore lint/suspicious/noExplicitAny: each test states what it expects
type Manifest = any;

const parse = (yaml: string): Manifest[] => parseAllDocuments(yaml).map((document) => document.toJS());
const kustomized = (directory: string) =>
  execFileSync('kubectl', ['kustomize', directory], { encoding: 'utf8', stdio: 'pipe' });
const kustomize = (directory: string) => parse(kustomized(directory));
const hasKubectl = existsSync('/usr/bin/kubectl') || existsSync('/usr/local/bin/kubectl');

/** A copy of k8s/ with a user's settings. */
const edited = mkdtempSync(join(tmpdir(), 'rg-api-k8s-'));
afterAll(() => rmSync(edited, { recursive: true }));
const [CLIENT_ID, TENANT_ID] = ['22222222-2222-4222-8222-222222222222', '11111111-1111-4111-8111-111111111111'];
const DIGEST = `sha256:${'a1'.repeat(32)}`;
cpSync('k8s', edited, { recursive: true });
writeFileSync(
  join(edited, 'settings/settings.env'),
  `CLIENT_ID=${CLIENT_ID}\nTENANT_ID=${TENANT_ID}\nIMAGE=made-up.example:5000/rgapi:9.9.9\n`,
);
writeFileSync(join(edited, 'components/digest/digest.env'), `DIGEST=${DIGEST}\n`);

const rendered = new Map<string, string>();

/** Renders a user's overlay of these folders and components, in this order. The same overlay is rendered only once. */
function overlayOf(folders: string[], components: string[], more: object = {}): Manifest[] {
  const resources = folders.map((folder) => `../${folder}`);
  const paths = components.map((component) => `../components/${component}`);
  const overlay = JSON.stringify({ resources, components: paths, ...more });
  const known = rendered.get(overlay);
  if (known !== undefined) return parse(known);
  const directory = mkdtempSync(join(edited, 'mine-'));
  writeFileSync(join(directory, 'kustomization.yaml'), overlay);
  const yaml = kustomized(directory);
  rendered.set(overlay, yaml);
  return parse(yaml);
}

const withComponents = (folder: string, ...components: string[]) => overlayOf([folder], components);

const podOf = ({ kind, metadata, spec }: Manifest) => (kind === 'Pod' ? { metadata, spec } : spec.template);
const runsPods = ({ kind }: Manifest) => ['Deployment', 'Job', 'Pod'].includes(kind);
const ofKind = (manifests: Manifest[], kind: string) => manifests.find((manifest) => manifest.kind === kind);
const template = (manifests: Manifest[]) => podOf(manifests.find(runsPods));

/** Whether a selector matches a pod with these labels. */
function selects({ matchLabels = {}, matchExpressions = [] }: Manifest, labels: Record<string, string>): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }: Manifest) => {
      expect(operator).toBe('In');
      return values.includes(labels[key]);
    })
  );
}

describe.skipIf(!hasKubectl && !process.env['CI'])('the manifests', () => {
  const namespace = parse(readFileSync('k8s/namespace.yaml', 'utf8'));
  const podIdentity = kustomize('k8s/pod-identity');
  const workloadIdentity = kustomize('k8s/workload-identity');
  const identityBinding = kustomize('k8s/identity-binding');
  const check = kustomize('k8s/check');
  const bindingCheck = kustomize('k8s/identity-binding/check');
  const components = ['ca-certificate', 'digest', 'prometheus-operator', 'wait-for-identity'];

  /** Each folder, and each component on the folders that it is for. */
  const ALL: Record<string, Manifest[]> = {
    'namespace.yaml': namespace,
    'pod-identity': podIdentity,
    'workload-identity': workloadIdentity,
    'identity-binding': identityBinding,
    check,
    'identity-binding/check': bindingCheck,
    'existing-service-account': kustomize('k8s/existing-service-account'),
    'existing-service-account/check': kustomize('k8s/existing-service-account/check'),
    'workload-identity with all components': withComponents('workload-identity', ...components),
    'identity-binding with all components': withComponents('identity-binding', ...components),
    'check with a CA and a digest': withComponents('check', 'ca-certificate', 'digest'),
    'identity-binding/check with a CA and a digest': withComponents(
      'identity-binding/check',
      'ca-certificate',
      'digest',
    ),
  };
  const each = Object.entries(ALL).flatMap(([folder, manifests]) =>
    manifests.map((manifest): [string, string, Manifest] => [folder, manifest.kind, manifest]),
  );

  test('these tests cover everything in k8s/', () => {
    const tried = [...Object.keys(ALL), ...components.map((name) => `components/${name}`)];
    const folders = globSync('k8s/**/kustomization.yaml').map((file) => relative('k8s', dirname(file)));
    // The first is part of k8s/identity-binding, the second of every folder.
    expect(folders.filter((folder) => !tried.includes(folder)).toSorted()).toEqual([
      'components/identity-binding',
      'settings',
    ]);
  });

  const ofOperator = ['ServiceMonitor', 'PrometheusRule'];
  test.each(each.filter(([, kind]) => !ofOperator.includes(kind)))(
    '%s: the %s matches the schema of Kubernetes, without unknown fields',
    (_, __, manifest) => {
      expect(() => validate(manifest)).not.toThrow();
      expect(unknownFields(manifest)).toEqual([]);
    },
  );

  test.each(each.filter(([, , manifest]) => runsPods(manifest)))(
    '%s: the %s complies with the Pod Security level restricted, read-only and with limits',
    (_, __, manifest) => {
      const { spec }: { spec: PodSpec & Manifest } = podOf(manifest);
      expect(violations(spec)).toEqual([]);
      expect(spec.automountServiceAccountToken).toBe(false);
      expect(spec.securityContext.runAsUser).toBe(65532);
      for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
        expect(container.securityContext.readOnlyRootFilesystem).toBe(true);
        expect(container.resources).toEqual({ requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '128Mi' } });
      }
    },
  );

  test('the field check finds a misspelt field at any depth', () => {
    const misspelt = structuredClone(podIdentity[0]);
    misspelt.spec.containers[0].securityContext.readOnlyRootFileSystem = true;
    misspelt.kinds = 'Pod';
    expect(unknownFields(misspelt)).toEqual(['.kinds', '.spec.containers.0.securityContext.readOnlyRootFileSystem']);
  });

  test('the Pod Security check finds violations', () => {
    const bad = {
      hostNetwork: true,
      volumes: [{ name: 'x', hostPath: { path: '/' } }],
      containers: [
        {
          name: 'c',
          securityContext: { privileged: true, capabilities: { add: ['SYS_ADMIN'] } },
          readinessProbe: { tcpSocket: { host: '169.254.169.254' } },
        },
      ],
    };
    expect(violations(bad)).toHaveLength(9);
  });

  test('the namespace enforces, warns and audits the level restricted, at a pinned version', () => {
    const level = (mode: string) => `pod-security.kubernetes.io/${mode}`;
    for (const mode of ['enforce', 'warn', 'audit']) {
      expect(namespace[0].metadata.labels).toMatchObject({
        [level(mode)]: 'restricted',
        [`${level(mode)}-version`]: expect.stringMatching(/^v1\.\d+$/),
      });
    }
  });

  test('kubectl delete -k never deletes the namespace', () => {
    for (const [folder, kind] of each)
      if (folder !== 'namespace.yaml') expect([folder, kind]).not.toContain('Namespace');
  });

  test('the pod has the label of pod identity, the node selector for Linux, and the namespace', () => {
    expect(podIdentity).toHaveLength(1);
    expect(podIdentity[0]).toMatchObject({
      kind: 'Pod',
      metadata: { name: 'rgapi', namespace: 'rgapi', labels: { aadpodidbinding: 'rgapi' } },
      spec: { nodeSelector: { 'kubernetes.io/os': 'linux' } },
    });
  });

  test('the label of Workload ID is on the pod template, and its service account is used', () => {
    for (const manifests of [workloadIdentity, identityBinding, check, bindingCheck]) {
      expect(template(manifests)).toMatchObject({
        metadata: { labels: { 'azure.workload.identity/use': 'true' } },
        spec: { serviceAccountName: 'rgapi' },
      });
    }
    for (const manifests of [workloadIdentity, check]) {
      expect(template(manifests).metadata).not.toHaveProperty('annotations');
    }
    for (const manifests of [identityBinding, bindingCheck]) {
      expect(template(manifests).metadata.annotations).toEqual({
        'azure.workload.identity/use-identity-binding': 'true',
      });
    }
  });

  test('image, port, probes and environment agree with each other and with the code', () => {
    const { image } = template(podIdentity).spec.containers[0];
    expect(image.split(':')[1]).toBe(packageJson.version);
    const sources = globSync('src/**/*.ts').map((file) => readFileSync(file, 'utf8'));
    for (const manifests of [podIdentity, workloadIdentity, identityBinding, check, bindingCheck]) {
      const { spec } = template(manifests);
      const [container] = spec.containers;
      expect(container.image).toBe(image);
      const env: { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[] = container.env;
      expect(() => readConfig(Object.fromEntries(env.map(({ name, value }) => [name, value])))).not.toThrow();
      expect(env.map(({ name, value, valueFrom }) => [name, value ?? valueFrom?.fieldRef.fieldPath])).toEqual([
        ['AZURE_TOKEN_CREDENTIALS', 'prod'],
        ['POD_NAME', 'metadata.name'],
        ['POD_NAMESPACE', 'metadata.namespace'],
        ['POD_SERVICE_ACCOUNT', 'spec.serviceAccountName'],
        ['NODE_NAME', 'spec.nodeName'],
      ]);
      // The path where the service looks for the labels.
      const labels = `${container.volumeMounts[0].mountPath}/${spec.volumes[0].downwardAPI.items[0].path}`;
      expect(sources.filter((source) => source.includes(`'${labels}'`))).toHaveLength(1);
    }
    for (const manifests of [podIdentity, workloadIdentity, identityBinding]) {
      const { spec } = template(manifests);
      const [container] = spec.containers;
      expect(container.ports).toEqual([{ name: 'http', containerPort: readConfig({}).port, protocol: 'TCP' }]);
      for (const [probe, path] of Object.entries({ startup: '/healthz', readiness: '/readyz', liveness: '/healthz' })) {
        expect(container[`${probe}Probe`].httpGet).toEqual({ path, port: 'http' });
        expect(container[`${probe}Probe`].timeoutSeconds, probe).toBeGreaterThan(1);
      }
      // A probe before the service listens would leave a warning among the events. docs/performance.md has the time that a start takes.
      expect(container.startupProbe.initialDelaySeconds).toBeGreaterThanOrEqual(2);
      const preStopSeconds = container.lifecycle?.preStop.sleep.seconds ?? 0;
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(
        preStopSeconds + readConfig({}).shutdownGraceMs / 1000,
      );
    }
  });

  test('everything has the common labels and the namespace', () => {
    for (const [folder, kind, { metadata }] of each) {
      const isOfCluster = ['Namespace', 'ClusterRole', 'ClusterRoleBinding'].includes(kind);
      const namespace = folder.startsWith('existing-service-account') ? 'shop' : 'rgapi';
      expect([folder, kind, metadata.namespace]).toEqual([folder, kind, isOfCluster ? undefined : namespace]);
      expect(metadata.labels, `${folder}: ${kind}`).toHaveProperty(['app.kubernetes.io/part-of'], 'rgapi');
    }
    for (const manifests of [podIdentity, workloadIdentity, identityBinding, check, bindingCheck]) {
      expect(template(manifests).metadata.labels).toMatchObject({
        'app.kubernetes.io/name': 'rgapi',
        'app.kubernetes.io/instance': expect.any(String),
        'app.kubernetes.io/part-of': 'rgapi',
        'app.kubernetes.io/version': packageJson.version,
      });
    }
  });

  test('selectors distinguish Deployment, bare pod and Job in one namespace', () => {
    const [ofDeployment, ofPod, ofJob] = [workloadIdentity, podIdentity, check].map(
      (manifests) => template(manifests).metadata.labels,
    );
    for (const manifests of [workloadIdentity, identityBinding]) {
      for (const selector of [
        ofKind(manifests, 'Deployment').spec.selector,
        { matchLabels: ofKind(manifests, 'Service').spec.selector },
        ofKind(manifests, 'PodDisruptionBudget').spec.selector,
        ...template(manifests).spec.topologySpreadConstraints.map(({ labelSelector }: Manifest) => labelSelector),
      ]) {
        expect([ofDeployment, ofPod, ofJob].map((labels) => selects(selector, labels))).toEqual([true, false, false]);
        // A label that changes with each release would fail with "field is immutable".
        expect(selector.matchLabels).not.toHaveProperty(['app.kubernetes.io/version']);
      }
      // The bare pod must reach the metadata service, which the policy blocks.
      const { podSelector } = ofKind(manifests, 'NetworkPolicy').spec;
      expect([ofDeployment, ofPod, ofJob].map((labels) => selects(podSelector, labels))).toEqual([true, false, true]);
      expect(ofKind(manifests, 'Service').spec.ports).toMatchObject([{ port: 80, targetPort: 'http' }]);
    }
  });

  test('the change from Workload ID to an identity binding touches no immutable field', () => {
    const fixed = (manifests: Manifest[]) => [
      ofKind(manifests, 'Deployment').spec.selector,
      ofKind(manifests, 'Service').spec.type,
    ];
    expect(fixed(identityBinding)).toEqual(fixed(workloadIdentity));
  });

  test('lists that kubectl replaces as a whole have the defaults of the API server, so that a second apply changes nothing', () => {
    for (const [folder, kind, manifest] of each) {
      if (kind === 'NetworkPolicy') {
        for (const { ports } of [...manifest.spec.ingress, ...(manifest.spec.egress ?? [])]) {
          for (const port of ports) expect(port, folder).toHaveProperty('protocol');
        }
      }
      if (!runsPods(manifest)) continue;
      for (const { downwardAPI } of podOf(manifest).spec.volumes) {
        for (const { fieldRef } of downwardAPI?.items ?? [])
          expect(fieldRef, folder).toHaveProperty('apiVersion', 'v1');
      }
    }
  });

  test('the settings file reaches every place', () => {
    for (const folder of ['identity-binding', 'workload-identity', 'pod-identity', 'check', 'identity-binding/check']) {
      const manifests = kustomize(join(edited, folder));
      expect(template(manifests).spec.containers[0].image, folder).toBe('made-up.example:5000/rgapi:9.9.9');
      expect(manifests.filter(({ kind }) => kind === 'ConfigMap')).toEqual([]);
      expect(JSON.stringify(manifests)).not.toContain('set by settings.env');
    }
    const manifests = kustomize(join(edited, 'identity-binding'));
    expect(ofKind(manifests, 'ServiceAccount').metadata.annotations).toEqual({
      'azure.workload.identity/client-id': CLIENT_ID,
      'azure.workload.identity/tenant-id': TENANT_ID,
    });
    expect(ofKind(manifests, 'ClusterRole').rules).toEqual([
      { apiGroups: ['cid.wi.aks.azure.com'], resources: [CLIENT_ID], verbs: ['use-managed-identity'] },
    ]);
  });

  test('a rolling update has no gap, and a drain leaves one pod', () => {
    const { spec } = ofKind(workloadIdentity, 'Deployment');
    expect(spec).toMatchObject({ replicas: 2, strategy: { rollingUpdate: { maxUnavailable: 0 } } });
    expect(ofKind(workloadIdentity, 'PodDisruptionBudget').spec.maxUnavailable).toBe(1);
  });

  test('the Job runs the check once, may run longer than the check waits, and is deleted later', () => {
    for (const manifests of [check, bindingCheck]) {
      const { spec } = ofKind(manifests, 'Job');
      expect(spec).toMatchObject({ backoffLimit: 0, template: { spec: { restartPolicy: 'Never' } } });
      const { args, command } = spec.template.spec.containers[0];
      // The entrypoint of the image is the service.
      expect(command).toBeUndefined();
      expect(args).toEqual(['--check', '--wait', expect.stringMatching(/^\d+$/)]);
      expect(spec.activeDeadlineSeconds).toBeGreaterThan(2 * Number(args[2]));
      expect(spec.ttlSecondsAfterFinished).toBeGreaterThan(0);
    }
  });

  test('the Job has the same pod as the Deployment, except for the fields that make it a Job', () => {
    const ofJob = structuredClone(template(check).spec);
    const ofDeployment = structuredClone(template(workloadIdentity).spec);
    delete ofJob.restartPolicy;
    delete ofJob.containers[0].args;
    for (const own of ['topologySpreadConstraints', 'terminationGracePeriodSeconds']) delete ofDeployment[own];
    for (const own of ['ports', 'startupProbe', 'readinessProbe', 'livenessProbe', 'lifecycle']) {
      delete ofDeployment.containers[0][own];
    }
    expect(ofJob).toEqual(ofDeployment);
  });

  test('the component for a CA mounts it where NODE_EXTRA_CA_CERTS points', () => {
    for (const folder of ['workload-identity', 'identity-binding', 'check', 'pod-identity']) {
      const { spec } = template(withComponents(folder, 'ca-certificate'));
      const [container] = spec.containers;
      const { value } = container.env.find(({ name }: Manifest) => name === 'NODE_EXTRA_CA_CERTS');
      const mount = container.volumeMounts.find(({ mountPath }: Manifest) => value.startsWith(`${mountPath}/`));
      expect(mount.readOnly).toBe(true);
      expect(spec.volumes).toContainEqual({ name: mount.name, configMap: { name: 'ca-certificate' } });
      // The other variables and volumes are still there.
      expect(container.env).toHaveLength(6);
      expect(spec.volumes).toHaveLength(2);
    }
  });

  test('the component for a digest pins the image, and keeps its tag for people', () => {
    for (const folder of ['workload-identity', 'identity-binding', 'check', 'pod-identity']) {
      const { image } = template(withComponents(folder, 'digest')).spec.containers[0];
      expect(image).toBe(`made-up.example:5000/rgapi:9.9.9@${DIGEST}`);
    }
  });

  // All: another test finds a folder or component that is missing here.
  const FOLDERS = Object.keys(ALL).filter((name) => existsSync(`k8s/${name}/kustomization.yaml`));
  const COMPONENTS = [...components, 'identity-binding'];
  const pairsOf = (names: string[]) =>
    names.flatMap((one, index) => names.slice(index + 1).map((other): [string, string] => [one, other]));
  const idOf = ({ kind, metadata: { name, namespace } }: Manifest) => `${kind} ${namespace} ${name}`;
  const docs = readFileSync('docs/kubernetes.md', 'utf8');

  /** The words with which kustomize refuses a pair of folders. docs/kubernetes.md has each refusal and its reason. */
  const REFUSED_PAIRS: Record<string, string> = {
    'workload-identity identity-binding': 'already registered id',
    'check identity-binding/check': 'already registered id',
  };
  /** The words with which kustomize refuses a component on folders that have no such object, or two. */
  const NEEDED: Record<string, string> = { 'prometheus-operator': 'Service', 'wait-for-identity': 'Deployment' };
  function refusalOf(folders: string[], component: string): string | undefined {
    const kind = NEEDED[component];
    if (kind === undefined) return undefined;
    const count = folders.filter((folder) => ofKind(withComponents(folder), kind)).length;
    return count === 0 ? `nothing selected by ${kind}` : count > 1 ? 'multiple matches for selector' : undefined;
  }

  function expectRefusal(folders: string[], added: string[], refusal: string): void {
    expect(() => overlayOf(folders, added)).toThrow(refusal);
    expect(docs).toContain(refusal);
  }

  test.each(pairsOf(FOLDERS))('one overlay can have %s and %s', (one, other) => {
    const refused = REFUSED_PAIRS[`${one} ${other}`];
    if (refused !== undefined) {
      expectRefusal([one, other], [], refused);
      return;
    }
    const both = overlayOf([one, other], []);
    const apart = [one, other].flatMap((folder) => overlayOf([folder], []));
    expect(both.map(idOf).toSorted()).toEqual(apart.map(idOf).toSorted());
    expect(JSON.stringify(both)).not.toContain('set by settings.env');
    for (const manifest of both) expect(apart).toContainEqual(manifest);
  });

  test.each(FOLDERS.flatMap((folder) => COMPONENTS.map((component): [string, string] => [folder, component])))(
    'on %s, the component %s changes something, or is refused',
    (folder, component) => {
      const refused = refusalOf([folder], component);
      if (refused !== undefined) {
        expectRefusal([folder], [component], refused);
        return;
      }
      const hasNoEffect = component === 'identity-binding' && /^identity-binding|^pod-identity$/.test(folder);
      const isSame = JSON.stringify(withComponents(folder, component)) === JSON.stringify(withComponents(folder));
      expect(isSame).toBe(hasNoEffect);
    },
  );

  // A folder for each kind of pod: Deployment, Job, Pod.
  const KINDS_OF_PODS = ['workload-identity', 'check', 'pod-identity'];
  test.each(KINDS_OF_PODS.flatMap((folder) => pairsOf(COMPONENTS).map((pair) => ({ folder, pair }))))(
    'on $folder, the components $pair.0 and $pair.1 do not disturb each other, or one is refused',
    ({ folder, pair }) => {
      const refused = pair.flatMap((component) => refusalOf([folder], component) ?? [])[0];
      if (refused !== undefined) {
        expectRefusal([folder], pair, 'nothing selected by');
        return;
      }
      const ids = new Set(pair.flatMap((component) => withComponents(folder, component)).map(idOf));
      expect(
        withComponents(folder, ...pair)
          .map(idOf)
          .toSorted(),
      ).toEqual([...ids].toSorted());
      expect(
        withComponents(folder, ...pair.toReversed())
          .map(idOf)
          .toSorted(),
      ).toEqual([...ids].toSorted());
    },
  );

  test.each(Object.keys(NEEDED))('on two folders with a Deployment, the component %s is refused', (component) => {
    const folders = ['workload-identity', 'existing-service-account'];
    expectRefusal(folders, [component], refusalOf(folders, component) ?? '');
  });

  test('everything of an overlay with another namespace moves there, also what a ClusterRoleBinding names', () => {
    const folders = ['identity-binding', 'identity-binding/check'];
    const manifests = overlayOf(folders, components.slice(0, 3), { namespace: 'team-a' });
    for (const { kind, metadata } of manifests) {
      if (!kind.startsWith('ClusterRole')) expect([kind, metadata.namespace]).toEqual([kind, 'team-a']);
    }
    const subjects = [{ kind: 'ServiceAccount', name: 'rgapi', namespace: 'team-a' }];
    expect(ofKind(manifests, 'ClusterRoleBinding').subjects).toEqual(subjects);
    expect(ofKind(identityBinding, 'ClusterRoleBinding').subjects).toEqual([{ ...subjects[0], namespace: 'rgapi' }]);
  });

  test('under an existing service account, only its name and the namespace differ, and two lines are to be changed', () => {
    for (const [folder, own] of [
      ['existing-service-account', 'workload-identity'],
      ['existing-service-account/check', 'check'],
    ]) {
      const text = readFileSync(`k8s/${folder}/kustomization.yaml`, 'utf8');
      expect(text.match(/# change: /g)).toHaveLength(2);
      const expected = kustomize(`k8s/${own}`).filter(({ kind }) => kind !== 'ServiceAccount');
      for (const manifest of expected) {
        manifest.metadata.namespace = 'shop';
        if (runsPods(manifest)) podOf(manifest).spec.serviceAccountName = 'orders';
      }
      expect(kustomize(`k8s/${folder}`)).toEqual(expected);
    }
  });

  test('the component for the Prometheus operator finds the Service, and lets its scraper in', () => {
    const manifests = withComponents('workload-identity', 'prometheus-operator');
    const { spec } = ofKind(manifests, 'ServiceMonitor');
    const service = ofKind(manifests, 'Service');
    expect(selects(spec.selector, service.metadata.labels)).toBe(true);
    expect(service.spec.ports.map(({ name }: Manifest) => name)).toContain(spec.endpoints[0].port);
    const policy = manifests.find(({ metadata }) => metadata.name === 'rgapi-prometheus');
    expect(selects(policy.spec.podSelector, template(manifests).metadata.labels)).toBe(true);
    // The labels that the operator gives its pods.
    const labels = { 'app.kubernetes.io/name': 'prometheus', 'app.kubernetes.io/managed-by': 'prometheus-operator' };
    expect(selects(policy.spec.ingress[0].from[0].podSelector, labels)).toBe(true);
  });

  test("the component that waits runs the pod's container a second time, with the check as arguments", () => {
    const { spec } = template(withComponents('workload-identity', ...components));
    const [container] = spec.containers;
    expect(spec.initContainers).toEqual([
      {
        name: 'wait-for-identity',
        args: ['--check', '--wait', '90'],
        image: container.image,
        env: container.env,
        resources: container.resources,
        securityContext: container.securityContext,
        volumeMounts: container.volumeMounts,
      },
    ]);
  });
});
