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
    const parameters = (get.parameters ?? []).map((parameter) => resolve(components.parameters, parameter));
    return html`<section id="${id}" aria-labelledby="${id}-title"><h2 class="route" id="${id}-title"><code>GET ${path}</code></h2>
<p class="lead">${get.summary}</p>
${get.description && html`<p>${prose(get.description)}</p>`}
<p><a href=".${path}">Try it: <code>${path}</code></a></p>
${parameters.length > 0 && html`<h3>Request headers</h3>${table(parameters.map(({ name, description, example }) => [[name], description, example]))}`}
${Object.entries(get.responses).map(([status, reference]) => response(status, resolve<Response>(components.responses, reference)))}
</section>`;
  }

  function response(status: string, { description, headers = {}, content = {} }: Response): Html {
    const byReference = Map.groupBy(Object.entries(headers), ([, { $ref }]) => $ref);
    const rows = [...byReference].map(([$ref, sameHeaders]): Row => {
      const header: { description: string; example?: unknown } = resolve(components.headers, { $ref });
      return [sameHeaders.map(([name]) => name), header.description, header.example];
    });
    return html`<details${status === '200' && raw(' open')}><summary><code>${status}</code> ${prose(description)}</summary>
${rows.length > 0 && table(rows)}
${Object.entries(content).map(
  ([type, { schema, examples }]) => html`<h3><code>${type}</code>: ${typeOf(schema)}</h3>
${Object.values(examples).map(({ summary, value }) => html`<p>${prose(summary)}</p>${block(value)}`)}`,
)}
</details>`;
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
<section id="schemas" aria-labelledby="schemas-title"><h2 id="schemas-title">Schemas</h2>
${Object.entries(components.schemas).map(([name, schema]) => namedSchema(name, schema))}
</section>
</main>
<footer><span>${info.title} ${info.version}</span><nav aria-label="Other routes"><a href="./">/</a></nav></footer>
</body>
</html>
`;
}

type Row = [names: string[], description: string, example: unknown];

function table(rows: Row[]): Html {
  return html`<table><thead><tr><th scope="col">Header</th><th scope="col">Meaning</th><th scope="col">Example</th></tr></thead>
<tbody>${rows.map(
    ([names, description, example]) =>
      html`<tr><td>${names.map((name) => html`<code>${name}</code><br>`)}</td><td>${prose(description)}</td><td>${example !== undefined && html`<code>${example}</code>`}</td></tr>\n`,
  )}</tbody></table>`;
}

function block(value: unknown): Html {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  return html`<div class="block"><pre><code>${text}</code></pre></div>`;
}

/** The part of JSON Schema that the document uses. */
interface Schema {
  $ref?: string;
  description?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
}

function namedSchema(name: string, schema: Schema): Html {
  const members = membersOf(schema);
  return html`<h3 id="schema-${name}"><code>${name}</code></h3>
${schema.description && html`<p>${prose(schema.description)}</p>`}
${
  members.length === 0
    ? html`<p>${typeOf(schema)}</p>`
    : html`<table><thead><tr><th scope="col">Member</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
<tbody>${members.map(([member, type, meaning = '']) => html`<tr><td><code>${member}</code></td><td>${type}</td><td>${prose(meaning)}</td></tr>\n`)}</tbody></table>`
}`;
}

type Member = [name: string, type: Html, description: string | undefined];

/** The members of an object and of its nested objects. A question mark marks an optional one. */
function membersOf({ properties = {}, required = [] }: Schema, prefix = ''): Member[] {
  return Object.entries(properties).flatMap(([name, schema]): Member[] => {
    const path = prefix + name;
    const isOptional = !required.includes(name);
    return [[isOptional ? `${path}?` : path, typeOf(schema), schema.description], ...membersOf(schema, `${path}.`)];
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
