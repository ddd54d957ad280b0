/**
 * What a new list lacks of what was published, in all and by source, judged by the gateways' own rule (commands.md section 2.3, Guard)
 * before it is signed. Reads and keeps each source's last rows through the repository.
 */
import { DomainSet } from '../bundle/domain-set.ts';
import { shrunk, type TableSize } from '../bundle/guard.ts';
import { RemovedRows } from '../bundle/removed-rows.ts';
import type { RowStream } from '../bundle/rows.ts';
import { addDomains } from '../map/domains.ts';
import type { PublisherConfig } from './config.ts';
import { noted, only } from './difference.ts';
import type { Repository } from './repository.ts';
import type { SortedRows } from './sorted-rows.ts';
import { writeTable } from './tables.ts';

export interface Loss {
  readonly installed: TableSize;
  readonly removed: TableSize;
  /** Domains that the new list has no address of any more. */
  readonly domains: readonly string[];
}

/** @param domains those of `next`. Errors of the base's stream pass through. */
export async function lossOf(base: RowStream, next: SortedRows, domains: DomainSet): Promise<Loss> {
  const before = new DomainSet();
  let rows = 0;
  const counted = async function* () {
    for await (const block of noted(base, before)) {
      rows += block.count;
      yield block;
    }
  };
  const removed = new RemovedRows(counted());
  for (const block of next.blocks()) await removed.push(block);
  await removed.end();
  return {
    installed: { rows, domains: before.size },
    removed: { rows: removed.rows, domains: removed.domains.missingIn(domains) },
    domains: only(removed.domains, domains),
  };
}

/** Whether each source's rows have to be known apart: where one may shrink while the whole hardly does, or has a rule of its own. */
export const apart = ({ source }: PublisherConfig): boolean =>
  source.length > 1 || source.some((s) => s.max_shrink_percent !== undefined);

/** Why one source has shrunk too far since the last publish, in words; null if none has. @throws PublishError STATE */
export async function sourceRefusal(
  config: PublisherConfig,
  repository: Repository,
  sources: ReadonlyMap<string, SortedRows>,
): Promise<string | null> {
  for (const { name, max_shrink_percent: own } of config.source) {
    const [rows, base] = [sources.get(name), repository.sourceRows(name)];
    if (rows === undefined || base === null) continue;
    const domains = new DomainSet();
    for (const block of rows.blocks()) addDomains(domains, block);
    const percent = own ?? config.policy.max_shrink_percent;
    const { installed, removed } = await lossOf(base, rows, domains);
    const next = { rows: rows.rows, domains: domains.size };
    const reason = shrunk({ percent, installed, removed, next, dayAgoRows: null });
    if (reason !== null) return `${name}: ${reason}`;
  }
  return null;
}

/** Keeps each source's rows for the next publish, and those of no other. */
export async function keepSources(repository: Repository, sources: ReadonlyMap<string, SortedRows>): Promise<void> {
  for (const [name, rows] of sources) await writeTable(rows, [repository.sourceTable(name)]);
  repository.keepSources([...sources.keys()]);
}
