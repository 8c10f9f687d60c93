/** Where a request belongs in the trace of whoever sent it. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** The headers of a request that belongs to it. This service records no span of its own, and hands on those of its caller. */
  headers: { traceparent: string; tracestate?: string };
}

/** Of version 00, the only one there is. */
const TRACEPARENT = /^00-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

/** Longer ones may be cut short; nobody has to hand on more. */
const LONGEST_TRACESTATE = 512;

/**
 * Reads the trace context from the headers of a request; undefined where it has none, or one that is not valid.
 *
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceContextOf(headers: Record<string, string | string[] | undefined>): TraceContext | undefined {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== 'string') return undefined;
  const traceId = TRACEPARENT.exec(traceparent)?.[1];
  if (traceId === undefined) return undefined;
  const isHandedOn = typeof tracestate === 'string' && tracestate !== '' && tracestate.length <= LONGEST_TRACESTATE;
  return { traceId, headers: { traceparent, ...(isHandedOn && { tracestate }) } };
}

/** The field of a line of the log, under the name that OpenTelemetry gives it. */
export function traceField(trace: TraceContext | undefined): { trace_id?: string } {
  return trace ? { trace_id: trace.traceId } : {};
}
