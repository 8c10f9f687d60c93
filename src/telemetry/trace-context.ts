/** Where a request belongs in the trace of its sender. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** The headers of a request that belongs to it. This service records no span of its own, and hands its caller's on. */
  headers: { traceparent: string; tracestate?: string };
}

/** Version, trace, span and flags; ids of zeros only are not valid. */
const TRACEPARENT = /^([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})$/;
const TRACEPARENT_LENGTH = 55;

/** Longer ones may be cut short; the standard does not ask anybody to hand on more. */
const MAX_TRACESTATE_LENGTH = 512;

/**
 * Reads the trace context from the headers of a request; undefined where it has none, or one that is not valid.
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
 * Of a version that we do not know, the standard has us read what version 00 has, and send on that: more may follow after
 * a hyphen, and of its flags only the one that says whether the trace is recorded keeps its meaning.
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

/** The field of a line of the log, under the name that OpenTelemetry gives it. */
export function traceField(trace: TraceContext | undefined): { trace_id?: string } {
  return trace ? { trace_id: trace.traceId } : {};
}
