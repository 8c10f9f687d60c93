import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { Diagnosis } from '../azure/diagnosis/diagnose.ts';
import type { Facts } from '../azure/diagnosis/facts.ts';
import type { Warning, WhoAmI } from '../azure/whoami.ts';
import type { View } from '../view.ts';
import { SCRIPT } from './page-script.ts';
import { ICON, STYLE } from './page-style.ts';

/** What the page shows. Variants differ by member names, not by values: redaction may change any value, such as `listed`. */
export interface PageView extends Pick<View, 'asOf' | 'subscription' | 'instance' | 'history'> {
  /** Who we are, or why there is no token. */
  who: WhoAmI | { diagnosis: Explained };
  /** What we see, or why we see nothing. */
  listing: { names: readonly string[] } | { diagnosis: Explained };
  /** A remark that nobody must overlook. */
  badge?: string | undefined;
  /** The other routes, relative to this one, such as `whoami`. */
  links: readonly string[];
}

interface Explained extends Pick<Diagnosis, 'reason' | 'hint' | 'commands' | 'documentation' | 'detail'> {
  attempts: readonly Pick<Diagnosis['attempts'][number], 'name' | 'outcome' | 'message'>[];
  facts: Pick<Facts, 'projectedToken' | 'variables'>;
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
  const { who, listing, instance, asOf } = view;
  const [title, subtitle] = headline(view);
  const noList = 'diagnosis' in listing ? listing.diagnosis : undefined;
  // The page already says above them why there is no list.
  const warnings = 'warnings' in who ? who.warnings.filter(({ reason }) => reason !== noList?.reason) : [];
  const state = noList ? 'ill' : warnings.length > 0 ? 'warned' : 'well';
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
<div role="status"><h1>${title}</h1><p class="lead">${subtitle}</p></div>
<p id="as-of">As of ${moment(asOf)}</p>
<noscript><p>This page does not refresh itself without scripts. Reload it to see changes.</p></noscript>
<p class="lost" role="alert">The service does not answer any more; still trying.</p>
</header>
<main>
${noList && failure(noList)}
${warnings.map(warning)}
<div class="cards" id="cards">
${'diagnosis' in who ? evidence(who.diagnosis.facts) : identity(who, view.subscription)}
${whoAnswers(view)}
</div>
${'diagnosis' in who && attempts(who.diagnosis)}
${'names' in listing && groups(listing.names)}
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

function headline({ who, listing, subscription }: PageView): [title: string, subtitle: string | Html] {
  if ('diagnosis' in listing) {
    return ['diagnosis' in who ? 'No token' : 'A token, but no list', listing.diagnosis.reason];
  }
  const where = subscription && html` in ${unbroken(subscription.name ?? subscription.id)}`;
  return [count(listing.names.length), html`${'credential' in who && `Seen by ${who.credential}`}${where}`];
}

function count(groups: number): string {
  return `${groups} resource ${groups === 1 ? 'group' : 'groups'}`;
}

function failure({ reason, hint, documentation, detail, commands }: Explained): Html {
  return html`<section id="failure" aria-labelledby="failure-title"><h2 id="failure-title">Why, and what to do</h2>
<p class="hint">${prose(hint)}</p>
${blocks(commands)}
${reasonLine(reason, documentation)}
<p class="detail">${unbroken(detail)}</p></section>`;
}

function warning({ reason, hint, documentation, commands }: Warning, index: number): Html {
  const id = `warning-${index}`;
  return html`<section class="warning" id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">Warning</h2>
<p class="hint">${prose(hint)}</p>
${blocks(commands)}
${reasonLine(reason, documentation)}</section>`;
}

function reasonLine(reason: string, documentation: string | undefined): Html {
  const link = documentation && html` · <a href="${documentation}" rel="noreferrer">documentation</a>`;
  return html`<p><code class="reason">${reason}</code>${link}</p>`;
}

function blocks(commands: readonly string[]): Html[] {
  return commands.map(
    (command) =>
      html`<div class="block"><pre><code>${unbroken(command)}</code></pre><button type="button" class="copy">Copy</button></div>`,
  );
}

/** What the credentials used. */
function evidence({ projectedToken, variables }: Explained['facts']): Html | false {
  const ids = [entry('Client id', variables['AZURE_CLIENT_ID']), entry('Tenant', variables['AZURE_TENANT_ID'])];
  if (!projectedToken && !ids.some(Boolean)) return false;
  const { file, problem, iss, sub, aud, exp } = projectedToken ?? {};
  return html`<section id="evidence" aria-labelledby="evidence-title"><h2 id="evidence-title">What the credentials used</h2><dl>
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
function attempts({ attempts, detail }: Explained): Html | false {
  if (attempts.length === 0) return false;
  const items = attempts.map(({ name, outcome, message }, i) => {
    const isRepeated = [detail, attempts[i - 1]?.message ?? ''].some((said) => gist(said) === gist(message));
    const quote = html`<br><span class="detail">${unbroken(message)}</span>`;
    return html`<li><code>${name}</code>: ${outcome}${message !== '' && (isRepeated ? ', with the same message as above' : quote)}</li>`;
  });
  return html`<section id="attempts" aria-labelledby="attempts-title"><h2 id="attempts-title">The credentials that were asked for a token</h2>
<ol class="attempts">${items}</ol></section>`;
}

/** A message without ids and times, which differ for each request. */
function gist(message: string): string {
  return message.replace(GUID, '').replace(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ/g, '');
}

function identity({ identity, credential, expiresOn }: WhoAmI, subscription: PageView['subscription']): Html {
  return html`<section id="identity" aria-labelledby="identity-title"><h2 id="identity-title">Identity</h2><dl>
<dt>Token from</dt><dd>${credential}</dd>
${expiresOn && html`<dt>Valid until</dt><dd>${moment(expiresOn)}</dd>`}
${entry('Type', identity.type)}
${entry('Client id', identity.clientId)}
${entry('Object id', identity.objectId)}
${entry('Tenant', identity.tenantId)}
${entry('Resource', identity.managedIdentityResourceId)}
${entry('Subscription', subscription?.name)}
${entry('Subscription id', subscription?.id)}
</dl></section>`;
}

function whoAnswers(view: PageView): Html {
  const { pod, namespace, serviceAccount, node, version, startedAt } = view.instance;
  return html`<section id="instance" aria-labelledby="instance-title"><h2 id="instance-title">Who answers</h2><dl>
${entry('Pod', pod)}
${entry('Namespace', namespace)}
${entry('Service account', serviceAccount)}
${entry('Node', node)}
${entry('Version', version)}
<dt>Running since</dt><dd>${moment(startedAt)}</dd>
</dl>
${view.history.length > 0 && history(view)}
</section>`;
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
    return html`<li>${time} ${outcome} for\u00a0${duration(seconds)}</li>\n`;
  });
  return html`<h3>What it has seen</h3><ol class="history" reversed>${items.reverse().slice(0, CHANGES_SHOWN)}</ol>`;
}

function groups(names: readonly string[]): Html {
  const filter = html`<p class="filter"><label for="filter">Filter</label> <input type="search" id="filter" autocomplete="off" spellcheck="false"> <output id="matches" for="filter"></output></p>`;
  return html`<section id="groups" aria-labelledby="groups-title"><h2 id="groups-title">Resource groups (${names.length})</h2>
${names.length > FILTERED_GROUPS && filter}
${
  names.length === 0
    ? html`<p>The subscription is there, and empty.</p>`
    : html`<ul class="groups${names.length > MANY_GROUPS && ' many'}">${names.map((name) => html`<li>${name}</li>\n`)}</ul>`
}</section>`;
}

function entry(term: string, value: string | null | undefined): Html | false {
  return value !== null && value !== undefined && html`<dt>${term}</dt><dd><code>${unbroken(value)}</code></dd>`;
}

const GUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi;

/** Renders a text without line breaks within its ids. */
function unbroken(text: string): Html[] {
  const ids = text.match(GUID) ?? [];
  return text.split(GUID).map((words, i) => {
    const id = ids[i];
    return html`${words}${id !== undefined && html`<span class="id">${id}</span>`}`;
  });
}

/** The same for one of our own texts, in which backticks mark code. */
function prose(text: string): Html[] {
  return text
    .split('`')
    .map((piece, i) => (i % 2 === 0 ? html`${unbroken(piece)}` : html`<code>${unbroken(piece)}</code>`));
}

function moment(iso: string): Html {
  return html`<time datetime="${iso}">${iso.slice(0, 10)} <b>${iso.slice(11, 19)}</b> UTC</time>`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds}\u00a0s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}\u00a0min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}\u00a0h` : `${Math.floor(seconds / 86_400)}\u00a0days`;
}
