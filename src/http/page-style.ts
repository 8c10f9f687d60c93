import { raw } from 'hono/html';

/** The style of all pages, in one string, so that one hash in the Content-Security-Policy allows it. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --text: light-dark(#1b1f24, #e9edf2);
  --quiet: light-dark(#545d68, #a6b1bd);
  --ground: light-dark(#fbfbfa, #14171b);
  --card: light-dark(#ffffff, #1c2127);
  --inset: light-dark(#f1f2f4, #12151a);
  --line: light-dark(#dcdfe3, #343b44);
  --link: light-dark(#0b5cad, #7cb7ff);
  --good: light-dark(#176f3d, #6fd39a);
  --warn: light-dark(#8a4b00, #f0b95c);
  --bad: light-dark(#b3261e, #ff9a90);
  --mono: ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace;
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: clamp(1rem, 1.8vw, 2rem) clamp(1rem, 2.5vw, 2.5rem); max-width: 90rem;
  background: var(--ground); color: var(--text);
  font: 1.125rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { margin: 0; font-size: clamp(1.75rem, 3vw, 3rem); line-height: 1.15; letter-spacing: -0.02em; text-wrap: balance; }
h2 { margin: 0 0 0.75rem; font-size: 1rem; font-weight: 600; color: var(--quiet); }
h3 { margin: 1.5rem 0 0.5rem; font-size: 1rem; }
p { margin: 0.5rem 0 0; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 3px; border-radius: 2px; }
code, pre { font-family: var(--mono); font-size: 0.9em; }
pre { margin: 0; white-space: pre-wrap; overflow: auto; overflow-wrap: normal; font-size: 0.85em; }
.word { white-space: nowrap; }
.long { display: inline-block; max-width: 100%; }
pre code { font-size: 1em; }
.id { white-space: nowrap; font-size: min(1em, 4.4cqi); }
.badge { display: inline-block; margin: 0 0 0.5rem; padding: 0.1rem 0.75rem; border: 2px solid currentColor; border-radius: 2rem; color: var(--warn); font-weight: 600; }
header, section { container-type: inline-size; }
header { padding-bottom: 0.75rem; }
header p { color: var(--quiet); }
.headline { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.25rem 1.5rem; }
.headline [role] { display: contents; }
.headline h1 { flex-basis: 100%; }
.headline p { margin: 0; }
.headline .lead { flex-grow: 1; }
.lead { font-size: clamp(1.1rem, 1.6vw, 1.4rem); }
.healthy h1::before { content: "✓" / ""; color: var(--good); margin-right: 0.3em; }
.warning h1::before { content: "!" / ""; color: var(--warn); margin-right: 0.3em; }
.failing h1::before { content: "✗" / ""; color: var(--bad); margin-right: 0.3em; }
section { margin-bottom: 1.25rem; padding: clamp(1rem, 2.5vw, 1.75rem); background: var(--card); border: 1px solid var(--line); border-radius: 0.75rem; }
.cards { display: grid; gap: 0 1.25rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); }
dl { display: grid; grid-template-columns: minmax(6.5rem, auto) 1fr; gap: 0.2rem 1rem; margin: 0; }
dl .id { font-size: min(1em, 2.9cqi); }
dt { color: var(--quiet); }
dd { margin: 0; }
.groups { display: grid; gap: 0 2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); margin: 0; padding: 0; list-style: none; }
.groups li { padding: 0.4rem 0; border-top: 1px solid var(--line); }
.many { gap: 0 1.25rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 14.5rem), 1fr)); font-size: 0.9rem; line-height: 1.35; }
.many li { padding: 0.15rem 0; }
.filter { display: none; margin: 0 0 1rem; }
[data-script] .filter { display: block; }
input { font: inherit; padding: 0.3rem 0.6rem; max-width: 100%; color: inherit; background: var(--inset); border: 1px solid var(--quiet); border-radius: 0.4rem; }
.hint { font-size: clamp(1.1rem, 1.5vw, 1.4rem); line-height: 1.4; }
.reason { display: inline-block; max-width: 100%; color: var(--bad); font-weight: 600; }
.warning .reason { color: var(--warn); }
.problem { font-size: clamp(1.2rem, 1.8vw, 1.75rem); line-height: 1.35; margin-top: 0; }
.checks { display: grid; gap: 0.5rem; margin: 0 0 1rem; padding: 0; list-style: none; }
.checks li { position: relative; container-type: inline-size; padding: 0.4rem 0.6rem; background: var(--card); border: 2px solid var(--line); border-radius: 0.75rem; }
.checks .mark { width: 1.6rem; height: 1.6rem; font-size: 1rem; vertical-align: middle; }
.checks b { font-size: 1.05rem; }
.checks a { color: inherit; }
.checks a::after { content: ""; position: absolute; inset: 0; }
.checks .status { color: var(--quiet); font-size: 0.85em; }
.checks .summary { display: block; font-size: 0.85em; line-height: 1.35; color: var(--quiet); }
.checks .id { font-size: min(1em, 4.4cqi); }
.mark { display: inline-grid; place-content: center; width: 2rem; height: 2rem; border: 2px solid; border-radius: 50%; font: 700 1.25rem/1 system-ui, sans-serif; }
.checks .pass { border-color: var(--good); } .pass .mark { color: var(--card); background: var(--good); border-color: var(--good); }
.checks .warn { border-color: var(--warn); } .warn .mark { color: var(--card); background: var(--warn); border-color: var(--warn); border-radius: 0 50% 50%; }
.checks .fail { border-color: var(--bad); background: var(--bad); } .fail .mark { color: var(--card); background: var(--bad); border-color: var(--card); border-radius: 0.3rem; }
.checks .fail :is(a, b, .status, .summary) { color: var(--card); }
.checks .skip { border-style: dashed; background: none; } .skip :is(.mark, b) { color: var(--quiet); } .skip .mark { border-style: dashed; }
.finding h2 { margin-bottom: 0.25rem; color: var(--text); font-size: 1.2rem; }
.finding { border-width: 2px; padding-block: clamp(1rem, 1.3vw, 1.75rem); } .finding.fail { border-color: var(--bad); } .finding.warn { border-color: var(--warn); }
.detail { color: var(--quiet); white-space: pre-wrap; }
.caption { margin-top: 0.75rem; font-size: 0.85em; color: var(--quiet); } .caption + .block { margin-top: 0.25rem; }
.block { display: flex; gap: 0.75rem; align-items: start; margin: 0.75rem 0 0; padding: 0.75rem 1rem; background: var(--inset); border: 1px solid var(--line); border-radius: 0.5rem; }
.block pre { flex: 1; min-width: 0; }
.copy, .copy-all { display: none; user-select: none; position: relative; font: 600 0.9rem/1.4 system-ui, sans-serif; padding: 0.2rem 0.75rem; color: var(--link); background: var(--card); border: 1px solid currentColor; border-radius: 0.4rem; cursor: pointer; }
[data-script] .copy { display: block; }
[data-script] .copy-all { display: inline-block; margin-top: 0.75rem; }
[data-lost] :is(main, header > :not(.lost)) { filter: grayscale(1) opacity(0.8); }
ol, ul { margin: 0; padding-left: 1.5rem; }
.attempts li + li { margin-top: 0.75rem; }
.history { padding: 0; list-style: none; font-variant-numeric: tabular-nums; }
.history time { color: var(--quiet); margin-right: 0.5rem; }
.good { color: var(--good); }
.doubtful, .doubtful ~ .reason { color: var(--warn); }
footer { display: flex; flex-wrap: wrap; gap: 0.5rem 1.5rem; color: var(--quiet); }
footer a { display: inline-block; margin-right: 0.75rem; }
.lost { display: none; margin-top: 1rem; padding: 0.6rem 1rem; border: 2px solid; border-radius: 0.75rem; font-size: 1.3rem; font-weight: 600; }
header .lost { color: var(--bad); }
[data-lost] .lost { display: block; }
table { width: 100%; border-collapse: collapse; font-size: 0.9em; }
th, td { padding: 0.35rem 0.75rem 0.35rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; }
td:first-child { white-space: nowrap; }
summary { cursor: pointer; padding: 0.3rem 0; }
details details { margin-left: 1.25rem; }
.prose { white-space: pre-line; }
[id] { scroll-margin-top: 3rem; }
.route { margin-bottom: 0.25rem; font-size: clamp(1.25rem, 2.4vw, 1.75rem); color: var(--text); }
main > nav { margin-bottom: 1.25rem; }
@container (max-width: 24rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 0.5rem; } dl .id { font-size: min(1em, 4.4cqi); } }
@container (max-width: 31rem) {
  .block { flex-direction: column; padding-inline: 0.75rem; } .block pre { width: 100%; font-size: 0.7em; }
  table, tbody, tr, td { display: block; } thead { display: none; } td { border: 0; padding: 0; } tr { border-top: 1px solid var(--line); padding: 0.35rem 0; } td:first-child { white-space: normal; }
}
@media (min-width: 42rem) { .checks { grid: repeat(4, auto) / auto-flow 1fr; } }
@media (min-width: 72rem) { .checks { grid: auto-flow / repeat(4, 1fr); } }
@media (min-width: 60rem) { :is(#identity, #configuration) { grid-row: span 2; } }
@media (forced-colors: active) { .checks .fail, .finding.fail { border-width: 5px; } }
@media print {
  .mark, .checks li { print-color-adjust: exact; }
  details::details-content { content-visibility: visible; }
  :root { color-scheme: light; --ground: white; }
  body { max-width: none; padding: 0; font-size: 0.8rem; }
  h1 { font-size: 1.6rem; }
  .copy, .copy-all, .filter, .lost { display: none !important; }
  li, .block, tr, dl { break-inside: avoid; }
  h2, summary, .caption { break-after: avoid; }
  .word { white-space: normal; overflow-wrap: anywhere; }
}
`;

const SHAPE =
  "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><rect width='8' height='8' rx='2' fill='#0b5cad'/></svg>";

/** Embedded in the page, so that browsers request no other file. */
export const ICON = raw(`data:image/svg+xml,${encodeURIComponent(SHAPE)}`);
