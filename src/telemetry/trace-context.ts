/** The trace that a request belongs to. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** The headers for an outgoing request. This service records no span of its own, so it passes on its caller's. */
  headers: { traceparent: string; tracestate?: string };
}

/** Version, trace id, span id, flags, and what a later version may add. Ids of only zeros are invalid. */
const TRACEPARENT = /^(?!ff)([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/** The standard requires passing on at most this length. */
const MAX_TRACESTATE_LENGTH = 512;

/**
 * Reads the trace context from the headers of a request; undefined if it has none or an invalid one. For an unknown version, the
 * standard requires us to read the fields of version 00 and pass on only those, of the flags only `sampled`.
 *
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceContextOf(headers: Record<string, string | string[] | undefined>): TraceContext | undefined {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== 'string') return undefined;
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(traceparent) ?? [];
  if (traceId === undefined || flags === undefined || (version === '00' && more !== undefined)) return undefined;
  const known = version === '00' ? flags : `0${Number.parseInt(flags, 16) & 1}`;
  const isHandedOn = typeof tracestate === 'string' && tracestate !== '' && tracestate.length <= MAX_TRACESTATE_LENGTH;
  return {
    traceId,
    headers: { traceparent: `00-${traceId}-${spanId}-${known}`, ...(isHandedOn && { tracestate }) },
  };
}

/** The log field for a trace, with the name that OpenTelemetry uses. */
export function traceField(trace: TraceContext | undefined): { trace_id?: string } {
  return trace ? { trace_id: trace.traceId } : {};
}
