import { ResourceManagementClient } from '@azure/arm-resources';
import { SubscriptionClient } from '@azure/arm-resources-subscriptions';
import { DefaultAzureCredential } from '@azure/identity';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const credential = new DefaultAzureCredential();
const app = new Hono();

app.get('/', async (c) => {
  const names: string[] = [];
  for await (const { subscriptionId } of new SubscriptionClient(credential).subscriptions.list()) {
    if (!subscriptionId) continue;
    const { resourceGroups } = new ResourceManagementClient(credential, subscriptionId);
    for await (const { name } of resourceGroups.list()) if (name) names.push(name);
    break; // The first subscription that the identity sees.
  }
  return c.json(names);
});

// In a container the host name is 0.0.0.0.
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(process.env['PORT'] ?? 8080) });
