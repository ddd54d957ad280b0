/** Where the domain of a row begins (docs/bundle-format.md section 4), and the set of the domains of rows. */
import { DomainSet } from '../table/domain-set.ts';
import type { RowBlock } from '../table/rows.ts';
import { fastHash } from '../table/seeded-hash.ts';

const AT = 0x40;

/** Adds the domain of each row of a block; `row` is the number of rows before it. */
export function addDomains(set: DomainSet, block: RowBlock, row = 0): void {
  const { bytes, starts, count } = block;
  for (let i = 0; i < count; i++) {
    const end = (starts[i + 1] ?? 1) - 1;
    const start = domainStart(bytes, starts[i] ?? 0, end);
    if (!set.has(bytes, start, end, fastHash(bytes, start, end))) set.add(bytes, start, end, row + i + 1);
  }
}

/** Where the domain of a row begins: after the last `@`. */
export function domainStart(bytes: Uint8Array, start: number, end: number): number {
  for (let i = end - 1; i >= start; i--) if (bytes[i] === AT) return i + 1;
  return start;
}
