import { existsSync } from 'node:fs';
import { type Browser, chromium, firefox } from 'playwright-core';

/** The path in the variable or the first of these paths, whichever exists. */
function find(variable: string, ...paths: string[]): string | undefined {
  return [process.env[variable], ...paths].find((path) => path !== undefined && existsSync(path));
}

/** The path in CHROMIUM, or that of Debian's Chromium; undefined without either. */
const chromiumPath = find('CHROMIUM', '/usr/bin/chromium', '/usr/bin/chromium-browser');

/** The path in FIREFOX, or that of Debian's Firefox; undefined without either. */
const firefoxPath = find('FIREFOX', '/usr/bin/firefox-esr', '/usr/bin/firefox');

/** Launches a browser that sends no requests on its own. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    ...(chromiumPath !== undefined && { executablePath: chromiumPath }),
    // Chromium has no sandbox for root.
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      ...['--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
}

/** Launches an unpatched Firefox, which Playwright drives through WebDriver BiDi. */
function launchFirefox(): Promise<Browser> {
  return firefox.launch({ channel: 'moz-firefox', ...(firefoxPath !== undefined && { executablePath: firefoxPath }) });
}

export const BROWSERS = [
  { name: 'Chromium', isInstalled: chromiumPath !== undefined, launch: launchChromium },
  { name: 'Firefox', isInstalled: firefoxPath !== undefined, launch: launchFirefox },
];
