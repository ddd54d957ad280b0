/** How one kept copy differs from another, in rows and domains. Reads both tables to their end. */
import { addDomains } from '../../bundle/address/row-domain.ts';
import type { TableSize } from '../../bundle/offer/guard.ts';
import { DomainSet } from '../../bundle/table/domain-set.ts';
import { RemovedRows } from '../../bundle/table/removed-rows.ts';
import type { Copies } from '../record/copies.ts';
import type { CopyRef } from '../record/state.ts';

export interface CopyChange {
  readonly removed: TableSize;
  readonly added: number;
}

/**
 * What would go and come if `next` took the place of `live`. @throws what reading `next` throws, a TableError above
 * all
 */
export async function compareCopies(copies: Copies, live: CopyRef, next: CopyRef): Promise<CopyChange> {
  const removed = new RemovedRows(copies.rows(live.table));
  const domains = new DomainSet();
  let isReadable = true;
  const compare = async (step: () => Promise<void>): Promise<void> => {
    if (!isReadable) return;
    try {
      await step();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      isReadable = false; // the live table is damaged: its record still has its numbers
    }
  };
  try {
    for await (const block of copies.rows(next.table)) {
      addDomains(domains, block);
      await compare(() => removed.push(block));
    }
    await compare(() => removed.end());
  } finally {
    await removed.close();
  }
  const lost = isReadable
    ? { rows: removed.rows, domains: removed.domains.missingIn(domains) }
    : { rows: Math.max(0, live.rows - next.rows), domains: Math.max(0, live.domains - next.domains) };
  return { removed: lost, added: next.rows - live.rows + lost.rows };
}
