// `npm run screenshots`: takes the pictures in docs/ from the demo. `npm run screenshots -- DIRECTORY`: takes every state of the page, and
// /docs, in each way that a person may look at it, to look through after a change of the page or its style.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Page } from 'playwright-core';
import { launchChromium } from './launch.ts';

type Media = NonNullable<Parameters<Page['emulateMedia']>[0]>;
type Look = [name: string, width: number, height: number, media?: Media];

/** What the documentation shows: the first screen of a laptop. */
const PICTURES: Look[] = [
  ['light', 1280, 800, { colorScheme: 'light' }],
  ['dark', 1280, 800, { colorScheme: 'dark' }],
];

const WIDTHS = [1440, 1024, 390];
const EVERY_LOOK: Look[] = [
  ...WIDTHS.map((width): Look => [`${width}-light`, width, 900, { colorScheme: 'light' }]),
  ...WIDTHS.map((width): Look => [`${width}-dark`, width, 900, { colorScheme: 'dark' }]),
  ['forced-colors', 1024, 900, { forcedColors: 'active' }],
  // A zoom of 200 % halves the pixels that a style sheet sees.
  ['zoom-200', 720, 450],
  // A4 with margins of 1 cm.
  ['print', 718, 1047, { media: 'print' }],
];

const WARNED_AND_FAILING = ['node-identity', 'wrong-subject', 'no-role', 'proxy', 'throttled'];

const browser = await launchChromium();
const [directory] = process.argv.slice(2);
if (directory === undefined) {
  for (const scenario of ['all-well', 'wrong-subject']) {
    await show(scenario, (page) => take(page, `docs/${scenario}`, PICTURES, false));
  }
} else {
  for (const scenario of WARNED_AND_FAILING) {
    await show(scenario, (page) => take(page, `${directory}/${scenario}`, EVERY_LOOK));
  }
  await show('all-well', async (page, end) => {
    await take(page, `${directory}/all-well`, EVERY_LOOK);
    await page.goto(`${page.url()}docs`);
    await take(page, `${directory}/docs`, EVERY_LOOK);
    await page.goBack();
    end();
    await page.locator('[data-lost]').waitFor();
    await take(page, `${directory}/lost`, EVERY_LOOK);
  });
}
await browser.close();

/** Opens the page of the demo in this scenario. */
async function show(scenario: string, look: (page: Page, end: () => void) => Promise<void>): Promise<void> {
  const demo = spawn(process.execPath, ['test/fake-azure/demo.ts', scenario], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(demo.stdout);
  let url: string | undefined;
  while (url === undefined) {
    const [line]: string[] = await once(lines, 'line');
    url = /http:\/\/127\.0\.0\.1:\d+/.exec(line ?? '')?.[0];
  }
  const page = await browser.newPage();
  await page.goto(url);
  await look(page, () => demo.kill());
  await page.close();
  demo.kill();
}

async function take(page: Page, path: string, looks: Look[], fullPage = true): Promise<void> {
  for (const [name, width, height, media = {}] of looks) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ media: 'screen', colorScheme: 'light', forcedColors: 'none', ...media });
    const file = `${path}-${name}.png`;
    await page.screenshot({ path: file, fullPage });
    process.stdout.write(`${file}\n`);
  }
}
