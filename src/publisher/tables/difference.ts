/**
 * What a publish would change, for a person to review before it is signed. It shows addresses: they are the
 * publisher's own.
 */
import { diffRows } from '../../bundle/table/delta.ts';
import { DomainSet } from '../../bundle/table/domain-set.ts';
import type { RowBlock, RowStream } from '../../bundle/table/rows.ts';
import type { RowTable } from '../gather/row-table.ts';
import type { WaitingRow } from '../removals/removals.ts';
import { streamed } from './tables.ts';
import { addDomains } from '../../bundle/address/row-domain.ts';

/** The most rows named. The rest are counted. */
const NAMED = 1000;

export interface Difference {
  readonly added: number;
  readonly removed: number;
  /** `+ROW` and `-ROW`, in order. */
  readonly rows: readonly string[];
  /** For each row, the sources that have it, or had it when it was published. */
  readonly from: readonly (readonly string[])[];
  readonly domainsAdded: readonly string[];
  readonly domainsRemoved: readonly string[];
  /** Rows that no source has any more and that stay for a while. */
  readonly waiting: readonly WaitingRow[];
  /** Why the guard would refuse it; null if it would not. */
  readonly refusal: string | null;
}

/** @param base the published rows; null if there are none. */
export async function difference(base: RowStream | null, next: RowTable): Promise<Difference> {
  const [before, after] = [new DomainSet(), new DomainSet()];
  const rows: string[] = [];
  let [added, removed] = [0, 0];
  for await (const { bytes, starts, count } of diffRows(
    noted(base ?? streamed([]), before),
    noted(streamed(next.blocks()), after),
  )) {
    for (let i = 0; i < count; i++) {
      const start = starts[i] ?? 0;
      if (bytes[start] === 0x2b) added++;
      else removed++;
      if (rows.length < NAMED) rows.push(Buffer.from(bytes.subarray(start, (starts[i + 1] ?? 1) - 1)).toString());
    }
  }
  return {
    added,
    removed,
    rows,
    from: rows.map(() => []),
    domainsAdded: only(after, before),
    domainsRemoved: only(before, after),
    waiting: [],
    refusal: null,
  };
}

/** Passes the rows on. When all have passed, the set contains their domains. */
export async function* noted(rows: RowStream, domains: DomainSet): AsyncGenerator<RowBlock> {
  for await (const block of rows) {
    addDomains(domains, block);
    yield block;
  }
}

/** The domains of one set that are not in another, in order. */
export function only(these: DomainSet, notThese: DomainSet): string[] {
  return these
    .sorted()
    .map((id) => these.name(id))
    .filter((name) => notThese.find(name, 0, name.length) < 0)
    .map((name) => Buffer.from(name).toString());
}
