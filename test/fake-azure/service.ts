// The demo preloads this before src/main.ts: the same service with the real SDK and credential chain, and the fake Azure of a world
// instead of the network. Without the demo, that is a world in which all is well.
import { once } from 'node:events';
import { isMainThread } from 'node:worker_threads';
import { withoutAzure } from './environment.ts';
import { startFakeAzure } from './fake-azure.ts';
import { handlersIn, SCENARIOS, type Scenario, worldOf } from './scenarios.ts';
import { environmentOf, type World } from './world.ts';

/** What the demo sends at the start and after each change. */
export interface Told {
  scenario: string;
  world: World;
}

async function start(): Promise<void> {
  const { scenario, world } = await told();
  process.on('message', (message: Told) => Object.assign(world, message.world));
  // Without the demo, nobody changes the world or watches over the service.
  process.on('disconnect', () => process.exit(1));
  process.channel?.unref();
  startFakeAzure(...handlersIn(SCENARIOS[scenario] ?? ALL_WELL, world));
}

const ALL_WELL: Scenario = { shows: 'all is well' };

async function told(): Promise<Told> {
  if (process.connected) {
    const [message]: Told[] = await once(process, 'message');
    if (message) return message;
  }
  const world = worldOf(ALL_WELL);
  process.env = { ...withoutAzure(process.env), ...environmentOf(world) };
  return { scenario: 'all-well', world };
}

// A worker thread of the service preloads this file too.
if (isMainThread) await start();
