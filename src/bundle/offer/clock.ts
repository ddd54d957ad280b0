/**
 * Which time an offer is judged at, and when one of two clocks must be wrong (docs/bundle-format.md section 3). A
 * version that is taken from the future would make every right one after it look expired. Pure.
 */
import { isoTime } from './manifest.ts';

/** How far a manifest's `created` may be ahead of this host's clock. */
export const MOST_AHEAD = 3_600_000;
const WARN_FROM = 600_000;

/** The host's clock, or the installed manifest's `created` where that is later by at most an hour. */
export function judgingTime(clock: Date, installedCreated: Date | null): Date {
  const [now, created] = [clock.getTime(), installedCreated?.getTime() ?? 0];
  return new Date(created > now + MOST_AHEAD ? now : Math.max(now, created));
}

/** Says that this host's clock and the central side's differ by ten minutes or more; null where they do not. */
export function clockWarning(clock: Date, created: Date, installedCreated: Date | null): string | null {
  const latest = new Date(Math.max(created.getTime(), installedCreated?.getTime() ?? 0));
  const ahead = latest.getTime() - clock.getTime();
  if (ahead < WARN_FROM) return null;
  const minutes = Math.round(ahead / 60_000);
  return (
    `this host's clock (${isoTime(clock)}) is ${minutes} min behind a manifest of the central side ` +
    `(${isoTime(latest)}): set the clock that is wrong`
  );
}
