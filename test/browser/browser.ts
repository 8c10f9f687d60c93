import type { RequestHandler } from 'msw';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { startService } from '../service.ts';

/** Opens the page of a service on this fake Azure, and records what goes wrong. */
export async function open(
  browser: Browser,
  handlers: RequestHandler[],
  env: NodeJS.ProcessEnv = {},
  options: BrowserContextOptions = {},
  path = '/',
) {
  const service = startService(handlers, env);
  const origin = await service.url();
  const context = await browser.newContext(options);
  const page = await context.newPage();
  /** Console errors, exceptions, policy violations, and requests to other hosts. */
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith('data:')) faults.push(`request to ${url}`);
  });
  const response = await page.goto(origin + path);
  return {
    page,
    response,
    faults,
    service,
    close: () => context.close(),
  };
}
