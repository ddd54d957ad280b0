/** Which domains rows belong to: the patterns a bundle may speak for, and the distinct domains of a map. Pure. */
import { foldCase } from '../bundle/address/case-folding.ts';
import { DomainSet } from '../bundle/table/domain-set.ts';
import { RowCollector, type RowBlock } from '../bundle/table/rows.ts';

const AT = 0x40;

/** Whether a domain is one of `patterns`: `example.org` itself, `*.example.org` anything below it at any depth. */
export function domainMatcher(patterns: readonly string[]): (domain: string) => boolean {
  const folded = patterns.map(foldCase);
  const exact = new Set(folded);
  const suffixes = folded.filter((p) => p.startsWith('*.')).map((p) => p.slice(1));
  return (domain) => exact.has(domain) || suffixes.some((s) => domain.length > s.length && domain.endsWith(s));
}

/** Adds the domain of each row of a block; `row` is the number of rows before it. */
export function addDomains(set: DomainSet, block: RowBlock, row = 0): void {
  const { bytes, starts, count } = block;
  for (let i = 0; i < count; i++) {
    const end = (starts[i + 1] ?? 1) - 1;
    const start = domainStart(bytes, starts[i] ?? 0, end);
    if (!set.isRecent(bytes, start, end)) set.add(bytes, start, end, row + i + 1);
  }
}

/** Where the domain of a row begins: after the last `@`. */
export function domainStart(bytes: Uint8Array, start: number, end: number): number {
  for (let i = end - 1; i >= start; i--) if (bytes[i] === AT) return i + 1;
  return start;
}

/** The domains of a set as sorted rows. */
export function* domainRows(set: DomainSet): Generator<RowBlock> {
  const out = new RowCollector();
  for (const id of set.sorted()) {
    const name = set.name(id);
    out.add(name, 0, name.length);
    const block = out.full();
    if (block !== null) yield block;
  }
  yield out.rest();
}
