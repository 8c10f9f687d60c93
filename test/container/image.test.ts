import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { HOSTS } from '../fake-azure/certificate.ts';
import { entra } from '../fake-azure/identity.ts';
import { groups, subscriptions } from '../fake-azure/resource-manager.ts';
import { startFakeAzureServer } from '../fake-azure/tls-server.ts';
import { serviceAccountToken, temporaryFile, workloadIdentity } from '../fake-azure/workload-identity.ts';
import { baseImages } from './base-images.ts';
import { engine, engineSays, pipe, usableDockerfile } from './engine.ts';

const IMAGE = 'rgapi:test';
const FAKE_AZURE_ADDRESS = '127.0.0.43';
const PORT = '18443';

describe.skipIf(engine === undefined && !process.env['CI'])('the image', () => {
  const containers: string[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'rg-api-image-'));
  let azure: Awaited<ReturnType<typeof startFakeAzureServer>>;
  let base = '';

  beforeAll(async () => {
    azure = await startFakeAzureServer(FAKE_AZURE_ADDRESS, entra(), subscriptions(['One']), groups(20));
    const dockerfile = usableDockerfile(directory) ?? 'Dockerfile';
    base = baseImages(readFileSync(dockerfile, 'utf8')).at(-1) ?? '';
    await engineSays('build', '-t', IMAGE, '-f', dockerfile, '.');
  }, 600_000);
  afterEach(async () => {
    for (const container of containers.splice(0)) await engineSays('rm', '-f', container);
  });
  afterAll(() => {
    azure.close();
    rmSync(directory, { recursive: true });
  });

  /** The options of `docker run` that match the manifests: read-only, no capabilities, the same limits, Workload ID; on the fake Azure. */
  function asInManifests(...environment: string[]): string[] {
    const token = temporaryFile('azure-identity-token', serviceAccountToken());
    chmodSync(join(token, '../..'), 0o755);
    chmodSync(join(token, '..'), 0o755);
    const { AZURE_CLIENT_ID, AZURE_TENANT_ID } = workloadIdentity();
    return [
      ...['--network', 'host', '--read-only', '--cap-drop', 'ALL'],
      ...['--security-opt', 'no-new-privileges', '--memory', '128m', '--cpus', '0.5'],
      ...HOSTS.flatMap((host) => ['--add-host', `${host}:${FAKE_AZURE_ADDRESS}`]),
      ...[
        '--volume',
        `${azure.certificate}:/etc/fake-azure.pem:ro`,
        '--volume',
        `${token}:/etc/azure-identity-token:ro`,
      ],
      ...[
        `PORT=${PORT}`,
        'HOST=127.0.0.1',
        'NODE_EXTRA_CA_CERTS=/etc/fake-azure.pem',
        'AZURE_TOKEN_CREDENTIALS=prod',
        'AZURE_FEDERATED_TOKEN_FILE=/etc/azure-identity-token',
        `AZURE_CLIENT_ID=${AZURE_CLIENT_ID}`,
        `AZURE_TENANT_ID=${AZURE_TENANT_ID}`,
        ...environment,
      ].flatMap((variable) => ['--env', variable]),
    ];
  }

  async function start(...environment: string[]): Promise<string> {
    const container = await engineSays('run', '--detach', ...asInManifests(...environment), IMAGE);
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

  test('serves the list within its limits, read-only, as user 65532 without capabilities', async () => {
    const startedAtMs = performance.now();
    const container = await start();
    const names = await (await get('/')).json();
    const readyMs = Math.round(performance.now() - startedAtMs);
    expect(names).toHaveLength(20);
    const status = await pipe(
      `cat /proc/$("$ENGINE" inspect --format '{{.State.Pid}}' ${container})/status | grep -E '^(Uid|CapEff|NoNewPrivs|VmRSS)'`,
    );
    expect(status).toMatch(/^Uid:\s+65532\s+65532\s+65532\s+65532$/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    process.stdout.write(`from docker run to the whole list: ${readyMs} ms; ${status.match(/VmRSS.*/)?.[0]}\n`);
  });

  test('/whoami shows its identity', async () => {
    await start();
    expect(await (await get('/whoami')).json()).toMatchObject({
      credential: 'WorkloadIdentityCredential',
      subscription: { name: 'One' },
      warnings: [],
    });
  });

  test('logs JSON lines, and SIGTERM ends it with 0', async () => {
    const container = await start();
    await get('/healthz');
    await engineSays('kill', '--signal', 'TERM', container);
    expect(await engineSays('wait', container)).toBe('0');
    const log = await pipe(`"$ENGINE" logs ${container} 2>/dev/null`);
    expect(log.split('\n').map((line) => JSON.parse(line).msg)).toEqual([
      expect.stringContaining('listening'),
      'shutting down',
    ]);
  });

  test('a diagnosis has the class names of the credentials, although the bundle is minified', async () => {
    await start('AZURE_FEDERATED_TOKEN_FILE=/nonexistent');
    const document = JSON.parse(await (await get('/whoami')).text());
    expect(document.reason).toBe('token-file-missing');
    expect(document.attempts.map(({ name }: { name: string }) => name)).toEqual([
      'EnvironmentCredential',
      'WorkloadIdentityCredential',
      'ManagedIdentityCredential',
    ]);
  });

  test('its health check needs no shell', async () => {
    const container = await start();
    await get('/healthz');
    const check: string[] = JSON.parse(
      await engineSays('image', 'inspect', '--format', '{{json .Config.Healthcheck.Test}}', IMAGE),
    );
    expect(check[0]).toBe('CMD');
    await engineSays('exec', container, ...check.slice(1));
    await engineSays('exec', '--env', 'PORT=1', container, ...check.slice(1)).then(
      () => expect.unreachable('the check passes although nothing listens'),
      () => {},
    );
  });

  test('has a numeric user, an exec-form start, its port, and the version of package.json', async () => {
    const config = JSON.parse(await engineSays('image', 'inspect', '--format', '{{json .Config}}', IMAGE));
    expect(config).toMatchObject({
      User: '65532:65532',
      Entrypoint: ['/nodejs/bin/node', '--disable-sigusr1', '--max-semi-space-size=4', '/app/main.js'],
      ExposedPorts: { '8080/tcp': {} },
      Labels: expect.objectContaining({
        'org.opencontainers.image.version': packageJson.version,
        'org.opencontainers.image.licenses': 'MIT',
      }),
    });
    // No arguments from the base image: they would go to the service.
    expect(config.Cmd ?? []).toEqual([]);
    expect(config.Env).toContain('HOST=0.0.0.0');
    expect(config.Env).toContain('NODE_COMPILE_CACHE=/app/compile-cache');
    // The same start as in the script that runs the bundle without a container.
    expect(packageJson.scripts['start:built']).toBe('node --disable-sigusr1 --max-semi-space-size=4 dist/main.js');
  });

  test('arguments after the image go to the service: --check works as in a Job', async () => {
    const run = (...environment: string[]) =>
      engineSays('run', '--rm', ...asInManifests(...environment), IMAGE, '--check');
    expect(await run()).toContain(workloadIdentity().AZURE_CLIENT_ID);
    await expect(run('AZURE_FEDERATED_TOKEN_FILE=/nonexistent')).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining('token-file-missing'),
    });
  });

  test('contains our licence, and that of each package in the bundle', async () => {
    const container = await engineSays('create', IMAGE);
    containers.push(container);
    const text = (file: string) => pipe(`"$ENGINE" export ${container} | tar --extract --to-stdout app/${file}`);
    expect(await text('LICENSE')).toBe(readFileSync('LICENSE', 'utf8').trim());
    const notices = await text('THIRD-PARTY-NOTICES.txt');
    const { sources }: { sources: string[] } = JSON.parse(await text('main.js.map'));
    const names = new Set(
      sources.flatMap((source) => /.*\bnode_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []),
    );
    expect(names.size).toBeGreaterThan(40);
    for (const name of names) {
      expect(notices).toMatch(new RegExp(`^${RegExp.escape(name)} \\d[^ ]* \\([^)]+\\)\\n\\n.{10}`, 'ms'));
    }
  });

  test('starts with the compile cache', async () => {
    const container = await start('NODE_DEBUG_NATIVE=COMPILE_CACHE');
    await get('/healthz');
    expect(await pipe(`"$ENGINE" logs ${container} 2>&1`)).toContain('main.js was accepted');
  });

  test('adds only the bundle, its map, its compile cache and the licences to the base, without sources or secrets, and its user may write none of them', async () => {
    const files = async (image: string) => {
      const container = await engineSays('create', image);
      containers.push(container);
      return (await pipe(`"$ENGINE" export ${container} | tar --list --verbose --numeric-owner`)).split('\n');
    };
    const name = (line: string) => line.split(/\s+/).slice(5).join(' ');
    const [mine, below] = [await files(IMAGE), new Set((await files(base)).map(name))];
    const ofEngine = /^(dev|etc|proc|run|sys)\//;
    const added = mine.filter((line) => !below.has(name(line)) && !ofEngine.test(name(line)));
    expect(added.map((line) => name(line).replace(/(?<=cache\/).+?-65532\/(?:[0-9a-f]{8})?/, '…')).sort()).toEqual([
      'app/',
      'app/LICENSE',
      'app/THIRD-PARTY-NOTICES.txt',
      'app/compile-cache/',
      'app/compile-cache/…',
      'app/compile-cache/…',
      'app/main.js',
      'app/main.js.map',
    ]);
    // Mode and owner/group: the files belong to another user, and others may only read them.
    for (const line of added) expect(line).toMatch(/^.(rwx|rw-)r-[-x]r-[-x] 0\/0 /);
    expect(mine.filter((line) => /^-/.test(line) && (/^-.{7}w/.test(line) || / 65532\//.test(line)))).toEqual([]);

    const map = await pipe(`"$ENGINE" export ${containers.at(-2)} | tar --extract --to-stdout app/main.js.map`);
    expect(JSON.parse(map).sourcesContent ?? []).toEqual([]);
  });

  test('is small', async () => {
    const compressed = async (script: string) => Number(await pipe(`${script} | gzip | wc --bytes`)) / 1e6;
    const container = await engineSays('create', IMAGE);
    const ofBase = await engineSays('create', base);
    containers.push(container, ofBase);
    const whole = await compressed(`"$ENGINE" export ${container}`);
    const below = await compressed(`"$ENGINE" export ${ofBase}`);
    const own = await compressed(`"$ENGINE" cp ${container}:/app -`);
    const mb = (size: number) => `${size.toFixed(1)} MB`;
    process.stdout.write(`compressed: ${mb(whole)}, of which the base ${mb(below)} and the service ${mb(own)}\n`);
    expect(own).toBeLessThan(2.5);
    expect(whole - below).toBeLessThan(2.7);
  });
});
