// The list without the service: the SDK as its documentation shows it, to compare `--check` with.
import { ResourceManagementClient } from '@azure/arm-resources';
import { SubscriptionClient } from '@azure/arm-resources-subscriptions';
import { DefaultAzureCredential } from '@azure/identity';

const credential = new DefaultAzureCredential();
const names = [];
for await (const { subscriptionId } of new SubscriptionClient(credential).subscriptions.list()) {
  if (!subscriptionId) continue;
  const { resourceGroups } = new ResourceManagementClient(credential, subscriptionId);
  for await (const { name } of resourceGroups.list()) names.push(name);
  break;
}
process.stdout.write(`${JSON.stringify(names)}\n`);
