// `npm run demo` preloads this before src/main.ts: the same service with the real SDK and credential chain, and a fake Azure
// instead of the network.
import { isMainThread } from 'node:worker_threads';
import { withoutAzure } from './environment.ts';
import { startFakeAzure } from './fake-azure.ts';
import { environmentOf, FAMILIES, SCENARIOS } from './scenarios.ts';

const BADGE = 'fake Azure: every answer here is made up';

/** All scenarios, by family, each with what it shows. */
function list(): string {
  const width = Math.max(...Object.keys(SCENARIOS).map(({ length }) => length));
  return Object.entries(FAMILIES)
    .map(([family, scenarios]) => {
      const lines = Object.entries(scenarios).map(([name, { shows }]) => `  ${name.padEnd(width)}  ${shows}\n`);
      return `\n${family}\n${lines.join('')}`;
    })
    .join('');
}

function startDemo(): void {
  const argument = process.argv[2] ?? '';
  const isHelp = ['help', '--help', '-h'].includes(argument);
  if (isHelp) {
    process.stdout.write(`npm run demo -- SCENARIO: the service on a fake Azure inside the same process\n${list()}`);
    process.exit(0);
  }
  // The remaining arguments are for the service.
  const [name = 'all-well'] = argument.startsWith('-') ? [] : process.argv.splice(2, 1);
  const scenario = SCENARIOS[name];
  if (!scenario) {
    process.stderr.write(`rg-api demo: no scenario "${name}". The scenarios are:\n${list()}`);
    process.exit(64); // EX_USAGE of sysexits.h
  }

  process.env = { ...withoutAzure(process.env), ...environmentOf(scenario), PAGE_BADGE: BADGE };
  startFakeAzure(...scenario.handlers());

  const isService = process.argv.length === 2;
  const output = isService ? process.stdout : process.stderr;
  output.write(
    `rg-api demo: every answer comes from a fake Azure inside this process, none from the real one.\n` +
      `Scenario "${name}": ${scenario.shows}.\n`,
  );
  if (!isService) return;
  const port = process.env['PORT'] || '8080';
  const origin = `http://localhost:${port === '0' ? 'PORT' : port}`;
  const next = [
    [origin, 'the page, in a browser'],
    [`curl -i ${origin}`, 'the list, or [] and Fallback-Reason'],
    [`curl ${origin}/whoami`, 'who the pod is, or what is wrong and what to do'],
    ['npm run demo -- help', 'all other scenarios'],
  ];
  const lines = next.map(([command = '', shows]) => `  ${command.padEnd(origin.length + 14)}${shows}\n`);
  output.write(`\n${lines.join('')}\n`);
}

// A worker thread of the service preloads this file too.
if (isMainThread) startDemo();
