/**
 * Which source each row of a difference comes from, or came from when it was published. Reads kept source tables,
 * writes nothing.
 */
import { presentRows } from '../../bundle/table/present-rows.ts';
import type { Difference } from './difference.ts';
import type { Gathered } from '../gather/gather.ts';
import type { StateFolder } from '../repository/state-folder.ts';
import { streamed } from './tables.ts';

/** Stands for a row that no source has: the policy added it. */
export const BY_POLICY = 'policy.postmaster';

/** Returns the difference as it is if there is only one source, or if the sources were not kept apart. */
export async function attributed(difference: Difference, gathered: Gathered, kept: StateFolder): Promise<Difference> {
  if (gathered.sources.size < 2) return difference;
  const signed = (sign: string) => difference.rows.filter((row) => row.startsWith(sign)).map((row) => row.slice(1));
  const [added, removed] = [signed('+'), signed('-')];
  const has: { name: string; now: Set<string>; before: Set<string> }[] = [];
  for (const [name, rows] of gathered.sources) {
    const before = removed.length === 0 ? null : kept.sourceRows(name);
    has.push({
      name,
      now: await presentRows(streamed(rows.blocks()), added),
      before: before === null ? new Set() : await presentRows(before, removed),
    });
  }
  const from = difference.rows.map((signedRow) => {
    const [sign, row] = [signedRow[0], signedRow.slice(1)];
    const found = has.filter(({ now, before }) => (sign === '+' ? now : before).has(row)).map(({ name }) => name);
    return found.length === 0 && sign === '+' ? [BY_POLICY] : found;
  });
  return { ...difference, from };
}
