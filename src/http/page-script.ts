const REFRESH_SECONDS = 5;

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
  if (!target.matches('.copy, .copy-all')) return;
  const codes = [...target.parentElement.querySelectorAll('.block code')];
  getSelection().selectAllChildren(codes.length > 1 ? target.parentElement : codes[0]);
  try {
    await navigator.clipboard.writeText(codes.map(({ textContent }) => textContent).join('\\n'));
    target.textContent = 'Copied';
  } catch {
    // Browsers allow this only on localhost and over https. Elsewhere the command is at least selected.
    target.textContent = 'Selected';
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

setInterval(async () => {
  if (document.hidden) return;
  try {
    const response = await fetch(location.href, { headers: { Accept: 'text/html' } });
    const next = new DOMParser().parseFromString(await response.text(), 'text/html');
    if (!next.getElementById('as-of')) throw new Error('another page');
    document.title = next.title;
    document.body.className = next.body.className;
    for (const part of ['header', 'main', 'footer']) update(document.querySelector(part), next.querySelector(part));
    applyFilter();
    delete root.dataset.lost;
  } catch {
    root.dataset.lost = '';
  }
}, ${REFRESH_SECONDS * 1000});
`;
