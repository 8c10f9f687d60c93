import { HttpResponse, http, type RequestHandler } from 'msw';
import type { Answer } from './responses.ts';
import { refuses } from './responses.ts';
import { readToken } from './tokens.ts';

export const RESOURCE_MANAGER = 'https://management.azure.com';

interface Options {
  resourceManager?: string;
  /** The number of elements on a page; by default all. */
  pageSize?: number;
  /** Puts an empty page with a nextLink in front of each page. */
  emptyPages?: boolean;
  /** Other answers, by page number from 1. */
  onPage?: Record<number, Answer>;
}

/** A made-up subscription id, the same for the same name. */
export function subscriptionId(name: string): string {
  return `00000000-0000-4000-8000-${Buffer.from(name).toString('hex').padEnd(12, '0').slice(-12)}`;
}

/** Lists these subscriptions, in this order. */
export function subscriptions(names: string[], options: Options = {}) {
  const values = names.map((displayName) => {
    const id = subscriptionId(displayName);
    return { id: `/subscriptions/${id}`, subscriptionId: id, displayName, state: 'Enabled' };
  });
  return list('/subscriptions', values, options);
}

/** Lists these resource groups, or this many, in this order; for any subscription, or for the one with this name. */
export function groups(names: string[] | number, options: Options & { subscription?: string } = {}) {
  const all = typeof names === 'number' ? Array.from({ length: names }, (_, i) => `rg-${i + 1}`) : names;
  const id = options.subscription === undefined ? ':subscriptionId' : subscriptionId(options.subscription);
  const values = all.map((name) => ({
    id: `/subscriptions/${id}/resourceGroups/${name}`,
    name,
    location: 'westeurope',
  }));
  return list(`/subscriptions/${id}/resourcegroups`, values, options);
}

/** Resource Manager gives this answer to every request. */
export function resourceManager(answer: Answer, host = RESOURCE_MANAGER) {
  return http.get(`${host}/*`, ({ request }) => answer(request));
}

function list(path: string, values: object[], options: Options) {
  const {
    resourceManager: host = RESOURCE_MANAGER,
    pageSize = Math.max(values.length, 1),
    emptyPages,
    onPage,
  } = options;
  const full = Array.from({ length: Math.max(1, Math.ceil(values.length / pageSize)) }, (_, i) =>
    values.slice(i * pageSize, (i + 1) * pageSize),
  );
  const pages = emptyPages ? full.flatMap((page) => [[], page]) : full;

  return http.get(`${host}${path}`, async ({ request }) => {
    const refusal = unauthorized(request, host);
    if (refusal) return refusal(request);
    const url = new URL(request.url);
    const pageNumber = Number(url.searchParams.get('$skiptoken') ?? 1);
    const other = await onPage?.[pageNumber]?.(request);
    if (other) return other;
    url.searchParams.set('$skiptoken', String(pageNumber + 1));
    const nextLink = pageNumber < pages.length ? { nextLink: url.href } : {};
    // A bug of msw 3: a kept-alive socket that is destroyed during the next request throws an error that nobody can catch.
    const headers = { Connection: 'close' };
    return HttpResponse.json({ value: pages[pageNumber - 1] ?? [], ...nextLink }, { headers });
  });
}

/** The answer to a request without a token that is valid here. */
export function unauthorized(request: Request, host = RESOURCE_MANAGER): Answer | undefined {
  const token = readToken(request.headers.get('Authorization')?.replace(/^Bearer /, '') ?? '');
  if (!token)
    return refuses(401, 'AuthenticationFailed', "Authentication failed. The 'Authorization' header is missing.");
  if (token.audience.replace(/\/$/, '') !== host) {
    return refuses(
      401,
      'InvalidAuthenticationTokenAudience',
      'The access token has been obtained for the wrong audience.',
    );
  }
  if (token.expiresAtMs <= Date.now())
    return refuses(401, 'ExpiredAuthenticationToken', 'The access token expiry is past.');
  return undefined;
}

/** A page whose nextLink leads to this URL. */
export function pageWithNextLink(nextLink: string | ((request: Request) => string)): Answer {
  return (request) =>
    HttpResponse.json({
      value: [{ id: '/made-up', name: 'rg-linked', subscriptionId: subscriptionId('linked') }],
      nextLink: typeof nextLink === 'string' ? nextLink : nextLink(request),
    });
}

/** What the identity may do in each subscription; by default, read everything. */
export function permissions(actions: readonly string[] = ['*/read']): RequestHandler {
  return http.get(
    /^https:\/\/management\.[\w.]+\/subscriptions\/[^/]+\/providers\/Microsoft\.Authorization\/permissions/,
    () => HttpResponse.json({ value: [{ actions, notActions: [] }] }),
  );
}
