// In a container this process is PID 1, to which the kernel delivers only signals that have a handler, and
// loading everything else can take seconds.

type ExitSignal = 'SIGTERM' | 'SIGINT';

/** Before there is anything to shut down. A check that has not come to its end must not pass for a good one. */
let handler = (_signal: ExitSignal): void => process.exit(process.argv.includes('--check') ? 1 : 0);

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => handler(signal));

/** Decides what SIGTERM and SIGINT do from now on. Until then they end the process. */
export function handleSignals(handle: (signal: ExitSignal) => void): void {
  handler = handle;
}
