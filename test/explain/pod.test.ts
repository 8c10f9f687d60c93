import { describe, expect, test } from 'vitest';
import { explain } from '../../src/explain/explain.ts';
import { type Owner, ownerOf, podFrom } from '../../src/explain/pod.ts';
import { FAMILIES, readCases } from './outcome-files.ts';
import { CLIENT_ID, factsOf, ISSUER, jwt, NOTHING_INJECTED, TENANT_ID, TOKEN_FILE, withoutToken } from './outcomes.ts';
import { at, PLACES } from './places.ts';

describe('the owner of a pod', () => {
  const HASH = { 'pod-template-hash': '76dfdc59dc' };

  test.each<[string, string, Record<string, string> | undefined, ReturnType<typeof ownerOf>]>([
    ['a Deployment', 'orders-76dfdc59dc-lhprq', HASH, { kind: 'Deployment', name: 'orders' }],
    [
      'a Deployment by the form of the name',
      'orders-76dfdc59dc-lhprq',
      undefined,
      { kind: 'Deployment', name: 'orders' },
    ],
    ['a Deployment whose name is cut off', 'a-very-long-name-lhprq', HASH, { kind: 'Deployment' }],
    [
      'a StatefulSet',
      'web-0',
      { 'statefulset.kubernetes.io/pod-name': 'web-0', 'controller-revision-hash': 'web-5f8' },
      { kind: 'StatefulSet', name: 'web' },
    ],
    ['a StatefulSet without visible labels', 'web-0', undefined, undefined],
    [
      'a DaemonSet',
      'my-daemonset-x7k2p',
      { 'controller-revision-hash': '5d8f' },
      { kind: 'DaemonSet', name: 'my-daemonset' },
    ],
    ['a DaemonSet without visible labels', 'my-daemonset-x7k2p', undefined, undefined],
    [
      'a Job',
      'message-producer-x7k2p',
      { 'job-name': 'message-producer', 'batch.kubernetes.io/job-name': 'message-producer' },
      { kind: 'Job', name: 'message-producer' },
    ],
    ['a Job without visible labels', 'message-producer-x7k2p', undefined, undefined],
    [
      'a ScaledJob of KEDA',
      'consumer-bq8vf-x7k2p',
      { 'job-name': 'consumer-bq8vf', 'scaledjob.keda.sh/name': 'consumer' },
      { kind: 'ScaledJob', name: 'consumer' },
    ],
    [
      'a CronJob',
      'nightly-report-29745678-x7k2p',
      { 'job-name': 'nightly-report-29745678' },
      { kind: 'CronJob', name: 'nightly-report' },
    ],
    // Every digit of the schedule is a letter that Kubernetes also generates.
    ['a CronJob without visible labels', 'nightly-report-29745678-x7k2p', undefined, undefined],
    ['a pod of its own', 'rgapi', {}, undefined],
    [
      'a Rollout of Argo',
      'orders-76dfdc59dc-lhprq',
      { 'rollouts-pod-template-hash': '76dfdc59dc' },
      { kind: 'Rollout', name: 'orders' },
    ],
    // Knative undoes changes to the Deployment that it makes.
    [
      'a Service of Knative',
      'hello-00001-deployment-76dfdc59dc-lhprq',
      { ...HASH, 'serving.knative.dev/service': 'hello', 'serving.knative.dev/revision': 'hello-00001' },
      { kind: 'Knative Service', name: 'hello' },
    ],
    ['something else that has labels', 'orders-76dfdc59dc-lhprq', { app: 'orders' }, undefined],
    [
      'a StatefulSet whose name ends like a hash',
      'cache-76dfdc59dc-0',
      { 'statefulset.kubernetes.io/pod-name': 'cache-76dfdc59dc-0', 'controller-revision-hash': 'cache-5f8' },
      { kind: 'StatefulSet', name: 'cache-76dfdc59dc' },
    ],
    // The hash of a template is a number of 32 bits, so nearly always one of eight to ten digits.
    ['a Job whose name ends with a number, without visible labels', 'load-46578-x7k2p', undefined, undefined],
  ])('%s', (_, pod, labels, owner) => {
    expect(ownerOf(pod, labels && new Map(Object.entries(labels)))).toEqual(owner);
  });

  test.each(['serving.knative.dev/service', 'scaledjob.keda.sh/name', 'job-name'])(
    'an empty %s names nothing',
    (label) => {
      expect(ownerOf('orders-x7k2p', new Map([[label, '']]))).toBeUndefined();
    },
  );

  test('a label that is no hash is no pattern', () => {
    expect(ownerOf('orders-76dfdc59dc-lhprq', new Map([['pod-template-hash', '.*']]))).toBeUndefined();
  });
});

describe('what a manifest without the Downward API leaves visible', () => {
  test('the mounted token of the service account and the host name say who the pod is', async () => {
    const claims = {
      sub: 'system:serviceaccount:shop:orders',
      'kubernetes.io': {
        namespace: 'shop',
        node: { name: 'aks-nodepool1-12345678-vmss000000' },
        pod: { name: 'orders-76dfdc59dc-lhprq' },
        serviceaccount: { name: 'orders' },
      },
    };
    const { pod } = await factsOf({
      files: { '/var/run/secrets/kubernetes.io/serviceaccount/token': jwt(claims) },
    });
    expect(pod).toEqual({
      name: 'orders-76dfdc59dc-lhprq',
      namespace: 'shop',
      serviceAccount: 'orders',
      node: 'aks-nodepool1-12345678-vmss000000',
      owner: { kind: 'Deployment', name: 'orders' },
    });
  });

  test('without a mounted token, the host name is the name of the pod', () => {
    const pod = podFrom({ env: { HOSTNAME: 'web-0' }, labels: undefined, subject: undefined, claims: undefined });
    expect(pod).toEqual({ name: 'web-0' });
  });
});

/** Manifests as people write them: what the pod sees, and the reason and commands that it gets. */
describe('a manifest', () => {
  const names = { POD_NAMESPACE: 'shop', POD_SERVICE_ACCOUNT: 'orders' };
  const claims = { iss: ISSUER, sub: 'system:serviceaccount:shop:orders', aud: 'api://AzureADTokenExchange' };
  const injected = {
    ...names,
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
    AZURE_FEDERATED_TOKEN_FILE: TOKEN_FILE,
    AZURE_TENANT_ID: TENANT_ID,
  };
  const files = { [TOKEN_FILE]: jwt(claims) };
  /** A pod may be of a ReplicaSet or a Job, whose own owner is the one to change. */
  const OWNERS =
    "kubectl get pods,replicasets,jobs -n shop -o custom-columns='NAMESPACE:.metadata.namespace,NAME:.metadata.name,KIND:.metadata.ownerReferences[0].kind,WORKLOAD:.metadata.ownerReferences[0].name'";
  const PATCH = `--patch 'spec: {template: {metadata: {labels: {azure.workload.identity/use: !!str true}}}}'`;

  test.each<{
    title: string;
    env?: Record<string, string>;
    labels?: Record<string, string>;
    files?: Record<string, string>;
    reason: string;
    says: string;
    commands: string[];
  }>([
    {
      title: 'with the label on the Deployment only',
      env: { ...names, POD_NAME: 'orders-76dfdc59dc-lhprq' },
      labels: { app: 'orders', 'pod-template-hash': '76dfdc59dc' },
      reason: 'pod-label-missing',
      says: 'not only on the Deployment',
      commands: [`kubectl patch deployment orders -n shop ${PATCH}`],
    },
    {
      title: 'with the annotations on the pod of a DaemonSet',
      env: { ...names, POD_NAME: 'my-daemonset-x7k2p', AZURE_CLIENT_ID: CLIENT_ID },
      labels: { 'controller-revision-hash': '5d8f' },
      reason: 'pod-label-missing',
      says: 'not only on the DaemonSet',
      commands: [`kubectl patch daemonset my-daemonset -n shop ${PATCH}`],
    },
    {
      title: 'with the label "True" on a StatefulSet',
      env: { ...names, POD_NAME: 'web-0' },
      labels: { 'statefulset.kubernetes.io/pod-name': 'web-0', 'azure.workload.identity/use': 'True' },
      reason: 'pod-label-missing',
      says: '"True", not "true"',
      commands: [`kubectl patch statefulset web -n shop ${PATCH}`],
    },
    {
      title: 'of a Job without the label',
      env: { ...names, POD_NAME: 'message-producer-x7k2p' },
      labels: { 'job-name': 'message-producer' },
      reason: 'pod-label-missing',
      says: 'create the Job again',
      commands: [],
    },
    {
      title: 'of a ScaledJob of KEDA without the label',
      env: { ...names, POD_NAME: 'consumer-bq8vf-x7k2p' },
      labels: { 'job-name': 'consumer-bq8vf', 'scaledjob.keda.sh/name': 'consumer' },
      reason: 'pod-label-missing',
      says: '(spec.jobTargetRef.template.metadata.labels), not only on the ScaledJob',
      commands: [],
    },
    {
      title: 'of a Rollout of Argo without the label',
      env: { ...names, POD_NAME: 'orders-76dfdc59dc-lhprq' },
      labels: { 'rollouts-pod-template-hash': '76dfdc59dc' },
      reason: 'pod-label-missing',
      says: '(spec.template.metadata.labels), not only on the Rollout',
      commands: [],
    },
    {
      title: 'of a Service of Knative with the label in a wrong place of the chart',
      env: { ...names, POD_NAME: 'hello-00001-deployment-76dfdc59dc-lhprq' },
      labels: { 'pod-template-hash': '76dfdc59dc', 'serving.knative.dev/service': 'hello', podLabels: '' },
      reason: 'pod-label-missing',
      says: 'not only on the Knative Service',
      commands: [],
    },
    {
      title: 'of a pod of its own without the label',
      env: { ...names, POD_NAME: 'orders' },
      labels: { app: 'orders' },
      reason: 'pod-label-missing',
      says: 'not only on the workload itself',
      commands: [OWNERS, `kubectl patch $WORKLOAD -n shop ${PATCH}`],
    },
    {
      title: 'with the label on the service account, and a second container without our variables',
      env: { HOSTNAME: 'orders-76dfdc59dc-lhprq' },
      files: {
        '/var/run/secrets/kubernetes.io/serviceaccount/token': jwt({ sub: 'system:serviceaccount:shop:orders' }),
      },
      reason: 'webhook-missed',
      says: 'not visible',
      commands: [`kubectl patch deployment orders -n shop ${PATCH}`],
    },
    {
      title: 'with the client id as an annotation of the Deployment',
      env: { ...injected, POD_NAME: 'orders-76dfdc59dc-lhprq' },
      labels: { 'pod-template-hash': '76dfdc59dc', 'azure.workload.identity/use': 'true' },
      files,
      reason: 'client-id-missing',
      says: 'the service account shop/orders had no annotation',
      commands: ['kubectl rollout restart deployment orders -n shop'],
    },
    {
      title: 'of a CronJob without the label',
      env: { ...names, POD_NAME: 'nightly-29745678-x7k2p' },
      labels: { 'job-name': 'nightly-29745678' },
      reason: 'pod-label-missing',
      says: 'not only on the CronJob',
      commands: [
        `kubectl patch cronjob nightly -n shop --patch 'spec: {jobTemplate: {spec: {template: {metadata: {labels: {azure.workload.identity/use: !!str true}}}}}}'`,
      ],
    },
    {
      title: 'without visible labels, of an owner that cannot be known',
      env: { ...names, POD_NAME: 'message-producer-x7k2p' },
      reason: 'webhook-missed',
      says: 'not visible',
      commands: [
        'kubectl get pods -A -l azure-workload-identity.io/system=true',
        OWNERS,
        `kubectl patch $WORKLOAD -n shop ${PATCH}`,
        'kubectl rollout restart $WORKLOAD -n shop',
      ],
    },
    {
      title: 'with an empty AZURE_CLIENT_ID, from an annotation that is not there',
      env: { ...injected, POD_NAME: 'orders-76dfdc59dc-lhprq', AZURE_CLIENT_ID: '' },
      labels: { 'pod-template-hash': '76dfdc59dc', 'azure.workload.identity/use': 'true' },
      files,
      reason: 'client-id-missing',
      says: 'empty',
      commands: ['kubectl set env deployment orders -n shop AZURE_CLIENT_ID-'],
    },
    {
      title: 'with the service account default',
      env: { ...injected, POD_NAME: 'orders-76dfdc59dc-lhprq', POD_SERVICE_ACCOUNT: 'default' },
      labels: { 'pod-template-hash': '76dfdc59dc', 'azure.workload.identity/use': 'true' },
      files,
      reason: 'client-id-missing',
      says: 'serviceAccountName',
      commands: [
        'kubectl get serviceaccounts -n shop -o yaml',
        'kubectl set serviceaccount deployment orders $SERVICE_ACCOUNT -n shop',
      ],
    },
  ])('$title', async ({ env = {}, labels, files: content, reason, says, commands }) => {
    const place = { env, ...(labels && { labels }), ...(content && { files: content }) };
    const { failure, checks } = explain(await withoutToken(place, NOTHING_INJECTED));
    expect(failure?.reason).toBe(reason);
    expect(`${failure?.problem} ${failure?.hint}`).toContain(says);
    expect(failure?.commands).toEqual(commands.length === 0 ? [] : expect.arrayContaining(commands));
    expect(checks.find(({ status }) => status === 'fail')).toMatchObject({ name: 'configuration', reason });
  });

  test.each([
    ['true', 429, 'webhook-missed', 'configuration'],
    ['true', 500, 'webhook-missed', 'configuration'],
    ['false', 429, 'imds-refused', 'identity-provider'],
  ])('with the label "%s" and a fault of its node (%i): %s', async (label, status, reason, name) => {
    const exchange = { host: '169.254.169.254', status, contentType: 'application/json', body: '{"error":"made up"}' };
    const attempts = NOTHING_INJECTED.map((attempt) => ({ ...attempt, ...(attempt.exchange && { exchange }) }));
    const { failure, checks } = explain(
      await withoutToken({ labels: { 'azure.workload.identity/use': label } }, attempts),
    );
    expect(failure?.reason).toBe(reason);
    expect(checks.find((check) => check.status === 'fail')).toMatchObject({ name, reason });
  });

  // `kubectl set` and `kubectl rollout` know no custom resources.
  test.each([
    ['Job', { 'job-name': 'orders' }],
    ['ScaledJob', { 'scaledjob.keda.sh/name': 'orders' }],
    ['Rollout', { 'rollouts-pod-template-hash': '76dfdc59dc' }],
    ['Knative Service', { 'serving.knative.dev/service': 'orders' }],
  ])('of a %s: no command tries to change or restart it', async (kind, label) => {
    const place = {
      env: { ...injected, POD_NAME: 'orders-76dfdc59dc-lhprq', AZURE_CLIENT_ID: '' },
      labels: { ...label, 'azure.workload.identity/use': 'true' },
      files,
    };
    const outcome = await withoutToken(place, NOTHING_INJECTED);
    expect(outcome.facts.pod?.owner?.kind).toBe(kind);
    const { failure } = explain(outcome);
    expect(failure?.reason).toBe('client-id-missing');
    expect(failure?.commands.filter((line) => /^kubectl (set|patch|rollout)\b/.test(line))).toEqual([]);
  });

  test.each(['Job', 'ScaledJob', 'Rollout', 'Knative Service'] as const)(
    'of a %s: no command for any failure does',
    (kind) => {
      expect(linesFor(kind).filter((line) => CHANGE.test(line))).toEqual([]);
    },
  );

  test('of a CronJob: every command looks for the pod template where a CronJob has it', () => {
    const lines = linesFor('CronJob');
    expect(lines.filter((line) => /'spec: \{template|\{\.spec\.template|rollout restart/.test(line))).toEqual([]);
    expect(lines.filter((line) => line.includes('{.spec.jobTemplate.spec.template.spec.'))).not.toEqual([]);
  });

  test('of a Knative Service: no command is about a service of Kubernetes', () => {
    const lines = linesFor('Knative Service');
    expect(lines.filter((line) => /\bknative service\b/.test(line))).toEqual([]);
    expect(lines.filter((line) => /kubectl get services\.serving\.knative\.dev orders /.test(line))).not.toEqual([]);
  });
});

/** Changes what made the pod, instead of showing it. */
const CHANGE =
  /kubectl (patch|replace|rollout|set (serviceaccount|env)) (?!.*--list)(\S+ )?(\$WORKLOAD|job|scaledjob|rollout|knative|services\.)/;

/** The commands for every recorded failure, had it happened in a pod of this kind of owner. */
function linesFor(kind: Owner['kind']): string[] {
  const pod = { ...PLACES['pod']?.pod, owner: { kind, name: 'orders' } };
  const outcomes = FAMILIES.flatMap((family) => readCases(family).map(({ outcome }) => outcome));
  return outcomes.flatMap((outcome) => {
    const { failure, warnings } = explain(at({ ...PLACES['pod'], pod }, outcome));
    return [...(failure ? [failure] : []), ...warnings].flatMap(({ commands }) => commands);
  });
}
