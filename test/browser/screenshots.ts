// `npm run screenshots`: takes the pictures in docs/ from the demo.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { launchChromium } from './launch.ts';

const PICTURES = [
  ['all-well', 'light'],
  ['all-well', 'dark'],
  ['wrong-subject', 'light'],
  ['wrong-subject', 'dark'],
] as const;

const browser = await launchChromium();
for (const [scenario, colorScheme] of PICTURES) {
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
  const viewport = { width: 1280, height: 800 };
  const context = await browser.newContext({ colorScheme, viewport, deviceScaleFactor: 1 });
  const page = await context.newPage();
  await page.goto(url);
  const path = `docs/${scenario}-${colorScheme}.png`;
  await page.screenshot({ path });
  process.stdout.write(`${path}\n`);
  await context.close();
  demo.kill();
}
await browser.close();
