import { setPriority } from 'node:os';

const PRIORITY = -15;

/** Gives a process, or this thread, priority over all others: the tests measure the service, not a busy machine. */
export function prioritize(pid = 0): void {
  try {
    setPriority(pid, PRIORITY);
  } catch {
    // In a container not even root may do that.
  }
}
