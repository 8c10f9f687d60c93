// Preloaded into the service: each SIGUSR2 sets its wall clock, as an administrator or NTP would. The monotonic clock goes on, and so
// does OpenSSL's time, for which the certificates of the fake Azure stay valid.
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const OFFSETS_MS = [2 * MINUTE_MS, 0, DAY_MS, 0, -60 * MINUTE_MS, 0, 3650 * DAY_MS, 0];

const { now } = Date;
let jumps = 0;
let offsetMs = 0;
process.on('SIGUSR2', () => {
  offsetMs = OFFSETS_MS[jumps % OFFSETS_MS.length] ?? 0;
  jumps += 1;
});

Date.now = () => now() + offsetMs;
globalThis.Date = new Proxy(Date, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [Date.now()] : args, newTarget),
  apply: () => new Date().toString(),
});
