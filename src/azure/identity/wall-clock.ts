/**
 * How far the wall clock may move against the monotonic clock before it counts as set. NTP slews a clock by less than a second
 * between two looks of a busy service; an idle one renews its token once more than it has to.
 */
const JUMP_MS = 10_000;

/** Where the wall clock stands against the monotonic clock. It changes only when somebody sets or corrects the wall clock. */
export function wallClockOffsetMs(): number {
  return Date.now() - performance.now();
}

/** Whether the wall clock was set since it stood at this offset. */
export function hasJumped(offsetMs: number): boolean {
  return Math.abs(wallClockOffsetMs() - offsetMs) > JUMP_MS;
}
