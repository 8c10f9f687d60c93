import { ResourceManagementClient } from '@azure/arm-resources';
import { createDefaultHttpClient, createPipelineRequest } from '@azure/core-rest-pipeline';
import type { Identity } from '../../explain/claims.ts';
import { parseObject } from '../bounded-json.ts';
import type { Cloud } from '../cloud.ts';
import type { Deadline } from '../deadline.ts';
import type { ReadPages } from './guard.ts';

/** What listing needs. */
const READ_GROUPS = 'Microsoft.Resources/subscriptions/resourceGroups/read';

/**
 * Asks what the identity may do on the whole subscription: whether it may read the resource groups, or sees the subscription only
 * because of a role on something below it. Both lists are empty then.
 *
 * @see https://learn.microsoft.com/rest/api/authorization/permissions
 */
export async function mayReadGroups(
  readPages: ReadPages,
  deadline: Deadline,
  identity: Identity,
  { cloud, subscriptionId }: { cloud: Cloud; subscriptionId: string },
): Promise<boolean> {
  const url = `${cloud.resourceManager}/subscriptions/${subscriptionId}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01`;
  return readPages(
    'list-permissions',
    deadline,
    identity,
    (credential, options) => new ResourceManagementClient(credential, subscriptionId, options),
    async ({ pipeline }) => {
      const response = await pipeline.sendRequest(createDefaultHttpClient(), createPipelineRequest({ url }));
      const permissions: unknown[] = [parseObject(response.bodyAsText ?? '')?.['value']].flat();
      return permissions.some((permission) => grants(Object(permission)));
    },
  );
}

function grants({ actions, notActions }: { actions?: unknown; notActions?: unknown }): boolean {
  return includes(actions) && !includes(notActions);
}

/** Whether one of these actions, which may have wildcards, includes reading. */
function includes(actions: unknown): boolean {
  const patterns = Array.isArray(actions) ? actions.filter((action) => typeof action === 'string') : [];
  return patterns.some((pattern) => isLike(READ_GROUPS.toLowerCase(), pattern.toLowerCase().split('*')));
}

/** Whether a text consists of these parts, in order, with anything between them. */
function isLike(text: string, [first = '', ...parts]: string[]): boolean {
  if (parts.length === 0) return text === first;
  if (!text.startsWith(first)) return false;
  const last = parts.pop() ?? '';
  let from = first.length;
  for (const part of parts) {
    const at = text.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return text.length - last.length >= from && text.endsWith(last);
}
