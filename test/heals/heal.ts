import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { forgetManagedIdentities } from '../fake-azure/managed-identities.ts';
import { handlersIn, type Scenario, worldOf } from '../fake-azure/scenarios.ts';
import { serveTools } from '../fake-azure/tools.ts';
import { environmentOf, processOf, type World } from '../fake-azure/world.ts';
import { startService, stopServices } from '../service.ts';

/** How often somebody reads the page, pastes its commands and looks again. */
const ROUNDS = 3;

interface Diagnosis {
  reason: string;
  hint: string;
  commands: string[];
}

export interface Healing {
  /** The reason at the beginning and after each round; `list` once all is well. */
  reasons: string[];
  /** How often the commands were pasted. */
  rounds: number;
  isHealed: boolean;
  /** The variables that a person had to fill in, with the values that an earlier command had shown. */
  byHand: string[];
  /** Each command that ran, with its exit code and its output. */
  ran: { command: string; code: number | null; output: string }[];
  world: World;
  before: World;
}

/**
 * Starts the service in a broken world, pastes the printed commands one by one into a new bash each, and asks again. `known` are
 * the values that a person chooses among those that a command shows, by the name of the variable.
 */
export async function heal(scenario: Scenario, known: Record<string, string> = {}): Promise<Healing> {
  const world = worldOf(scenario);
  const before = structuredClone(world);
  const home = mkdtempSync(join(tmpdir(), 'rg-api-heals-'));
  const tools = await serveTools(world, handlersIn(scenario, world));
  const environment = { ...tools.environment, HOME: home, USER: 'kim' };
  let running = '';
  let service: ReturnType<typeof startService> | undefined;
  const ran: Healing['ran'] = [];
  const byHand = new Set<string>();
  const reasons: string[] = [];

  /** What the page says now. A change that makes a new pod makes a new service. */
  async function look(): Promise<Diagnosis[]> {
    if (running !== processOf(world)) {
      stopServices();
      // MSAL caches the tokens of managed identities for the whole process, which here survives the pod.
      forgetManagedIdentities();
      running = processOf(world);
      const own = {
        AZURE_CLIENT_ID: undefined,
        AZURE_DEADLINE_MS: '8000',
        ANSWER_MAX_AGE_MS: '0',
        ...environmentOf(world),
        ...(world.place === 'laptop' && environment),
      };
      service = startService(handlersIn(scenario, world), own);
    }
    if (!service) throw new Error('there is no service');
    const whoami = JSON.parse(await (await service.get('/whoami')).text());
    const found: Diagnosis[] = whoami.warnings ?? [whoami];
    reasons.push(found.map(({ reason }) => reason).join('+') || 'list');
    return found;
  }

  try {
    let found = await look();
    let rounds = 0;
    const tried = new Set<string>();
    while (found.length > 0 && rounds < ROUNDS) {
      const commands = found.flatMap((each) => each.commands);
      if (commands.length === 0 || tried.has(commands.join('\n'))) break;
      tried.add(commands.join('\n'));
      rounds += 1;
      for (const command of commands) {
        // What no command has shown stays unset: then the command must not need it, or refuse to run.
        const filled = openVariables(command).filter((name) => {
          const value = known[name];
          return value !== undefined && ran.some(({ output }) => output.includes(value));
        });
        for (const name of filled) byHand.add(name);
        ran.push(await paste(command, { ...environment, ...pick(known, filled) }, home));
      }
      found = await look();
    }
    const response = service && (await service.get('/'));
    const list: unknown = await response?.json();
    const isHealed =
      found.length === 0 && response?.headers.get('Identity-Warning') === null && Object(list).length === 12;
    return { reasons, rounds, isHealed, byHand: [...byHand], ran, world, before };
  } finally {
    stopServices();
    tools.close();
    rmSync(home, { recursive: true, force: true });
  }
}

/** The variables in capitals that a command leaves to its reader. */
function openVariables(command: string): string[] {
  const found = command.replaceAll(/'[^']*'/g, '').matchAll(/\$\{?([A-Z][A-Z0-9_]*)/g);
  return [...new Set([...found].map(([, name = '']) => name))].filter((name) => !['HOME', 'USER'].includes(name));
}

function pick(values: Record<string, string>, names: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
}

async function paste(command: string, env: NodeJS.ProcessEnv, cwd: string) {
  const shell = spawn('bash', ['--noprofile', '--norc', '-c', command], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'close')]);
  return { command, code: Number(code), output: `${stdout}${stderr}` };
}

/** What got worse, or changed although nobody had to. */
export function harms({ before, world }: Healing, allowed: string[] = []): string[] {
  const found: string[] = [];
  const wanted = ['rgapi', 'rgapi-deploy'];
  const isWanted = (objectId: string) =>
    [...world.identities, ...world.applications].some(
      (each) => each.objectId === objectId && wanted.includes(each.name),
    ) || objectId === '88888888-8888-4888-8888-888888888888';
  const key = (value: unknown) => JSON.stringify(value);
  const isNew = (value: unknown, old: unknown[]) => !old.some((each) => key(each) === key(value));

  for (const role of before.roles) if (isNew(role, world.roles)) found.push('a role was removed');
  for (const role of world.roles.filter((each) => isNew(each, before.roles))) {
    if (role.role !== 'Reader' || !isWanted(role.objectId)) found.push(`${role.role} for ${role.objectId}`);
  }
  for (const identity of world.identities) {
    const old = before.identities.find(({ name }) => name === identity.name)?.federatedCredentials ?? [];
    const serves = (each: { subject: string }) => each.subject.toLowerCase() === 'system:serviceaccount:rgapi:rgapi';
    for (const each of old.filter((one) => isNew(one, identity.federatedCredentials))) {
      if (!serves(each)) found.push(`the federated credential ${each.name} of ${identity.name} was replaced`);
    }
    for (const each of identity.federatedCredentials.filter((one) => isNew(one, old))) {
      if (identity.name !== 'rgapi' || !serves(each)) found.push(`${identity.name} trusts ${each.subject}`);
    }
  }
  for (const { secrets, name } of before.applications) {
    const now = world.applications.find((each) => each.name === name)?.secrets ?? [];
    if (secrets.some((each) => isNew(each, now))) found.push(`a secret of ${name} was removed`);
    if (now.length > secrets.length) found.push(`a new secret of ${name}`);
  }
  const others = (of: World) => of.cluster.serviceAccounts.filter(({ metadata }) => metadata.name !== 'rgapi');
  if (key(others(before)) !== key(others(world))) found.push('the service account of everybody was changed');
  const nodes = before.cluster.nodeIdentities;
  const assigned = world.cluster.nodeIdentities.filter((each) => !nodes.includes(each) && each !== 'rgapi');
  if (assigned.length > 0) found.push(`the nodes have the identity ${assigned}`);
  if (nodes.some((each) => !world.cluster.nodeIdentities.includes(each))) found.push('the nodes lost an identity');
  const strangers = world.host.identities.filter((each) => each !== 'rgapi' && !before.host.identities.includes(each));
  if (strangers.length > 0) found.push(`the host has the identity ${strangers}`);
  return found.filter((each) => !allowed.some((fine) => each.startsWith(fine)));
}
