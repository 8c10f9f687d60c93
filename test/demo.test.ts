import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { az } from './fake-azure/az.ts';
import { kubectl } from './fake-azure/kubectl.ts';
import { forgetManagedIdentities } from './fake-azure/managed-identities.ts';
import { SCENARIOS, startOf, worldOf } from './fake-azure/scenarios.ts';
import { startDemo, startProcess } from './process.ts';
import { startService } from './service.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** What `curl /` shows in each scenario: the status, and the reason if there is one. */
const SHOWN: Record<string, [status: number, reason?: string]> = {
  'all-well': [200],
  'identity-binding': [200],
  'pod-identity': [200],
  recovers: [200, 'federated-credential-missing'],
  'node-identity': [200],
  'node-annotation': [200],
  'no-webhook': [200, 'webhook-missed'],
  'no-annotation': [200, 'client-id-missing'],
  'no-token-file': [200, 'token-file-missing'],
  'wrong-subject': [200, 'federated-credential-subject'],
  'wrong-client-id': [200, 'client-id-unknown'],
  'clock-skew': [200, 'clock-skew'],
  'no-permission': [200, 'identity-binding-not-permitted'],
  'no-identity': [200, 'identity-not-found'],
  'not-assigned': [200, 'identity-not-found'],
  'not-ready': [200, 'identity-pending'],
  'app-service': [200, 'identity-not-found'],
  'no-login': [200, 'az-not-logged-in'],
  mfa: [200, 'az-not-logged-in'],
  'conditional-access': [200, 'blocked-by-policy'],
  'no-dns': [200, 'dns-failure'],
  intercepted: [502, 'tls-intercepted'],
  proxy: [200, 'imds-proxied'],
  'no-role': [200, 'no-subscription'],
  forbidden: [200, 'not-authorized'],
  'deny-assignment': [200, 'deny-assignment'],
  'wrong-cloud': [200, 'wrong-cloud'],
  throttled: [503, 'throttled'],
  slow: [504, 'timeout'],
  broken: [502, 'broken'],
};

/** The warning of /whoami, for scenarios that work but look wrong. */
const WARNED: Record<string, string> = { 'node-identity': 'node-identity', 'node-annotation': 'node-identity' };

/** The credential that gets the token, for scenarios that work. */
const CREDENTIAL: Record<string, string> = {
  'all-well': 'WorkloadIdentityCredential',
  'identity-binding': 'WorkloadIdentityCredential (identity binding)',
  'pod-identity': 'ManagedIdentityCredential',
  'node-identity': 'ManagedIdentityCredential',
  'node-annotation': 'ManagedIdentityCredential',
};

test('the first lines say that the answers come from a fake Azure, and what to do next', async () => {
  const service = startDemo();
  const url = await service.url();
  expect(service.stdout[0]).toMatch(/^rg-api demo: every answer comes from a fake Azure/);
  expect(service.stdout.slice(0, 8).join('\n')).toMatch(/browser[\s\S]+curl -i[\s\S]+\/whoami[\s\S]+demo -- help/);
  expect(await (await service.get()).json()).toHaveLength(12);
  const page = await (await fetch(url, { headers: { Accept: 'text/html' } })).text();
  expect(page).toContain('<p class="badge">fake Azure: every answer here is made up</p>');
});

test.each(['help', '--help'])('%s lists all scenarios', async (argument) => {
  const { code, stdout } = await startDemo(argument).end();
  expect(code).toBe(0);
  for (const name of Object.keys(SHOWN)) expect(stdout).toContainEqual(expect.stringMatching(`^  ${name} `));
});

test.each(['app-service', 'no-login', 'throttled'])(
  'scenario %s shows its failure in a separate process',
  async (scenario) => {
    const [status, reason] = SHOWN[scenario] ?? [];
    const response = await startDemo(scenario).get();
    expect(response.status).toBe(status);
    expect(response.headers.get('fallback-reason') ?? JSON.parse(await response.text()).reason).toBe(reason);
  },
);

// MSAL chooses the endpoint for managed identities once per process.
const { 'app-service': _, ...IN_ONE_PROCESS } = SCENARIOS;

test.each(Object.entries(IN_ONE_PROCESS))('scenario %s shows what its description says', async (name, scenario) => {
  forgetManagedIdentities();
  const { handlers, environment } = startOf(scenario);
  const { get } = startService(handlers, { ...environment, AZURE_DEADLINE_MS: '4000' });
  const response = await get();
  const body = JSON.parse(await response.text());
  expect([response.status, response.headers.get('Fallback-Reason') ?? body.reason]).toEqual([
    SHOWN[name]?.[0],
    SHOWN[name]?.[1],
  ]);
  const whoami = JSON.parse(await (await get('/whoami')).text());
  const reasons = whoami.reason ?? whoami.warnings.map(({ reason }: { reason: string }) => reason).join();
  expect(reasons).toBe(SHOWN[name]?.[1] ?? WARNED[name] ?? '');
  if (CREDENTIAL[name] !== undefined) expect(whoami.credential).toBe(CREDENTIAL[name]);
});

test('the documentation shows every scenario with its response', () => {
  const files = [
    'README.md',
    ...readdirSync('docs')
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${file}`),
  ];
  const lines = files.flatMap((file) => readFileSync(file, 'utf8').split('\n'));
  for (const [name, [status, reason]] of Object.entries(SHOWN)) {
    const row = lines.find((line) => line.startsWith(`| \`${name}\``));
    expect(row).toContain(String(status));
    if (reason !== undefined) expect(row).toContain(`\`${reason}\``);
  }
});

test('scenario recovers shows a failure and, a minute later, the list', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const { recovers } = SCENARIOS;
  if (!recovers) throw new Error('there is no such scenario');
  const { handlers, environment } = startOf(recovers);
  const { get } = startService(handlers, { ...environment, ANSWER_MAX_AGE_MS: '0' });
  expect((await get()).headers.get('Fallback-Reason')).toBe('federated-credential-missing');
  vi.setSystemTime(Date.now() + 59_000);
  expect((await get()).headers.get('Fallback-Reason')).toBe('federated-credential-missing');
  vi.setSystemTime(Date.now() + 1000);
  expect(await (await get()).json()).toHaveLength(12);
});

test.each([
  ['wrong-subjekt', ' Did you mean wrong-subject?'],
  ['deny', ''],
])('the unknown scenario %s is refused in two lines', async (name, meant) => {
  const { code, stderr } = await startDemo(name).end();
  expect(code).toBe(64);
  expect(stderr).toBe(`rg-api demo: no scenario "${name}".${meant}\nnpm run demo -- help lists all of them.\n`);
});

test('the commands of the page, pasted into the shell of the demo, heal it in a new process', async () => {
  // The SDK reads a proxy's exceptions once for each process.
  const demo = startDemo('proxy');
  const { port } = new URL(await demo.url());
  const { reason, commands } = JSON.parse(await (await demo.get('/whoami')).text());
  expect(reason).toBe('imds-proxied');

  const shell = startProcess(['test/fake-azure/shell.ts'], { PORT: port }, commands.join('\n'));
  expect(await shell.end()).toMatchObject({ code: 0, stdout: ['deployment.apps/rgapi env updated'] });
  await vi.waitFor(async () => expect(await (await fetch(`http://127.0.0.1:${port}`)).json()).toHaveLength(12), {
    timeout: 50_000,
  });
  expect(demo.stdout).toContainEqual(expect.stringMatching(/^demo: this makes a new pod, rgapi-\w+-\w+: the service/));
});

test.each([
  ['kubectl -n rgapi get pods -o name', /^pod\/rgapi-/, ''],
  [
    'kubectl -n rgapi exec deployment/rgapi -- /nodejs/bin/node /app/main.js --check',
    /^$/,
    'error: the kubectl of the demo has no "exec". For the report, run npm run demo -- SCENARIO --check in another terminal.\n',
  ],
  [
    'kubectl -n rgapi port-forward deployment/rgapi 8080',
    /^$/,
    'error: the kubectl of the demo has no "port-forward". The demo needs none: its page is at the address that npm run demo printed.\n',
  ],
  [
    'kubectl describe pod rgapi',
    /^$/,
    'error: the kubectl of the demo has no "describe". It knows what the page prints.\n',
  ],
  ['az group list -o table', /^$/, "ERROR: the az of the demo has no 'group list'. It knows what the page prints.\n"],
])('the tools of the demo answer %s, or say what to do instead', (command, stdout, stderr) => {
  const world = worldOf({ shows: 'all is well' });
  const [tool, ...words] = command.split(' ');
  const ran = tool === 'az' ? az(world, words) : kubectl(world, words, '');
  expect(ran.stdout).toMatch(stdout);
  expect(ran.stderr).toBe(stderr);
});

test('scenario recovers says when it does', async () => {
  const demo = startDemo('recovers', { RECOVERY_SECONDS: '3600' });
  await demo.url();
  expect(demo.stdout).toContainEqual(
    expect.stringMatching(/^demo: the federated credential of rgapi takes effect at \d\d:\d\d:\d\d UTC/),
  );
});

test('the shell of the demo says which demo is missing', async () => {
  const { code, stderr } = await startProcess(['test/fake-azure/shell.ts'], { PORT: '1' }).end();
  expect(code).toBe(69);
  expect(stderr).toMatch(/^rg-api demo: no demo on port 1\. Start it in another terminal: npm run demo/);
});
