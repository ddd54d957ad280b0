/**
 * How often a list usually changes or is renewed, by the `created` of the versions that came: a publish that fails
 * for a day is seen here long before the list expires. Pure.
 */
import * as z from 'zod/mini';
import { isInstant } from '../../bundle/offer/instant.ts';

const time = () => z.string().check(z.refine(isInstant));

export const Rhythm = z.object({
  /** The newest `created`, and the oldest that is counted. */
  last: time(),
  first: time(),
  /** How many newer ones have come since the first. */
  count: z.int().check(z.gte(0)),
  /** By day (UTC), oldest first: the longest time between two of them, ms. */
  days: z.array(z.object({ day: z.string(), longest: z.number() })),
});
export type Rhythm = z.infer<typeof Rhythm>;

const DAY = 86_400_000;
/** Two weekends are in it. */
const DAYS = 15;
/** Fewer say nothing of what is usual. */
const ENOUGH = 3;

/** The rhythm after a list of this `created` has been seen; one that is older than the last changes nothing. */
export function withCreated(before: Rhythm | null, created: string): Rhythm {
  if (before === null) return { last: created, first: created, count: 0, days: [] };
  const gap = Date.parse(created) - Date.parse(before.last);
  if (!(gap > 0)) return before;
  const day = created.slice(0, 10);
  const today = before.days.find((each) => each.day === day)?.longest ?? 0;
  const days = [...before.days.filter((each) => each.day !== day), { day, longest: Math.max(today, gap) }];
  return { last: created, first: before.first, count: before.count + 1, days: days.slice(-DAYS) };
}

/**
 * How long it usually takes at most, ms; null where too little is known, or where the list came within twice that
 * time.
 */
export function overdue(rhythm: Rhythm | null, now: Date): { readonly age: number; readonly longest: number } | null {
  if (rhythm === null || rhythm.count < ENOUGH) return null;
  const longest = Math.max(...rhythm.days.map((each) => each.longest));
  const age = now.getTime() - Date.parse(rhythm.last);
  return age > Math.max(DAY, 2 * longest) ? { age, longest } : null;
}
