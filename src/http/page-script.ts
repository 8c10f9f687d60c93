const REFRESH_SECONDS = 5;
/** Longer than Azure may take by default, but a connection that only hangs is lost, too. */
const TIMEOUT_SECONDS = 30;

/**
 * The script of the page: a filter for the list, buttons that copy a command, and a refresh. The refresh fetches the page again
 * and changes only what differs, so that focus, filter and scroll position stay.
 */
export const SCRIPT = `
const root = document.documentElement;
root.dataset.script = '';

function applyFilter() {
  const filter = document.getElementById('filter');
  if (!filter) return;
  const wanted = filter.value.trim().toLowerCase();
  const items = [...document.querySelectorAll('.groups li')];
  for (const item of items) item.hidden = !item.textContent.toLowerCase().includes(wanted);
  const count = items.filter((item) => !item.hidden).length;
  const matches = count === 0 ? 'no match' : count + ' of ' + items.length;
  document.getElementById('matches').value = wanted ? matches : '';
}
document.addEventListener('input', applyFilter);

document.addEventListener('click', async ({ target }) => {
  const button = target.closest('.copy, .copy-all');
  if (!button) return;
  const codes = [...button.parentElement.querySelectorAll('.block code')];
  getSelection().setBaseAndExtent(codes[0], 0, codes.at(-1), codes.at(-1).childNodes.length);
  const say = (word) => {
    for (const name of ['textContent', 'ariaLabel']) if (button[name]) button[name] = button[name].replace('Copy', word);
  };
  try {
    await navigator.clipboard.writeText(codes.map(({ textContent }) => textContent).join('\\n'));
    say('Copied');
  } catch {
    // Browsers allow this only on localhost and over https. Elsewhere the command is at least selected.
    say('Selected');
  }
});

const meaningful = (node) => [...node.childNodes].filter((child) => child.nodeType === 1 || child.nodeValue.trim());

function update(from, to) {
  if (from.nodeType !== 1) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  if (from.outerHTML === to.outerHTML) return;
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && name !== 'open') from.removeAttribute(name);
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  const left = meaningful(from);
  for (const next of meaningful(to)) {
    if (next.id && left.some(({ id }) => id === next.id)) while (left[0].id !== next.id) left.shift().remove();
    const [first] = left;
    if (first?.nodeName === next.nodeName && first.id === next.id) update(left.shift(), next);
    else from.insertBefore(document.importNode(next, true), first ?? null);
  }
  for (const gone of left) gone.remove();
}

async function refresh() {
  try {
    const init = { headers: { Accept: 'text/html' }, signal: AbortSignal.timeout(${TIMEOUT_SECONDS * 1000}) };
    const response = await fetch(location.href, init);
    const next = new DOMParser().parseFromString(await response.text(), 'text/html');
    if (!next.getElementById('as-of')) throw new Error('another page');
    document.title = next.title;
    document.body.className = next.body.className;
    for (const part of ['header', 'main', 'footer']) update(document.querySelector(part), next.querySelector(part));
    applyFilter();
    delete root.dataset.lost;
  } catch {
    document.title = 'Connection lost · rg-api';
    root.dataset.lost = '';
  }
}

(async () => {
  while (true) {
    await new Promise((resolve) => setTimeout(resolve, ${REFRESH_SECONDS * 1000}));
    if (!document.hidden) await refresh();
  }
})();
`;
