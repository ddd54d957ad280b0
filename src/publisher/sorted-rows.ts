/**
 * Rows as the sources give them, in any order and more than once, become a table's plain text: one growing buffer, one typed
 * array of where rows begin, and one copy in order where they are not. A million rows are never a million JavaScript objects. Pure.
 */
import { cut, type RowBlock } from '../bundle/rows.ts';
import { ordered, SPARE } from './row-order.ts';

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
    const bytes = this.room(row.length * 3);
    this.added(bytes.write(row, this.#used));
  }

  /** Adds a canonical row that is bytes already. */
  addBytes(row: Uint8Array): void {
    this.room(row.length).set(row, this.#used);
    this.added(row.length);
  }

  /** Where the next row begins. */
  get next(): number {
    return this.#used;
  }

  /** The buffer to write a row into at `next`, of at most `length` bytes. It counts once `added` is called. */
  room(length: number): Buffer {
    this.#reserve(length + 1 + SPARE);
    return this.#bytes;
  }

  /** Counts the row that was written at `next`. */
  added(length: number): void {
    this.#starts[this.count++] = this.#used;
    this.#used += length;
    this.#bytes[this.#used++] = LF;
  }

  /** Every row once, in the order of the bytes. The collection is empty afterwards, its memory free. */
  sorted(): SortedRows {
    this.#reserve(SPARE);
    this.#starts[this.count] = this.#used;
    const heap = { bytes: this.#bytes, starts: this.#starts.subarray(0, this.count + 1) };
    this.#bytes = Buffer.alloc(0);
    this.#starts = new Int32Array(0);
    this.#used = this.count = 0;
    const { text, rows } = ordered(heap);
    return new SortedRows(text, rows);
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
    // One more than rows: the end of the last.
    if (this.count + 1 >= this.#starts.length) {
      const larger = new Int32Array(grown(this.#starts.length));
      larger.set(this.#starts);
      this.#starts = larger;
    }
  }
}
