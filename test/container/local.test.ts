import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HOSTS } from '../fake-azure/certificate.ts';
import { aadsts, entra, instanceDiscovery } from '../fake-azure/identity.ts';
import { groups, RESOURCE_MANAGER, subscriptions } from '../fake-azure/resource-manager.ts';
import { startFakeAzureServer } from '../fake-azure/tls-server.ts';
import { madeUpToken } from '../fake-azure/tokens.ts';
import { engine, engineSays, pipe, usableDockerfile } from './engine.ts';

const IMAGE = 'rgapi:local';
const FAKE_AZURE_ADDRESS = '127.0.0.44';
const PORT = '18444';
/** A tool of this project's machines that creates a login, which the real `az` accepts without a network. */
const FAKE_LOGIN = '../shared/tools/fake-az-login.mjs';
const USER = '12345:12345';

const canRun = engine !== undefined && existsSync(FAKE_LOGIN);

describe.skipIf(!canRun && !process.env['CI'])('the image with the Azure CLI', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rg-api-local-'));
  const containers: string[] = [];
  let azure: Awaited<ReturnType<typeof startFakeAzureServer>>;

  beforeAll(async () => {
    chmodSync(directory, 0o755);
    azure = await startFakeAzureServer(
      FAKE_AZURE_ADDRESS,
      entra({ answer: aadsts(700082, 'The refresh token has expired due to inactivity.') }),
      instanceDiscovery(),
      subscriptions(['My laptop']),
      groups(3),
    );
    await engineSays('build', '-t', IMAGE, '-f', usableDockerfile(directory) ?? 'Dockerfile', '--target', 'local', '.');
  }, 1_200_000);
  afterEach(async () => {
    for (const container of containers.splice(0)) await engineSays('rm', '-f', container);
  });
  afterAll(() => {
    azure.close();
    rmSync(directory, { recursive: true });
  });

  function logIn(name: string, ...options: string[]): string {
    const config = join(directory, name);
    const token = madeUpToken(RESOURCE_MANAGER, 3600, { idtyp: 'user' });
    execFileSync('node', [FAKE_LOGIN, '--dir', config, '--token', token, ...options]);
    execFileSync('chown', ['-R', USER, config]);
    return config;
  }

  /** `docker run` as in the README, but with the fake Azure. */
  async function run(...options: string[]): Promise<string> {
    const container = await engineSays(
      ...['run', '--detach', '--network', 'host'],
      ...HOSTS.flatMap((host) => ['--add-host', `${host}:${FAKE_AZURE_ADDRESS}`]),
      ...['--volume', `${azure.certificate}:/etc/fake-azure.pem:ro`],
      ...[
        `PORT=${PORT}`,
        'HOST=127.0.0.1',
        'NODE_EXTRA_CA_CERTS=/etc/fake-azure.pem',
        'REQUESTS_CA_BUNDLE=/etc/fake-azure.pem',
      ].flatMap((variable) => ['--env', variable]),
      // The first `az` of a fresh container compiles what it imports.
      ...['--env', 'AZURE_DEADLINE_MS=60000'],
      ...options,
      IMAGE,
    );
    containers.push(container);
    return container;
  }

  const get = async (path: string) => {
    for (const deadlineMs = performance.now() + 30_000; ; ) {
      const response = await fetch(`http://127.0.0.1:${PORT}${path}`).catch(() => undefined);
      if (response) return response;
      if (performance.now() > deadlineMs) throw new Error('the container does not answer');
    }
  };
  const whoami = async () => JSON.parse(await (await get('/whoami')).text());

  test("lists with the caller's own login, through the real az", async () => {
    const container = await run('--user', USER, '--volume', `${logIn('well')}:/azure`);
    expect(await (await get('/')).json()).toEqual(['rg-1', 'rg-2', 'rg-3']);
    expect(await whoami()).toMatchObject({
      identity: { type: 'user' },
      credential: 'AzureCliCredential',
      subscription: { name: 'My laptop' },
      warnings: [],
    });
    // No zombie under PID 1.
    expect(await pipe(`"$ENGINE" top ${container} stat | grep -c Z || true`)).toBe('0');
    expect(await pipe(`"$ENGINE" logs ${container} 2>/dev/null`)).not.toContain('made-up-signature');
    await engineSays('kill', '--signal', 'TERM', container);
    expect(await engineSays('wait', container)).toBe('0');
  });

  test('arguments after the image go to the service', async () => {
    const config = JSON.parse(await engineSays('image', 'inspect', '--format', '{{json .Config}}', IMAGE));
    expect(config.Entrypoint).toEqual(['node', '--disable-sigusr1', '/app/main.js']);
    // No arguments from the base image: they would go to the service.
    expect(config.Cmd ?? []).toEqual([]);
  });

  test('without a mounted login it says how to mount one', async () => {
    await run('--user', USER);
    expect((await get('/')).headers.get('Fallback-Reason')).toBe('az-config-unusable');
    const { hint, commands } = await whoami();
    expect(hint).toContain('Mount the directory of your az login');
    expect(commands.join('\n')).toContain('-v ~/.azure:/azure');
  });

  test('with an empty directory it asks for az login', async () => {
    const empty = join(directory, 'empty');
    mkdirSync(empty);
    execFileSync('chown', [USER, empty]);
    await run('--user', USER, '--volume', `${empty}:/azure`);
    expect((await get('/')).headers.get('Fallback-Reason')).toBe('az-not-logged-in');
  });

  test('with a login mounted read-only it says so', async () => {
    await run('--user', USER, '--volume', `${logIn('read-only')}:/azure:ro`);
    expect((await get('/')).headers.get('Fallback-Reason')).toBe('az-config-unusable');
    expect((await whoami()).hint).toContain('writable, without the option ro');
  });

  test("with another user's login it says which user to run as", async () => {
    await run('--user', '54321:54321', '--volume', `${logIn('foreign')}:/azure`);
    expect((await get('/')).headers.get('Fallback-Reason')).toBe('az-config-unusable');
    expect((await whoami()).commands.join('\n')).toContain('--user $(id -u):$(id -g)');
  });

  test('with an expired login it asks for az login', async () => {
    await run('--user', USER, '--volume', `${logIn('expired', '--expires-in', '-60')}:/azure`);
    expect((await get('/')).headers.get('Fallback-Reason')).toBe('az-not-logged-in');
  });
});
