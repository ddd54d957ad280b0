/**
 * The daemon's first line in the journal: which version of relaymap follows which lists, how often, and when next.
 * Pure.
 */

/** Its name and the version that is installed, null where there is none. */
export type List = readonly [name: string, version: number | null];

/** So many lists are named; of a thousand the count tells. */
const NAMED = 5;

export function startLine(version: string, lists: readonly List[], cron: string, next: Date): string {
  const named = lists
    .slice(0, NAMED)
    .map(([name, at]) => `${name} ${at === null ? 'without a list' : `version ${at}`}`);
  const more = lists.length > NAMED ? [`${lists.length - NAMED} more`] : [];
  const when = `${next.toISOString().slice(0, 19)}Z`;
  return `relaymap ${version}: ${[...named, ...more].join(', ')}; schedule "${cron}" (UTC), next cycle ${when}`;
}
