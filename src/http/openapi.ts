import document from './openapi.json' with { type: 'json' };

/**
 * The OpenAPI document of this version of the service. Its schemas are closed: a response has no member and no header that the
 * document does not describe. A test checks every response against it. The reasons and checks come from the diagnosis, and HEAD is
 * described like GET.
 *
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
export function openApi(
  version: string,
  reasons: readonly { reason: string; title: string }[],
  checks: readonly string[],
) {
  const { info, paths, components } = document;
  const titles = reasons.map(({ reason, title }) => `- \`${reason}\`: ${title}`).join('\n');
  const { Reason, Check, Checks, ...schemas } = components.schemas;
  return {
    ...document,
    info: { ...info, version },
    paths: Object.fromEntries(
      Object.entries<{ get: Operation }>(paths).map(([path, { get }]) => [path, { get, head: headOperation(get) }]),
    ),
    components: {
      ...components,
      schemas: {
        Reason: {
          ...Reason,
          description: `${Reason.description}\n\n${titles}`,
          enum: reasons.map(({ reason }) => reason),
        },
        Check: { ...Check, properties: { ...Check.properties, name: { enum: checks } } },
        Checks: { ...Checks, minItems: checks.length, maxItems: checks.length },
        ...schemas,
      },
    },
  };
}

export type OpenApiDocument = ReturnType<typeof openApi>;

type Operation = (typeof document.paths)[keyof typeof document.paths]['get'];

function headOperation({ responses, ...get }: Operation) {
  // Another method than GET and HEAD is not HEAD.
  const { 405: _, ...others } = responses;
  return { ...get, operationId: `${get.operationId}Head`, tags: ['HEAD'], responses: others };
}
