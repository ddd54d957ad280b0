/**
 * The union of sorted row streams, each limited to the domains it may speak for; one sorted stream without
 * duplicates. Pure.
 */
import { compareBytes, RowCollector, RowCursor, type RowBlock, type RowStream } from '../bundle/table/rows.ts';
import { DomainSet } from '../bundle/table/domain-set.ts';
import { fastHash } from '../bundle/table/seeded-hash.ts';
import { domainStart } from '../bundle/address/row-domain.ts';

export interface Member {
  readonly rows: RowStream;
  /** Which domains' rows count; null for all. */
  readonly speaksFor: ((domain: string) => boolean) | null;
}

export async function* union(members: readonly Member[]): AsyncGenerator<RowBlock> {
  const [only] = members;
  if (members.length === 1 && only !== undefined) {
    yield* only.speaksFor === null ? only.rows : limited(only.rows, only.speaksFor);
    return;
  }
  const all = members.map(({ rows, speaksFor }) => new RowCursor(speaksFor === null ? rows : limited(rows, speaksFor)));
  try {
    yield* merged(all);
  } finally {
    for (const cursor of all) await cursor.close();
  }
}

/** A heap of the streams, the one that stands on the least row first: a row costs the logarithm of their number. */
async function* merged(all: readonly RowCursor[]): AsyncGenerator<RowBlock> {
  const heap: RowCursor[] = [];
  for (const cursor of all) if (await cursor.load()) heap.push(cursor);
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(heap, i, compare);
  const out = new RowCollector();
  let last = Buffer.alloc(0);
  for (let least = heap[0]; least !== undefined; least = heap[0]) {
    const { bytes, start, end } = least;
    if (compareBytes(bytes, start, end, last, 0, last.length) !== 0) {
      out.add(bytes, start, end);
      last = Buffer.from(bytes.subarray(start, end));
    }
    if (!least.step() && !(await least.load())) {
      heap[0] = heap.at(-1) ?? least;
      heap.pop();
    }
    sink(heap, 0, compare);
    const block = out.full();
    if (block !== null) yield block;
  }
  yield out.rest();
}

const compare = (a: RowCursor, b: RowCursor): number => compareBytes(a.bytes, a.start, a.end, b.bytes, b.start, b.end);

/** Puts the stream at this place below all that stand on a lesser row. */
export function sink(heap: RowCursor[], from: number, order: (a: RowCursor, b: RowCursor) => number): void {
  for (let place = from; ;) {
    const here = heap[place];
    const left = heap[2 * place + 1];
    if (here === undefined || left === undefined) return;
    const right = heap[2 * place + 2];
    const isRight = right !== undefined && order(right, left) < 0;
    const least = isRight ? right : left;
    if (order(here, least) <= 0) return;
    heap[place] = least;
    place = 2 * place + (isRight ? 2 : 1);
    heap[place] = here;
  }
}

async function* limited(rows: RowStream, speaksFor: (domain: string) => boolean): AsyncGenerator<RowBlock> {
  const limit = new Limit(speaksFor);
  for await (const block of rows) {
    let row = 0;
    while (row < block.count && limit.allows(block, row)) row++;
    if (row === block.count) {
      yield block;
      continue;
    }
    const out = new RowCollector();
    for (let done = 0; done < row;) {
      done += out.addRun(block, done, row);
      const full = out.full();
      if (full !== null) yield full;
    }
    for (row++; row < block.count; row++) {
      if (limit.allows(block, row)) out.add(block.bytes, block.starts[row] ?? 0, (block.starts[row + 1] ?? 1) - 1);
      const full = out.full();
      if (full !== null) yield full;
    }
    yield out.rest();
  }
}

/** Asks once for each domain. */
class Limit {
  readonly #speaksFor: (domain: string) => boolean;
  readonly #own = new DomainSet();
  readonly #others = new DomainSet();

  constructor(speaksFor: (domain: string) => boolean) {
    this.#speaksFor = speaksFor;
  }

  allows({ bytes, starts }: RowBlock, row: number): boolean {
    const end = (starts[row + 1] ?? 1) - 1;
    const start = domainStart(bytes, starts[row] ?? 0, end);
    const hash = fastHash(bytes, start, end);
    if (this.#own.has(bytes, start, end, hash)) return true;
    if (this.#others.has(bytes, start, end, hash)) return false;
    const speaks = this.#speaksFor(Buffer.from(bytes.subarray(start, end)).toString());
    (speaks ? this.#own : this.#others).add(bytes, start, end, 0);
    return speaks;
  }
}
