import { expect, test } from 'vitest';
import { createHistory } from '../src/history.ts';
import { identityNotFound, imds } from './fake-azure/identity.ts';
import { groups, subscriptions } from './fake-azure/resource-manager.ts';
import { startService } from './service.ts';

const at = (second: number) => new Date(second * 1000).toISOString();

test('a snapshot with the same reason is not a change', () => {
  const history = createHistory();
  history.record({ at: at(1), reason: 'identity-not-found', resourceGroups: null });
  history.record({ at: at(2), reason: 'identity-not-found', resourceGroups: null });
  history.record({ at: at(3), reason: null, resourceGroups: 12 });
  history.record({ at: at(4), reason: null, resourceGroups: 13 });
  expect(history.changes()).toEqual([
    { at: at(1), reason: 'identity-not-found', resourceGroups: null },
    { at: at(3), reason: null, resourceGroups: 12 },
  ]);
});

test('the last 20 changes are kept, oldest first', () => {
  const history = createHistory();
  for (let i = 0; i < 50; i++) history.record({ at: at(i), reason: i % 2 ? 'throttled' : null, resourceGroups: null });
  expect(history.changes()).toHaveLength(20);
  expect(history.changes().map(({ at: time }) => time)).toEqual(Array.from({ length: 20 }, (_, i) => at(i + 30)));
});

test('/whoami shows when the identity started to work', async () => {
  const { get, azure } = startService([imds({ answer: identityNotFound })], { ANSWER_MAX_AGE_MS: '0' });
  await get();
  azure.use(imds(), subscriptions(['One']), groups(3));
  await expect
    .poll(async () => JSON.parse(await (await get('/whoami')).text()).history, { timeout: 20_000 })
    .toEqual([
      { at: expect.any(String), reason: 'identity-not-found', resourceGroups: null },
      { at: expect.any(String), reason: null, resourceGroups: 3 },
    ]);
});
