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
 * Reads the trace context of a request; undefined where it has none, or one that is not valid.
 *
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceContextOf({ headers }: Request): TraceContext | undefined {
  const traceparent = headers.get('traceparent')?.trim();
  const traceId = traceparent && TRACEPARENT.exec(traceparent)?.[1];
  if (!traceparent || !traceId) return undefined;
  const tracestate = headers.get('tracestate');
  const isHandedOn = tracestate && tracestate.length <= LONGEST_TRACESTATE;
  return { traceId, headers: { traceparent, ...(isHandedOn && { tracestate }) } };
}
