/** What one table has that another has not, in numbers and by domain, in one reading of both. Pure. */
import { domainOf } from '../../bundle/address/address.ts';
import { shrunk, type TableSize } from '../../bundle/offer/guard.ts';
import { diffRows } from '../../bundle/table/delta.ts';
import { DomainSet } from '../../bundle/table/domain-set.ts';
import type { RowBlock, RowStream } from '../../bundle/table/rows.ts';
import { noted, only } from '../tables/difference.ts';

export interface TableDifference {
  readonly before: TableSize;
  readonly after: TableSize;
  readonly added: number;
  readonly removed: number;
  /** `+ROW` and `-ROW`, in order: the first ones. */
  readonly rows: readonly string[];
  readonly domainsAdded: readonly string[];
  readonly domainsRemoved: readonly string[];
  /** Changed rows by domain, the most first. */
  readonly domains: readonly (readonly [domain: string, rows: number])[];
}

/** @param keep how many rows to name. */
export async function tableDifference(base: RowStream, next: RowStream, keep: number): Promise<TableDifference> {
  const [before, after] = [new DomainSet(), new DomainSet()];
  const count = { before: 0, after: 0 };
  const rows: string[] = [];
  const domains = new Map<string, number>();
  let [added, removed] = [0, 0];
  const old = counted(noted(base, before), (more) => (count.before += more));
  const young = counted(noted(next, after), (more) => (count.after += more));
  for await (const { bytes, starts, count: length } of diffRows(old, young)) {
    for (let i = 0; i < length; i++) {
      const row = Buffer.from(bytes.subarray(starts[i] ?? 0, (starts[i + 1] ?? 1) - 1)).toString();
      if (row.startsWith('+')) added++;
      else removed++;
      if (rows.length < keep) rows.push(row);
      const domain = domainOf(row);
      domains.set(domain, (domains.get(domain) ?? 0) + 1);
    }
  }
  return {
    before: { rows: count.before, domains: before.size },
    after: { rows: count.after, domains: after.size },
    added,
    removed,
    rows,
    domainsAdded: only(after, before),
    domainsRemoved: only(before, after),
    domains: [...domains].sort(([, a], [, b]) => b - a),
  };
}

async function* counted(rows: RowStream, count: (more: number) => void): AsyncGenerator<RowBlock> {
  for await (const block of rows) {
    count(block.count);
    yield block;
  }
}

/** Why the change is refused as a shrinking; null if it is not. */
export const shrinkageOf = (found: TableDifference, percent: number): string | null =>
  shrunk({
    percent,
    installed: found.before,
    removed: { rows: found.removed, domains: found.domainsRemoved.length },
    next: found.after,
    dayAgoRows: null,
  });

const NAMED = 20;

/** `3 rows of a.example, 1 row of b.example` */
export function domainWords(domains: readonly (readonly [string, number])[]): string {
  const named = domains.slice(0, NAMED).map(([domain, rows]) => `${rows} ${rows === 1 ? 'row' : 'rows'} of ${domain}`);
  const more = domains.length - named.length;
  return [...named, ...(more > 0 ? [`and ${more} more domains`] : [])].join(', ');
}
