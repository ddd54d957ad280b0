/**
 * The union of tables of next hops: each limited to the domains and the hosts that its bundle may name, one row a
 * domain, of the first member that has it. Pure.
 */
import { parseNextHop, type NextHop } from '../bundle/address/next-hop.ts';
import { compareBytes, RowCollector, RowCursor, type RowBlock, type RowStream } from '../bundle/table/rows.ts';
import { routeDomainEnd, splitRoute } from '../bundle/table/transport.ts';
import { sink } from './union.ts';

export interface RouteMember {
  /** Rows `DOMAIN TAB NEXTHOP`. */
  readonly rows: RowStream;
  readonly speaksFor: (domain: string) => boolean;
  readonly allows: (hop: NextHop) => boolean;
}

/** What was left out on the way. */
export interface LeftOut {
  /** Domains that an earlier member has a next hop for: the first few, and how many. */
  readonly clashing: string[];
  clashes: number;
  /** Rows outside of what their member may name. */
  foreign: number;
}

const SHOWN = 3;

export const nothingLeftOut = (): LeftOut => ({ clashing: [], clashes: 0, foreign: 0 });

/** @param left counts what is left out; complete once all has been read */
export async function* routes(members: readonly RouteMember[], left: LeftOut): AsyncGenerator<RowBlock> {
  const cursors = members.map((member) => new RowCursor(allowed(member, left)));
  /** By cursor, its place in the configuration. */
  const places = new Map(cursors.map((cursor, place) => [cursor, place]));
  const order = (a: RowCursor, b: RowCursor): number =>
    compareDomains(a, b) || (places.get(a) ?? 0) - (places.get(b) ?? 0);
  try {
    const heap: RowCursor[] = [];
    for (const cursor of cursors) if (await cursor.load()) heap.push(cursor);
    for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(heap, i, order);
    const out = new RowCollector();
    let last = Buffer.alloc(0); // no domain is empty
    for (let least = heap[0]; least !== undefined; least = heap[0]) {
      const { bytes, start, end } = least;
      const domain = Buffer.from(bytes.subarray(start, routeDomainEnd(bytes, start, end)));
      if (last.equals(domain)) clash(left, domain);
      else out.add(bytes, start, end);
      last = domain;
      if (!least.step() && !(await least.load())) {
        heap[0] = heap.at(-1) ?? least;
        heap.pop();
      }
      sink(heap, 0, order);
      const block = out.full();
      if (block !== null) yield block;
    }
    yield out.rest();
  } finally {
    for (const cursor of cursors) await cursor.close();
  }
}

function clash(left: LeftOut, domain: Buffer): void {
  left.clashes++;
  if (left.clashing.length < SHOWN) left.clashing.push(domain.toString());
}

/** No byte of a domain is below the TAB, so that rows in order have their domains in order too. */
function compareDomains(a: RowCursor, b: RowCursor): number {
  const [endA, endB] = [routeDomainEnd(a.bytes, a.start, a.end), routeDomainEnd(b.bytes, b.start, b.end)];
  return compareBytes(a.bytes, a.start, endA, b.bytes, b.start, endB);
}

async function* allowed({ rows, speaksFor, allows }: RouteMember, left: LeftOut): AsyncGenerator<RowBlock> {
  for await (const { bytes, starts, count } of rows) {
    const out = new RowCollector();
    for (let i = 0; i < count; i++) {
      const [start, end] = [starts[i] ?? 0, (starts[i + 1] ?? 1) - 1];
      const { domain, nextHop } = splitRoute(Buffer.from(bytes.subarray(start, end)).toString());
      const hop = parseNextHop(nextHop);
      if (hop !== null && speaksFor(domain) && allows(hop)) out.add(bytes, start, end);
      else left.foreign++;
      const full = out.full();
      if (full !== null) yield full;
    }
    yield out.rest();
  }
}
