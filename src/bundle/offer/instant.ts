/** Times as they stand in records, on either side: ISO 8601 in UTC. Pure. */

/**
 * Whether a text is such a time, `2026-11-24T07:00:00Z` or with a fraction. Date.parse alone takes much more: of a
 * time cut short by a bad disk it makes another one, hours or years away.
 */
export const isInstant = (text: string): boolean =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(text) && !Number.isNaN(Date.parse(text));
