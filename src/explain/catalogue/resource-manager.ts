import { bash, host, text } from '../bash.ts';
import { listSubscriptions } from '../commands.ts';
import type { Case, Finding } from '../evidence.ts';
import { ofKind, only, type When } from '../match.ts';
import { classOf } from '../resource-manager-codes.ts';
import { DOCUMENTATION, type Row } from '../row.ts';
import { hostOf, quoted, shown, statusAndCode, subscriptionOf } from '../words.ts';

const THROTTLED = {
  reason: 'throttled',
  title: 'Azure Resource Manager throttles requests',
  check: 'resource-manager',
  documentation: DOCUMENTATION.throttling,
} as const;
const BROKEN = {
  reason: 'broken',
  title: 'Azure Resource Manager did not answer as expected',
  check: 'resource-manager',
  documentation: DOCUMENTATION.status,
} as const;

const broken = ofKind('broken');
const code = (...classes: ReturnType<typeof classOf>[]): When =>
  only(broken, (_, finding) => finding.responder === 'resource-manager' && classes.includes(classOf(finding)));

/** Azure Resource Manager itself fails, or something in its place. */
export const RESOURCE_MANAGER: readonly Row[] = [
  {
    ...THROTTLED,
    when: only(ofKind('throttled'), (_, { errorCode = '' }) => /AnotherOperation|Conflict/i.test(errorCode)),
    problem: (c) =>
      `Another operation is in progress (${shown(c.finding.errorCode, '429')}), so Azure Resource Manager did not answer.`,
    hint: (c) => `Ask again in ${waitSeconds(c)} seconds. Nothing here needs to change.`,
  },
  {
    ...THROTTLED,
    when: ofKind('throttled'),
    problem: (c) => `Azure Resource Manager throttles this identity or its subscription (${statusAndCode(c.finding)}).`,
    hint: (c) =>
      `Wait ${waitSeconds(c)} seconds, then ask less often. All clients of the subscription share the limit.`,
  },
  {
    reason: 'timeout',
    title: 'Azure Resource Manager did not answer in time',
    check: 'resource-manager',
    when: only(ofKind('timeout'), (_, { phase }) => phase === undefined || phase === 'response'),
    problem: (c) => `${hostOf(c)} was reached, but did not answer in time: ${shown(c.finding.message, 'no answer')}.`,
    hint: () => 'Ask again, or look for an outage. If it is slow every time, allow more time with AZURE_DEADLINE_MS.',
    commands: (c) => [bash`curl -sS -o /dev/null -m 20 -w %{http_code} https://${host(c.finding.host, 'HOST')}`],
    documentation: DOCUMENTATION.status,
  },
  {
    ...BROKEN,
    when: only(broken, (_, { responder, errorCode }) => responder !== 'resource-manager' || errorCode === undefined),
    problem: (c) =>
      `Something answered in place of ${hostOf(c)} or garbled its answer${statusInWords(c.finding)}: ${quoted(c.finding)}.`,
    hint: () =>
      'Look for a captive portal, proxy, web filter or gateway on the way, and ask again in a minute: it may also be an outage.',
    commands: (c) => [bash`curl -sS -o /dev/null -D - https://${host(c.finding.host, 'HOST')}`],
  },
  {
    ...BROKEN,
    when: code('endpoint'),
    problem: (c) => `${hostOf(c)} does not serve this request (${statusAndCode(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Check AZURE_AUTHORITY_HOST and what answers there: Azure Stack, another cloud and gateways do not serve it.',
    commands: (c) => [bash`getent hosts ${host(c.finding.host, 'HOST')}`],
    documentation: DOCUMENTATION.clouds,
  },
  {
    ...BROKEN,
    check: 'resource-groups',
    when: code('registration'),
    problem: (c) =>
      `A resource provider is not registered in the subscription ${shown(subscriptionOf(c), 'in use')} (${statusAndCode(c.finding)}).`,
    hint: () => 'Register the resource provider that the message names.',
    commands: (c) => [
      bash`az provider register --namespace ${text(/namespace '([\w.]{3,60})'/.exec(c.finding.message)?.[1], 'PROVIDER_NAMESPACE')}`,
    ],
  },
  {
    ...BROKEN,
    when: only(broken, (_, { status = 0 }) => status >= 500 || status === 408),
    problem: (c) => `Azure Resource Manager has a fault (${statusAndCode(c.finding)}).`,
    hint: () =>
      'Ask again in a minute. If it lasts, open a support request with the ids in the message. Nothing here needs to change.',
  },
  {
    ...BROKEN,
    when: only(broken, (_, { status, errorCode = '' }) => status === 409 || /InProgress|Conflict/i.test(errorCode)),
    problem: (c) =>
      `Another operation is in progress in the subscription ${shown(subscriptionOf(c), 'in use')} (${statusAndCode(c.finding)}).`,
    hint: () => 'Wait for it, then ask again.',
  },
  {
    ...BROKEN,
    when: broken,
    problem: (c) => `Azure Resource Manager refused the request (${statusAndCode(c.finding)}): ${quoted(c.finding)}.`,
    hint: () =>
      'Follow the message. If this subscription cannot be used, set AZURE_SUBSCRIPTION_ID to another: the first that the identity sees is taken otherwise.',
    commands: () => [listSubscriptions()],
  },
];

function waitSeconds({ finding, failure }: Case): number {
  return finding.text.waitSeconds ?? failure?.retryAfterSeconds ?? 5;
}

function statusInWords({ status }: Finding): string {
  return status === undefined ? '' : ` (HTTP ${status})`;
}
