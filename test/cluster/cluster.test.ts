import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { HOSTS, makeCertificate } from '../fake-azure/certificate.ts';
import { IDENTITY } from '../fake-azure/tokens.ts';
import { FOREIGN, GROUP_COUNT, IDENTITIES } from './azure.ts';
import { apply, askPod, asList, get, isReachable, kubectl } from './kubectl.ts';
import {
  fakeAzure,
  loadPod,
  type Manifest,
  type Mistake,
  onFakeAzure,
  ownerOf,
  podLike,
  serviceAccount,
} from './objects.ts';
import { injectWorkloadIdentity } from './webhook.ts';

const NAMESPACE = 'rgapi';
/** The namespace of the fake Azure. */
const AZURE = 'rgapi-fake-azure';
const NAMESPACES = [NAMESPACE, AZURE, FOREIGN.namespace];
const { IMAGE, FAKE_AZURE_IMAGE, CI } = process.env;

const missing = !isReachable()
  ? 'kubectl reaches no cluster'
  : IMAGE === undefined || FAKE_AZURE_IMAGE === undefined
    ? 'IMAGE and FAKE_AZURE_IMAGE do not name images that it can pull'
    : undefined;
if (missing) process.stderr.write(`the cluster tests are skipped: ${missing}\n`);

const bash = (script: string) => promisify(execFile)('bash', ['-euc', script]);

describe.skipIf(missing !== undefined && !CI)('on a cluster', () => {
  const copy = mkdtempSync(join(tmpdir(), 'rg-api-cluster-'));
  /** The address of the fake Azure. */
  let azureAddress = '';
  let hasWebhook = false;
  let isOurs = false;

  beforeAll(async () => {
    const { stdout } = await kubectl(['get', 'namespace', ...NAMESPACES, '--ignore-not-found', '-o', 'name']);
    if (stdout)
      throw new Error(
        `the cluster already has ${stdout.trim().replaceAll('\n', ' and ')}, which the tests would overwrite`,
      );
    isOurs = true;
    hasWebhook = /workload-identity|wi-webhook/.test(
      (await kubectl(['get', 'mutatingwebhookconfigurations', '-o', 'name'])).stdout,
    );
    const { certificate, key } = makeCertificate();
    await kubectl(['apply', '-f', 'k8s/namespace.yaml']);
    for (const namespace of [AZURE, FOREIGN.namespace]) await kubectl(['create', 'namespace', namespace]);
    await kubectl(['label', 'namespace', FOREIGN.namespace, 'pod-security.kubernetes.io/enforce=restricted']);
    await kubectl(['-n', AZURE, 'create', 'secret', 'tls', 'tls', `--cert=${certificate}`, `--key=${key}`]);
    for (const namespace of [NAMESPACE, FOREIGN.namespace]) {
      await kubectl(['-n', namespace, 'create', 'configmap', 'ca-certificate', `--from-file=ca.crt=${certificate}`]);
    }
    await apply(...fakeAzure(AZURE, FAKE_AZURE_IMAGE));
    await kubectl(['-n', AZURE, 'rollout', 'status', 'deployment/azure', '--timeout=180s']);
    azureAddress = (await get('-n', AZURE, 'service', 'azure')).spec.clusterIP;
  });

  afterAll(async () => {
    rmSync(copy, { recursive: true });
    if (isOurs) await kubectl(['delete', 'namespace', ...NAMESPACES, '--ignore-not-found', '--timeout=180s']);
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

  /** The pod template of the Deployment. */
  const ourTemplate = async () => (await get('-n', NAMESPACE, 'deployment', 'rgapi')).spec.template;
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
    expect((await kubectl(['diff', '-f', '-'], asList(manifests))).stdout).toBe('');
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
    async function askFaultyPod(name: string, paths: string[], mistake: Mistake): Promise<Response[]> {
      const { annotations } = mistake;
      if (annotations !== undefined) await apply(serviceAccount(NAMESPACE, name, annotations));
      const { metadata, spec } = podLike(await ourTemplate(), annotations === undefined ? 'rgapi' : name, mistake);
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name, namespace: NAMESPACE }, spec };
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

    test('a client id from an annotation that the pod does not have is empty, which is told from missing', async () => {
      const fieldPath = "metadata.annotations['azure.workload.identity/client-id']";
      const env = [{ name: 'AZURE_CLIENT_ID', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } }];
      const [whoami] = await askFaultyPod('empty-client-id', ['/whoami'], { env });
      expect(await whoami?.json()).toMatchObject({
        reason: 'client-id-missing',
        problem: expect.stringContaining('AZURE_CLIENT_ID is empty'),
        commands: expect.arrayContaining([expect.stringMatching(/^kubectl set env .+ AZURE_CLIENT_ID-$/)]),
      });
    });

    test.each(['True', 'yes'])('the label "%s" is named while the node answers', async (value) => {
      const [whoami] = await askFaultyPod(`label-${value.toLowerCase()}`, ['/whoami'], {
        // The network policy keeps other pods away from a metadata service.
        labels: { 'azure.workload.identity/use': value, 'app.kubernetes.io/instance': 'rgapi-pod-identity' },
        env: [{ name: 'AZURE_POD_IDENTITY_AUTHORITY_HOST', value: `http://${azureAddress}` }],
      });
      expect(await whoami?.json()).toMatchObject({
        warnings: [{ reason: 'node-identity', problem: expect.stringContaining(`is "${value}", not "true"`) }],
      });
    });
  });

  describe('a pod without the label', () => {
    /** Runs an owner of such pods, and returns the answer of the first one on /whoami. */
    async function askPodOf(kind: Parameters<typeof ownerOf>[0], name: string): Promise<Manifest> {
      const pod = podLike(await ourTemplate(), 'rgapi', { labels: { 'azure.workload.identity/use': undefined } });
      await apply(ownerOf(kind, NAMESPACE, name, pod));
      const pods = ['-n', NAMESPACE, 'pods', '-l', `app=${name}`];
      const isReady = ['--for=condition=Ready', '--timeout=120s'];
      // It fails while there is no pod.
      await vi.waitFor(() => kubectl(['wait', ...pods, ...isReady]), { timeout: 200_000, interval: 1000 });
      const [{ metadata }] = (await get(...pods)).items;
      const [whoami] = await askPod(NAMESPACE, metadata.name, ['/whoami']);
      return whoami?.json();
    }

    test.each([
      { kind: 'DaemonSet', name: 'my-daemonset', patched: 'daemonset.apps/my-daemonset' },
      { kind: 'StatefulSet', name: 'web', patched: 'statefulset.apps/web' },
      { kind: 'CronJob', name: 'nightly-report', patched: 'cronjob.batch/nightly-report' },
    ] as const)('of a $kind: the command patches the $kind', async ({ kind, name, patched }) => {
      try {
        const { reason, commands } = await askPodOf(kind, name);
        expect(reason).toBe('pod-label-missing');
        expect(commands).toHaveLength(1);
        expect((await bash(`${commands[0]} --dry-run=server -o name`)).stdout.trim()).toBe(patched);
      } finally {
        await kubectl(['-n', NAMESPACE, 'delete', kind, name]);
      }
    });

    test('of a Job: there is no command, because the template of a Job cannot be changed', async () => {
      try {
        expect(await askPodOf('Job', 'message-producer')).toMatchObject({
          reason: 'pod-label-missing',
          hint: expect.stringContaining('create the Job again'),
          commands: [],
        });
      } finally {
        await kubectl(['-n', NAMESPACE, 'delete', 'job', 'message-producer']);
      }
    });
  });

  /** Runs busy clients of the Service inside the cluster during an action; returns what became of their requests. */
  async function underLoad(name: string, action: () => Promise<unknown>): Promise<{ answered: number; lost: object }> {
    await apply(loadPod(NAMESPACE, name, FAKE_AZURE_IMAGE));
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
    async function runCheck(...manifests: Manifest[]): Promise<{ condition: string; log: string }> {
      await apply(...manifests);
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

    test('completes if the identity works, and prints a report; one overlay has it and the Deployment', async () => {
      const { condition, log } = await runCheck(...render('workload-identity', {}, { resources: ['../check'] }));
      expect(condition).toBe('complete');
      expect(log).toContain(IDENTITIES.rgapi.clientId);
    });

    test('fails if the identity does not work, and its log says why', async () => {
      await apply(serviceAccount(NAMESPACE, 'another', ANNOTATIONS));
      const [job] = render('check');
      // The federated credential does not name this service account.
      job.spec.template.spec.serviceAccountName = 'another';
      job.spec.template.spec.containers[0].args = ['--check'];
      const { condition, log } = await runCheck(job);
      expect(condition).toBe('failed');
      expect(log).toContain('federated-credential-subject');
    });
  });

  describe('the commands of docs/gate.md for other workloads', () => {
    const blocks = [...readFileSync('docs/gate.md', 'utf8').matchAll(/^```sh\n(.+?)^```$/gms)].map(
      ([, block = '']) => block,
    );
    /** The block with these words, in this namespace. */
    const blockWith = (words: string, namespace: string) =>
      (blocks.find((block) => block.includes(words)) ?? '')
        .replaceAll('-n shop', `-n ${namespace}`)
        .replaceAll(/registry\.example\S+/g, `${IMAGE}`);

    describe('kubectl run', () => {
      /** Runs the line for this service account of a namespace that is not ours. */
      async function idcheck(name: string): Promise<{ stdout: string }> {
        const annotations = annotationsOf(IDENTITIES.foreign.clientId);
        await apply(serviceAccount(FOREIGN.namespace, name, annotations));
        const block = blockWith('kubectl run idcheck', FOREIGN.namespace);
        const [, overrides = ''] = /--overrides='(.+?)'/s.exec(block) ?? [];
        const { spec } = JSON.parse(overrides);
        const labels = { 'azure.workload.identity/use': 'true' };
        const pod = mutated(
          { kind: 'Pod', metadata: { labels }, spec: { ...spec, serviceAccountName: name } },
          annotations,
        );
        // What a user of this cluster would have to add: the CA and the address of the fake Azure.
        return bash(block.replace(overrides, () => JSON.stringify({ spec: onFakeAzure(pod.spec, azureAddress) })));
      }

      test('passes for a service account that its identity trusts', async () => {
        expect((await idcheck(FOREIGN.serviceAccount)).stdout).toContain(IDENTITIES.foreign.clientId);
      });

      test('fails for another one, says why, and ends like the check', async () => {
        await expect(idcheck('another')).rejects.toMatchObject({
          code: 1,
          stdout: expect.stringContaining('federated-credential-subject'),
        });
      });
    });

    test('kubectl debug checks a copy of a running pod', async () => {
      const [pod = ''] = await podNames();
      const { stdout } = await bash(
        blockWith('--copy-to', NAMESPACE).replace(/^POD=\S+ CONTAINER=\S+/m, `POD=${pod} CONTAINER=rgapi`),
      );
      expect(stdout).toContain(IDENTITIES.rgapi.clientId);
      expect(await podNames()).toContain(pod);
    });
  });

  test('delete removes everything but the namespace', async () => {
    await kubectl(['delete', '-f', '-', '--timeout=120s'], asList(render('workload-identity')));
    const kinds = 'deployments,services,poddisruptionbudgets,networkpolicies,jobs,serviceaccounts';
    const { items } = await get('-n', NAMESPACE, kinds, '-l', 'app.kubernetes.io/part-of=rgapi');
    expect(items).toEqual([]);
    expect((await get('namespace', NAMESPACE)).status.phase).toBe('Active');
  });
});
