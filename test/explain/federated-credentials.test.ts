import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { explain } from '../../src/explain/explain.ts';
import { CLIENT_ID, ISSUER, jwt, refusedByEntra, TENANT_ID, TOKEN_FILE, withoutToken } from './outcomes.ts';

const SUBJECT = 'system:serviceaccount:shop:orders';
const AUDIENCE = 'api://AzureADTokenExchange';
const OTHER_ID = '33333333-3333-4333-8333-333333333333';
const STAGING = ISSUER.replace('0d3a4b5c', '57a61e00');

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rg-api-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

interface Identity {
  name: string;
  clientId: string;
  /** Name, issuer and subject of each federated credential. */
  credentials: [string, string, string][];
}

/** Pastes the commands for a refusal into bash, each into a shell of its own, and returns what they changed. */
async function paste(
  number: number,
  identities: Identity[],
  options: { annotation?: string; claims?: object; clientId?: string } = {},
): Promise<string[]> {
  const { annotation = CLIENT_ID, clientId = CLIENT_ID } = options;
  const outcome = await withoutToken(
    {
      env: {
        POD_NAME: 'orders-76dfdc59dc-lhprq',
        POD_NAMESPACE: 'shop',
        POD_SERVICE_ACCOUNT: 'orders',
        AZURE_CLIENT_ID: clientId,
        AZURE_TENANT_ID: TENANT_ID,
        AZURE_FEDERATED_TOKEN_FILE: TOKEN_FILE,
      },
      files: { [TOKEN_FILE]: jwt({ iss: ISSUER, sub: SUBJECT, aud: AUDIENCE, ...options.claims }) },
    },
    refusedByEntra(number, 'No matching federated identity record found.'),
  );
  const lists = identities.map(
    ({ name, credentials }) =>
      `*'--identity-name ${name} --query [].[name,issuer,subject]'*) printf '%s\\t%s\\t%s\\n' ${credentials.flat().join(' ')};;\n` +
      `*'--identity-name ${name} --query [].[issuer,subject]'*) printf '%s\\t%s\\n' ${credentials.map(([, ...rest]) => rest.join(' ')).join(' ')};;`,
  );
  const rows = (query: string, row: (identity: Identity) => string) =>
    `*'identity list --query ${query} -o tsv'*) printf '${identities.map(row).join('\\n')}\\n';;`;
  const log = join(directory, 'log');
  const program = (name: string, cases: string) =>
    writeFileSync(
      join(directory, name),
      `#!/bin/bash\ncase "$*" in\n${cases}\n*'-o table'*) ;;\n*) echo "${name} $*" >> '${log}';;\nesac\n`,
      { mode: 0o755 },
    );
  program(
    'az',
    [
      rows('[].[resourceGroup,name,clientId]', ({ name, clientId: id }) => `rg\\t${name}\\t${id}`),
      rows(
        '[].[resourceGroup,name,clientId,tenantId]',
        ({ name, clientId: id }) => `rg\\t${name}\\t${id}\\t${TENANT_ID}`,
      ),
      ...lists,
    ].join('\n'),
  );
  // The service account has the annotation of the last command that set it.
  program(
    'kubectl',
    `*'get serviceaccount'*) echo "azure.workload.identity/client-id: $(grep -o 'client-id=[0-9a-f-]*' '${log}' | cut -d= -f2 | grep . || echo ${annotation})";;`,
  );
  writeFileSync(log, '');
  for (const line of explain(outcome).failure?.commands ?? []) {
    execFileSync('bash', ['-c', line], { env: { PATH: `${directory}:/usr/bin:/bin` }, stdio: 'pipe' });
  }
  return readFileSync(log, 'utf8').trim().split('\n');
}

const RESTART = 'kubectl rollout restart deployment orders -n shop';
const created = (name: string) =>
  `az identity federated-credential create -g rg --identity-name orders --name ${name} --issuer ${ISSUER} --subject ${SUBJECT} --audiences ${AUDIENCE}`;

test('a new federated credential leaves the one of another cluster alone', async () => {
  const orders: Identity = { name: 'orders', clientId: CLIENT_ID, credentials: [['orders', STAGING, SUBJECT]] };
  expect(await paste(700211, [orders])).toEqual([created('shop_orders_0d3a4b5c'), RESTART]);
});

test('a federated credential that has the issuer and subject already gets no second one', async () => {
  const orders: Identity = { name: 'orders', clientId: CLIENT_ID, credentials: [['mine', ISSUER, SUBJECT]] };
  expect(await paste(70021, [orders], { annotation: CLIENT_ID })).toContain(
    created('mine').replace('create', 'update'),
  );
});

test('an identity that trusts the token already was meant, and the other one does not have to trust it', async () => {
  const identities: Identity[] = [
    { name: 'billing', clientId: OTHER_ID, credentials: [['aks', ISSUER, 'system:serviceaccount:billing:billing']] },
    { name: 'orders', clientId: CLIENT_ID, credentials: [['aks', ISSUER, SUBJECT]] },
  ];
  const changes = await paste(700213, identities, { clientId: OTHER_ID, annotation: OTHER_ID });
  expect(changes).toEqual([
    `kubectl annotate serviceaccount orders -n shop azure.workload.identity/client-id=${CLIENT_ID} azure.workload.identity/tenant-id=${TENANT_ID} --overwrite`,
    'kubectl set env deployment orders -n shop AZURE_CLIENT_ID- AZURE_TENANT_ID-',
    RESTART,
  ]);
});

test('another audience changes the federated credential that has the issuer and subject', async () => {
  const orders: Identity = {
    name: 'orders',
    clientId: CLIENT_ID,
    credentials: [
      ['staging', STAGING, SUBJECT],
      ['production', ISSUER, SUBJECT],
    ],
  };
  expect(await paste(700212, [orders])).toEqual([created('production').replace('create', 'update')]);
});

test('a federated credential in another letter case is corrected, and not that of a longer subject', async () => {
  const orders: Identity = {
    name: 'orders',
    clientId: CLIENT_ID,
    credentials: [
      ['longer', ISSUER, `${SUBJECT}-2`],
      ['mine', ISSUER, SUBJECT.replace('orders', 'Orders')],
    ],
  };
  expect(await paste(7002138, [orders])).toEqual([created('mine').replace('create', 'update')]);
});

test.each([
  ['the service account of everybody', { sub: 'system:serviceaccount:shop:default' }],
  ['an issuer that may be anybody', { iss: 'https://issuer.example/' }],
  ['an issuer that only the cluster knows', { iss: 'https://kubernetes.default.svc.cluster.local' }],
  ['a token of Microsoft Entra ID', { iss: `https://login.microsoftonline.com/${TENANT_ID}/v2.0` }],
])('nobody has to trust %s', async (_, claims) => {
  for (const number of [70021, 70025, 700211, 700213]) {
    const outcome = await withoutToken(
      {
        env: { AZURE_CLIENT_ID: CLIENT_ID, AZURE_TENANT_ID: TENANT_ID, AZURE_FEDERATED_TOKEN_FILE: TOKEN_FILE },
        files: { [TOKEN_FILE]: jwt({ iss: ISSUER, sub: SUBJECT, aud: AUDIENCE, ...claims }) },
      },
      refusedByEntra(number, 'No matching federated identity record found.'),
    );
    expect(explain(outcome).failure?.commands.join('\n')).not.toMatch(/federated-credential (create|update)/);
  }
});
