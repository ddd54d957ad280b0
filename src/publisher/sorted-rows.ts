/**
 * Rows as the sources give them, in any order and more than once, become a table's plain text: one growing buffer, one typed
 * array of where rows begin, and one sorted copy. A million rows are never a million JavaScript objects. Pure.
 */
import { cut, type RowBlock } from '../bundle/rows.ts';
import { sortRows } from './row-sort.ts';

const LF = 0x0a;
const BLOCK = 256 * 1024;
/** Where rows begin is kept in 32 bits; that is some 60 million addresses. */
const MAX_BYTES = 2 ** 31 - 1024 * 1024;

/** A table's plain text (format section 4). */
export class SortedRows {
  readonly text: Uint8Array;
  readonly rows: number;

  constructor(text: Uint8Array, rows: number) {
    this.text = text;
    this.rows = rows;
  }

  /** The rows in blocks that share the text's memory; may be asked for again. */
  *blocks(): Generator<RowBlock> {
    for (let from = 0; from < this.text.length;) {
      const to = this.text.lastIndexOf(LF, from + BLOCK - 1) + 1;
      yield cut(this.text.subarray(from, to));
      from = to;
    }
  }
}

export class RowCollection {
  /** Rows added so far, each as often as it came. */
  count = 0;
  #bytes = Buffer.alloc(1024 * 1024);
  #starts = new Int32Array(32 * 1024);
  #used = 0;

  /** Adds a canonical row, without an LF. */
  add(row: string): void {
    // A unit of UTF-16 becomes at most three bytes of UTF-8.
    this.#reserve(row.length * 3 + 1);
    this.#starts[this.count++] = this.#used;
    this.#used += this.#bytes.write(row, this.#used);
    this.#bytes[this.#used++] = LF;
  }

  /** Every row once, in the order of the bytes. The collection is empty afterwards, its memory free. */
  sorted(): SortedRows {
    const [bytes, order] = [this.#bytes, this.#starts.subarray(0, this.count)];
    sortRows(bytes, order);
    const text = new Uint8Array(this.#used);
    let [rows, used, previous] = [0, 0, -1];
    for (const start of order) {
      if (previous >= 0 && isSame(bytes, previous, start)) continue;
      for (let at = start; bytes[at] !== LF; at++) text[used++] = bytes[at] ?? 0;
      text[used++] = LF;
      rows++;
      previous = start;
    }
    this.#bytes = Buffer.alloc(0);
    this.#starts = new Int32Array(0);
    this.#used = this.count = 0;
    return new SortedRows(text.subarray(0, used), rows);
  }

  #reserve(more: number): void {
    const need = this.#used + more;
    if (need > MAX_BYTES) throw new RangeError(`the sources hold more than ${MAX_BYTES} bytes of addresses`);
    // Once large, by half instead of double: less of it stays unused.
    const grown = (size: number) => Math.ceil(size * (size > 1 << 24 ? 1.5 : 2)) + 1024;
    if (need > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(need, Math.min(MAX_BYTES, grown(this.#bytes.length))));
      this.#bytes.copy(larger, 0, 0, this.#used);
      this.#bytes = larger;
    }
    if (this.count === this.#starts.length) {
      const larger = new Int32Array(grown(this.#starts.length));
      larger.set(this.#starts);
      this.#starts = larger;
    }
  }
}

function isSame(bytes: Uint8Array, a: number, b: number): boolean {
  for (let i = 0; bytes[a + i] === bytes[b + i]; i++) if (bytes[a + i] === LF) return true;
  return false;
}
