import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { HOSTS, makeCertificate } from '../fake-azure/certificate.ts';
import { IDENTITY } from '../fake-azure/tokens.ts';
import { GROUP_COUNT, IDENTITIES } from './azure.ts';
import { apply, askPod, get, isReachable, kubectl } from './kubectl.ts';
import { injectWorkloadIdentity } from './webhook.ts';

const NAMESPACE = 'rgapi';
/** The namespace of the fake Azure. */
const AZURE = 'rgapi-fake-azure';
const { IMAGE, FAKE_AZURE_IMAGE, CI } = process.env;

const missing = !isReachable()
  ? 'kubectl reaches no cluster'
  : IMAGE === undefined || FAKE_AZURE_IMAGE === undefined
    ? 'IMAGE and FAKE_AZURE_IMAGE do not name images that it can pull'
    : undefined;
if (missing) process.stderr.write(`the cluster tests are skipped: ${missing}\n`);

// Manifests and responses of the API server have no types.
// biome-ignore lint/suspicious/noExplicitAny: each test states what it expects
type Manifest = any;

/** The level "restricted", for the pods that the tests add. */
const RESTRICTED = {
  pod: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
  container: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
};

describe.skipIf(missing !== undefined && !CI)('on a cluster', () => {
  const copy = mkdtempSync(join(tmpdir(), 'rg-api-cluster-'));
  /** The address of the fake Azure. */
  let azureAddress = '';
  let hasWebhook = false;
  let isOurs = false;

  beforeAll(async () => {
    const { stdout } = await kubectl(['get', 'namespace', NAMESPACE, AZURE, '--ignore-not-found', '-o', 'name']);
    if (stdout)
      throw new Error(
        `the cluster already has ${stdout.trim().replaceAll('\n', ' and ')}, which the tests would overwrite`,
      );
    isOurs = true;
    hasWebhook = /workload-identity|wi-webhook/.test(
      (await kubectl(['get', 'mutatingwebhookconfigurations', '-o', 'name'])).stdout,
    );
    const { certificate, key } = makeCertificate();
    await kubectl(['create', 'namespace', AZURE]);
    await kubectl(['-n', AZURE, 'create', 'secret', 'tls', 'tls', `--cert=${certificate}`, `--key=${key}`]);
    await kubectl(['apply', '-f', 'k8s/namespace.yaml']);
    await kubectl(['-n', NAMESPACE, 'create', 'configmap', 'ca-certificate', `--from-file=ca.crt=${certificate}`]);

    const metadata = { name: 'azure', namespace: AZURE, labels: { app: 'azure' } };
    await apply(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata,
        spec: { selector: metadata.labels, ports: [{ port: 443, protocol: 'TCP' }] },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata,
        spec: {
          selector: { matchLabels: metadata.labels },
          template: {
            metadata: { labels: metadata.labels },
            spec: {
              securityContext: {
                ...RESTRICTED.pod,
                // Port 443 in the pod as well: a network policy checks the port of the pod, not of the Service.
                sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
              },
              containers: [
                {
                  name: 'azure',
                  image: FAKE_AZURE_IMAGE,
                  args: ['test/cluster/azure.ts', '/tls', '443'],
                  securityContext: RESTRICTED.container,
                  readinessProbe: { tcpSocket: { port: 443 }, periodSeconds: 1 },
                  volumeMounts: [{ name: 'tls', mountPath: '/tls', readOnly: true }],
                },
              ],
              volumes: [{ name: 'tls', secret: { secretName: 'tls' } }],
            },
          },
        },
      },
    );
    await kubectl(['-n', AZURE, 'rollout', 'status', 'deployment/azure', '--timeout=180s']);
    azureAddress = (await get('-n', AZURE, 'service', 'azure')).spec.clusterIP;
  });

  afterAll(async () => {
    rmSync(copy, { recursive: true });
    if (isOurs) await kubectl(['delete', 'namespace', NAMESPACE, AZURE, '--ignore-not-found', '--timeout=180s']);
  });

  /**
   * Renders a folder of k8s/ through a user's overlay, with the CA of the fake Azure and its address for Azure's host names. If the
   * cluster has no webhook, the pods look as if it had changed them.
   */
  function render(
    folder: string,
    settings: { clientId?: string } = {},
    more: { namespace?: string; resources?: string[] } = {},
  ): Manifest[] {
    cpSync('k8s', copy, { recursive: true });
    writeFileSync(
      join(copy, 'settings/settings.env'),
      `CLIENT_ID=${settings.clientId ?? IDENTITIES.rgapi.clientId}\nTENANT_ID=${IDENTITY.tenantId}\nIMAGE=${IMAGE}\n`,
    );
    mkdirSync(join(copy, 'mine'), { recursive: true });
    const hostAliases = [{ ip: azureAddress, hostnames: HOSTS }];
    const patch = [{ op: 'add', path: '/spec/template/spec/hostAliases', value: hostAliases }];
    const overlay = {
      ...more,
      resources: [`../${folder}`, ...(more.resources ?? [])],
      components: ['../components/ca-certificate'],
      patches: [{ target: { kind: 'Deployment|Job' }, patch: JSON.stringify(patch) }],
    };
    writeFileSync(join(copy, 'mine/kustomization.yaml'), JSON.stringify(overlay));
    const yaml = execFileSync('kubectl', ['kustomize', join(copy, 'mine')], { encoding: 'utf8' });
    return parseAllDocuments(yaml).map((document) => mutated(document.toJS()));
  }

  /** Changes a manifest like the webhook, if the cluster has none. */
  function mutated(manifest: Manifest, annotations = ANNOTATIONS): Manifest {
    if (hasWebhook || !['Deployment', 'Job', 'Pod'].includes(manifest.kind)) return manifest;
    if (manifest.kind === 'Pod') return injectWorkloadIdentity(manifest, annotations);
    const template = injectWorkloadIdentity(manifest.spec.template, annotations);
    return { ...manifest, spec: { ...manifest.spec, template } };
  }
  const WITH_IDENTITY = { 'azure.workload.identity/use': 'true' };
  const ANNOTATIONS: Record<string, string> = annotationsOf(IDENTITIES.rgapi.clientId);

  function annotationsOf(clientId: string): Record<string, string> {
    return {
      'azure.workload.identity/client-id': clientId,
      'azure.workload.identity/tenant-id': IDENTITY.tenantId,
    };
  }

  /** The names of the Deployment's pods, without those that are being deleted. */
  async function podNames(): Promise<string[]> {
    const { items } = await get('-n', NAMESPACE, 'pods', '-l', 'app.kubernetes.io/instance=rgapi');
    return items.flatMap(({ metadata }: Manifest) => (metadata.deletionTimestamp ? [] : [metadata.name]));
  }

  const rolledOut = () => kubectl(['-n', NAMESPACE, 'rollout', 'status', 'deployment/rgapi', '--timeout=180s']);

  test('apply works without a warning of Pod Security, and a second apply changes nothing', async () => {
    const manifests = render('workload-identity');
    expect((await apply(...manifests)).stderr).toBe('');
    await rolledOut();
    const generations = async () => {
      const { items } = await get('-n', NAMESPACE, 'deployments,poddisruptionbudgets,networkpolicies');
      return items.map(({ kind, metadata }: Manifest) => `${kind} ${metadata.generation}`);
    };
    const before = await generations();
    // kubectl diff exits with 1 where there is a difference. What apply prints says less: it says "configured" for each disruption
    // budget, because the schema of its selector makes kubectl send a patch without a change.
    const input = manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n');
    expect((await kubectl(['diff', '-f', '-'], input)).stdout).toBe('');
    await apply(...manifests);
    expect(await generations()).toEqual(before);
  });

  test('a healthy start leaves no warning among the events', async () => {
    const { items } = await get('-n', NAMESPACE, 'events', '--field-selector', 'type=Warning');
    expect(items.map(({ involvedObject, message }: Manifest) => `${involvedObject.name}: ${message}`)).toEqual([]);
  });

  test('in another namespace, the cluster role of an identity binding goes to the service account there', async () => {
    const [binding] = render('identity-binding', {}, { namespace: 'team-a' }).filter(
      ({ kind }) => kind === 'ClusterRoleBinding',
    );
    const { stdout } = await kubectl(['apply', '--dry-run=server', '-o', 'json', '-f', '-'], JSON.stringify(binding));
    expect(JSON.parse(stdout).subjects).toEqual([{ kind: 'ServiceAccount', name: 'rgapi', namespace: 'team-a' }]);
  });

  test('one overlay has the Deployment and its Job', async () => {
    const manifests = render('workload-identity', {}, { resources: ['../check'] });
    const input = manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n');
    await kubectl(['apply', '--dry-run=server', '-f', '-'], input);
  });

  test('each pod lists the groups, and says who it is', async () => {
    for (const pod of await podNames()) {
      const [list, whoami] = await askPod(NAMESPACE, pod, ['/', '/whoami']);
      expect(await list?.json()).toHaveLength(GROUP_COUNT);
      const { spec } = await get('-n', NAMESPACE, 'pod', pod);
      expect(await whoami?.json()).toMatchObject({
        credential: 'WorkloadIdentityCredential',
        identity: { clientId: IDENTITIES.rgapi.clientId },
        instance: {
          pod,
          namespace: NAMESPACE,
          serviceAccount: 'rgapi',
          node: spec.nodeName,
          version: packageJson.version,
        },
        warnings: [],
      });
    }
  });

  describe('a pod like those of the Deployment, but with one mistake', () => {
    /** Runs such a pod beside the Deployment, and returns its responses on these paths. */
    async function askFaultyPod(
      name: string,
      paths: string[],
      { labels = {}, annotations }: { labels?: Record<string, string>; annotations?: Record<string, string> },
    ): Promise<Response[]> {
      const serviceAccount = annotations === undefined ? 'rgapi' : name;
      if (annotations !== undefined) {
        const metadata = { name, namespace: NAMESPACE, annotations };
        await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
      }
      const { template } = (await get('-n', NAMESPACE, 'deployment', 'rgapi')).spec;
      const [container] = template.spec.containers;
      const isInjected = ({ name: of }: Manifest) =>
        /^AZURE_(CLIENT_ID|TENANT_ID|FEDERATED_TOKEN_FILE|AUTHORITY_HOST)$|^azure-identity-token$/.test(of);
      const keep = (list: Manifest[]) => list.filter((item) => !isInjected(item));
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name,
          namespace: NAMESPACE,
          // The network policy applies to this pod, the Service does not.
          labels: { ...template.metadata.labels, 'app.kubernetes.io/instance': 'rgapi-check', ...labels },
        },
        spec: {
          ...template.spec,
          topologySpreadConstraints: undefined,
          serviceAccountName: serviceAccount,
          serviceAccount: undefined,
          volumes: keep(template.spec.volumes),
          containers: [{ ...container, env: keep(container.env), volumeMounts: keep(container.volumeMounts) }],
        },
      };
      await apply(mutated(pod, annotations));
      try {
        await kubectl(['-n', NAMESPACE, 'wait', '--for=condition=Ready', '--timeout=120s', `pod/${name}`]);
        return await askPod(NAMESPACE, name, paths);
      } finally {
        await kubectl(['-n', NAMESPACE, 'delete', 'pod', name, '--grace-period=1']);
      }
    }

    test.each([
      ['no-label', 'pod-label-missing', { labels: { 'azure.workload.identity/use': 'false' } }],
      ['no-annotation', 'client-id-missing', { annotations: {} }],
      ['wrong-subject', 'federated-credential-subject', { annotations: annotationsOf(IDENTITIES.rgapi.clientId) }],
      ['wrong-client-id', 'client-id-unknown', { annotations: annotationsOf(IDENTITY.objectId) }],
    ])('%s: the list is empty, and whoami says %s', async (name, reason, mistake) => {
      const [list, whoami] = await askFaultyPod(name, ['/', '/whoami'], mistake);
      expect(await list?.json()).toEqual([]);
      expect(list?.headers.get('Fallback-Reason')).toBe(reason);
      expect(whoami?.status).toBe(503);
      expect(await whoami?.json()).toMatchObject({ reason });
    });

    test('no-role: the list is empty, and whoami warns of no-subscription', async () => {
      const annotations = annotationsOf(IDENTITIES.noRole.clientId);
      const [list, whoami] = await askFaultyPod('no-role', ['/', '/whoami'], { annotations });
      expect(await list?.json()).toEqual([]);
      expect(list?.headers.get('Fallback-Reason')).toBe('no-subscription');
      expect(await whoami?.json()).toMatchObject({ warnings: [{ reason: 'no-subscription' }] });
    });
  });

  /** Runs busy clients of the Service inside the cluster during an action; returns what became of their requests. */
  async function underLoad(name: string, action: () => Promise<unknown>): Promise<{ answered: number; lost: object }> {
    const container = {
      name: 'load',
      image: FAKE_AZURE_IMAGE,
      args: ['test/cluster/load.ts', 'http://rgapi/'],
      securityContext: RESTRICTED.container,
    };
    const spec = { restartPolicy: 'Never', securityContext: RESTRICTED.pod, containers: [container] };
    await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: NAMESPACE }, spec });
    const inNamespace = (...args: string[]) => kubectl(['-n', NAMESPACE, ...args]);
    await inNamespace('wait', '--for=condition=Ready', '--timeout=120s', `pod/${name}`);
    await action();
    await inNamespace('exec', name, '--', 'sh', '-c', 'kill -TERM 1');
    await inNamespace('wait', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s', `pod/${name}`);
    const { stdout } = await inNamespace('logs', name);
    process.stdout.write(`${name}: ${stdout.trim().split('\n').at(-1)}\n`);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  }

  test('a rolling update loses no request of busy keep-alive clients', async () => {
    const before = await podNames();
    const { answered, lost } = await underLoad('load-rollout', async () => {
      await kubectl(['-n', NAMESPACE, 'rollout', 'restart', 'deployment/rgapi']);
      await rolledOut();
      // Wait until the last old pod has drained.
      for (const pod of before) {
        await kubectl(['-n', NAMESPACE, 'wait', '--for=delete', '--timeout=60s', `pod/${pod}`]);
      }
    });
    expect(lost).toEqual({});
    expect(answered).toBeGreaterThan(100);
  });

  test('a drain takes one pod at a time, and loses no request', async () => {
    // The same request as kubectl drain, but without draining a node: the cluster may have only one.
    const evict = (name: string) =>
      kubectl(
        ['create', '--raw', `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`, '-f', '-'],
        JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: NAMESPACE } }),
      );
    const [first = '', second = ''] = await podNames();
    const { lost } = await underLoad('load-drain', async () => {
      await evict(first);
      await expect(evict(second)).rejects.toThrow(/disruption budget/);
      await kubectl(['-n', NAMESPACE, 'wait', '--for=delete', '--timeout=60s', `pod/${first}`]);
      await rolledOut();
      const isAllowed = '--for=jsonpath={.status.disruptionsAllowed}=1';
      await kubectl(['-n', NAMESPACE, 'wait', isAllowed, '--timeout=60s', 'poddisruptionbudget/rgapi']);
      await evict(second);
      await kubectl(['-n', NAMESPACE, 'wait', '--for=delete', '--timeout=60s', `pod/${second}`]);
      await rolledOut();
    });
    expect(lost).toEqual({});
  });

  describe('the Job', () => {
    async function runCheck(change: (job: Manifest) => Manifest): Promise<{ condition: string; log: string }> {
      await apply(...render('check').map(change));
      try {
        const condition = await Promise.any(
          ['complete', 'failed'].map(async (either) => {
            await kubectl(['-n', NAMESPACE, 'wait', `--for=condition=${either}`, '--timeout=200s', 'job/rgapi-check']);
            return either;
          }),
        );
        const { stdout } = await kubectl(['-n', NAMESPACE, 'logs', 'job/rgapi-check']);
        return { condition, log: stdout };
      } finally {
        await kubectl(['-n', NAMESPACE, 'delete', 'job', 'rgapi-check']);
      }
    }

    test('completes if the identity works, and prints a report', async () => {
      const { condition, log } = await runCheck((job) => job);
      expect(condition).toBe('complete');
      expect(log).toContain(IDENTITIES.rgapi.clientId);
    });

    test('fails if the identity does not work, and its log says why', async () => {
      const metadata = { name: 'another', namespace: NAMESPACE, annotations: ANNOTATIONS };
      await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
      const { condition, log } = await runCheck((job) => {
        const failing = structuredClone(job);
        // The federated credential does not name this service account.
        failing.spec.template.spec.serviceAccountName = 'another';
        failing.spec.template.spec.containers[0].args = ['--check'];
        return failing;
      });
      expect(condition).toBe('failed');
      expect(log).toContain('federated-credential-subject');
    });
  });

  describe('the commands of docs/gate.md for other workloads', () => {
    const blocks = [...readFileSync('docs/gate.md', 'utf8').matchAll(/^```sh\n(.+?)^```$/gms)].map(
      ([, block = '']) => block,
    );
    /** The block with these words, in our namespace, and without the scope of another service. */
    const blockWith = (words: string) =>
      (blocks.find((block) => block.includes(words)) ?? '')
        .replaceAll('-n shop', `-n ${NAMESPACE}`)
        .replaceAll(/registry\.example\S+/g, `${IMAGE}`)
        .replace(/ --scope \S+/, '');
    const bash = (script: string) => promisify(execFile)('bash', ['-euc', script]);

    test('kubectl run checks an existing service account, and ends like the check', async () => {
      const metadata = { name: 'orders', namespace: NAMESPACE, annotations: ANNOTATIONS };
      await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
      const block = blockWith('kubectl run idcheck');
      const [, overrides = ''] = /--overrides='(.+?)'/s.exec(block) ?? [];
      // What a user of this cluster would have to add: the CA and the address of the fake Azure.
      const { spec } = mutated({ kind: 'Pod', metadata: { labels: WITH_IDENTITY }, spec: JSON.parse(overrides).spec });
      const [container] = spec.containers;
      const onFakeAzure = {
        ...spec,
        hostAliases: [{ ip: azureAddress, hostnames: HOSTS }],
        volumes: [...(spec.volumes ?? []), { name: 'ca', configMap: { name: 'ca-certificate' } }],
        containers: [
          {
            ...container,
            env: [...(container.env ?? []), { name: 'NODE_EXTRA_CA_CERTS', value: '/etc/ca/ca.crt' }],
            volumeMounts: [...(container.volumeMounts ?? []), { name: 'ca', mountPath: '/etc/ca', readOnly: true }],
          },
        ],
      };
      // The federated credential does not name this service account.
      await expect(bash(block.replace(overrides, () => JSON.stringify({ spec: onFakeAzure })))).rejects.toMatchObject({
        code: 1,
        stdout: expect.stringContaining('federated-credential-subject'),
      });
    });

    test('kubectl debug checks a copy of a running pod', async () => {
      const [pod = ''] = await podNames();
      const { stdout } = await bash(
        blockWith('--copy-to').replace(/^POD=\S+ CONTAINER=\S+/m, `POD=${pod} CONTAINER=rgapi`),
      );
      expect(stdout).toContain(IDENTITIES.rgapi.clientId);
      expect(await podNames()).toContain(pod);
    });
  });

  test('delete removes everything but the namespace', async () => {
    const manifests = render('workload-identity').map((manifest) => JSON.stringify(manifest));
    await kubectl(['delete', '-f', '-', '--timeout=120s'], manifests.join('\n---\n'));
    const kinds = 'deployments,services,poddisruptionbudgets,networkpolicies,jobs,serviceaccounts';
    const { items } = await get('-n', NAMESPACE, kinds, '-l', 'app.kubernetes.io/part-of=rgapi');
    expect(items).toEqual([]);
    expect((await get('namespace', NAMESPACE)).status.phase).toBe('Active');
  });
});
