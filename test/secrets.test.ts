import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setLogLevel } from '@azure/logger';
import fc from 'fast-check';
import { HttpResponse } from 'msw';
import { afterAll, expect, test } from 'vitest';
import { bridgeSdkLog } from '../src/azure/sdk-log.ts';
import { checkReport } from '../src/check.ts';
import { redact, redactValue } from '../src/redaction.ts';
import { checkDocument } from '../src/responses.ts';
import { aadsts, entra, imds, imdsRefuses, noImds } from './fake-azure/identity.ts';
import { groups, subscriptions } from './fake-azure/resource-manager.ts';
import { type Answer, refuses } from './fake-azure/responses.ts';
import { IDENTITY } from './fake-azure/tokens.ts';
import { startService, stopServices } from './service.ts';

const directory = mkdtempSync(join(tmpdir(), 'rg-api-'));
const tokenFile = join(directory, 'token');
writeFileSync(tokenFile, 'made-up-assertion');
writeFileSync(join(directory, 'az'), `#!/bin/sh\ncat ${directory}/stderr >&2\nexit 1\n`);
chmodSync(join(directory, 'az'), 0o755);
afterAll(() => {
  setLogLevel(undefined);
  rmSync(directory, { recursive: true });
});

const listing = [subscriptions(['One']), groups(1)];
const workloadIdentity = {
  AZURE_CLIENT_ID: IDENTITY.clientId,
  AZURE_TENANT_ID: IDENTITY.tenantId,
  AZURE_FEDERATED_TOKEN_FILE: tokenFile,
};
const saying = (text: string, status: number, type: string, headers = {}): Answer => {
  return () => new HttpResponse(text, { status, headers: { 'Content-Type': type, ...headers } });
};

/** Starts a service to which somebody says this text. */
type Place = (text: string, env: NodeJS.ProcessEnv) => ReturnType<typeof startService>;

const PLACES: Record<string, Place> = {
  'the description of IMDS': (text, env) => startService([imds({ answer: imdsRefuses(text) }), ...listing], env),
  'the text of NMI': (text, env) => startService([imds({ answer: saying(text, 404, 'text/plain') }), ...listing], env),
  'the code of IMDS': (text, env) => {
    const answer = () => HttpResponse.json({ error: text, error_description: 'made-up' }, { status: 400 });
    return startService([imds({ answer }), ...listing], env);
  },
  'a page in the place of IMDS': (text, env) =>
    startService([imds({ answer: saying(`<html><title>${text}</title>`, 200, 'text/html') }), ...listing], env),
  'the description of Entra': (text, env) =>
    startService([entra({ answer: aadsts(700213, text) }), noImds()], { ...env, ...workloadIdentity }),
  'a page in the place of Entra': (text, env) => {
    const answer = saying(text, 502, 'text/html', { 'Set-Cookie': text.replace(/[^ -~]/g, '') });
    return startService([entra({ answer }), noImds()], { ...env, ...workloadIdentity });
  },
  'the message of a 403 of Resource Manager': (text, env) =>
    startService([imds(), subscriptions(['One'], { onPage: { 1: refuses(403, 'AuthorizationFailed', text) } })], env),
  'the code of a 400 of Resource Manager': (text, env) =>
    startService([imds(), subscriptions(['One'], { onPage: { 1: refuses(400, text) } })], env),
  'the XML of Resource Manager': (text, env) => {
    const xml = `<Error><Code>Made</Code><Message>${text.replaceAll('<', '&lt;')}</Message></Error>`;
    return startService([imds(), subscriptions(['One'], { onPage: { 1: saying(xml, 400, 'application/xml') } })], env);
  },
  'a page in the place of Resource Manager': (text, env) =>
    startService([imds(), subscriptions(['One'], { onPage: { 1: saying(text, 200, 'text/html') } })], env),
  'the challenge of Resource Manager': (text, env) => {
    const challenge = { 'WWW-Authenticate': `Bearer error="${text.replace(/[^ -~]/g, '')}"` };
    return startService(
      [imds(), subscriptions(['One'], { onPage: { 1: saying('{}', 401, 'application/json', challenge) } })],
      env,
    );
  },
  'the name of a subscription': (text, env) => startService([imds(), subscriptions([text]), groups(1)], env),
  'a claim': (text, env) => startService([imds({ claims: { appid: text, oid: text } }), ...listing], env),
  'the environment': (text, env) => {
    const named = text.replaceAll('\0', '');
    return startService([noImds()], { ...env, POD_NAME: named, POD_NAMESPACE: named, AZURE_AUTHORITY: named });
  },
  'the output of az': (text, env) => {
    writeFileSync(join(directory, 'stderr'), `ERROR: ${text}`);
    return startService([], {
      ...env,
      AZURE_TOKEN_CREDENTIALS: 'AzureCliCredential',
      PATH: `${directory}:/usr/bin:/bin`,
    });
  },
};

/** What anybody can see of a service: bodies, headers, reports and the log. */
async function everythingOf({ get, service, logText }: ReturnType<typeof startService>): Promise<string> {
  const answers = await Promise.all([
    get(),
    get('/', { headers: { Accept: 'text/html' } }),
    get('/whoami'),
    get('/metrics'),
  ]);
  const shown = answers.map(async (answer) => [await answer.text(), ...answer.headers.values()]);
  const view = await service.viewOf(await service.snapshots.get());
  const reports = [redact(checkReport(view, 80)), JSON.stringify(redactValue(checkDocument(view)))];
  return [...(await Promise.all(shown)).flat(), ...reports, ...logText].join('\n');
}

const secret = fc.stringMatching(/^[a-zA-Z0-9~._+/=-]{14,60}$/).map((text) => `a1${text}`);
const base64url = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(toBase64url);
const signature = fc.oneof(base64url(32), base64url(256));

function toBase64url(bytes: Uint8Array | string): string {
  return Buffer.from(bytes).toString('base64url');
}

const SECRET_FORMS: Record<string, (text: string) => string> = {
  plain: (text) => text,
  'in JSON': (text) => JSON.stringify(text).replaceAll('/', '\\/'),
  'in a URL': encodeURIComponent,
  'in a URL, twice': (text) => encodeURIComponent(encodeURIComponent(text)),
  'in a form': (text) => String(new URLSearchParams({ client_secret: text })),
  'in base64': (text) => Buffer.from(`made-up:${text}`).toString('base64'),
};

const TOKEN_FORMS: Record<string, (text: string) => string> = {
  plain: (text) => text,
  'after Bearer': (text) => `Authorization: Bearer ${text}`,
  'in quotes': (text) => `'${text}'`,
  'in a URL': (text) => `https://login.example/?id_token%3D${text.replaceAll('.', '%2E')}`,
  'in JSON': (text) => JSON.stringify({ text }).replaceAll('.', String.raw`\u002e`),
};

const form = (forms: Record<string, (text: string) => string>) => fc.constantFrom(...Object.keys(forms));

const quotation = fc.oneof(
  fc
    .record({ secret, form: form(SECRET_FORMS), variable: fc.constantFrom('AZURE_CLIENT_SECRET', 'IDENTITY_HEADER') })
    .map((made) => {
      const shown = SECRET_FORMS[made.form]?.(made.secret) ?? '';
      // Another variable of the same credential is missing, so that nothing uses it.
      return { env: { [made.variable]: made.secret }, shown, hidden: [made.secret, shown.replace(/^[^=]*=/, '')] };
    }),
  fc.record({ signature, form: form(TOKEN_FORMS) }).map((made) => {
    const token = `${toBase64url('{"alg":"RS256","typ":"JWT"}')}.${toBase64url('{"sub":"made-up"}')}.${made.signature}`;
    return { env: {}, shown: TOKEN_FORMS[made.form]?.(token) ?? '', hidden: [made.signature] };
  }),
);

/** Around the places where texts are cut. */
const length = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 800, max: 1100 }),
  fc.integer({ min: 0, max: 9000 }),
);

const filler = (characters: number) => 'made up text '.repeat(Math.ceil(characters / 13)).slice(0, characters);

test.each(Object.keys(PLACES))('no secret and no token leaves the process, whoever quotes it: %s', async (name) => {
  const lines: string[] = [];
  bridgeSdkLog((line) => lines.push(line), 'verbose');
  await fc.assert(
    fc
      .asyncProperty(quotation, length, length, async ({ env, shown, hidden }, before, after) => {
        lines.length = 0;
        const start = PLACES[name];
        if (!start) throw new Error('no such place');
        const text = `${filler(before)} ${shown} ${filler(after)}`;
        const everything = `${await everythingOf(start(text, { LOG_LEVEL: 'trace', ...env }))}\n${lines.join('\n')}`;
        expect(hidden.flatMap(windowsOf).filter((part) => everything.includes(part))).toEqual([]);
      })
      .afterEach(stopServices),
    { numRuns: 5 },
  );
});

/** All parts of 12 characters. */
function windowsOf(text: string): string[] {
  return Array.from({ length: Math.max(0, text.length - 11) }, (_, start) => text.slice(start, start + 12));
}

test.each(['true', 'use', 'access', 'error', 'rgapi', 'kubectl'])(
  'the secret %j, which is a word of ours, changes no key, hint or command',
  async (word) => {
    const labels = join(directory, 'labels');
    writeFileSync(labels, 'azure.workload.identity/use="false"\n');
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', POD_NAMESPACE: word, POD_NAME: 'rgapi-7d4b9c6f5-x7k2p' };
    const diagnosed = async (more: NodeJS.ProcessEnv) => {
      const { get } = startService([noImds()], { ...env, ...more, AZURE_CLIENT_ID: '', POD_LABELS_FILE: labels });
      const { reason, hint, commands, instance } = JSON.parse(await (await get('/whoami')).text());
      stopServices();
      return { reason, hint, commands, namespace: instance.namespace };
    };
    const without = await diagnosed({});
    expect(without.commands.join()).toContain(word);
    expect(await diagnosed({ IDENTITY_HEADER: word })).toEqual(without);
  },
);
