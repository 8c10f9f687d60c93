import { parse as parseYaml, stringify } from 'yaml';
import { type Flags, type Parsed, parse, type Wording } from './arguments.ts';
import { columns, type Ran, ToolError } from './output.ts';
import {
  type Cluster,
  containerOf,
  createPod,
  type Deployment,
  type KubernetesObject,
  NAMESPACE,
  setVariable,
  type World,
} from './world.ts';

interface Command extends Flags {
  run: (world: World, flags: Parsed, stdin: string) => string;
}

/** The fake kubectl: as strict as the real one about its arguments, with what the service prints and its like. */
export function kubectl(world: World, words: string[], stdin: string): Ran {
  try {
    // What follows `--` is for the container.
    const end = words.indexOf('--');
    const own = verbFirst(end < 0 ? words : words.slice(0, end));
    const [verb = '', second = ''] = own;
    const path = COMMANDS[`${verb} ${second}`] ? `${verb} ${second}` : verb;
    const command = COMMANDS[path];
    if (!command)
      throw refuse(`the kubectl of the demo has no "${verb}". ${INSTEAD[verb] ?? 'It knows what the page prints.'}`);
    const flags = parse(own.slice(path.split(' ').length), withGlobal(command), wording(path));
    const inContainer = end < 0 ? [] : words.slice(end + 1);
    const parsed = { ...flags, positional: [...flags.positional, ...inContainer] };
    return { code: 0, stdout: command.run(world, parsed, stdin), stderr: '' };
  } catch (error) {
    if (error instanceof Nothing) return { code: 0, stdout: '', stderr: `${error.message}\n` };
    if (error instanceof ToolError) return { code: error.code, stdout: '', stderr: `${error.message}\n` };
    throw error;
  }
}

/** What a person who tries the commands of the documentation here can do instead. */
const INSTEAD: Record<string, string> = {
  exec: 'For the report, run npm run demo -- SCENARIO --check in another terminal.',
  'port-forward': 'The demo needs none: its page is at the address that npm run demo printed.',
};

/** `-n NAMESPACE get` means `get -n NAMESPACE`. */
function verbFirst([flag = '', value = '', ...rest]: string[]): string[] {
  return flag === '-n' || flag === '--namespace' ? [...rest, flag, value] : [flag, value, ...rest].filter(Boolean);
}

/** kubectl says so and succeeds. */
class Nothing extends Error {}

const refuse = (message: string) => new ToolError(`error: ${message}`);

const wording = (path: string): Wording => ({
  unknown: ([word]) => refuse(`unknown flag: ${word}\nSee 'kubectl ${path} --help' for usage.`),
  missingValue: (names) => refuse(`flag needs an argument: ${names.split('/')[0]}`),
  missingFlags: ([names]) => refuse(`required flag(s) "${names}" not set`),
});

function withGlobal({ required, optional = '', switches, lists }: Command): Flags {
  return {
    ...(required && { required }),
    optional: `${optional} --namespace/-n --context --kubeconfig --request-timeout`,
    ...(switches && { switches }),
    ...(lists && { lists }),
  };
}

/** Names and short names of the kinds, and the form in which kubectl refers to an object. */
const KINDS: { kind: string; names: string[]; group?: string; isClusterWide?: true }[] = [
  { kind: 'Deployment', names: ['deployment', 'deployments', 'deploy'], group: 'apps' },
  { kind: 'ReplicaSet', names: ['replicaset', 'replicasets', 'rs'], group: 'apps' },
  { kind: 'Job', names: ['job', 'jobs'], group: 'batch' },
  { kind: 'Pod', names: ['pod', 'pods', 'po'] },
  { kind: 'Secret', names: ['secret', 'secrets'] },
  { kind: 'ConfigMap', names: ['configmap', 'configmaps', 'cm'] },
  { kind: 'ServiceAccount', names: ['serviceaccount', 'serviceaccounts', 'sa'] },
  { kind: 'ClusterRole', names: ['clusterrole'], group: 'rbac.authorization.k8s.io', isClusterWide: true },
  {
    kind: 'ClusterRoleBinding',
    names: ['clusterrolebinding'],
    group: 'rbac.authorization.k8s.io',
    isClusterWide: true,
  },
  { kind: 'AzureIdentity', names: ['azureidentity', 'azureidentities'], group: 'aadpodidentity.k8s.io' },
  {
    kind: 'AzureIdentityBinding',
    names: ['azureidentitybinding', 'azureidentitybindings'],
    group: 'aadpodidentity.k8s.io',
  },
  { kind: 'NetworkPolicy', names: ['networkpolicy', 'networkpolicies', 'netpol'], group: 'networking.k8s.io' },
  { kind: 'Node', names: ['node', 'nodes', 'no'], isClusterWide: true },
  {
    kind: 'MutatingWebhookConfiguration',
    names: ['mutatingwebhookconfiguration', 'mutatingwebhookconfigurations'],
    group: 'admissionregistration.k8s.io',
    isClusterWide: true,
  },
];

function kindOf(name: string) {
  const found = KINDS.find(({ names }) => names.includes(name.toLowerCase()));
  if (!found) throw refuse(`the server doesn't have a resource type "${name}"`);
  return found;
}

function inWords({ kind, metadata }: KubernetesObject): string {
  const { names, group } = kindOf(kind);
  return `${names[0]}${group === undefined ? '' : `.${group}`}/${metadata.name}`;
}

const pod = (name: string, namespace: string, labels: Record<string, string>, spec: object): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels },
  spec,
  status: { phase: 'Running' },
});

function objectsOf({ cluster, pod: own }: World): KubernetesObject[] {
  const { deployment, serviceAccounts, objects, node, webhook, metadataService } = cluster;
  return [
    deployment,
    ...serviceAccounts,
    ...objects,
    { apiVersion: 'v1', kind: 'Node', metadata: { name: node } },
    pod(own.name, NAMESPACE, own.labels, { ...deployment.spec.template.spec, nodeName: node }),
    ...(webhook
      ? [pod('azure-wi-webhook-5d8f9c7b6-k2x4p', 'kube-system', { 'azure-workload-identity.io/system': 'true' }, {})]
      : []),
    ...(metadataService === 'nmi' ? [pod('nmi-7xk2p', 'kube-system', { component: 'nmi' }, { nodeName: node })] : []),
  ];
}

function find(world: World, kind: string, name: string | undefined, namespace = 'default'): KubernetesObject {
  const { kind: wanted, group, names, isClusterWide } = kindOf(kind);
  const found = objectsOf(world).find(
    ({ kind: each, metadata }) =>
      each === wanted && metadata.name === name && (isClusterWide || metadata.namespace === namespace),
  );
  if (!found) {
    throw new ToolError(
      `Error from server (NotFound): ${names[1] ?? names[0]}${group === undefined ? '' : `.${group}`} "${name}" not found`,
    );
  }
  return found;
}

/** KIND NAME, or KIND/NAME: the object that they name, and what is left. */
function target(world: World, { positional, one }: Parsed): { object: KubernetesObject; rest: string[] } {
  const [first = '', ...more] = positional;
  const [kind = '', name] = first.split('/');
  const [chosen, rest] = name === undefined ? [more[0], more.slice(1)] : [name, more];
  if (chosen === undefined) throw refuse('resource(s) were provided, but no name was specified');
  return { object: find(world, kind, chosen, one('--namespace')), rest };
}

function deploymentOf(world: World, flags: Parsed): { deployment: Deployment; rest: string[] } {
  const { object, rest } = target(world, flags);
  const { deployment } = world.cluster;
  if (object !== deployment) throw refuse(`could not find a pod template in ${inWords(object)}`);
  return { deployment, rest };
}

/** A change of the template makes a new pod; none makes none. */
function changed(world: World, change: () => void): void {
  const before = JSON.stringify(world.cluster.deployment.spec.template);
  change();
  if (JSON.stringify(world.cluster.deployment.spec.template) !== before) createPod(world);
}

function get(world: World, flags: Parsed): string {
  const raw = flags.one('--raw');
  if (raw !== undefined) return discovery(world.cluster, raw);
  const [kinds = '', ...names] = flags.positional;
  const [, slashName] = kinds.split('/');
  const wanted = kinds.split(',').map((each) => kindOf(each.split('/')[0] ?? ''));
  const namespace = flags.one('--namespace') ?? 'default';
  const isEverywhere = flags.one('--all-namespaces') !== undefined;
  const name = slashName ?? names[0];
  const output = flags.one('--output') ?? '';
  const isTitled = flags.one('--no-headers') === undefined;
  if (name !== undefined) {
    const found = find(world, kinds.split('/')[0] ?? '', name, namespace);
    return show([found], output, isTitled, (each) => each[0]);
  }
  const selector = (flags.one('--selector') ?? '').split(',').filter(Boolean);
  const [, node] = /^spec\.nodeName=(.+)$/.exec(flags.one('--field-selector') ?? '') ?? [];
  const found = objectsOf(world)
    .filter(({ kind }) => wanted.some((each) => each.kind === kind))
    .filter(({ metadata }) => isEverywhere || metadata.namespace === undefined || metadata.namespace === namespace)
    .filter(({ metadata }) =>
      selector.every((each) => metadata.labels?.[each.split('=')[0] ?? ''] === each.split('=')[1]),
    )
    .filter(({ spec }) => node === undefined || Object(spec).nodeName === node);
  if (found.length === 0 && !/^(yaml|json|jsonpath)/.test(output)) {
    throw new Nothing(isEverywhere ? 'No resources found' : `No resources found in ${namespace} namespace.`);
  }
  return show(found, output, isTitled, (items) => ({ apiVersion: 'v1', items, kind: 'List' }));
}

function show(
  found: KubernetesObject[],
  output: string,
  isTitled: boolean,
  document: (found: KubernetesObject[]) => unknown,
): string {
  if (output === 'yaml') return stringify(document(found));
  if (output === 'json') return `${JSON.stringify(document(found), null, 4)}\n`;
  if (output === 'name') return found.map((each) => `${inWords(each)}\n`).join('');
  const [, template] = /^jsonpath=(.*)$/s.exec(output) ?? [];
  if (template !== undefined)
    return template.replace(/\{([^}]*)\}/g, (_, path) => values(document(found), path).join(' '));
  const [, custom] = /^custom-columns=(.+)$/.exec(output) ?? [];
  if (custom === undefined && !['', 'wide'].includes(output)) {
    throw refuse(`unable to match a printer suitable for the output format "${output}"`);
  }
  const shown = (custom ?? 'NAME:.metadata.name').split(',').map((each) => {
    const [title = '', path = ''] = each.split(':');
    return { title, path };
  });
  const titles = isTitled ? [shown.map(({ title }) => title)] : [];
  const cells = found.map((each) => shown.map(({ path }) => values(each, path).join(',') || '<none>'));
  return columns([...titles, ...cells]);
}

/** The values at a path such as `.spec.containers[*].name`. */
function values(data: unknown, path: string): string[] {
  const names = path.replaceAll('[*]', '.*').split('.').filter(Boolean);
  const found = names.reduce<unknown[]>(
    (all, name) =>
      name === '*'
        ? all.flatMap((each) => (Array.isArray(each) ? each : []))
        : all.map((each) => Reflect.get(Object(each), name)).filter((each) => each !== undefined),
    [data],
  );
  return found.map((each) => (typeof each === 'object' ? JSON.stringify(each) : String(each)));
}

function discovery({ issuer }: Cluster, path: string): string {
  if (path !== '/.well-known/openid-configuration') throw new ToolError('Error from server (NotFound): not found');
  return `${JSON.stringify({ issuer, jwks_uri: `${issuer}openid/v1/jwks` })}\n`;
}

/** Merges a patch: members merge, null deletes, and lists are replaced. */
function merge(into: object, patch: unknown): void {
  for (const [key, value] of Object.entries(Object(patch))) {
    const own: unknown = Reflect.get(into, key);
    if (value === null) Reflect.deleteProperty(into, key);
    else if (typeof value === 'object' && !Array.isArray(value)) {
      const inner = typeof own === 'object' && own !== null ? own : {};
      Reflect.set(into, key, inner);
      merge(inner, value);
    } else Reflect.set(into, key, value);
  }
}

function patch(world: World, flags: Parsed): string {
  const { object } = target(world, flags);
  const document: unknown = parseYaml(flags.needed('--patch'));
  const labels = Object(document).spec?.template?.metadata?.labels ?? {};
  const notText = Object.entries(labels).find(([, value]) => typeof value !== 'string');
  if (notText) {
    throw new ToolError(
      `The request is invalid: patch: Invalid value: json: cannot unmarshal ${typeof notText[1]} into Go struct field ObjectMeta.metadata.labels of type string`,
    );
  }
  changed(world, () => merge(object, document));
  return `${inWords(object)} patched\n`;
}

/** KEY=VALUE sets, KEY- removes. */
function annotate(world: World, flags: Parsed): string {
  const { object, rest } = target(world, flags);
  if (rest.length === 0) throw refuse('at least one annotation update is required');
  object.metadata.annotations ??= {};
  const { annotations } = object.metadata;
  for (const each of rest) {
    const [, key = '', value] = /^([^=]+?)(?:=(.*)|-)$/s.exec(each) ?? [];
    if (key === '') throw refuse(`invalid annotation format: ${each}`);
    if (value === undefined) delete annotations[key];
    else {
      if (annotations[key] !== undefined && flags.one('--overwrite') === undefined) {
        throw refuse('--overwrite is false but found the following declared annotation(s)');
      }
      annotations[key] = value;
    }
  }
  return `${inWords(object)} annotated\n`;
}

function setEnvironment(world: World, flags: Parsed): string {
  const { deployment, rest } = deploymentOf(world, flags);
  const container = containerOf(world);
  if (flags.one('--list') !== undefined) {
    const lines = container.env.map(({ name, value, valueFrom }) =>
      valueFrom === undefined
        ? `${name}=${value ?? ''}`
        : `# ${name} from ${valueFrom.secretKeyRef ? `secret ${valueFrom.secretKeyRef.name}, key ${valueFrom.secretKeyRef.key}` : `field path ${valueFrom.fieldRef?.fieldPath}`}`,
    );
    return `${[`# ${inWords(deployment)}, container ${container.name}`, ...lines].join('\n')}\n`;
  }
  if (rest.length === 0) throw refuse('at least one environment variable must be provided');
  const before = JSON.stringify(container.env);
  changed(world, () => {
    for (const each of rest) {
      const [, name = '', value] = /^([A-Za-z_][A-Za-z0-9_]*)(?:=(.*)|-)$/s.exec(each) ?? [];
      if (name === '') throw refuse(`environment variables must be of the form key=value: ${each}`);
      if (value === undefined) container.env = container.env.filter((variable) => variable.name !== name);
      else setVariable(world, name, value);
    }
  });
  return JSON.stringify(container.env) === before ? '' : `${inWords(deployment)} env updated\n`;
}

function setServiceAccount(world: World, flags: Parsed): string {
  const { deployment, rest } = deploymentOf(world, flags);
  const [name] = rest;
  if (name === undefined) throw refuse('serviceaccount is required');
  changed(world, () => {
    deployment.spec.template.spec.serviceAccountName = name;
  });
  return `${inWords(deployment)} serviceaccount updated\n`;
}

function restart(world: World, flags: Parsed): string {
  const { deployment } = deploymentOf(world, flags);
  const { metadata } = deployment.spec.template;
  const key = 'kubectl.kubernetes.io/restartedAt';
  changed(world, () => {
    // The real one writes the time; here two restarts can come in one millisecond.
    metadata.annotations = { ...metadata.annotations, [key]: `${Number(metadata.annotations?.[key] ?? 0) + 1}` };
  });
  return `${inWords(deployment)} restarted\n`;
}

function apply({ cluster }: World, flags: Parsed, stdin: string): string {
  if (flags.one('--filename') !== '-') throw refuse(`the path "${flags.one('--filename')}" does not exist`);
  const document: unknown = parseYaml(stdin);
  const items: unknown[] = Object(document).kind === 'List' ? Object(document).items : [document];
  return items
    .map((item) => {
      const { apiVersion, kind, metadata } = Object(item);
      const { isClusterWide } = kindOf(String(kind));
      const namespace = isClusterWide ? undefined : (flags.one('--namespace') ?? 'default');
      const made = { ...Object(item), apiVersion, kind, metadata: { ...metadata, ...(namespace && { namespace }) } };
      const isSame = (each: KubernetesObject) => each.kind === kind && each.metadata.name === metadata.name;
      const isNew = !cluster.objects.some(isSame);
      cluster.objects = [...cluster.objects.filter((each) => !isSame(each)), made];
      return `${inWords(made)} ${isNew ? 'created' : 'configured'}\n`;
    })
    .join('');
}

/** Replaces the Deployment by what `get` showed of it and somebody edited. */
function replace(world: World, flags: Parsed, stdin: string): string {
  if (flags.one('--filename') !== '-') throw refuse(`the path "${flags.one('--filename')}" does not exist`);
  const { kind, metadata, spec } = Object(parseYaml(stdin));
  const { deployment } = world.cluster;
  if (kind !== deployment.kind || metadata.name !== deployment.metadata.name)
    throw refuse('no objects passed to replace');
  changed(world, () => {
    deployment.spec = spec;
  });
  return `${inWords(deployment)} replaced\n`;
}

/** What the debugging container runs: only the clock of a node can be asked for and set. */
function debug(world: World, flags: Parsed): string {
  const { cluster } = world;
  const command = flags.positional.slice(1).join(' ');
  const date = () => `${new Date(Date.now() - cluster.clockBehindSeconds * 1000).toUTCString()}\n`;
  if (/date -u/.test(command)) {
    const before = date();
    if (/chronyc makestep/.test(command)) {
      cluster.clockBehindSeconds = 0;
      createPod(world);
      return `${before}200 OK\n`;
    }
    return before;
  }
  return '';
}

function canI({ cluster }: World, { positional, one }: Parsed): string {
  const [verb = '', resource = ''] = positional;
  const id = resource.split('.')[0] ?? '';
  const may = cluster.objects.some(({ kind, rules }) => kind === 'ClusterRole' && JSON.stringify(rules).includes(id));
  if (!may || verb === '' || one('--as') === undefined) throw new ToolError('no');
  return 'yes\n';
}

const LISTING = '--output/-o --selector/-l --field-selector';

const COMMANDS: Record<string, Command> = {
  annotate: { switches: '--overwrite --all', run: annotate },
  apply: { required: '--filename/-f', optional: '--validate', switches: '--server-side', run: apply },
  'auth can-i': { optional: '--as', run: canI },
  debug: { optional: '--image --profile', switches: '--attach --stdin/-i --tty/-t -it', run: debug },
  'describe node': { run: ({ cluster }) => `Name: ${cluster.node}\nTaints: <none>\n` },
  get: {
    optional: `${LISTING} --raw`,
    switches: '--all-namespaces/-A --no-headers --show-labels',
    run: get,
  },
  logs: { optional: '--selector/-l --tail --since', switches: '--all-namespaces/-A --prefix', run: () => '' },
  patch: { required: '--patch/-p', optional: '--type', run: patch },
  replace: { required: '--filename/-f', optional: '--validate', run: replace },
  'rollout restart': { run: restart },
  'rollout status': {
    run: (world, flags) =>
      `deployment "${deploymentOf(world, flags).deployment.metadata.name}" successfully rolled out\n`,
  },
  'set env': { switches: '--list --resolve', run: setEnvironment },
  'set serviceaccount': { run: setServiceAccount },
};
