import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { Diagnosis } from '../azure/diagnosis/diagnose.ts';
import type { Warning, WhoAmI } from '../azure/whoami.ts';
import type { View } from '../view.ts';

/** What the page shows. */
export interface PageView extends View {
  /** What the page says about itself, such as that all of it is made up. */
  badge: string | undefined;
  /** Paths of the other routes, relative. */
  links: string[];
}

const REFRESH_SECONDS = 5;

const STYLE = `
:root {
  color-scheme: light dark;
  --text: light-dark(#1b1f24, #e9edf2);
  --quiet: light-dark(#545d68, #a6b1bd);
  --ground: light-dark(#fbfbfa, #14171b);
  --card: light-dark(#ffffff, #1c2127);
  --line: light-dark(#dcdfe3, #343b44);
  --link: light-dark(#0b5cad, #7cb7ff);
  --good: light-dark(#176f3d, #6fd39a);
  --warn: light-dark(#8a4b00, #f0b95c);
  --bad: light-dark(#b3261e, #ff9a90);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: clamp(1rem, 3vw, 3rem); max-width: 90rem;
  background: var(--ground); color: var(--text);
  font: 1.125rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { margin: 0; font-size: clamp(1.9rem, 5vw, 3.75rem); line-height: 1.1; letter-spacing: -0.02em; text-wrap: balance; }
h2 { margin: 0 0 0.75rem; font-size: 1rem; font-weight: 600; color: var(--quiet); }
p { margin: 0.5rem 0 0; }
a { color: var(--link); }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 3px; border-radius: 2px; }
code { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; font-size: 0.9em; }
header { padding-block: 0.5rem clamp(1.5rem, 4vw, 3rem); }
header p { font-size: clamp(1.1rem, 2.2vw, 1.6rem); color: var(--quiet); }
.well h1::before, .ill h1::before { content: ""; display: inline-block; width: 0.5em; height: 0.5em; margin-right: 0.3em; border-radius: 50%; background: var(--good); }
.ill h1::before { background: var(--bad); border-radius: 0.08em; }
section { margin-bottom: 1.25rem; padding: clamp(1rem, 2.5vw, 1.75rem); background: var(--card); border: 1px solid var(--line); border-radius: 0.75rem; }
.pair { display: grid; gap: 0 1.25rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
dl { display: grid; grid-template-columns: minmax(6.5rem, auto) 1fr; gap: 0.4rem 1.25rem; margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; }
.groups { display: grid; gap: 0 2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); margin: 0; padding: 0; list-style: none; }
.groups li { padding: 0.4rem 0; border-top: 1px solid var(--line); }
.hint { font-size: clamp(1.25rem, 2.4vw, 1.75rem); line-height: 1.35; margin-top: 0; }
.reason { color: var(--bad); font-weight: 600; }
.warning { border-left: 0.4rem solid var(--warn); }
.warning .reason { color: var(--warn); }
.detail { color: var(--quiet); white-space: pre-wrap; }
.attempts { margin: 0; padding-left: 1.5rem; }
.attempts li + li { margin-top: 0.75rem; }
footer { display: flex; flex-wrap: wrap; gap: 0.5rem 1.5rem; color: var(--quiet); }
.lost { display: none; color: var(--bad); }
[data-lost] .lost { display: block; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 0.5rem; } }
@media print { body { max-width: none; } }
`;

// Asks for the page again and puts in what has changed: nothing flickers, and the reader's place and focus stay. Where scripts
// do not run, the browser reloads the page instead.
const SCRIPT = `
setInterval(async () => {
  if (document.hidden) return;
  const root = document.documentElement;
  try {
    const response = await fetch(location.href, { headers: { Accept: 'text/html' } });
    const next = new DOMParser().parseFromString(await response.text(), 'text/html');
    if (!next.querySelector('[data-part]')) throw new Error('another page');
    document.title = next.title;
    document.body.className = next.body.className;
    for (const part of document.querySelectorAll('[data-part]')) {
      const other = next.querySelector('[data-part=' + part.dataset.part + ']');
      if (other && other.innerHTML !== part.innerHTML) part.innerHTML = other.innerHTML;
    }
    delete root.dataset.lost;
  } catch {
    root.dataset.lost = '';
  }
}, ${REFRESH_SECONDS * 1000});
`;

const ICON =
  'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"%3E%3Crect width="8" height="8" rx="2" fill="%230b5cad"/%3E%3C/svg%3E';

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The headers that protect the page; a response for curl needs none of them. */
export const PAGE_HEADERS = {
  'Content-Security-Policy': Object.entries({
    'default-src': "'none'",
    'style-src': hashOf(STYLE),
    'script-src': hashOf(SCRIPT),
    'connect-src': "'self'",
    'img-src': 'data:',
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  })
    .map(([directive, source]) => `${directive} ${source}`)
    .join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
};

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** `GET /` for a browser: the same as the JSON, and who sees it. Whatever comes from Azure is escaped. */
export function page(view: PageView): Html {
  const { who, listing } = view;
  const isWell = listing.kind === 'listed';
  const [title, subtitle] = isWell ? wellTitle(view, listing.names) : illTitle(view, listing.diagnosis);
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title} · rg-api</title>
<link rel="icon" href="${raw(ICON.replaceAll('"', "'"))}">
<style>${raw(STYLE)}</style>
<noscript><meta http-equiv="refresh" content="${REFRESH_SECONDS}"></noscript>
</head>
<body class="${isWell ? 'well' : 'ill'}">
<header>
<div data-part="title" role="status"><h1>${title}</h1><p>${subtitle}</p></div>
<p class="lost" role="alert">The service does not answer any more; still trying.</p>
</header>
<main data-part="main">
${!isWell && failure(listing.diagnosis)}
${who.kind === 'identified' && who.warnings.map(warning)}
<div class="pair">
${who.kind === 'identified' && identity(who)}
${view.subscription && subscription(view.subscription)}
</div>
${isWell && groups(listing.names)}
</main>
<footer>
<span>rg-api</span>
<nav aria-label="Other answers">${view.links.map((path) => html`<a href="${path}">${path}</a> `)}</nav>
</footer>
<script>${raw(SCRIPT)}</script>
</body>
</html>
`;
}

function wellTitle({ who, subscription }: View, { length }: string[]): [title: string, subtitle: string] {
  const by = who.kind === 'identified' ? `Seen by ${who.credential}` : '';
  return [
    `${length} resource ${length === 1 ? 'group' : 'groups'}`,
    [by, subscription && `in ${subscription.name ?? subscription.id}`].filter(Boolean).join(' '),
  ];
}

function illTitle({ who }: View, { reason }: Diagnosis): [title: string, subtitle: string] {
  return [who.kind === 'identified' ? 'A token, but no list' : 'No identity', reason];
}

function groups(names: string[]): Html {
  return html`<section aria-labelledby="groups"><h2 id="groups">Resource groups (${names.length})</h2>
${
  names.length === 0
    ? html`<p>The subscription is there, and empty.</p>`
    : html`<ul class="groups">${names.map((name) => html`<li>${name}</li>`)}</ul>`
}</section>`;
}

function failure({ reason, hint, documentation, detail, attempts }: Diagnosis): Html {
  return html`<section aria-labelledby="failure"><h2 id="failure">Why, and what to do</h2>
<p class="hint">${hint}</p>
<p><code class="reason">${reason}</code>${documentation && html` · <a href="${documentation}" rel="noreferrer">documentation</a>`}</p>
<p class="detail">${detail}</p></section>
${
  attempts.length > 0 &&
  html`<section aria-labelledby="attempts"><h2 id="attempts">Who was asked for a token</h2>
<ol class="attempts">${attempts.map(
    ({ name, outcome, message }) =>
      html`<li><code>${name}</code>: ${outcome}<br><span class="detail">${message}</span></li>`,
  )}</ol></section>`
}`;
}

function warning({ reason, hint, documentation }: Warning): Html {
  return html`<section class="warning" aria-label="Warning"><p class="hint">${hint}</p>
<p><code class="reason">${reason}</code>${documentation && html` · <a href="${documentation}" rel="noreferrer">documentation</a>`}</p></section>`;
}

function identity({ identity, credential, expiresOn }: WhoAmI): Html {
  return html`<section aria-labelledby="identity"><h2 id="identity">Identity</h2><dl>
<dt>Token from</dt><dd>${credential}</dd>
${expiresOn && html`<dt>Valid until</dt><dd><time datetime="${expiresOn}">${expiresOn.slice(0, 16).replace('T', ' ')} UTC</time></dd>`}
${entry('Type', identity.type)}
${entry('Client id', identity.clientId)}
${entry('Object id', identity.objectId)}
${entry('Tenant', identity.tenantId)}
${entry('Resource', identity.managedIdentityResourceId)}
</dl></section>`;
}

function subscription({ id, name }: { id: string; name: string | null }): Html {
  return html`<section aria-labelledby="subscription"><h2 id="subscription">Subscription</h2><dl>
${entry('Name', name)}
${entry('Id', id)}
</dl></section>`;
}

function entry(term: string, value: string | null | undefined): Html | false {
  return value !== null && value !== undefined && html`<dt>${term}</dt><dd><code>${value}</code></dd>`;
}
