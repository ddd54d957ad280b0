/**
 * What a source lacks compared with the last publish, judged by the gateways' own rule (docs/commands.md section
 * 2.3, Guard). Reads and keeps each source's last rows in the state folder.
 */
import { addDomains } from '../../bundle/address/row-domain.ts';
import { rememberRows, rowsDayAgo, shrunk } from '../../bundle/offer/guard.ts';
import { DomainSet } from '../../bundle/table/domain-set.ts';
import type { PublisherConfig } from '../config.ts';
import type { Gathered } from '../gather/gather.ts';
import type { RowSpace } from '../gather/row-space.ts';
import type { RowTable } from '../gather/row-table.ts';
import { hasRemovals, ORPHANS } from '../removals/removals.ts';
import type { PublisherState } from '../repository/state.ts';
import type { StateFolder } from '../repository/state-folder.ts';
import { changeOf } from './compare-tables.ts';
import { packedToKeep } from './compress.ts';
import { lossWords } from './loss-words.ts';
import { writeFiles } from './tables.ts';

/**
 * Whether each source's rows must be known separately: a source may shrink while the whole list hardly does, or may
 * have a rule of its own.
 */
export const apart = (config: PublisherConfig): boolean =>
  config.source.length > 1 ||
  config.source.some((s) => s.max_shrink_percent !== undefined || s.min_rows !== undefined) ||
  hasRemovals(config);

/** Which source gives too few rows to publish (`min_rows`), and the reason; null if none does. */
export function sourceTooSmall(
  config: PublisherConfig,
  { sources }: Gathered,
): { readonly source: string; readonly reason: string } | null {
  for (const { name, min_rows: least = 0 } of config.source) {
    const rows = sources.get(name)?.rows ?? 0;
    if (rows < least) return { source: name, reason: `${name} gave ${rows} rows, its min_rows is ${least}` };
  }
  return null;
}

/** Why each source that has shrunk too far since the last publish is refused, by name. @throws PublishError STATE */
export async function sourceRefusals(
  config: PublisherConfig,
  kept: StateFolder,
  state: PublisherState,
  sources: ReadonlyMap<string, RowTable>,
  now: Date,
): Promise<Map<string, string>> {
  const refusals = new Map<string, string>();
  for (const { name, max_shrink_percent: own } of config.source) {
    const [rows, base] = [sources.get(name), kept.sourceText(name)];
    if (rows === undefined || base === null) continue;
    const domains = new DomainSet();
    for (const block of rows.blocks()) addDomains(domains, block);
    const percent = own ?? config.policy.max_shrink_percent;
    const { installed, removed, lost } = await changeOf(base, rows, domains);
    const next = { rows: rows.rows, domains: domains.size };
    const dayAgoRows = rowsDayAgo(state.sources[name] ?? [], now);
    const reason = shrunk({ percent, installed, removed, next, dayAgoRows });
    if (reason !== null) refusals.set(name, `${name}: ${reason}${lossWords(lost)}`);
  }
  return refusals;
}

/** How many rows each source in the configuration has had. Drops other sources. @param isAccepted its size is meant */
export const sourceHistories = (
  { gathered, state, now }: { readonly gathered: Gathered; readonly state: PublisherState; readonly now: Date },
  isAccepted: (source: string) => boolean = () => false,
): PublisherState['sources'] =>
  Object.fromEntries(
    [...gathered.sources].map(([name, { rows }]) => [
      name,
      rememberRows(state.sources[name] ?? [], rows, now, isAccepted(name)),
    ]),
  );

/** Keeps the rows of these sources for the next publish. Drops those of all others. */
export async function keepSources(
  kept: StateFolder,
  sources: ReadonlyMap<string, RowTable>,
  space: RowSpace,
): Promise<void> {
  for (const [name, rows] of sources) {
    const member = await packedToKeep(rows, space);
    writeFiles([kept.sourceTable(name)], member);
  }
  const names = [...sources.keys()];
  kept.keepSources(names, [...names, ORPHANS]);
}
