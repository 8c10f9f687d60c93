import { test } from 'vitest';
import { SCENARIOS } from '../fake-azure/scenarios.ts';
import { IDENTITY } from '../fake-azure/tokens.ts';
import { harms, heal } from './heal.ts';
import { WORLDS } from './worlds.ts';

const only = process.env['ONLY']?.split(' ');
test.each(Object.entries({ ...SCENARIOS, ...WORLDS }).filter(([n]) => !only || only.includes(n)))(
  '%s',
  async (name, scenario) => {
    const h = await heal(scenario, {
      CLIENT_ID: IDENTITY.clientId,
      CLUSTER: 'aks-prod',
      SERVICE_ACCOUNT: 'rgapi',
      VM: 'rgapi',
      TENANT_ID: IDENTITY.tenantId,
      APP: 'rgapi',
      SUBSCRIPTION_ID: 'c2b1a0f9-8e7d-4c6b-a5f4-e3d2c1b0a9f8',
    });
    console.log(
      `${h.isHealed ? 'HEALED' : 'not   '} ${name} ${h.reasons.join(' > ')} rounds ${h.rounds} hand ${h.byHand} harm ${harms(h)}`,
    );
    if (process.env['V']) for (const r of h.ran) console.log(`$ ${r.command}\n[${r.code}] ${r.output}`);
  },
);
