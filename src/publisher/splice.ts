/**
 * Applies a delta to its base as a gateway would (format section 5), for the one question whether it makes the table: the rows of the
 * delta are looked up in the base, and what lies between them is hashed unseen. Pure.
 */
import { createHash } from 'node:crypto';
import { DeltaMismatch } from '../bundle/delta.ts';
import { compareBytes, RowCursor, type RowStream } from '../bundle/rows.ts';

const [LF, PLUS, MINUS] = [0x0a, 0x2b, 0x2d];

/**
 * The SHA-256, in hex, of what the delta makes of the base.
 * @param base text in pieces of whole rows, in the order of a table: whoever gives it knows its hash.
 * @throws DeltaMismatch as `applyDelta` does; errors of both streams pass through.
 */
export async function hashOfApplied(base: AsyncIterable<Uint8Array>, delta: RowStream): Promise<string> {
  const rows = new DeltaRows(delta);
  try {
    return await applied(base, rows);
  } finally {
    await rows.close();
  }
}

async function applied(base: AsyncIterable<Uint8Array>, rows: DeltaRows): Promise<string> {
  const hash = createHash('sha256');
  await rows.next();
  for await (const piece of base) {
    let at = 0;
    while (!rows.ended) {
      const place = rows.placeIn(piece, at);
      if (place === piece.length) break; // above all of these
      const there = rows.isAt(piece, place);
      if (there === rows.adds) throw unfit();
      hash.update(piece.subarray(at, place));
      at = place;
      if (rows.adds) hash.update(rows.line);
      else at += rows.line.length;
      await rows.next();
    }
    hash.update(piece.subarray(at));
  }
  for (; !rows.ended; await rows.next()) {
    if (!rows.adds) throw unfit();
    hash.update(rows.line);
  }
  return hash.digest('hex');
}

const unfit = () => new DeltaMismatch('a row of the delta does not fit the base');

class DeltaRows {
  ended = false;
  /** Whether the row is added, and the row with its LF. */
  adds = false;
  line: Uint8Array = new Uint8Array(0);
  readonly #cursor: RowCursor;
  #begun = false;

  constructor(delta: RowStream) {
    this.#cursor = new RowCursor(delta);
  }

  /** @throws DeltaMismatch for a row out of order, twice or without a sign */
  async next(): Promise<void> {
    const cursor = this.#cursor;
    const more = (this.#begun && cursor.step()) || (await cursor.load());
    if (!more) {
      this.ended = true;
      return;
    }
    const sign = cursor.bytes[cursor.start];
    if (sign !== PLUS && sign !== MINUS) throw unfit();
    const line = cursor.bytes.subarray(cursor.start + 1, cursor.end + 1);
    if (this.#begun && compareBytes(this.line, 0, this.line.length, line, 0, line.length) >= 0)
      throw new DeltaMismatch('a row of the delta is out of order or there twice');
    this.#begun = true;
    this.adds = sign === PLUS;
    this.line = line;
  }

  close(): Promise<void> {
    return this.#cursor.close();
  }

  /** Where in `rows`, from a row's start on, the first row begins that is not below this one; their end if all are. */
  placeIn(rows: Uint8Array, from: number): number {
    let [low, high] = [from, rows.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const start = Math.max(low, middle === 0 ? 0 : rows.lastIndexOf(LF, middle - 1) + 1);
      const end = rows.indexOf(LF, middle) + 1;
      if (compareBytes(rows, start, end, this.line, 0, this.line.length) < 0) low = end;
      else high = start;
    }
    return low;
  }

  isAt(rows: Uint8Array, start: number): boolean {
    return compareBytes(rows, start, start + this.line.length, this.line, 0, this.line.length) === 0;
  }
}
