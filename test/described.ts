import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { REASONS } from '../src/explain/catalogue.ts';
import { CHECK_NAMES } from '../src/explain/checks.ts';
import { openApi } from '../src/http/openapi.ts';

interface Reference {
  $ref: string;
}

interface Header {
  required?: boolean;
  schema: { type?: string };
  example?: unknown;
}

interface Described {
  headers?: Record<string, Reference>;
  content?: Record<string, { schema: object; examples: Record<string, { value: unknown }> }>;
}

/** The part of the OpenAPI document that responses are checked against. */
interface Document {
  servers: { url: string }[];
  paths: Record<string, Record<'get' | 'head', { responses: Record<string, Reference> }>>;
  components: {
    headers: Record<string, Header>;
    responses: Record<string, Described>;
    schemas: Record<string, { enum?: string[] }>;
  };
}

/** The document as a client gets it. */
export const DOCUMENT: Document = JSON.parse(JSON.stringify(openApi('0.0.0-test', REASONS, CHECK_NAMES)));

/** Headers of the connection, not of the response. The document describes Content-Type with the body. */
const UNDESCRIBED = /^(connection|content-length|content-type|date|keep-alive|transfer-encoding)$/;

const ajv = new Ajv2020({ allErrors: true, strict: true });
ajvFormats.default(ajv);
// Lets a schema resolve its references.
ajv.addKeyword('components');

const validators = new Map<object, ValidateFunction>();

/** How a value violates a schema of the document; undefined if it does not. */
export function faultOf(value: unknown, schema: object): string | undefined {
  const validate = validators.get(schema) ?? ajv.compile({ ...schema, components: DOCUMENT.components });
  validators.set(schema, validate);
  return validate(value) ? undefined : ajv.errorsText(validate.errors, { dataVar: 'it' });
}

export function headerOf(header: Reference): Header {
  return found(DOCUMENT.components.headers, header);
}

export function responseOf(response: Reference): Described {
  return found(DOCUMENT.components.responses, response);
}

function found<T>(components: Record<string, T>, { $ref }: Reference): T {
  const component = components[$ref.split('/').at(-1) ?? ''];
  if (component === undefined) throw new Error(`nothing is at ${$ref}`);
  return component;
}

/** The statuses that the document lists for a path although they answer other requests, and which ones. */
const OTHER_REQUESTS: Record<number, string> = { 301: 'a trailing slash', 404: 'another path', 405: 'another method' };

function requestOf(method: string, path: string): string | undefined {
  if (DOCUMENT.paths[path] === undefined) {
    return DOCUMENT.paths[path.replace(/\/$/, '')] === undefined ? OTHER_REQUESTS[404] : OTHER_REQUESTS[301];
  }
  return /^(GET|HEAD)$/.test(method) ? undefined : OTHER_REQUESTS[405];
}

/** The document's description of such a response, if there is one. A foreign Host is refused for any request. */
function described(method: string, path: string, status: number): Described | undefined {
  if (status !== 421 && OTHER_REQUESTS[status] !== requestOf(method, path)) return undefined;
  const { get, head } = DOCUMENT.paths[path] ?? DOCUMENT.paths[path.replace(/\/$/, '')] ?? DOCUMENT.paths['/'] ?? {};
  const response = (method === 'HEAD' ? head : get)?.responses[status];
  return response && responseOf(response);
}

/**
 * Checks the status, headers, type and body of a response against the OpenAPI document.
 *
 * @throws {Error} if one is not as described
 */
export function checkAgainstDocument(
  path: string,
  init: RequestInit | undefined,
  { status, headers }: Pick<Response, 'status' | 'headers'>,
  body: string,
): void {
  const method = init?.method ?? 'GET';
  const faults = [...faultsOf(path.replace(/\?.*/, ''), method, status, headers, body)];
  if (faults.length === 0) return;
  throw new Error(`${method} ${path} answered ${status}, which does not match /openapi.json: ${faults.join('; ')}`);
}

function* faultsOf(path: string, method: string, status: number, headers: Headers, body: string): Generator<string> {
  const response = described(method, path, status);
  if (!response) return yield 'this status is not described';

  const expected = new Map(
    Object.entries(response.headers ?? {}).map(([name, header]) => [name.toLowerCase(), header]),
  );
  for (const name of headers.keys()) {
    if (!expected.has(name) && !UNDESCRIBED.test(name)) yield `the header ${name} is not described`;
  }
  for (const [name, reference] of expected) {
    const { required, schema } = headerOf(reference);
    const value = headers.get(name);
    if (value === null && required) yield `the header ${name} is missing`;
    const fault = value === null ? undefined : faultOf(schema.type === 'integer' ? Number(value) : value, schema);
    if (fault) yield `the header ${name}: ${fault}`;
  }

  const type = headers.get('Content-Type') ?? '';
  const content = response.content?.[type];
  if (!content && (response.content || body !== '')) return yield `the type "${type}" is not described`;
  if (method === 'HEAD' || !content) {
    if (body !== '') yield 'there is a body';
    return;
  }
  const fault = faultOf(type.includes('json') ? JSON.parse(body) : body, content.schema);
  if (fault) yield `the body: ${fault}`;
}
