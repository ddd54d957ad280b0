/**
 * What a source lacks of what it gave for the last publish, judged by the gateways' own rule (docs/commands.md section 2.3, Guard). Reads and
 * keeps each source's last rows through the repository.
 */
import { DomainSet } from '../../bundle/table/domain-set.ts';
import { shrunk } from '../../bundle/offer/guard.ts';
import { changeOf } from './compare-tables.ts';
import type { PublisherConfig } from '../config.ts';
import { packedToKeep } from './compress.ts';
import type { Repository } from '../repository/repository.ts';
import type { SortedRows } from '../gather/sorted-rows.ts';
import { writeFiles } from './tables.ts';
import { addDomains } from '../../bundle/address/row-domain.ts';

/** Whether each source's rows have to be known apart: where one may shrink while the whole hardly does, or has a rule of its own. */
export const apart = ({ source }: PublisherConfig): boolean =>
  source.length > 1 || source.some((s) => s.max_shrink_percent !== undefined || s.min_rows !== undefined);

/** Why one source has shrunk too far since the last publish, in words; null if none has. @throws PublishError STATE */
export async function sourceRefusal(
  config: PublisherConfig,
  repository: Repository,
  sources: ReadonlyMap<string, SortedRows>,
): Promise<string | null> {
  for (const { name, max_shrink_percent: own } of config.source) {
    const [rows, base] = [sources.get(name), repository.sourceText(name)];
    if (rows === undefined || base === null) continue;
    const domains = new DomainSet();
    for (const block of rows.blocks()) addDomains(domains, block);
    const percent = own ?? config.policy.max_shrink_percent;
    const { installed, removed } = await changeOf(base, rows, domains);
    const next = { rows: rows.rows, domains: domains.size };
    const reason = shrunk({ percent, installed, removed, next, dayAgoRows: null });
    if (reason !== null) return `${name}: ${reason}`;
  }
  return null;
}

/** Keeps each source's rows for the next publish, and those of no other. */
export async function keepSources(repository: Repository, sources: ReadonlyMap<string, SortedRows>): Promise<void> {
  for (const [name, rows] of sources) {
    const member = await packedToKeep(rows);
    writeFiles([repository.sourceTable(name)], member);
  }
  repository.keepSources([...sources.keys()]);
}
