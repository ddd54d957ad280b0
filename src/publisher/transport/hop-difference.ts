/** What one table of next hops has that another has not, domain by domain. Pure. */
import { hopsShrunk } from '../../bundle/offer/guard.ts';
import type { TableEntry } from '../../bundle/offer/manifest.ts';
import { cut } from '../../bundle/table/rows.ts';
import { splitRoute, TransportChecker } from '../../bundle/table/transport.ts';

/** Next hop by domain. */
export type Hops = ReadonlyMap<string, string>;

export const NO_HOPS: Hops = new Map();

export interface HopDifference {
  readonly come: readonly string[];
  readonly go: readonly string[];
  /** Domains that have another next hop. */
  readonly change: readonly string[];
}

/** @param pieces the text of a table, in whole rows. */
export async function hopsIn(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Hops> {
  const found = new Map<string, string>();
  for await (const piece of pieces)
    for (const row of Buffer.from(piece).toString().split('\n').slice(0, -1)) {
      const { domain, nextHop } = splitRoute(row);
      found.set(domain, nextHop);
    }
  return found;
}

/** The same of a table that another host made, checked against what the manifest says of it. */
export async function checkedHops(
  pieces: AsyncIterable<Uint8Array>,
  entry: TableEntry,
  refuse: (why: string) => Error,
): Promise<Hops> {
  const checker = new TransportChecker();
  const seen = async function* () {
    for await (const piece of pieces) {
      checker.push(cut(piece));
      yield piece;
    }
  };
  const hops = await hopsIn(seen());
  const { fault, rows } = checker;
  if (fault !== null) throw refuse(`row ${fault.row} of its table of next hops ${fault.rule}`);
  if (rows !== entry.rows) throw refuse(`its table of next hops has ${rows} rows, the manifest says ${entry.rows}`);
  return hops;
}

export function hopDifference(before: Hops, after: Hops): HopDifference {
  const [come, go, change]: [string[], string[], string[]] = [[], [], []];
  for (const [domain, nextHop] of after) {
    const old = before.get(domain);
    if (old === undefined) come.push(domain);
    else if (old !== nextHop) change.push(domain);
  }
  for (const domain of before.keys()) if (!after.has(domain)) go.push(domain);
  return { come, go, change };
}

/** Why the change is refused as a shrinking; null if it is not. A next hop that changes is a row that goes. */
export function hopsShrinkage(before: Hops, after: Hops, percent: number): string | null {
  const { go, change } = hopDifference(before, after);
  return hopsShrunk({
    percent,
    installed: { rows: before.size, domains: before.size },
    removed: { rows: go.length + change.length, domains: go.length },
    next: { rows: after.size, domains: after.size },
    dayAgoRows: null,
  });
}

const NAMED = 20;

/** `2 domains: a.example, b.example` */
export function hopDomainWords(domains: readonly string[]): string {
  const more = domains.length - NAMED;
  const named = domains.slice(0, NAMED).join(', ');
  const count = `${domains.length} ${domains.length === 1 ? 'domain' : 'domains'}`;
  return `${count}: ${named}${more > 0 ? `, and ${more} more` : ''}`;
}
