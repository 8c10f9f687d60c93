import { existsSync } from 'node:fs';
import { type Browser, chromium, firefox } from 'playwright-core';

/** What the variable names, or the first of these that is there. */
function find(variable: string, ...paths: string[]): string | undefined {
  return [process.env[variable], ...paths].find((path) => path !== undefined && existsSync(path));
}

/** Debian's Chromium, or what CHROMIUM names; undefined where there is none. */
const chromiumPath = find('CHROMIUM', '/usr/bin/chromium', '/usr/bin/chromium-browser');

/** Debian's Firefox, or what FIREFOX names; undefined where there is none. */
const firefoxPath = find('FIREFOX', '/usr/bin/firefox-esr', '/usr/bin/firefox');

/** A browser that asks nobody for anything by itself. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    ...(chromiumPath !== undefined && { executablePath: chromiumPath }),
    // Root has no sandbox.
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      ...['--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
}

/** An unpatched Firefox, which Playwright drives by WebDriver BiDi. */
function launchFirefox(): Promise<Browser> {
  return firefox.launch({ channel: 'moz-firefox', ...(firefoxPath !== undefined && { executablePath: firefoxPath }) });
}

export const BROWSERS = [
  { name: 'Chromium', isThere: chromiumPath !== undefined, launch: launchChromium },
  { name: 'Firefox', isThere: firefoxPath !== undefined, launch: launchFirefox },
];
