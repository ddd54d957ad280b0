/**
 * What turns one table into another (format section 5): `-ROW` and `+ROW`, sorted by ROW's bytes. Writing and applying are
 * merges of sorted row streams. Pure.
 */
import { compareBytes, RowCollector, RowCursor, type RowBlock, type RowStream } from './rows.ts';

const PLUS = 0x2b;
const MINUS = 0x2d;

/** The delta from `base` to `next`, as blocks of its text. */
export async function* diffRows(base: RowStream, next: RowStream): AsyncGenerator<RowBlock> {
  const [a, b] = [new RowCursor(base), new RowCursor(next)];
  const out = new RowCollector();
  try {
    let inA = await a.load();
    let inB = await b.load();
    while (inA || inB) {
      const order = order3(a, b, inA, inB);
      if (order < 0) out.add(a.bytes, a.start, a.end, MINUS);
      if (order > 0) out.add(b.bytes, b.start, b.end, PLUS);
      if (order <= 0) inA = a.step() || (await a.load());
      if (order >= 0) inB = b.step() || (await b.load());
      const block = out.full();
      if (block !== null) yield block;
    }
    yield out.rest();
  } finally {
    await a.close();
    await b.close();
  }
}

function order3(a: RowCursor, b: RowCursor, inA: boolean, inB: boolean): number {
  if (!inA) return 1;
  return inB ? compareBytes(a.bytes, a.start, a.end, b.bytes, b.start, b.end) : -1;
}

/** A delta that does not apply to its base: no refusal (the whole table is taken), so no code. */
export class DeltaMismatch extends Error {}

/**
 * The delta that does what `first` and then `second` do: from the base of the one to the table of the other, without either table.
 * @throws DeltaMismatch where the second cannot follow the first: it adds what is there, or removes what is gone.
 */
export async function* composeDeltas(first: RowStream, second: RowStream): AsyncGenerator<RowBlock> {
  const [a, b] = [new RowCursor(first), new RowCursor(second)];
  const out = new RowCollector();
  try {
    let inA = await a.load();
    let inB = await b.load();
    while (inA || inB) {
      const order = !inB ? -1 : inA ? compareBytes(a.bytes, a.start + 1, a.end, b.bytes, b.start + 1, b.end) : 1;
      if (order < 0) out.add(a.bytes, a.start, a.end);
      if (order > 0) out.add(b.bytes, b.start, b.end);
      // Added and removed again, or the other way round: nothing is left of it.
      if (order === 0 && a.bytes[a.start] === b.bytes[b.start])
        throw new DeltaMismatch('the second delta does not fit what the first one leaves');
      if (order <= 0) inA = a.step() || (await a.load());
      if (order >= 0) inB = b.step() || (await b.load());
      const block = out.full();
      if (block !== null) yield block;
    }
    yield out.rest();
  } finally {
    await a.close();
    await b.close();
  }
}

/**
 * The table that `delta` makes of `base`, as blocks. Its hash is the caller's to check.
 * @throws DeltaMismatch for a row out of order, twice, without a sign, removed but absent, or added but present.
 */
export async function* applyDelta(base: RowStream, delta: RowStream): AsyncGenerator<RowBlock> {
  const [a, d] = [new RowCursor(base), new RowCursor(delta)];
  const out = new RowCollector();
  try {
    let last: Uint8Array | null = null;
    let inA = await a.load();
    let inD = await d.load();
    while (inA || inD) {
      const order = !inD ? -1 : inA ? compareBytes(a.bytes, a.start, a.end, d.bytes, d.start + 1, d.end) : 1;
      if (order < 0) {
        out.add(a.bytes, a.start, a.end);
      } else {
        const sign = d.bytes[d.start];
        if (last !== null && compareBytes(last, 0, last.length, d.bytes, d.start + 1, d.end) >= 0) {
          throw new DeltaMismatch('a row of the delta is out of order or there twice');
        }
        last = d.bytes.slice(d.start + 1, d.end);
        if (sign === PLUS && order > 0) out.add(d.bytes, d.start + 1, d.end);
        else if (sign !== MINUS || order !== 0) throw new DeltaMismatch('a row of the delta does not fit the base');
        inD = d.step() || (await d.load());
      }
      if (order <= 0) inA = a.step() || (await a.load());
      const block = out.full();
      if (block !== null) yield block;
    }
    yield out.rest();
  } finally {
    await a.close();
    await d.close();
  }
}
