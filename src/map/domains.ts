/** Which domains rows belong to: the patterns a bundle may speak for, and the distinct domains of a map. Pure. */
import { foldCase } from '../bundle/address/case-folding.ts';
import { DomainSet } from '../bundle/table/domain-set.ts';
import { RowCollector, type RowBlock } from '../bundle/table/rows.ts';

/** Whether a domain is one of `patterns`: `example.org` itself, `*.example.org` anything below it at any depth. */
export function domainMatcher(patterns: readonly string[]): (domain: string) => boolean {
  const folded = patterns.map(foldCase);
  const exact = new Set(folded);
  const suffixes = folded.filter((p) => p.startsWith('*.')).map((p) => p.slice(1));
  return (domain) => exact.has(domain) || suffixes.some((s) => domain.length > s.length && domain.endsWith(s));
}

/** The domains of a set as sorted rows. */
export function* domainRows(set: DomainSet): Generator<RowBlock> {
  const out = new RowCollector();
  const { bytes, starts } = set.lines();
  for (const start of starts) {
    out.addLine(bytes, start);
    const block = out.full();
    if (block !== null) yield block;
  }
  yield out.rest();
}
