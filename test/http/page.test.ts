import { expect, test } from 'vitest';
import { REASONS } from '../../src/explain/catalogue.ts';
import { CHECK_NAMES } from '../../src/explain/checks.ts';
import { docsPage } from '../../src/http/docs-page.ts';
import { openApi } from '../../src/http/openapi.ts';
import { type PageView, page } from '../../src/http/page.ts';
import { problemsOf } from '../html.ts';
import { FAILING, FAILURE, HEALTHY, WARNING } from './view.ts';

const render = async (view: PageView) => String(await page(view));

/** The text of a page, as a reader sees it. */
async function read(view: PageView): Promise<string> {
  const body = (await render(view)).replace(/^[\s\S]*<body|<script>[\s\S]*/g, '');
  return body
    .replace(/<\/?(a|b|code|span|time|wbr)\b[^>]*>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replace(/\s+/g, ' ');
}

test.each([
  ['without a problem', HEALTHY],
  ['without a token', FAILING],
  ['with a token that may not list', { ...HEALTHY, findings: [FAILURE, WARNING], failure: FAILURE, names: null }],
  ['with a warning', { ...HEALTHY, findings: [WARNING] }],
  ['that was only asked for a token', { ...HEALTHY, names: null, subscription: null }],
  ['with a badge', { ...HEALTHY, badge: 'made up' }],
  ['with an empty subscription', { ...HEALTHY, names: [] }],
  ['with 980 groups', { ...HEALTHY, names: Array.from({ length: 980 }, (_, i) => `rg-${i}`) }],
  ['without a history', { ...HEALTHY, history: [] }],
] satisfies [string, PageView][])('the page of a pod %s is valid HTML', async (_, view) => {
  expect(await problemsOf(await render(view))).toEqual([]);
});

test('/docs is valid HTML', async () => {
  expect(await problemsOf(String(await docsPage(openApi('1.2.3', REASONS, CHECK_NAMES))))).toEqual([]);
});

test('the validator finds invalid HTML', async () => {
  expect(await problemsOf('<!DOCTYPE html>\n<html><p></div></html>')).not.toEqual([]);
});

test('the same view gives the same page', async () => {
  expect(await render(FAILING)).toBe(await render(FAILING));
});

test('it names the pod and the time of its data, and leaves out unknown values', async () => {
  const text = await read(HEALTHY);
  expect(text).toContain('As of 2026-11-24 10:00:06 UTC');
  expect(text).toContain('Pod rgapi-7c9d8b6f5-x2x7k');
  expect(text).toContain('Running since 2026-11-24 09:53:50 UTC');
  expect(text).not.toMatch(/Node|null|undefined/);
});

test('it shows the history of the pod, latest first, each change with its duration', async () => {
  expect(await read(HEALTHY)).toContain(
    'History 09:54:06 3 resource groups for 6 min 09:53:51 identity-not-found for 15 s',
  );
});

test('a list that a doubtful identity sees has the reason for the doubt', async () => {
  const history = [{ at: '2026-11-24T09:59:06.000Z', reason: 'node-identity', resourceGroups: 3 }];
  expect(await read({ ...HEALTHY, history })).toContain('09:59:06 3 resource groups, node-identity for 60 s');
});

test('it shows the latest eight changes of a long history', async () => {
  const history = Array.from({ length: 20 }, (_, i) => ({
    at: new Date(Date.UTC(2026, 10, 24, 9, i)).toISOString(),
    reason: 'throttled',
    resourceGroups: null,
  }));
  const text = await read({ ...HEALTHY, history });
  expect(text.match(/throttled/g)).toHaveLength(8);
  expect(text).toContain('09:19:00 throttled for 41 min 09:18:00 throttled for 60 s');
});

test('a change on another day has its date', async () => {
  const history = [{ at: '2026-11-22T08:00:00.000Z', reason: null, resourceGroups: 1 }];
  expect(await read({ ...HEALTHY, history })).toContain('2026-11-22 08:00:00 UTC 1 resource group for 2 days');
});

test('without a token it shows the claims of the token file', async () => {
  const text = await read(FAILING);
  expect(text).toContain('No federated credential for this service account');
  expect(text).toContain('Configuration in use');
  expect(text).toContain('Issuer https://oidc.example/made-up-cluster/');
  expect(text).toContain('Subject system:serviceaccount:rgapi:rgapi');
  expect(text).toContain('Audience api://AzureADTokenExchange');
  expect(text).toContain('Valid until 2026-11-24 10:54:04 UTC');
});

test('a message that an attempt repeats is not quoted again', async () => {
  const text = await read(FAILING);
  expect(text.match(/No matching federated identity record/g)).toHaveLength(1);
  expect(text).toContain('EnvironmentCredential: unavailable EnvironmentCredential is unavailable.');
  expect(text).toContain('WorkloadIdentityCredential: failed, with the same message as above');
  expect(text).toContain('ManagedIdentityCredential: failed, with the same message as above');
  expect(text).toContain('AzureCliCredential: not-tried');
});

test('each command is a separate block, complete and unchanged', async () => {
  const blocks = (await render(FAILING)).match(/<pre\b.*?<\/pre>/g)?.map((block) => block.replace(/<[^>]+>/g, ''));
  expect(blocks).toEqual([
    'az identity list --query &#39;[].[name,clientId]&#39; -o tsv',
    'kubectl get serviceaccount rgapi -n rgapi -o yaml',
  ]);
});

test.each([
  ['kubectl get pods -n kube-system -l k8s-app=kube-dns -o wide', 'The next command only shows:'],
  ["az identity list --query '[].[clientId,name]' -o table", 'The next command only shows:'],
  ["kubectl patch deployment rgapi -n rgapi --patch 'spec: {}'", ''],
  ['az identity list -o tsv | while read -r group name; do az identity delete -g $group -n $name; done', ''],
  ["read -r name <<< $(az webapp list --query '[].name' -o tsv)", ''],
  ['kubectl rollout restart $WORKLOAD -n $NAMESPACE', 'First, with your values: export WORKLOAD=… NAMESPACE=…'],
  ["az aks list --query '[?name==`$MADE_UP`]'", 'The next command only shows:'],
  ['sudo usermod -aG himds $USER', ''],
  ['kubectl delete pod $POD', 'First, with your values: export POD=…'],
])('the caption of the command %s is "%s"', async (command, caption) => {
  const finding = { ...FAILURE, commands: [command] };
  const [, about = ''] =
    /<p class="caption">(.*?)<\/p><div/.exec(await render({ ...FAILING, findings: [finding] })) ?? [];
  expect(about.replace(/<[^>]+>/g, '')).toBe(caption);
});

test('a value is asked for once', async () => {
  const commands = ['kubectl get pod $POD', `kubectl delete pod \${POD:?} -n $NAMESPACE`];
  const text = await read({ ...FAILING, findings: [{ ...FAILURE, commands }] });
  expect(text.match(/export \S+=…/g)).toEqual(['export POD=…', 'export NAMESPACE=…']);
});

test('a short history says where the earlier one is', async () => {
  expect(await read(HEALTHY)).toContain('A restart, such as a new pod, begins a new history.');
});

test('ids do not wrap', async () => {
  const markup = await render(FAILING);
  const ids = markup.match(/22222222-2222-4222-8222-222222222222/g) ?? [];
  expect(markup.match(/<span class="id">22222222-2222-4222-8222-222222222222<\/span>/g)).toHaveLength(ids.length);
});

test('the page begins with the verdict, then the checks, then what to do', async () => {
  const text = await read(FAILING);
  const parts = [
    FAILURE.title,
    '✓ place passed pod rgapi/rgapi-7c9d8b6f5-x2x7k',
    '✗ token failed login.microsoftonline.com: AADSTS700213',
    '– identity not reached',
    FAILURE.problem,
    FAILURE.hint,
    'kubectl get serviceaccount rgapi -n rgapi -o yaml',
    'documentation',
  ].map((part) => text.indexOf(part));
  expect(parts).not.toContain(-1);
  expect(parts).toEqual(parts.toSorted((one, other) => one - other));
});

test.each([
  ['all is well', HEALTHY, 'healthy', '3 resource groups'],
  ['there is a warning', { ...HEALTHY, findings: [WARNING] }, 'warning', WARNING.title],
  ['there is no list', FAILING, 'failing', FAILURE.title],
  ['only a token was asked for', { ...HEALTHY, names: null, subscription: null }, 'healthy', 'There is a token'],
  ['there is one group', { ...HEALTHY, names: ['rg-1'] }, 'healthy', '1 resource group'],
] satisfies [string, PageView, string, string][])('when %s, the headline says so', async (_, view, state, headline) => {
  const markup = await render(view);
  expect(markup).toContain(`<body class="${state}">`);
  expect(markup.replaceAll('&#39;', "'")).toContain(`<h1>${headline}</h1>`);
});

test('several commands have a button that copies all of them', async () => {
  expect(await read(FAILING)).toContain('Copy all commands');
  expect(await read({ ...HEALTHY, findings: [WARNING] })).not.toContain('Copy');
});

test('the check that fails leads to what is wrong with it, the others lead nowhere', async () => {
  const markup = await render(FAILING);
  expect(markup).toContain('<a href="#finding"><b>token</b></a>');
  expect(markup.match(/<section class="finding fail" id="finding"/g)).toHaveLength(1);
  expect(markup.match(/href="#/g)).toHaveLength(1);
  expect(await render(HEALTHY)).not.toContain('href="#');
});

test('a second finding has its title and an anchor of its own', async () => {
  const checks = FAILING.checks.map((each) =>
    each.name === 'configuration' ? { ...each, status: 'warn' as const, reason: WARNING.reason } : each,
  );
  const view = { ...FAILING, checks, findings: [FAILURE, WARNING] };
  expect(await render(view)).toContain('<a href="#finding-1"><b>configuration</b></a>');
  expect(await read(view)).toContain(`! configuration: ${WARNING.title}`);
});

test('each button says what it copies, shortened at a word', async () => {
  const markup = await render(FAILING);
  expect(markup).toContain('aria-label="Copy: az identity list --query …"');
  expect(markup).toContain('aria-label="Copy: kubectl get serviceaccount rgapi -n …"');
});

test('a long word may break at its joints, and nowhere in a command', async () => {
  const markup = await render(FAILING);
  expect(markup).toContain('<span class="long">system:<wbr>serviceaccount:<wbr>rgapi:<wbr>rgapi</span>');
  for (const [block] of markup.matchAll(/<pre\b.*?<\/pre>/g)) expect(block).not.toContain('<wbr>');
  expect(markup).toContain('<span class="word">serviceaccount</span> <span class="word">rgapi</span>');
});

test('the history comes before the identity, and that before the instance', async () => {
  const ids = [...(await render(HEALTHY)).matchAll(/<section[^>]* id="([^"]+)"/g)].map(([, id]) => id);
  expect(ids).toEqual(['history', 'identity', 'instance', 'groups']);
});

test('what began this second has no duration', async () => {
  const history = [{ at: HEALTHY.asOf, reason: null, resourceGroups: 3 }];
  expect(await read({ ...HEALTHY, history })).toContain('10:00:06 3 resource groups Since');
});

test('a badge is shown if there is one', async () => {
  expect(await read({ ...HEALTHY, badge: 'made up & down' })).toContain('made up &amp; down');
  expect(await render(HEALTHY)).not.toContain('class="badge"');
});

test('links are relative, so they work under a path prefix', async () => {
  const links = [...(await render(HEALTHY)).matchAll(/href="([^"]+)"/g)].map(([, href]) => href);
  expect(links.slice(1)).toEqual(['whoami', 'docs']);
});

test('/docs shows each route with its statuses, headers, schema, example and a link to try it', async () => {
  const document = openApi('1.2.3', REASONS, CHECK_NAMES);
  const markup = String(await docsPage(document));
  for (const [path, { get }] of Object.entries(document.paths)) {
    const [section = ''] = markup.match(new RegExp(`<section id="${get.operationId}"[\\s\\S]*?</section>`)) ?? [];
    expect(section).toContain(`<code>GET ${path}</code>`);
    expect(section).toContain(`href=".${path}"`);
    for (const status of Object.keys(get.responses)) expect(section).toContain(`<code>${status}</code>`);
    expect(section).toContain('Cache-Control');
  }
  expect(markup).toContain('<code>Fallback-Reason</code>');
  expect(markup).toContain('href="#schema-WhoAmI"');
  expect(markup).toContain('rg-shop-orders-prod');
  expect(markup).toContain('rg-api 1.2.3');
  expect(markup).not.toMatch(/<script|`/);
});

test('/docs is closed at first, and its statuses are what a terminal shows', async () => {
  const markup = String(await docsPage(openApi('1.2.3', REASONS, CHECK_NAMES)));
  expect(markup).not.toMatch(/<details[^>]* open/);
  const blocks = [...markup.matchAll(/<pre\b[^>]*><code>(.*?)<\/code><\/pre>/gs)].map(([, text]) => text);
  expect(blocks).toContainEqual(
    expect.stringMatching(
      /^\$ curl -i localhost:8080\/\nHTTP\/1\.1 503 [\s\S]+\nRetry-After: 30\n\n\{[\s\S]+throttled/,
    ),
  );
  for (const line of [
    '$ curl -i localhost:8080/whoami/\nHTTP/1.1 301 Moved Permanently',
    '$ curl -i -X POST localhost:8080/whoami\nHTTP/1.1 405 Method Not Allowed',
    '$ curl -i localhost:8080/nothing\nHTTP/1.1 404 Not Found',
    '$ curl -i localhost:8080/\nHTTP/1.1 200 OK\nContent-Type: application/json',
  ]) {
    expect(blocks.filter((text) => text?.startsWith(line))).toHaveLength(1);
  }
});

test('each anchor that /docs links to exists', async () => {
  const markup = String(await docsPage(openApi('1.2.3', REASONS, CHECK_NAMES)));
  const ids = new Set([...markup.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
  const targets = [...markup.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  expect(targets.length).toBeGreaterThan(10);
  expect(targets.filter((id) => !ids.has(id))).toEqual([]);
});
