import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import { SCRIPT } from './page-script.ts';
import { ICON, STYLE } from './page-style.ts';

/** What the page shows. */
export interface PageView {
  /** ISO 8601. */
  asOf: string;
  checks: readonly { name: string; status: 'pass' | 'warn' | 'fail' | 'skip'; summary: string; reason?: string }[];
  /** What is wrong, the failure first; empty if everything works. */
  findings: readonly Finding[];
  /** Why there is no list; null if there is one. */
  failure: Finding | null;
  /** Who the token says we are; null without a token. */
  identity: {
    type: string | null;
    tenantId: string | null;
    objectId: string | null;
    clientId: string | null;
    managedIdentityResourceId?: string;
    credential: string;
  } | null;
  expiresOn: string | null;
  subscription: { id: string; name: string | null } | null;
  /** The names of the resource groups; null without a list. */
  names: readonly string[] | null;
  facts: {
    projectedToken?: { file: string; problem?: string; iss?: string; sub?: string; aud?: string[]; exp?: string };
    variables: Record<string, string>;
  };
  attempts: readonly { name: string; outcome: string; message: string }[];
  instance: {
    pod: string | null;
    namespace: string | null;
    serviceAccount: string | null;
    node: string | null;
    version: string;
    startedAt: string;
  };
  history: readonly { at: string; reason: string | null; resourceGroups: number | null }[];
  /** A remark that nobody must overlook. */
  badge?: string | undefined;
  /** The other routes, relative to this one, such as `whoami`. */
  links: readonly string[];
}

interface Finding {
  reason: string;
  title: string;
  problem: string;
  hint: string;
  commands: readonly string[];
  detail: string;
  documentation?: string;
}

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** A longer list is set in small type. */
const MANY_GROUPS = 100;
/** A longer list has a filter. */
const FILTERED_GROUPS = 20;

/** The latest changes; /whoami has more. */
const CHANGES_SHOWN = 8;

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Pages may only use their own style and script, by hash, and fetch themselves again. curl needs none of this. */
export const PAGE_HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    `style-src ${hashOf(STYLE)}`,
    `script-src ${hashOf(SCRIPT)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
};

/** `GET /` for a browser: the same as the JSON, who sees it, and what to do. Everything that comes from Azure is escaped. */
export function page(view: PageView): Html {
  const { findings, failure, instance, asOf, names } = view;
  const [title, subtitle] = headline(view);
  const state = failure ? 'failing' : findings.length > 0 ? 'warning' : 'healthy';
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title} · rg-api</title>
<link rel="icon" href="${ICON}">
<style>${raw(STYLE)}</style>
</head>
<body class="${state}">
<header>
${view.badge && html`<p class="badge">${view.badge}</p>`}
<div class="headline"><div role="status"><h1>${title}</h1><p class="lead">${subtitle}</p></div>
<p id="as-of">As of ${moment(asOf)}</p></div>
<noscript><p>This page does not refresh itself without scripts. Reload it to see changes.</p></noscript>
<p class="lost" role="alert">Connection lost. Retrying… If this is a port-forward, start kubectl port-forward again.</p>
</header>
<main>
<ol class="checks" aria-label="Checks">${view.checks.map((each) => check(each, findings))}</ol>
${findings.map((each, i) => finding(each, i, view))}
<div class="cards" id="cards">
${view.history.length > 0 && history(view)}
${view.identity ? identity(view.identity, view) : configuration(view.facts)}
${instanceCard(view)}
</div>
${!view.identity && attempts(view, findings[0]?.detail ?? '')}
${names && groups(names)}
</main>
<footer>
<span>rg-api ${instance.version}</span>
<nav aria-label="Other routes">${view.links.map((path) => html`<a href="${path}">/${path}</a>`)}</nav>
</footer>
<script>${raw(SCRIPT)}</script>
</body>
</html>
`;
}

function headline({ findings, identity, subscription, names }: PageView): [title: string, subtitle: string | Html] {
  const seen = names === null ? '' : count(names.length);
  const where = subscription && html` in ${unbroken(subscription.name ?? subscription.id)}`;
  const by = identity && html`Seen by ${identity.credential}${where}`;
  const [first] = findings;
  if (!first) return [seen || 'There is a token', by ?? ''];
  return [first.title, html`${first.reason}${seen !== '' && `, ${seen}`}`];
}

/** The marks are text, so that they are there without colors, too. */
const MARKS = { pass: '✓', warn: '!', fail: '✗', skip: '–' } as const;
/** The summary of a skipped check says why. */
const STATUS_WORDS = { pass: 'passed', warn: 'warning', fail: 'failed', skip: '' } as const;

type Check = PageView['checks'][number];

/** A link of the chain, which leads to what is wrong with it. */
function check({ name, status, summary, reason }: Check, findings: readonly Finding[]): Html {
  const index = reason === undefined ? -1 : findings.findIndex((each) => each.reason === reason);
  const title = html`<b>${name}</b>`;
  return html`<li class="${status}">${mark(status)} ${index < 0 ? title : html`<a href="#${findingId(index)}">${title}</a>`} <span class="status">${STATUS_WORDS[status]}</span> <span class="summary">${unbroken(summary)}</span></li>
`;
}

function mark(status: Check['status']): Html {
  return html`<span class="mark" aria-hidden="true">${MARKS[status]}</span>`;
}

const findingId = (index: number) => (index === 0 ? 'finding' : `finding-${index}`);

function finding(about: Finding, index: number, { checks, failure }: PageView): Html {
  const { reason, title, problem, hint, commands, documentation, detail } = about;
  const id = findingId(index);
  const status = reason === failure?.reason ? 'fail' : 'warn';
  const broken = checks.find((each) => each.reason === reason)?.name;
  // The title of the first one is the headline of the page.
  const heading = [broken, index > 0 || broken === undefined ? title : STATUS_WORDS[status]].filter(Boolean);
  const link = documentation && html` · <a href="${documentation}" rel="noreferrer">documentation</a>`;
  const copyAll = html`<button type="button" class="copy-all">Copy all commands</button>`;
  return html`<section class="finding ${status}" id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${mark(status)} ${heading.join(': ')}</h2>
<p class="problem">${unbroken(problem)}</p>
<p class="hint">${unbroken(hint)}</p>
${commands.map(block)}
${commands.length > 1 && copyAll}
<p><code class="reason">${reason}</code>${link}</p>
${detail !== '' && html`<p class="detail">${unbroken(detail)}</p>`}</section>
`;
}

/** A command wraps at its spaces; a longer word scrolls. */
function block(command: string, index: number, commands: readonly string[]): Html {
  const words = command.split(' ').map((word, i) => html`${i > 0 && ' '}<span class="word">${word}</span>`);
  return html`${caption(command, commands.slice(0, index))}<div class="block"><pre tabindex="0"><code>${words}</code></pre><button type="button" class="copy" aria-label="Copy: ${beginning(command)}">Copy</button></div>
`;
}

/** One call that only reads: no other program gets its output, and it expands nothing. */
const READS = /^(kubectl (get|logs|describe|auth can-i)|az( [a-z-]+)* (list|show))\b[^;&|$]*$/;

/** What a person wonders about before running a command: which values it needs, or whether it changes anything. */
function caption(command: string, before: readonly string[]): Html | false {
  const asked = new Set(before.flatMap(openVariables));
  const names = openVariables(command).filter((name) => !asked.has(name));
  if (names.length > 0) {
    return html`<p class="caption">First, with your values: <code>export ${names.map((name) => `${name}=…`).join(' ')}</code></p>`;
  }
  return READS.test(unquoted(command)) && html`<p class="caption">The next command only shows:</p>`;
}

/** The variables in capitals, which nobody could look up. */
function openVariables(command: string): string[] {
  return [...new Set(unquoted(command).match(/(?<=\$\{?)(?!(?:USER|HOME)\b)[A-Z][A-Z0-9_]*/g))];
}

/** Without what bash does not expand. */
function unquoted(command: string): string {
  return command.replaceAll(/'[^']*'/g, '');
}

const NAME_LENGTH = 40;

/** Enough of a command to tell its button from the others. */
function beginning(command: string): string {
  return command.length <= NAME_LENGTH ? command : `${command.slice(0, NAME_LENGTH).replace(/ \S*$/, '')} …`;
}

function count(groups: number): string {
  return `${groups} resource ${groups === 1 ? 'group' : 'groups'}`;
}

/** What the credentials used. */
function configuration({ projectedToken, variables }: PageView['facts']): Html | false {
  const ids = [entry('Client id', variables['AZURE_CLIENT_ID']), entry('Tenant', variables['AZURE_TENANT_ID'])];
  if (!projectedToken && !ids.some(Boolean)) return false;
  const { file, problem, iss, sub, aud, exp } = projectedToken ?? {};
  return html`<section id="configuration" aria-labelledby="configuration-title"><h2 id="configuration-title">Configuration in use</h2><dl>
${entry('Token file', file)}
${entry('Problem', problem)}
${entry('Issuer', iss)}
${entry('Subject', sub)}
${entry('Audience', aud?.join(', '))}
${exp !== undefined && html`<dt>Valid until</dt><dd>${moment(exp)}</dd>`}
${ids}
</dl></section>`;
}

/** What each credential said. A message that is already on the page is not quoted again. */
function attempts({ attempts }: PageView, detail: string): Html | false {
  if (attempts.length === 0) return false;
  const items = attempts.map(({ name, outcome, message }, i) => {
    const isRepeated = [detail, attempts[i - 1]?.message ?? ''].some(
      (shown) => withoutIds(shown) === withoutIds(message),
    );
    const quote = html`<br><span class="detail">${unbroken(message)}</span>`;
    return html`<li><code>${name}</code>: ${outcome}${message !== '' && (isRepeated ? ', with the same message as above' : quote)}</li>`;
  });
  return html`<section id="attempts" aria-labelledby="attempts-title"><h2 id="attempts-title">Credentials asked for a token</h2>
<ol class="attempts">${items}</ol></section>`;
}

/** A message without ids and times, which differ for each request. */
function withoutIds(message: string): string {
  return message.replace(GUID, '').replace(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ/g, '');
}

function identity(claims: NonNullable<PageView['identity']>, { expiresOn, subscription }: PageView): Html {
  return html`<section id="identity" aria-labelledby="identity-title"><h2 id="identity-title">Identity</h2><dl>
<dt>Token from</dt><dd>${claims.credential}</dd>
${expiresOn && html`<dt>Valid until</dt><dd>${moment(expiresOn)}</dd>`}
${entry('Type', claims.type)}
${entry('Client id', claims.clientId)}
${entry('Object id', claims.objectId)}
${entry('Tenant', claims.tenantId)}
${entry('Resource', claims.managedIdentityResourceId)}
${entry('Subscription', subscription?.name)}
${entry('Subscription id', subscription?.id)}
</dl></section>`;
}

function instanceCard(view: PageView): Html {
  const { pod, namespace, serviceAccount, node, version, startedAt } = view.instance;
  return html`<section id="instance" aria-labelledby="instance-title"><h2 id="instance-title">This instance</h2><dl>
${entry('Pod', pod)}
${entry('Namespace', namespace)}
${entry('Service account', serviceAccount)}
${entry('Node', node)}
${entry('Version', version)}
<dt>Running since</dt><dd>${moment(startedAt)}</dd>
</dl></section>`;
}

/** What the service has seen, the latest first, because an audience watches that. */
function history({ history, asOf }: PageView): Html {
  const items = history.map(({ at, reason, resourceGroups }, i) => {
    const seconds = Math.max(0, Math.round((Date.parse(history[i + 1]?.at ?? asOf) - Date.parse(at)) / 1000));
    const groups =
      resourceGroups !== null && html`<b class="${reason === null ? 'good' : 'doubtful'}">${count(resourceGroups)}</b>`;
    const outcome = [groups, groups && reason && ', ', reason && html`<code class="reason">${reason}</code>`];
    const isToday = at.slice(0, 10) === asOf.slice(0, 10);
    const time = isToday ? html`<time datetime="${at}">${at.slice(11, 19)}</time>` : moment(at);
    const lasted = seconds > 0 && html` for\u00a0${duration(seconds)}`;
    return html`<li>${time} ${outcome}${lasted}</li>\n`;
  });
  return html`<section id="history" aria-labelledby="history-title"><h2 id="history-title">History</h2>
<ol class="history" reversed>${items.reverse().slice(0, CHANGES_SHOWN)}</ol>
<p class="caption">Since this process started. A restart, such as a new pod, begins a new history.</p></section>`;
}

function groups(names: readonly string[]): Html {
  const filter = html`<p class="filter"><label for="filter">Filter</label> <input type="search" id="filter" autocomplete="off" spellcheck="false"> <output id="matches" for="filter"></output></p>`;
  return html`<section id="groups" aria-labelledby="groups-title"><h2 id="groups-title">Resource groups (${names.length})</h2>
${names.length > FILTERED_GROUPS && filter}
${
  names.length === 0
    ? html`<p>This subscription has no resource groups.</p>`
    : html`<ul class="groups${names.length > MANY_GROUPS && ' many'}">${names.map((name) => html`<li>${unbroken(name)}</li>\n`)}</ul>`
}</section>`;
}

function entry(term: string, value: string | null | undefined): Html | false {
  return value !== null && value !== undefined && html`<dt>${term}</dt><dd><code>${unbroken(value)}</code></dd>`;
}

const GUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi;

/** Where a long word such as a URL or a subject may break. */
const JOINTS = /(?<=\w[/:_@]+)(?=\w)/;

/** Renders a text whose ids stay on one line, and whose other long words break at their joints, if they must. */
function unbroken(text: string): (string | Html)[] {
  return text.split(/(\s+)/).map((word) => {
    const parts = word.split(JOINTS).map((part, i) => html`${i > 0 && raw('<wbr>')}${withIds(part)}`);
    return parts.length > 1 ? html`<span class="long">${parts}</span>` : withIds(word);
  });
}

function withIds(word: string): string | Html {
  const ids = word.match(GUID) ?? [];
  if (ids.length === 0) return word;
  return html`${word.split(GUID).map((rest, i) => html`${rest}${ids[i] !== undefined && html`<span class="id">${ids[i]}</span>`}`)}`;
}

function moment(iso: string): Html {
  return html`<time datetime="${iso}">${iso.slice(0, 10)} <b>${iso.slice(11, 19)}</b> UTC</time>`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds}\u00a0s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}\u00a0min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}\u00a0h` : `${Math.floor(seconds / 86_400)}\u00a0days`;
}
