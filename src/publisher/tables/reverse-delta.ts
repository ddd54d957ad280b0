/**
 * Checks that a delta really makes its table (docs/bundle-format.md section 5): applies it in reverse and compares
 * the hash. It looks up the delta's rows in the table and hashes what lies between them unread. Pure.
 */
import { createHash } from 'node:crypto';
import { DeltaMismatch } from '../../bundle/table/delta.ts';
import { compareBytes, RowCursor, type RowStream } from '../../bundle/table/rows.ts';

const [LF, PLUS, MINUS] = [0x0a, 0x2b, 0x2d];
const STEP = 4096;

/**
 * The SHA-256, in hex, of the base that this delta turns into the table. Leaves out each row that the delta adds,
 * which must be in the table. Puts in each row that it removes, which must not be. There is only one such base. If
 * its hash is the delta's `from`, then gateways have that base, and applying the delta to it gives the table. The
 * base itself is not needed.
 * @param pieces the text of a table, in pieces of whole rows that are good until the next one.
 * @throws DeltaMismatch for a delta that makes no table, or another one. Errors of the stream pass through.
 */
export async function hashOfBase(pieces: Iterable<Uint8Array>, delta: RowStream): Promise<string> {
  const rows = new DeltaRows(delta);
  const hash = createHash('sha256');
  const further = pieces[Symbol.iterator]();
  let table: Buffer = Buffer.alloc(0);
  let at = 0;
  /** Goes on to the next piece, after the rest of this one; false at the end. */
  const load = () => {
    hash.update(table.subarray(at)); // before its memory is used again
    at = table.length;
    const { done, value } = further.next();
    if (done === true) return false;
    table = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    at = 0;
    return true;
  };
  try {
    for (await rows.next(); !rows.ended; await rows.next()) {
      let place = rows.placeIn(table, at);
      while (place === table.length && load()) place = rows.placeIn(table, at);
      if (rows.isAt(table, place) !== rows.adds) throw unfit();
      hash.update(table.subarray(at, place));
      at = place;
      if (rows.adds) at += rows.line.length;
      else hash.update(rows.line);
    }
  } finally {
    await rows.close();
  }
  while (load());
  return hash.digest('hex');
}

const unfit = () => new DeltaMismatch('a row of the delta does not fit the table');

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

  /**
   * Where in `rows`, from a row's start on, the first row begins that is not below this one; the end if all are
   * below.
   */
  placeIn(rows: Buffer, from: number): number {
    let [low, high] = [from, rows.length];
    // The next place is near: first double the step, then bisect.
    for (let step = STEP; low + step < rows.length; step *= 2) {
      const start = rows.indexOf(LF, low + step) + 1;
      if (start < rows.length && this.#isAbove(rows, start)) low = start;
      else {
        high = start;
        break;
      }
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      const start = middle === low ? low : Math.max(low, rows.lastIndexOf(LF, middle - 1) + 1);
      if (this.#isAbove(rows, start)) low = rows.indexOf(LF, start) + 1;
      else high = start;
    }
    return low;
  }

  isAt(rows: Uint8Array, start: number): boolean {
    return this.#compareAt(rows, start) === 0;
  }

  /** Whether the row that begins there sorts before this one. */
  #isAbove(rows: Uint8Array, start: number): boolean {
    return this.#compareAt(rows, start) < 0;
  }

  /** Compares with the LF, so that no row is a prefix of another. */
  #compareAt(rows: Uint8Array, start: number): number {
    const end = Math.min(rows.length, start + this.line.length);
    return compareBytes(rows, start, end, this.line, 0, this.line.length);
  }
}
