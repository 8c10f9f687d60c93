// Preloaded before src/main.ts by `npm run demo`: the same service, the real SDK and credential chain as in a pod, and a
// stand-in Azure instead of the network.
import { withoutAzure } from './environment.ts';
import { startFakeAzure } from './fake-azure.ts';
import { environmentOf, SCENARIOS } from './scenarios.ts';

// The arguments after the scenario are those of the service.
const name = (process.argv[2]?.startsWith('--') ? undefined : process.argv.splice(2, 1)[0]) ?? 'all-well';
const scenario = SCENARIOS[name];
if (!scenario) {
  process.stderr.write(`rg-api demo: no scenario "${name}"; there are: ${Object.keys(SCENARIOS).join(', ')}\n`);
  process.exit(64); // EX_USAGE of sysexits.h
}

process.env = { ...withoutAzure(process.env), ...environmentOf(scenario) };
startFakeAzure(...scenario.handlers());
process.stdout.write(
  `rg-api demo: every answer comes from a stand-in Azure inside this process, none from the real one. ` +
    `Scenario "${name}": ${scenario.shows}.\n`,
);
