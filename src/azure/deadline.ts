/**
 * Settles as the work does, unless the signal aborts first: then rejects with its reason, and the work goes on unwatched.
 * For work that cannot be cancelled; whatever becomes of it later is observed, so that it cannot end the process.
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
