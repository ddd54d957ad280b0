/**
 * What turns one table into another (format section 5): `-ROW` and `+ROW`, sorted by ROW's bytes. Writing and
 * applying are merges of sorted row streams. Pure.
 */
import { compareBytes, RowCollector, RowCursor, type RowBlock, type RowStream } from './rows.ts';

const PLUS = 0x2b;
const MINUS = 0x2d;

interface Merge {
  /** How many bytes stand before each row of the first and of the second stream that are no part of it. */
  readonly signs: readonly [number, number];
  /**
   * Takes the row at which both stand: negative for the first one's, positive for the second one's, zero for one
   * that both have.
   */
  readonly take: (order: number, a: RowCursor, b: RowCursor, out: RowCollector) => void;
  /** What only the first one has is copied as it is, many rows at a time; `take` does not see it. */
  readonly copiesFirst?: boolean;
  /** A block is good until the next one is asked for. */
  readonly reusesMemory?: boolean;
}

/** Walks two sorted streams side by side. */
async function* merge(first: RowStream, second: RowStream, how: Merge): AsyncGenerator<RowBlock> {
  const [a, b] = [new RowCursor(first), new RowCursor(second)];
  const out = new RowCollector(how.reusesMemory === true ? 'reused' : 'its own');
  const [signA, signB] = how.signs;
  try {
    let inA = await a.load();
    let inB = await b.load();
    while (inA || inB) {
      const order = !inB
        ? -1
        : inA
          ? compareBytes(a.bytes, a.start + signA, a.end, b.bytes, b.start + signB, b.end)
          : 1;
      if (order < 0 && how.copiesFirst === true) {
        const on = inB ? a.copyBefore(out, b.bytes, b.start + signB, b.end) : a.copyAll(out);
        inA = on || (await a.load());
      } else {
        how.take(order, a, b, out);
        if (order <= 0) inA = a.step() || (await a.load());
        if (order >= 0) inB = b.step() || (await b.load());
      }
      const block = out.full();
      if (block !== null) yield block;
    }
    yield out.rest();
  } finally {
    await a.close();
    await b.close();
  }
}

/** The delta from `base` to `next`, as blocks of its text. */
export const diffRows = (base: RowStream, next: RowStream): AsyncGenerator<RowBlock> =>
  merge(base, next, {
    signs: [0, 0],
    take: (order, a, b, out) => {
      if (order < 0) out.add(a.bytes, a.start, a.end, MINUS);
      if (order > 0) out.add(b.bytes, b.start, b.end, PLUS);
    },
  });

/** A delta that does not apply to its base: no refusal (the whole table is taken), so no code. */
export class DeltaMismatch extends Error {}

/**
 * The delta that does what `first` and then `second` do: from the base of the one to the table of the other,
 * without either table.
 * @throws DeltaMismatch where the second cannot follow the first: it adds what is there, or removes what is gone.
 */
export const composeDeltas = (first: RowStream, second: RowStream): AsyncGenerator<RowBlock> =>
  merge(first, second, {
    signs: [1, 1],
    take: (order, a, b, out) => {
      if (order < 0) out.add(a.bytes, a.start, a.end);
      else if (order > 0) out.add(b.bytes, b.start, b.end);
      // Added and removed again, or the other way round: nothing is left of it.
      else if (a.bytes[a.start] === b.bytes[b.start])
        throw new DeltaMismatch('the second delta does not fit what the first one leaves');
    },
  });

/**
 * The table that `delta` makes of `base`, as blocks. Its hash is the caller's to check.
 * @throws DeltaMismatch for a row out of order, twice, without a sign, removed but absent, or added but present.
 */
export function applyDelta(base: RowStream, delta: RowStream): AsyncGenerator<RowBlock> {
  let last: Uint8Array | null = null;
  return merge(base, delta, {
    signs: [0, 1],
    copiesFirst: true,
    reusesMemory: true,
    take: (order, _, d, out) => {
      if (last !== null && compareBytes(last, 0, last.length, d.bytes, d.start + 1, d.end) >= 0)
        throw new DeltaMismatch('a row of the delta is out of order or there twice');
      last = new Uint8Array(d.bytes.subarray(d.start + 1, d.end));
      const sign = d.bytes[d.start];
      if (sign === PLUS && order > 0) out.add(d.bytes, d.start + 1, d.end);
      else if (sign !== MINUS || order !== 0) throw new DeltaMismatch('a row of the delta does not fit the base');
    },
  });
}
