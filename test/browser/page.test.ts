import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test as vitest } from 'vitest';
import { type PageView, page } from '../../src/http/page.ts';
import { identityNotFound, imds } from '../fake-azure/identity.ts';
import { forgetManagedIdentities } from '../fake-azure/managed-identities.ts';
import { groups, subscriptionId, subscriptions } from '../fake-azure/resource-manager.ts';
import { SCENARIOS, startOf } from '../fake-azure/scenarios.ts';
import { problemsOf } from '../html.ts';
import { FAILING, FAILURE } from '../http/view.ts';
import { open } from './browser.ts';
import { BROWSERS } from './launch.ts';

const many = (count: number) => Array.from({ length: count }, (_, i) => `rg-${i + 1}`);

/** How many pixels the page is wider than its window. */
const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

for (const { name } of BROWSERS.filter(({ isInstalled }) => !isInstalled)) {
  process.stdout.write(`${name} not found: its page tests are skipped\n`);
}

describe.for(BROWSERS)('the page in $name', ({ name: browserName, isInstalled, launch }) => {
  const isFirefox = browserName === 'Firefox';
  const isRun = isInstalled || (!isFirefox && process.env['CI'] !== undefined);
  const test = isRun ? vitest : vitest.skip;
  /** Playwright cannot switch scripts off or choose a colour scheme in an unpatched Firefox. */
  const chromiumTest = isFirefox ? vitest.skip : test;
  let browser: Browser | undefined;
  let opened: Awaited<ReturnType<typeof open>> | undefined;
  beforeAll(async () => {
    if (isRun) browser = await launch();
  });
  // MSAL chooses the endpoint for managed identities, and caches their tokens, once per process.
  beforeEach(forgetManagedIdentities);
  afterEach(async () => {
    const { faults = [] } = opened ?? {};
    await opened?.close();
    opened = undefined;
    expect(faults).toEqual([]);
  });
  afterAll(() => browser?.close());

  const see = async (...args: Parameters<typeof open> extends [unknown, ...infer Rest] ? Rest : never) => {
    if (!browser) throw new Error(`${browserName} is not installed`);
    opened = await open(browser, ...args);
    return opened;
  };

  /** The findings of the accessibility check, one line each. */
  async function violations(): Promise<string[]> {
    await opened?.page.evaluate(axe);
    const results: AxeResults | undefined = await opened?.page.evaluate('axe.run()');
    return results?.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`)) ?? ['not run'];
  }

  /** The visible names in the list of resource groups. */
  const shownGroups = () => opened?.page.locator('.groups li:visible').allInnerTexts();

  /** Each check with its status, in the order of the page. */
  const shownChecks = () =>
    opened?.page
      .locator('.checks li')
      .evaluateAll((all) => all.map((item) => `${item.className} ${item.querySelector('b')?.innerText}`));

  const healthy = [imds(), subscriptions(['One']), groups(['rg-one', 'rg-two'])];

  test('all well: who we are, what we see, in landmarks', async () => {
    const { page, response } = await see(healthy);
    expect(response?.status()).toBe(200);
    expect(await page.title()).toBe('2 resource groups · rg-api');
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('2 resource groups');
    expect(await shownGroups()).toEqual(['rg-one', 'rg-two']);
    const main = await page.getByRole('main').innerText();
    for (const text of ['ManagedIdentityCredential', 'Valid until', 'One', subscriptionId('One')])
      expect(main).toContain(text);
    expect(await page.getByRole('contentinfo').getByRole('link').allInnerTexts()).toEqual([
      '/whoami',
      '/metrics',
      '/docs',
      '/openapi.json',
    ]);
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    expect(await violations()).toEqual([]);
  });

  // This tests the server more than the browser, so one browser is enough.
  chromiumTest.each(Object.entries(SCENARIOS))(
    'scenario %s is shown with its reason and hint, and is accessible',
    async (_, scenario) => {
      const { handlers, environment } = startOf(scenario);
      const { page, service } = await see(handlers, { ...environment, AZURE_DEADLINE_MS: '2000' });
      const whoami = JSON.parse(await (await service.get('/whoami')).text());
      const json = await service.get('/');
      const main = await page.getByRole('main').innerText();
      const findings = json.status === 200 ? [whoami.reason ? whoami : whoami.warnings].flat() : [];
      for (const { reason, problem, hint } of findings) {
        for (const text of [reason, problem, hint]) expect(main).toContain(text);
      }
      const [first] = findings;
      if (first) expect(await page.getByRole('heading', { level: 1 }).innerText()).toContain(first.title);
      expect(await shownChecks()).toEqual(
        whoami.checks.map(({ name, status }: { name: string; status: string }) => `${status} ${name}`),
      );
      for (const { name, outcome } of whoami.attempts ?? []) expect(main).toContain(`${name}: ${outcome}`);
      expect(opened?.response?.status()).toBe(json.status);
      expect(opened?.response?.headers()['fallback-reason'] ?? null).toBe(json.headers.get('Fallback-Reason'));
      expect(await violations()).toEqual([]);
      expect(await problemsOf((await opened?.response?.text()) ?? '')).toEqual([]);
      // The browser rightly reports the status of the failure as an error.
      opened?.faults.splice(
        0,
        Infinity,
        ...opened.faults.filter((fault) => !fault.includes(`status of ${json.status}`)),
      );
    },
  );

  test('980 groups remain usable: counted, in columns, in the order of Resource Manager', async () => {
    const { page } = await see(
      [imds(), subscriptions(['One']), groups(980, { pageSize: 98 })],
      {},
      { viewport: { width: 1440, height: 900 } },
    );
    expect(await shownGroups()).toEqual(Array.from({ length: 980 }, (_, i) => `rg-${i + 1}`));
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('980 resource groups');
    const left = await page
      .locator('.groups li')
      .evaluateAll((all) => new Set(all.map((item) => item.getBoundingClientRect().left)).size);
    expect(left).toBeGreaterThan(4);
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThan(7000);
    expect(await violations()).toEqual([]);
  });

  test('a filter finds groups by a part of their name', async () => {
    const { page } = await see([imds(), subscriptions(['One']), groups(['MC_aks', ...many(30)])]);
    const filter = page.getByLabel('Filter');
    await filter.fill(' mc_A ');
    expect(await shownGroups()).toEqual(['MC_aks']);
    expect(await page.locator('output').innerText()).toBe('1 of 31');
    await filter.fill('nowhere');
    expect(await page.locator('output').innerText()).toBe('no match');
    await filter.fill('');
    expect(await shownGroups()).toHaveLength(31);
    expect(await page.locator('output').innerText()).toBe('');
  });

  test('a refresh keeps focus, filter and scroll position', async () => {
    const { page, service } = await see(
      [imds(), subscriptions(['One']), groups(many(500))],
      { ANSWER_MAX_AGE_MS: '0' },
      { viewport: { width: 500, height: 600 } },
    );
    await page.getByLabel('Filter').fill('rg-4');
    await page.getByLabel('Filter').focus();
    await page.evaluate('scrollTo(0, 1500)');
    service.azure.use(groups(['rg-40', ...many(500)]));
    await page.getByRole('heading', { name: '501 resource groups' }).waitFor({ timeout: 15_000 });
    expect(await page.evaluate('[scrollY, document.activeElement.id, document.activeElement.value]')).toEqual([
      1500,
      'filter',
      'rg-4',
    ]);
    const shown = await shownGroups();
    expect(shown?.slice(0, 3)).toEqual(['rg-40', 'rg-4', 'rg-40']);
    expect(shown?.every((name) => name.includes('rg-4'))).toBe(true);
  });

  describe('with a pod whose service account has no federated credential', () => {
    /** Shows the page of a view, as a service would serve it. */
    async function seeView(view: PageView, options: BrowserContextOptions = {}) {
      const seen = await see(healthy, {}, options);
      const body = String(await page(view));
      const headers = seen.response?.headers() ?? {};
      await seen.page.route(/\/$/, (route) => route.fulfill({ headers, body }));
      await seen.page.reload();
      return seen;
    }

    const COMMANDS = [
      "az identity list --query '[].[name,clientId]' -o tsv",
      'kubectl get serviceaccount rgapi -n rgapi -o yaml',
    ];

    test('each command has a button that copies all of it', async () => {
      const { page } = await seeView(FAILING, { permissions: ['clipboard-read', 'clipboard-write'] });
      expect(await page.getByRole('button', { name: /^Copy:/ }).count()).toBe(2);
      await page.getByRole('button', { name: 'Copy: az identity list' }).click();
      await page.getByRole('button', { name: 'Copied: az identity list' }).waitFor();
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(COMMANDS[0]);
      expect(await violations()).toEqual([]);
    });

    test('one button copies all commands, and nothing else', async () => {
      const { page } = await seeView(FAILING, { permissions: ['clipboard-read', 'clipboard-write'] });
      await page.getByRole('button', { name: 'Copy all commands' }).click();
      await page.getByRole('button', { name: 'Copied all commands' }).waitFor();
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(COMMANDS.join('\n'));
    });

    test('if the browser does not allow copying, the command is selected', async () => {
      const { page } = await seeView(FAILING);
      await page.evaluate('Object.defineProperty(navigator, "clipboard", { value: undefined })');
      await page.getByRole('button', { name: 'Copy: kubectl' }).click();
      await page.getByRole('button', { name: 'Selected: kubectl' }).waitFor();
      expect(await page.evaluate('getSelection().toString()')).toBe(COMMANDS[1]);
    });

    test('the failing check leads to what is wrong and what to do', async () => {
      const { page } = await seeView(FAILING);
      await page.getByRole('list', { name: 'Checks' }).getByRole('link', { name: 'token' }).click();
      expect(await page.evaluate('location.hash')).toBe('#finding');
      expect(await page.getByRole('region', { name: 'token: failed' }).innerText()).toContain(FAILURE.problem);
    });

    chromiumTest('without colors each check still has its shape and its word', async () => {
      const { page } = await seeView(FAILING, { forcedColors: 'active' });
      expect(
        await page.getByRole('listitem').filter({ hasText: 'login.microsoftonline.com: AADSTS' }).innerText(),
      ).toMatch(/^✗\s+token failed/);
      expect(await violations()).toEqual([]);
    });

    chromiumTest('without scripts the commands are plain text, and no button is there', async () => {
      const { page } = await seeView(FAILING, { javaScriptEnabled: false });
      expect(await page.locator('pre').last().innerText()).toBe('kubectl get serviceaccount rgapi -n rgapi -o yaml');
      expect(await page.getByRole('button').count()).toBe(0);
    });

    chromiumTest('without colors the failing check still stands out from a distance', async () => {
      const { page } = await seeView(FAILING, { forcedColors: 'active' });
      const [pass = 0, fail = 0]: number[] = await page.evaluate(
        "['pass', 'fail'].map((each) => parseFloat(getComputedStyle(document.querySelector('.checks .' + each)).borderTopWidth))",
      );
      expect(fail).toBeGreaterThanOrEqual(2 * pass);
    });

    test('a reason stays on one line of a phone', async () => {
      const { page } = await seeView(FAILING, { viewport: { width: 390, height: 844 } });
      const lines = await page.evaluate(`[...document.querySelectorAll('.reason')].map((reason) => {
        const range = document.createRange();
        range.selectNodeContents(reason);
        return range.getClientRects().length;
      })`);
      expect(lines).toEqual([1, 1]);
    });

    test('no id and no word of a command wraps to a second line, at any width', async () => {
      for (const width of [320, 390, 720, 1024, 1440]) {
        const { page } = await seeView(FAILING, { viewport: { width, height: 800 } });
        const heights = await page
          .locator('.id, .word')
          .evaluateAll((words) => words.map((word) => word.getClientRects().length));
        expect(new Set(heights)).toEqual(new Set([1]));
        expect(await page.evaluate(OVERFLOW)).toBe(0);
        await opened?.close();
      }
    });
  });

  test('/docs is accessible at any width, and its links lead to the routes', async () => {
    for (const width of [360, 1024, 1440]) {
      const { page } = await see(healthy, {}, { viewport: { width, height: 800 } }, '/docs');
      expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThan(6500);
      await page.evaluate('for (const details of document.querySelectorAll("details")) details.open = true');
      expect(await page.evaluate(OVERFLOW)).toBe(0);
      if (width === 360) expect(await violations()).toEqual([]);
      const link = page.getByRole('link', { name: 'Try it: /healthz' });
      expect(await link.getAttribute('href')).toBe('./healthz');
      await opened?.close();
    }
  });

  chromiumTest('a print of /docs has what is closed on the screen', async () => {
    const { page } = await see(healthy, {}, {}, '/docs');
    const hidden = () =>
      page
        .locator('details > :not(summary)')
        .evaluateAll((contents) => contents.filter((content) => !content.checkVisibility()).length);
    expect(await hidden()).toBeGreaterThan(10);
    await page.emulateMedia({ media: 'print' });
    expect(await hidden()).toBe(0);
  });

  test.each(['node-identity', 'wrong-subject', 'no-webhook', 'no-role', 'no-dns', 'slow'])(
    'the first screen of a small laptop shows what is wrong in scenario %s, and the first command',
    async (name) => {
      const scenario = SCENARIOS[name];
      if (!scenario) throw new Error(name);
      const { handlers, environment } = startOf(scenario);
      const { page } = await see(
        handlers,
        { ...environment, AZURE_DEADLINE_MS: '2000', PAGE_BADGE: 'made up' },
        { viewport: { width: 1280, height: 720 } },
      );
      for (const part of ['h1', '.problem', '.hint', '.block']) {
        const box = await page.locator(part).first().boundingBox();
        expect(box && box.y + box.height, part).toBeLessThanOrEqual(720);
      }
      opened?.faults.splice(0, Infinity, ...opened.faults.filter((fault) => !fault.includes('status of 504')));
    },
  );

  test('values from Azure are text, never markup', async () => {
    const evil = '<img src=x onerror=alert(1)>';
    const { page } = await see([
      imds({ claims: { oid: evil } }),
      subscriptions([`"'><script>alert(1)</script>`]),
      groups([evil]),
    ]);
    expect(await shownGroups()).toEqual([evil]);
    expect(await page.locator('img, main script').count()).toBe(0);
    expect(await page.getByRole('main').innerText()).toContain(`"'><script>alert(1)</script>`);
  });

  test('no secret of the environment is on the page', async () => {
    const { page } = await see([imds(), subscriptions(['made-up~secret-1']), groups(1)], {
      AZURE_CLIENT_SECRET: 'made-up~secret-1',
      AZURE_TENANT_ID: '',
    });
    expect(await page.content()).not.toContain('made-up~secret-1');
  });

  chromiumTest('light and dark follow the system, both with enough contrast', async () => {
    const grounds: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await see(healthy, {}, { colorScheme });
      grounds.push(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
      expect(await violations()).toEqual([]);
      await opened?.close();
    }
    expect(new Set(grounds).size).toBe(2);
  });

  test.each(['all-well', 'wrong-subject', 'no-role'])('360 px are enough for scenario %s', async (name) => {
    const scenario = SCENARIOS[name];
    if (!scenario) throw new Error(name);
    const { handlers, environment } = startOf(scenario);
    const { page } = await see(handlers, environment, { viewport: { width: 360, height: 740 } });
    expect(await page.evaluate(OVERFLOW)).toBe(0);
    expect(await violations()).toEqual([]);
  });

  test('an identity that arrives appears without a reload, and the scroll position stays', async () => {
    const { page, service } = await see([imds({ answer: identityNotFound }), subscriptions(['One']), groups(500)], {
      ANSWER_MAX_AGE_MS: '0',
    });
    expect(await page.getByRole('status').innerText()).toContain('identity-not-found');
    service.azure.use(imds());
    await page.getByRole('heading', { name: '500 resource groups' }).waitFor({ timeout: 15_000 });
    expect(await page.title()).toBe('500 resource groups · rg-api');
    await page.evaluate('scrollTo(0, 1500); document.body.dataset.kept = "yes"');
    service.azure.use(groups(501));
    await page.getByRole('heading', { name: '501 resource groups' }).waitFor({ timeout: 15_000 });
    expect(await page.evaluate('[scrollY, document.body.dataset.kept]')).toEqual([1500, 'yes']);
  });

  test('the page shows when the service goes away, and when it returns', async () => {
    const { page, faults } = await see(healthy);
    const notice = page.getByText('start kubectl port-forward again');
    expect(await notice.isVisible()).toBe(false);
    await page.route('**/*', (route) => route.abort());
    await notice.waitFor({ state: 'visible', timeout: 15_000 });
    expect(await shownGroups()).toHaveLength(2);
    expect(await page.title()).toBe('Connection lost · rg-api');
    expect(await page.evaluate('getComputedStyle(document.querySelector("main")).filter')).toContain('grayscale');
    await page.unroute('**/*');
    await notice.waitFor({ state: 'hidden', timeout: 15_000 });
    expect(await page.title()).toBe('2 resource groups · rg-api');
    faults.splice(0, Infinity, ...faults.filter((fault) => !fault.includes('ERR_FAILED')));
  });

  chromiumTest('without scripts the page asks for a reload', async () => {
    const { page } = await see(healthy, {}, { javaScriptEnabled: false });
    expect(await page.getByRole('banner').innerText()).toContain('Reload it to see changes.');
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('2 resource groups');
  });

  test('a badge is at the top', async () => {
    const { page } = await see(healthy, { PAGE_BADGE: 'made up' });
    expect(await page.getByRole('banner').innerText()).toMatch(/^made up/);
    expect(await violations()).toEqual([]);
  });

  test('the policy forbids what an attacker would need', async () => {
    const { response } = await see(healthy);
    const headers = response?.headers() ?? {};
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=UTF-8',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      vary: 'Accept',
    });
    const policy = headers['content-security-policy'];
    for (const directive of ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]) {
      expect(policy).toContain(directive);
    }
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    expect(headers).not.toHaveProperty('strict-transport-security');
  });
});
