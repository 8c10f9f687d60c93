import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { part } from '../../src/explain/bash.ts';
import {
  correctClientId,
  dropVariables,
  renameVariables,
  setVariables,
} from '../../src/explain/environment-commands.ts';
import { explain } from '../../src/explain/explain.ts';
import { type Facts, NO_FACTS } from '../../src/explain/facts.ts';
import { bypassProxy } from '../../src/explain/machine-commands.ts';
import { replaceSecret, trimSecret } from '../../src/explain/registration-commands.ts';
import { FAMILIES, readCases } from './outcome-files.ts';
import { CLIENT_ID } from './outcomes.ts';

const SUBSCRIPTION = '33333333-3333-4333-8333-333333333333';
const MACHINE: Facts = { ...NO_FACTS, unit: 'rgapi@1.service' };
const CONTAINER_APP: Facts = { ...NO_FACTS, container: true, place: 'container-apps', app: 'shop' };
const POD: Facts = {
  ...NO_FACTS,
  kubernetes: true,
  container: true,
  place: 'kubernetes',
  pod: { namespace: 'shop', owner: { kind: 'Deployment', name: 'orders' } },
};

/** Everything that these commands know of a case. */
const about = (facts: Facts) => ({
  facts,
  failure: undefined,
  identity: undefined,
  list: undefined,
  findings: [],
  resourceManager: undefined,
  finding: {
    name: '',
    outcome: 'failed' as const,
    responder: 'not-asked' as const,
    message: '',
    summary: '',
    text: {},
  },
});

let home = '';

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'rg-api-environment-'));
  for (const program of ['az', 'kubectl', 'systemctl']) put(program);
  put(
    'sudo',
    '[[ $1 == install ]] && exec cat > "$HOME/$(basename "$6")"\n[[ $1 == cat ]] && exec cat "$HOME/environ"',
  );
});
afterEach(() => rmSync(home, { recursive: true }));

/** A program that notes its arguments, and then does this. */
function put(program: string, code = ''): void {
  const lines = ['#!/bin/bash', `echo "${program} $*" >> "$HOME/ran"`, code, 'exit 0'];
  writeFileSync(join(home, program), lines.join('\n'), { mode: 0o755 });
}

/** The answers of a program, by what its arguments contain. */
function answers(program: string, texts: Record<string, string>): void {
  const cases = Object.entries(texts).map(([words, text]) => `*'${words}'*) printf '${text}' ;;`);
  put(program, `case "$*" in\n${cases.join('\n')}\nesac`);
}

/** Pastes the commands into a bash each, and shows what ran. */
function paste(commands: readonly string[], variables: Record<string, string> = {}): string {
  for (const command of commands) {
    spawnSync('bash', ['--noprofile', '--norc', '-c', command], {
      cwd: home,
      env: { ...variables, HOME: home, PATH: `${home}:${process.env['PATH']}` },
    });
  }
  return readdirSync(home).includes('ran') ? readFileSync(join(home, 'ran'), 'utf8') : '';
}

const written = (file: string) => readFileSync(join(home, file), 'utf8');

describe('a service of systemd', () => {
  test('has the value also where another drop-in names an environment file', () => {
    paste(setVariables(about(MACHINE), { AZURE_TENANT_ID: part`made-up` }));
    const file = '/etc/systemd/system/rgapi@1.service.d/zz-AZURE_TENANT_ID.env';
    // systemd reads drop-ins in the order of their names, and `systemctl edit` writes override.conf.
    expect(readdirSync(home).filter((name) => name.endsWith('.conf') && name > 'override.conf')).toEqual([
      'zz-AZURE_TENANT_ID.conf',
    ]);
    expect(written('zz-AZURE_TENANT_ID.conf')).toBe(`[Service]\nEnvironmentFile=${file}\n`);
    expect(written('zz-AZURE_TENANT_ID.env')).toBe('AZURE_TENANT_ID=made-up\n');
  });

  test('has it unset by the same drop-in', () => {
    paste(dropVariables(about(MACHINE), 'AZURE_TENANT_ID'));
    expect(written('zz-AZURE_TENANT_ID.conf')).toBe('[Service]\nUnsetEnvironment=AZURE_TENANT_ID\n');
  });

  test.each([
    ['keeps a value with the characters of a shell', 'a~$b%c*d=e#f', 'a~$b%c*d=e#f'],
    ['keeps nothing of white space', ' a \n', 'a'],
  ])('%s', (_, value, expected) => {
    writeFileSync(join(home, 'environ'), `OTHER=x\0ARM_CLIENT_SECRET=${value}\0`);
    paste(renameVariables(about(MACHINE), [['ARM_CLIENT_SECRET', 'AZURE_CLIENT_SECRET']]));
    expect(written('zz-AZURE_CLIENT_SECRET.env')).toBe(`AZURE_CLIENT_SECRET=${expected}\n`);
  });

  test('is left alone while it does not run, because its variables cannot be read', () => {
    writeFileSync(join(home, 'environ'), '');
    paste(renameVariables(about(MACHINE), [['ARM_CLIENT_SECRET', 'AZURE_CLIENT_SECRET']]));
    expect(readdirSync(home).filter((name) => name.endsWith('.env'))).toEqual([]);
  });

  test('is left alone on another machine', () => {
    put('systemctl', 'exit 1');
    const ran = paste(setVariables(about(MACHINE), { AZURE_TENANT_ID: part`made-up` }).slice(0, 1));
    expect(ran).toBe('systemctl cat rgapi@1.service\n');
  });
});

describe('a container app', () => {
  const ENVIRONMENT = 'properties.template.containers';
  const list = { 'containerapp list': 'rg\tshop\n' };

  test('keeps a variable that is taken from a secret', () => {
    // az prints None for the value of such a variable, unless the query leaves it out.
    answers('az', { ...list, '[?value]': 'LOG\tinfo\n', [ENVIRONMENT]: 'AZURE_CLIENT_SECRET\tNone\n' });
    expect(paste(trimSecret(about(CONTAINER_APP)))).not.toContain('az containerapp update');
  });

  test('does not get the name of a secret as its value under another name', () => {
    answers('az', { ...list, '[?value]': 'LOG\tinfo\n', [ENVIRONMENT]: 'ARM_CLIENT_SECRET\tNone\n' });
    const ran = paste(renameVariables(about(CONTAINER_APP), [['ARM_CLIENT_SECRET', 'AZURE_CLIENT_SECRET']]));
    expect(ran).not.toContain('az containerapp update');
  });

  test('with two containers has one value', () => {
    answers('az', { ...list, [ENVIRONMENT]: 'AZURE_CLIENT_SECRET\tmade-up \nAZURE_CLIENT_SECRET\tmade-up\n' });
    expect(paste(trimSecret(about(CONTAINER_APP)))).toContain(
      'az containerapp update -g rg -n shop --set-env-vars AZURE_CLIENT_SECRET=made-up -o none\n',
    );
  });
});

describe('the client id of an identity', () => {
  const IDENTITIES = {
    'clientId,principalId]': `${CLIENT_ID}\t44444444-4444-4444-8444-444444444444\n`,
    'clientId,id]': `${CLIENT_ID}\t/subscriptions/${SUBSCRIPTION}/x/app-2\n`,
    'clientId,principalId,id]': `${CLIENT_ID}\t44444444-4444-4444-8444-444444444444\t/subscriptions/${SUBSCRIPTION}/x/app-2\n`,
  };
  const change = (id: string) => correctClientId(about({ ...MACHINE, variables: { AZURE_CLIENT_ID: id } }));
  const chosen = () => (readdirSync(home).includes('zz-AZURE_CLIENT_ID.env') ? written('zz-AZURE_CLIENT_ID.env') : '');

  test.each([
    ['its object id', '44444444-4444-4444-8444-444444444444'],
    ['its client id', CLIENT_ID],
    ['its resource id', `/subscriptions/${SUBSCRIPTION}/x/APP-2`],
  ])('is found by %s', (_, id) => {
    answers('az', IDENTITIES);
    paste(change(id));
    expect(chosen()).toBe(`AZURE_CLIENT_ID=${CLIENT_ID}\n`);
  });

  test.each([
    ['the id of its subscription', SUBSCRIPTION],
    ['the beginning of its resource id', `/subscriptions/${SUBSCRIPTION}/x/app`],
  ])('is not found by %s, which others have, too', (_, id) => {
    answers('az', IDENTITIES);
    paste(change(id));
    expect(chosen()).toBe('');
  });
});

describe('what a hint says to remove, the commands of a service remove', () => {
  const outcomes = FAMILIES.flatMap((family) => readCases(family).map(({ outcome }) => outcome));
  const told = outcomes.flatMap((outcome) => {
    const { identityEndpoint: endpoint, variables } = outcome.facts;
    // The other platforms have no systemd.
    if (endpoint && endpoint.kind !== 'arc') return [];
    const service = {
      kubernetes: false,
      unit: 'rgapi.service',
      ...(endpoint
        ? { place: 'arc' as const, variables: { ...variables, AZURE_CLIENT_ID: CLIENT_ID } }
        : { place: 'machine' as const }),
    };
    const { failure } = explain({ ...outcome, facts: { ...outcome.facts, ...service } });
    return failure && /^Remove AZURE_CLIENT_ID\b(?! to| or)/.test(failure.hint) ? [failure] : [];
  });

  test.each(told)('$reason: $problem', ({ commands }) => {
    expect(commands.join('\n')).toContain('UnsetEnvironment=AZURE_CLIENT_ID)');
  });
});

describe('a pod', () => {
  test('keeps the exceptions of its proxy, also where they come from a ConfigMap', () => {
    // Without --resolve, kubectl shows where a value comes from, and not the value.
    answers('kubectl', {
      '--list --resolve': '# deployments orders, container orders\nNO_PROXY=10.0.0.0/8,.svc\n',
      '--list': '# deployments orders, container orders\n# NO_PROXY from configmap proxy, key no-proxy\n',
    });
    expect(paste(bypassProxy(about(POD)))).toContain(
      'kubectl set env deployment orders -n shop NO_PROXY=10.0.0.0/8,.svc,169.254.169.254\n',
    );
  });

  test('without exceptions gets only the new one', () => {
    expect(paste(bypassProxy(about(POD)))).toContain(
      'kubectl set env deployment orders -n shop NO_PROXY=169.254.169.254\n',
    );
  });

  test('is made anew once for several variables', () => {
    expect(paste(dropVariables(about(POD), 'AZURE_CLIENT_ID', 'AZURE_CLIENT_SECRET'))).toBe(
      'kubectl set env deployment orders -n shop AZURE_CLIENT_ID= AZURE_CLIENT_SECRET=\n',
    );
  });

  test('gets no secret that az did not print', () => {
    expect(paste(replaceSecret(about(POD)))).not.toContain('kubectl');
  });

  test('has a variable renamed, and nothing else of that name', () => {
    put(
      'kubectl',
      `[[ $1 == get ]] && printf '      - env:\\n        - name: client-secret\\n          valueFrom:\\n            secretKeyRef:\\n              name: client-secret\\n'\n[[ $1 == replace ]] && cat > "$HOME/replaced"`,
    );
    paste(renameVariables(about(POD), [['client-secret', 'AZURE_CLIENT_SECRET']]));
    expect(written('replaced')).toBe(
      '      - env:\n        - name: AZURE_CLIENT_SECRET\n          valueFrom:\n            secretKeyRef:\n              name: client-secret\n',
    );
  });
});
