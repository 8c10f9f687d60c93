import { STATUS_CODES } from 'node:http';
import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { OpenApiDocument } from './openapi.ts';
import { ICON, STYLE } from './page-style.ts';

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

interface Reference {
  $ref: string;
}

interface Response {
  description: string;
  headers?: Record<string, Reference>;
  content?: Record<string, { schema: Schema; examples: Record<string, { summary: string; value: unknown }> }>;
}

interface Header {
  description: string;
  required?: boolean;
  example?: unknown;
}

interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  parameters?: Reference[];
  responses: Record<string, Reference>;
}

/** Renders `GET /docs`, the OpenAPI document for people. All routes are GET without a body, so a link is enough to try one. */
export function docsPage({ info, paths, components }: OpenApiDocument): Html {
  /** The component that a reference names. */
  function resolve<T>(kind: Record<string, T>, { $ref }: Reference): T {
    const component = kind[nameOf($ref)];
    if (component === undefined) throw new Error(`nothing is at ${$ref}`);
    return component;
  }

  function route([path, { get }]: [string, { get: Operation }]): Html {
    const id = get.operationId;
    const headers = (get.parameters ?? []).map((parameter) => resolve(components.parameters, parameter));
    const render = ([status, reference]: [string, Reference]) =>
      response(path, status, resolve<Response>(components.responses, reference));
    const [common = [], own = []] = [true, false].map((wanted) =>
      Object.entries(get.responses).filter(([, { $ref }]) => isCommon($ref) === wanted),
    );
    const negotiated = path === '/' ? ' In a browser, this is the page; curl gets the JSON.' : '';
    return html`<section id="${id}" aria-labelledby="${id}-title"><h2 class="route" id="${id}-title"><code>GET ${path}</code></h2>
<p class="lead">${get.summary}</p>
${get.description && html`<p>${prose(get.description)}</p>`}
${block(curl(path))}
<p><a href=".${path}">Try it: <code>${path}</code></a>${negotiated}</p>
${own.map(render)}
<details><summary>As on most routes: ${common.map(([status], i) => html`${i > 0 && ', '}<code>${status}</code>`)}</summary>${common.map(render)}</details>
${
  headers.length > 0 &&
  html`<details><summary>Request headers</summary>${table(
    'Header',
    headers.map(({ name, ...rest }) => ({ ...rest, names: [name] })),
  )}</details>`
}
</section>`;
  }

  /** Whether most routes have this response, so that it need not be read again on each. */
  function isCommon($ref: string): boolean {
    const routes: { get: Operation }[] = Object.values(paths);
    const having = routes.filter(({ get }) => Object.values(get.responses).some((each) => each.$ref === $ref));
    return having.length > routes.length / 2;
  }

  /** One status as a terminal shows it: the request, and the answer with the headers that it always has. */
  function response(path: string, status: string, { description, headers = {}, content = {} }: Response): Html {
    const known = Object.entries(headers).map(([name, { $ref }]) => ({
      name,
      $ref,
      ...resolve<Header>(components.headers, { $ref }),
    }));
    const [type] = Object.entries(content);
    const lines = [
      `$ ${curl(path, status)}`,
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      ...(type ? [`Content-Type: ${type[0]}`] : []),
      ...known.filter(({ required }) => required).map(({ name, example }) => `${name}: ${example}`),
    ];
    const [example] = Object.values(type?.[1].examples ?? {});
    if (example)
      lines.push('', typeof example.value === 'string' ? example.value : JSON.stringify(example.value, null, 2));
    const others = known
      .filter(({ required }) => !required)
      .map(({ name, $ref }, i) => html`${i > 0 && ', '}<a href="#header-${nameOf($ref)}"><code>${name}</code></a>`);
    return html`<details><summary><code>${status}</code> ${prose(description)}</summary>
${block(lines.join('\n'))}
${others.length > 0 && html`<p>Where they apply, also ${others}.</p>`}
${Object.entries(content).map(([name, { schema }]) => html`<p><code>${name}</code>: ${typeOf(schema)}</p>\n`)}
</details>`;
  }

  /** Each header of the responses once; some share a description. */
  function headerTable(): Html {
    const responses: Response[] = Object.values(components.responses);
    const byReference = Map.groupBy(
      responses.flatMap(({ headers = {} }) => Object.entries(headers)),
      ([, { $ref }]) => $ref,
    );
    const rows = [...byReference].map(([$ref, headers]) => ({
      id: `header-${nameOf($ref)}`,
      names: [...new Set(headers.map(([name]) => name))],
      ...resolve<Header>(components.headers, { $ref }),
    }));
    return table('Header', rows);
  }

  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Routes · ${info.title}</title>
<link rel="icon" href="${ICON}">
<style>${raw(STYLE)}</style>
</head>
<body>
<header>
<h1>${info.title} ${info.version}</h1>
<p class="lead">${info.summary}</p>
</header>
<main>
<section id="about" aria-labelledby="about-title"><h2 id="about-title">About</h2>
${info.description.split('\n\n').map((paragraph) => html`<p>${prose(paragraph)}</p>`)}
<p>For programs: <a href="./openapi.json">OpenAPI 3.1</a>.</p>
</section>
<nav aria-label="Routes"><ul>
${Object.entries(paths).map(([path, { get }]) => html`<li><a href="#${get.operationId}"><code>${path}</code></a> ${get.summary}</li>\n`)}</ul></nav>
${Object.entries(paths).map(route)}
<section id="headers" aria-labelledby="headers-title"><h2 id="headers-title">Response headers</h2>
<details><summary>What each of them means</summary>${headerTable()}</details>
</section>
<section id="schemas" aria-labelledby="schemas-title"><h2 id="schemas-title">Schemas</h2>
${Object.entries(components.schemas).map(([name, schema]) => schemaDetails(name, schema))}
</section>
</main>
<footer><span>${info.title} ${info.version}</span><nav aria-label="Other routes"><a href="./">/</a></nav></footer>
</body>
</html>
`;
}

/** The request that gets this status, or that gets it when Azure or the process is in this state. */
function curl(path: string, status?: string): string {
  const url = `localhost:8080${path}`;
  if (status === '301') return `curl -i ${url}/`;
  if (status === '404') return `curl -i ${url}nothing`;
  if (status === '405') return `curl -i -X POST ${url}`;
  if (status === '421') return `curl -i -H 'Host: rebinding.example' ${url}`;
  return `curl -i ${url}`;
}

interface Row {
  id?: string;
  names: readonly string[];
  description?: string | undefined;
  /** The type, for a member; headers show an example. */
  type?: Html;
  example?: unknown;
}

function table(what: 'Header' | 'Member', rows: readonly Row[]): Html {
  return html`<table><thead><tr><th scope="col">${what}</th><th scope="col">${what === 'Header' ? 'Example' : 'Type'}</th><th scope="col">Meaning</th></tr></thead>
<tbody>${rows.map(
    ({ id, names, type, description = '', example }) =>
      html`<tr${id !== undefined && html` id="${id}"`}><td>${names.map((name, i) => html`${i > 0 && raw('<br>')}<code>${name}</code>`)}</td><td>${type ?? (example !== undefined && html`<code>${example}</code>`)}</td><td>${prose(description)}</td></tr>\n`,
  )}</tbody></table>`;
}

function block(text: string): Html {
  return html`<div class="block"><pre tabindex="0"><code>${text}</code></pre></div>`;
}

/** The part of JSON Schema that the document uses. */
interface Schema {
  $ref?: string;
  description?: string;
  type?: string | string[];
  format?: string;
  enum?: readonly unknown[];
  const?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
}

/** A browser opens the details when a link leads into them. */
function schemaDetails(name: string, schema: Schema): Html {
  const members = membersOf(schema);
  return html`<details><summary><code>${name}</code></summary><div id="schema-${name}">
${schema.description && html`<p class="prose">${prose(schema.description)}</p>`}
${members.length === 0 ? html`<p>${typeOf(schema)}</p>` : table('Member', members)}
</div></details>
`;
}

/** The members of an object and of its nested objects. A question mark marks an optional one. */
function membersOf({ properties = {}, required = [] }: Schema, prefix = ''): Row[] {
  return Object.entries(properties).flatMap(([name, schema]): Row[] => {
    const path = prefix + name;
    const isOptional = !required.includes(name);
    const names = [isOptional ? `${path}?` : path];
    return [{ names, type: typeOf(schema), description: schema.description }, ...membersOf(schema, `${path}.`)];
  });
}

/** A type in the notation of TypeScript. */
function typeOf({ $ref, type, format, items, ...schema }: Schema): Html {
  if ($ref !== undefined) return html`<a href="#schema-${nameOf($ref)}">${nameOf($ref)}</a>`;
  const [whole] = schema.allOf ?? [];
  if (whole) return typeOf(whole);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return html`${choices.map((choice, i) => html`${i > 0 && ' | '}${typeOf(choice)}`)}`;
  if (items) return html`${typeOf(items)}[]`;
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (schema.enum) return html`<code>${schema.enum.map((value) => JSON.stringify(value)).join(' | ')}</code>`;
  return html`${[type].flat().join(' | ')}${format !== undefined && ` (${format})`}`;
}

function nameOf(reference: string): string {
  return reference.split('/').at(-1) ?? '';
}

/** The only Markdown that the document uses: backticks. */
function prose(text: string): Html[] {
  return text.split('`').map((piece, i) => (i % 2 === 0 ? html`${piece}` : html`<code>${piece}</code>`));
}
