import { test } from 'vitest';
import { SCENARIOS } from '../fake-azure/scenarios.ts';
import { IDENTITY } from '../fake-azure/tokens.ts';
import { harms, heal } from './heal.ts';

const only = process.env['ONLY']?.split(' ');
test.each(Object.entries(SCENARIOS).filter(([n]) => !only || only.includes(n)))('%s', async (name, scenario) => {
  const h = await heal(scenario, { CLIENT_ID: IDENTITY.clientId, CLUSTER: 'aks-prod', SERVICE_ACCOUNT: 'rgapi' });
  console.log(
    `${h.isHealed ? 'HEALED' : 'not   '} ${name} ${h.reasons.join(' > ')} rounds ${h.rounds} hand ${h.byHand} harm ${harms(h)}`,
  );
  if (process.env['V']) for (const r of h.ran) console.log(`$ ${r.command}\n[${r.code}] ${r.output}`);
});
