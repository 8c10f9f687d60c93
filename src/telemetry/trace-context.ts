/** The trace that a request belongs to. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** The headers for an outgoing request. This service records no span of its own, so it passes on its caller's. */
  headers: { traceparent: string; tracestate?: string };
}

/** Version, trace id, span id and flags. Ids of only zeros are invalid. */
const TRACEPARENT = /^([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})$/;
const TRACEPARENT_LENGTH = 55;

/** The standard requires passing on at most this length. */
const MAX_TRACESTATE_LENGTH = 512;

/**
 * Reads the trace context from the headers of a request; undefined if it has none or an invalid one.
 *
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceContextOf(headers: Record<string, string | string[] | undefined>): TraceContext | undefined {
  const { tracestate } = headers;
  if (typeof headers['traceparent'] !== 'string') return undefined;
  const parsed = parseTraceparent(headers['traceparent']);
  if (!parsed) return undefined;
  const { traceId, traceparent } = parsed;
  const isHandedOn = typeof tracestate === 'string' && tracestate !== '' && tracestate.length <= MAX_TRACESTATE_LENGTH;
  return { traceId, headers: { traceparent, ...(isHandedOn && { tracestate }) } };
}

/**
 * For an unknown version, the standard requires us to read the fields of version 00 and pass on only those. More fields may
 * follow after a hyphen, and only the `sampled` flag keeps its meaning.
 */
function parseTraceparent(header: string): { traceId: string; traceparent: string } | undefined {
  const [, version, traceId, spanId, flags] = TRACEPARENT.exec(header.slice(0, TRACEPARENT_LENGTH)) ?? [];
  if (version === undefined || version === 'ff' || traceId === undefined || flags === undefined) return undefined;
  const rest = header.slice(TRACEPARENT_LENGTH);
  if (version === '00') return rest === '' ? { traceId, traceparent: header } : undefined;
  if (rest !== '' && !rest.startsWith('-')) return undefined;
  const sampled = (Number.parseInt(flags, 16) & 1).toString().padStart(2, '0');
  return { traceId, traceparent: `00-${traceId}-${spanId}-${sampled}` };
}

/** The log field for a trace, with the name that OpenTelemetry uses. */
export function traceField(trace: TraceContext | undefined): { trace_id?: string } {
  return trace ? { trace_id: trace.traceId } : {};
}
