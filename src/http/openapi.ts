import document from './openapi.json' with { type: 'json' };

/**
 * The OpenAPI document of this version of the service. Its schemas are closed: a response has no member and no header that the
 * document does not describe. A test checks every response against it.
 *
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
export function openApi(version: string) {
  return { ...document, info: { ...document.info, version } };
}

export type OpenApiDocument = ReturnType<typeof openApi>;
