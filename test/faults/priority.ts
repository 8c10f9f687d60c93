import { setPriority } from 'node:os';

const PRIORITY = -15;

/** Puts a process, or this thread, before all others: what is measured is the service, not how busy its clients and the machine are. */
export function prefer(pid = 0): void {
  try {
    setPriority(pid, PRIORITY);
  } catch {
    // In a container not even root may do that.
  }
}
