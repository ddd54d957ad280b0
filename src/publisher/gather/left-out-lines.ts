/** Describes what `skip_domains` has left out, one line per source. Pure. */
import type { LeftOut } from './row-policy.ts';

/** The most domains named for a source. The rest are counted. */
const NAMED = 5;

export function leftOutLines(leftOut: readonly LeftOut[]): string[] {
  const bySource = new Map<string, LeftOut[]>();
  for (const each of leftOut) bySource.set(each.source, [...(bySource.get(each.source) ?? []), each]);
  return [...bySource].map(([source, all]) => {
    const most = [...all].sort((a, b) => b.rows - a.rows);
    const named = most.slice(0, NAMED).map(({ domain, rows }) => `${domain} (${rowsOf(rows)})`);
    const rest = most.slice(NAMED);
    const more = rest.length === 0 ? '' : ` and ${rest.length} more (${rowsOf(rest.reduce((n, d) => n + d.rows, 0))})`;
    return `${source}: left out by skip_domains: ${named.join(', ')}${more}`;
  });
}

const rowsOf = (rows: number): string => (rows === 1 ? '1 row' : `${rows} rows`);
