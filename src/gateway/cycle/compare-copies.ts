/** How one kept copy differs from another, in rows and domains. Reads all tables of both to their end. */
import { addDomains } from '../../bundle/address/row-domain.ts';
import type { TableSize } from '../../bundle/offer/guard.ts';
import { DomainSet } from '../../bundle/table/domain-set.ts';
import { RemovedRows } from '../../bundle/table/removed-rows.ts';
import type { RowBlock, RowStream } from '../../bundle/table/rows.ts';
import { addRouteDomains } from '../../bundle/table/transport.ts';
import type { Copies } from '../record/copies.ts';
import type { CopyRef } from '../record/state.ts';

export interface CopyChange {
  readonly removed: TableSize;
  readonly added: number;
  /** What of the next hops would go; null where the live copy has none. */
  readonly hopsRemoved: TableSize | null;
}

/**
 * What would go and come if `next` took the place of `live`. @throws what reading `next` throws, a TableError above
 * all
 */
export async function compareCopies(copies: Copies, live: CopyRef, next: CopyRef): Promise<CopyChange> {
  const rows = await removedBy(new RemovedRows(copies.rows(live.table)), copies.rows(next.table), addDomains);
  const removed = rows ?? { rows: live.rows - next.rows, domains: live.domains - next.domains };
  const lost = { rows: Math.max(0, removed.rows), domains: Math.max(0, removed.domains) };
  return {
    removed: lost,
    added: next.rows - live.rows + lost.rows,
    hopsRemoved: await hopsRemoved(copies, live.transport, next.transport),
  };
}

async function hopsRemoved(
  copies: Copies,
  live: CopyRef['transport'],
  next: CopyRef['transport'],
): Promise<TableSize | null> {
  const rows = next === null ? noRows() : copies.rows(next.table);
  const base = live === null ? noRows() : copies.rows(live.table);
  const removed = await removedBy(new RemovedRows(base, true), rows, addRouteDomains);
  if (live === null) return null;
  const less = Math.max(0, live.rows - (next?.rows ?? 0));
  return removed ?? { rows: less, domains: less };
}

async function* noRows(): AsyncGenerator<RowBlock> {
  // without rows
}

/** What of the base these rows lack; null where the base cannot be read: its record still has its numbers. */
async function removedBy(
  removed: RemovedRows,
  rows: RowStream,
  add: (domains: DomainSet, block: RowBlock) => void,
): Promise<TableSize | null> {
  const domains = new DomainSet();
  let isReadable = true;
  const compare = async (step: () => Promise<void>): Promise<void> => {
    if (!isReadable) return;
    try {
      await step();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      isReadable = false;
    }
  };
  try {
    for await (const block of rows) {
      add(domains, block);
      await compare(() => removed.push(block));
    }
    await compare(() => removed.end());
  } finally {
    await removed.close();
  }
  return isReadable ? { rows: removed.rows, domains: removed.domains.missingIn(domains) } : null;
}
