import { REASONS } from '../azure/diagnosis/catalogue.ts';

/**
 * The OpenAPI document of this version of the service. Its schemas are closed: no answer has a member or a header that is not
 * in it; a test holds every answer against it.
 *
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
export function openApi(version: string) {
  return {
    openapi: '3.1.1',
    info: {
      title: 'rg-api',
      version,
      summary: "Proves on AKS that a pod's Azure identity works, and says why when it does not",
      description:
        'An empty list is never a riddle: the header `Fallback-Reason` and `GET /whoami` say why. Where Azure itself fails, the ' +
        'answer is an HTTP error with a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'Where this document comes from' }],
    security: [],
    tags: [
      { name: 'Identity', description: 'Who the identity is, and what it sees' },
      { name: 'Operation', description: 'For probes, Prometheus and programs; never asks Azure' },
      { name: 'HEAD', description: 'The status and the headers of GET, without the body' },
    ],
    paths: {
      '/': path({
        operationId: 'listResourceGroups',
        tags: ['Identity'],
        summary: 'The names of all resource groups of the first subscription',
        description:
          'In the order of Azure Resource Manager, and never half a list. An `Accept` that prefers `text/html`, as that of a ' +
          'browser does, gets the same as a page.',
        parameters: TRACE_CONTEXT,
        responses: {
          200: {
            description:
              'The list. Where authentication or authorization fails, it is empty and `Fallback-Reason` says why; the next ' +
              'call tries again.',
            headers: { ...ALWAYS, ...NEGOTIATED, 'Fallback-Reason': reference('headers', 'FallbackReason') },
            content: {
              'application/json': {
                schema: reference('schemas', 'ResourceGroups'),
                examples: {
                  list: { summary: 'All is well', value: ['rg-platform-dns', 'rg-shop-orders-prod'] },
                  fallback: { summary: 'With Fallback-Reason: no-subscription', value: [] },
                },
              },
              ...PAGE,
            },
          },
          404: plainProblem(
            'The answer of every path that is not in this document.',
            404,
            'Not Found',
            'No such route; GET / lists the resource groups, GET /whoami says who we are',
          ),
          502: unavailable('Azure Resource Manager is broken or cannot be reached.', {
            type: 'urn:rg-api:tls-intercepted',
            title: 'Azure Resource Manager cannot be reached',
            status: 502,
            detail: 'https://management.azure.com cannot be reached: self-signed certificate in certificate chain',
            documentation: 'https://learn.microsoft.com/azure/aks/outbound-rules-control-egress',
            reason: 'tls-intercepted',
            hint: "Mount the CA certificate of your company's proxy, set NODE_EXTRA_CA_CERTS to its path and restart: …",
          }),
          503: unavailable(
            'Azure Resource Manager throttles.',
            {
              type: 'urn:rg-api:throttled',
              title: 'Azure Resource Manager throttles',
              status: 503,
              detail: 'Resource Manager answered 429 TooManyRequests: The request is being throttled.',
              documentation:
                'https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling',
              reason: 'throttled',
              hint: 'Ask again in 30 seconds: Azure Resource Manager throttles this identity or its subscription.',
            },
            { 'Retry-After': reference('headers', 'RetryAfter') },
          ),
          504: unavailable('Nothing from Azure within AZURE_DEADLINE_MS.', {
            type: 'urn:rg-api:timeout',
            title: 'Azure Resource Manager did not answer in time',
            status: 504,
            detail: 'Still waiting for the list of resource groups after 10000 ms',
            documentation: 'https://azure.status.microsoft',
            reason: 'timeout',
            hint: 'Ask again, look for an outage, or allow more time with AZURE_DEADLINE_MS: …',
          }),
        },
      }),
      '/whoami': path({
        operationId: 'whoAmI',
        tags: ['Identity'],
        summary: 'Who the token says we are, or why there is none',
        parameters: TRACE_CONTEXT,
        responses: {
          200: {
            description: 'There is a token.',
            headers: ALWAYS,
            content: {
              'application/json': {
                schema: reference('schemas', 'WhoAmI'),
                examples: {
                  pod: { summary: 'All is well in a pod', value: WHO_AM_I },
                  warning: { summary: 'The identity has no role', value: WITHOUT_ROLE },
                },
              },
            },
          },
          503: {
            description: 'There is no token.',
            headers: ALWAYS,
            content: {
              [PROBLEM]: {
                schema: reference('schemas', 'NoToken'),
                examples: {
                  pod: { summary: 'The federated credential is for another service account', value: NO_TOKEN },
                },
              },
            },
          },
        },
      }),
      '/healthz': path({
        operationId: 'getHealth',
        tags: ['Operation'],
        summary: 'Whether the process can answer',
        responses: { 200: OK },
      }),
      '/readyz': path({
        operationId: 'getReadiness',
        tags: ['Operation'],
        summary: 'Whether it takes traffic',
        responses: {
          200: OK,
          503: plainProblem('It is shutting down.', 503, 'Service Unavailable', 'The process is shutting down'),
        },
      }),
      '/metrics': path({
        operationId: 'getMetrics',
        tags: ['Operation'],
        summary: 'What Prometheus scrapes',
        responses: {
          200: {
            description:
              'How long requests and calls of Azure take, fallbacks by reason, when the token expires, the process itself.',
            headers: ALWAYS,
            content: {
              'text/plain; version=0.0.4; charset=utf-8': {
                schema: { type: 'string', pattern: '^(# (HELP|TYPE) .+\\n|\\w+(\\{.+\\})? \\S+\\n|\\n)+$' },
                examples: { counter: { summary: 'One of the instruments', value: COUNTER } },
              },
            },
          },
        },
      }),
      '/openapi.json': path({
        operationId: 'getOpenApi',
        tags: ['Operation'],
        summary: 'This document',
        responses: {
          200: {
            description: 'OpenAPI 3.1.',
            headers: ALWAYS,
            content: {
              'application/json': {
                schema: closed(
                  {
                    openapi: { type: 'string', pattern: '^3\\.1\\.\\d+$' },
                    info: { type: 'object' },
                    servers: { type: 'array', items: { type: 'object' } },
                    security: { type: 'array', items: { type: 'object' } },
                    tags: { type: 'array', items: { type: 'object' } },
                    paths: { type: 'object' },
                    components: { type: 'object' },
                  },
                  ['servers', 'security', 'tags', 'components'],
                ),
                examples: {
                  excerpt: {
                    summary: 'Its frame',
                    value: { openapi: '3.1.1', info: { title: 'rg-api', version }, paths: {} },
                  },
                },
              },
            },
          },
        },
      }),
    },
    components: { parameters: PARAMETERS, headers: headers(), responses: SHARED, schemas: schemas() },
  };
}

interface ResponseObject {
  description: string;
  headers?: Record<string, object>;
  content?: Record<string, object>;
}

interface OperationObject {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  parameters?: object[];
  responses: Record<number, ResponseObject>;
}

const PROBLEM = 'application/problem+json';

function reference(kind: 'headers' | 'parameters' | 'responses' | 'schemas', name: string) {
  return { $ref: `#/components/${kind}/${name}` };
}

/** On whatever a route answers. */
const ALWAYS = {
  'Cache-Control': reference('headers', 'CacheControl'),
  'X-Content-Type-Options': reference('headers', 'ContentTypeOptions'),
};

/** What protects the page; an answer for curl has none of them. */
const PAGE_HEADERS = [
  'Content-Security-Policy',
  'Cross-Origin-Opener-Policy',
  'Cross-Origin-Resource-Policy',
  'Origin-Agent-Cluster',
  'Referrer-Policy',
  'X-DNS-Prefetch-Control',
  'X-Download-Options',
  'X-Frame-Options',
  'X-Permitted-Cross-Domain-Policies',
  'X-XSS-Protection',
];

/** On what is either JSON or the page. */
const NEGOTIATED = {
  Vary: reference('headers', 'Vary'),
  ...Object.fromEntries(PAGE_HEADERS.map((name) => [name, reference('headers', 'PageProtection')])),
};

const PAGE = {
  'text/html; charset=UTF-8': {
    schema: { type: 'string', pattern: '^<!doctype html>\\n[\\s\\S]+</html>\\n$' },
    examples: { page: { summary: 'The same for a person', value: '<!doctype html>\n<html lang="en">\n…\n</html>\n' } },
  },
};

const OK: ResponseObject = {
  description: 'Yes.',
  headers: ALWAYS,
  content: {
    'application/json': {
      schema: closed({ status: { const: 'ok' } }),
      examples: { yes: { summary: 'Yes', value: { status: 'ok' } } },
    },
  },
};

/** A problem without a reason of ours: its type is about:blank, its title that of the HTTP status. */
function plainProblem(
  description: string,
  status: number,
  title: string,
  detail: string,
  more?: Record<string, object>,
): ResponseObject {
  const value = { type: 'about:blank', title, status, detail };
  return {
    description,
    headers: { ...ALWAYS, ...more },
    content: {
      [PROBLEM]: {
        schema: {
          ...reference('schemas', 'Problem'),
          type: 'object',
          properties: { status: { const: status }, title: { const: title } },
        },
        examples: { problem: { summary: title, value } },
      },
    },
  };
}

/** What GET / answers when Azure itself fails. */
function unavailable(
  description: string,
  value: Record<'type' | 'title' | 'detail' | 'documentation' | 'reason' | 'hint', string> & { status: number },
  more?: Record<string, object>,
): ResponseObject {
  return {
    description,
    headers: { ...ALWAYS, ...NEGOTIATED, ...more },
    content: {
      [PROBLEM]: {
        schema: {
          ...reference('schemas', 'AzureProblem'),
          type: 'object',
          properties: { status: { const: value.status } },
        },
        examples: { problem: { summary: value.title, value } },
      },
      ...PAGE,
    },
  };
}

/** Responses that are the same on every path. */
const SHARED = {
  MethodNotAllowed: plainProblem(
    'The answer of this path to every other method.',
    405,
    'Method Not Allowed',
    '/ answers GET and HEAD',
    { Allow: reference('headers', 'Allow') },
  ),
  RequestHeaderFieldsTooLarge: { description: 'The headers of the request have more than 16 KiB.' },
  InternalServerError: plainProblem('A bug.', 500, 'Internal Server Error', 'A bug in rg-api; its log has the details'),
};

/** A path with both its methods; other methods have no operation that their answer could stand under. */
function path(get: OperationObject) {
  const shared = (name: keyof typeof SHARED) => reference('responses', name);
  const bodiless = ({ description, headers }: ResponseObject) => ({ description, ...(headers && { headers }) });
  const own = Object.entries(get.responses);
  return {
    get: {
      ...get,
      responses: {
        ...get.responses,
        405: shared('MethodNotAllowed'),
        431: shared('RequestHeaderFieldsTooLarge'),
        500: shared('InternalServerError'),
      },
    },
    head: {
      ...get,
      operationId: `${get.operationId}Head`,
      tags: ['HEAD'],
      responses: {
        ...Object.fromEntries(own.map(([status, response]) => [status, bodiless(response)])),
        431: shared('RequestHeaderFieldsTooLarge'),
        500: bodiless(SHARED.InternalServerError),
      },
    },
  };
}

const PARAMETERS = {
  traceparent: {
    name: 'traceparent',
    in: 'header',
    description:
      'The trace that requests to Azure Resource Manager and lines of the log then belong to; ignored where it is not valid.',
    schema: { type: 'string' },
    example: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  },
  tracestate: {
    name: 'tracestate',
    in: 'header',
    description: 'Goes along with `traceparent`; ignored where it has more than 512 characters.',
    schema: { type: 'string' },
    example: 'made-up=00f067aa0ba902b7',
  },
};

/** @see https://www.w3.org/TR/trace-context/ */
const TRACE_CONTEXT = [reference('parameters', 'traceparent'), reference('parameters', 'tracestate')];

function headers() {
  const always = (value: string, description: string) => ({
    description,
    required: true,
    schema: { type: 'string', const: value },
    example: value,
  });
  return {
    CacheControl: always('no-store', 'An answer tells of one moment: the next one may differ.'),
    ContentTypeOptions: always('nosniff', 'A body is what its type says.'),
    Vary: always('Accept', 'Whether it is JSON or the page.'),
    Allow: always('GET, HEAD', 'The methods of this path.'),
    FallbackReason: {
      description:
        'Why the list is empty although nobody knows whether there are resource groups; absent where it is whole.',
      schema: reference('schemas', 'Reason'),
      example: 'no-subscription',
    },
    RetryAfter: {
      description: 'Seconds.',
      required: true,
      schema: { type: 'integer', minimum: 1 },
      example: 30,
    },
    PageProtection: { description: 'Only with the page, which it protects.', schema: { type: 'string' } },
  };
}

/** An object with these members and no others. */
function closed(properties: Record<string, object>, optional: string[] = []) {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', required, properties, additionalProperties: false };
}

function schemas() {
  const reasons = REASONS;
  const text = { type: 'string', minLength: 1 };
  const textOrNull = { type: ['string', 'null'] };
  const time = { type: 'string', format: 'date-time' };
  const list = (items: object) => ({ type: 'array', items });
  const status = { type: 'integer', minimum: 400, maximum: 599 };
  const explained = {
    type: { description: 'urn:rg-api: and the reason.', enum: reasons.map((reason) => `urn:rg-api:${reason}`) },
    title: text,
    status,
    detail: { ...text, description: 'What was said by whoever failed, untouched.' },
    documentation: { type: 'string', format: 'uri', pattern: '^https://' },
    reason: reference('schemas', 'Reason'),
    hint: { ...text, description: 'What to do, with the real names and ids; advice that steers nothing.' },
    commands: { ...list(text), description: 'Complete lines for bash that help.' },
  };
  return {
    Reason: { description: 'Why there is no list, or no token.', type: 'string', enum: reasons },
    ResourceGroups: { description: 'Names.', ...list(text) },
    Problem: {
      description: 'A problem that its HTTP status says all about.',
      ...closed({ type: { const: 'about:blank' }, title: text, status, detail: text }),
    },
    AzureProblem: { description: 'Azure itself fails.', ...closed(explained, ['documentation', 'commands']) },
    NoToken: {
      description: 'The whole diagnosis.',
      ...closed(
        {
          ...explained,
          title: { const: 'No access token' },
          status: { const: 503 },
          facts: reference('schemas', 'Facts'),
          attempts: list(reference('schemas', 'Attempt')),
        },
        ['documentation', 'commands'],
      ),
    },
    WhoAmI: closed({
      identity: reference('schemas', 'Identity'),
      credential: { ...text, description: 'The credential of the chain that got the token.' },
      expiresOn: { type: ['string', 'null'], format: 'date-time', description: 'When the token expires.' },
      subscription: {
        description: 'The subscription in use; null where there is none.',
        oneOf: [closed({ id: text, name: textOrNull }), { type: 'null' }],
      },
      warnings: list(reference('schemas', 'Warning')),
    }),
    Identity: {
      description: 'Claims of the token; null where it has no such claim.',
      ...closed(
        {
          type: { enum: ['app', 'user', null] },
          tenantId: textOrNull,
          objectId: textOrNull,
          clientId: textOrNull,
          managedIdentityResourceId: { ...text, description: 'The ARM id of the managed identity.' },
        },
        ['managedIdentityResourceId'],
      ),
    },
    Warning: {
      description: 'What works but looks suspicious, or does not work although there is a token.',
      ...closed(
        {
          detail: explained.detail,
          documentation: explained.documentation,
          reason: { type: 'string', enum: [...reasons, 'other-client-id'] },
          hint: explained.hint,
          commands: explained.commands,
        },
        ['detail', 'documentation', 'commands'],
      ),
    },
    Attempt: {
      description: 'What one credential of the chain came to.',
      ...closed(
        {
          name: text,
          outcome: { enum: ['succeeded', 'failed', 'unavailable', 'pending', 'not-tried'] },
          message: { type: 'string', description: 'What it said, untouched; empty where it has said nothing (yet).' },
          exchange: {
            description: 'Its last request: the answer, or the code of the system for why there was none.',
            ...closed(
              {
                host: text,
                code: text,
                status: { type: 'integer' },
                contentType: text,
                isProbe: { const: true, description: 'It only asked whether a metadata service is there.' },
                body: { type: 'string', description: 'The beginning of an answer that is no token.' },
                serverAheadSeconds: { type: 'integer', description: 'By how much the clock of the server was ahead.' },
              },
              ['code', 'status', 'contentType', 'isProbe', 'body', 'serverAheadSeconds'],
            ),
          },
        },
        ['exchange'],
      ),
    },
    Facts: {
      description: 'What can be found out in the pod, or on the laptop. Nothing in it is secret.',
      ...closed(
        {
          now: time,
          cloud: closed({
            authorityHost: { type: 'string', format: 'uri' },
            resourceManager: { type: 'string', format: 'uri' },
          }),
          metadataService: text,
          kubernetes: { type: 'boolean' },
          container: { type: 'boolean' },
          place: text,
          identityEndpoint: closed({ kind: text, host: text }),
          pod: closed({ name: text, namespace: text, serviceAccount: text, node: text }, [
            'name',
            'namespace',
            'serviceAccount',
            'node',
          ]),
          variables: {
            description: 'The variables that are set and matter; `(set)` where the value may be secret.',
            type: 'object',
            additionalProperties: text,
          },
          projectedToken: {
            description: 'The claims of the token of the service account, or why they are not here.',
            ...closed(
              { file: text, problem: text, iss: text, sub: text, aud: list({ type: 'string' }), nbf: time, exp: time },
              ['problem', 'iss', 'sub', 'aud', 'nbf', 'exp'],
            ),
          },
          podLabels: {
            description: 'The labels that bind an identity; null where the pod does not carry it.',
            ...closed({ aadpodidbinding: textOrNull, 'azure.workload.identity/use': textOrNull }),
          },
          proxy: {
            description: 'The variables that are set, and the hosts that are therefore asked through a proxy.',
            ...closed({ variables: list(text), hosts: list(text) }),
          },
        },
        ['projectedToken', 'podLabels', 'identityEndpoint', 'pod'],
      ),
    },
  };
}

const WHO_AM_I = {
  identity: {
    type: 'app',
    tenantId: '11111111-1111-4111-8111-111111111111',
    objectId: '33333333-3333-4333-8333-333333333333',
    clientId: '22222222-2222-4222-8222-222222222222',
  },
  credential: 'WorkloadIdentityCredential',
  expiresOn: '2026-11-25T09:54:08.000Z',
  subscription: { id: '44444444-4444-4444-8444-444444444444', name: 'Contoso Production' },
  warnings: [],
};

const WITHOUT_ROLE = {
  ...WHO_AM_I,
  subscription: null,
  warnings: [
    {
      detail: 'The identity has a token, but no role in any subscription',
      documentation: 'https://learn.microsoft.com/azure/role-based-access-control/troubleshooting',
      reason: 'no-subscription',
      hint: 'Run `az role assignment create --role Reader …` and allow up to 10 minutes: the identity works, but sees no subscription.',
    },
  ],
};

const REFUSAL =
  'invalid_client: Error(s): 700213 - Timestamp: 2026-11-24 09:54:05Z - Description: AADSTS700213: No matching federated identity ' +
  "record found for presented assertion subject 'system:serviceaccount:rgapi:rgapi'.";

const NO_TOKEN = {
  type: 'urn:rg-api:federated-credential-subject',
  title: 'No access token',
  status: 503,
  facts: {
    now: '2026-11-24T09:54:05.227Z',
    cloud: {
      authorityHost: 'https://login.microsoftonline.com',
      resourceManager: 'https://management.azure.com',
    },
    metadataService: '169.254.169.254',
    kubernetes: true,
    container: true,
    place: 'kubernetes',
    variables: {
      AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
      AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
      AZURE_FEDERATED_TOKEN_FILE: '(set)',
      AZURE_TENANT_ID: '11111111-1111-4111-8111-111111111111',
      KUBERNETES_SERVICE_HOST: '(set)',
    },
    projectedToken: {
      file: '/var/run/secrets/azure/tokens/azure-identity-token',
      iss: 'https://oidc.example/made-up-cluster/',
      sub: 'system:serviceaccount:rgapi:rgapi',
      aud: ['api://AzureADTokenExchange'],
      nbf: '2026-11-24T09:54:04.000Z',
      exp: '2026-11-24T10:54:04.000Z',
    },
    podLabels: { aadpodidbinding: null, 'azure.workload.identity/use': 'true' },
    proxy: { variables: [], hosts: [] },
  },
  attempts: [
    {
      name: 'WorkloadIdentityCredential',
      outcome: 'failed',
      message: REFUSAL,
      exchange: {
        host: 'login.microsoftonline.com',
        status: 401,
        body: '{"error":"invalid_client",…}',
        serverAheadSeconds: 0,
      },
    },
    { name: 'ManagedIdentityCredential', outcome: 'not-tried', message: '' },
  ],
  detail: REFUSAL,
  documentation: 'https://login.microsoftonline.com/error?code=700213',
  reason: 'federated-credential-subject',
  hint:
    'Add a federated credential with the subject system:serviceaccount:rgapi:rgapi to the identity ' +
    '22222222-2222-4222-8222-222222222222, or run the pod under the service account that an existing one names: none has this subject.',
};

const COUNTER = `# HELP rgapi_fallbacks_total Answers that were [] because authentication or authorization failed, by reason.
# TYPE rgapi_fallbacks_total counter
rgapi_fallbacks_total{reason="no-subscription"} 1
`;
