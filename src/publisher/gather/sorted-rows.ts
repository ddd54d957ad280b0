/**
 * Collects rows in any order, with duplicates, and makes a table's plain text of them. It has one growing buffer
 * and one typed array of row starts, and copies them only if they are not in order. A million rows are never a
 * million JavaScript objects. Pure.
 */
import { createHash } from 'node:crypto';
import { compareBytes, type RowBlock } from '../../bundle/table/rows.ts';
import type { RowTable } from './row-table.ts';
import { ordered, SPARE, type SortRoom } from './sort-rows.ts';

const LF = 0x0a;
/** Rows per block. */
const BLOCK = 8192;
/** Row starts are kept in 32 bits. That is enough for about 60 million addresses. */
const MAX_BYTES = 2 ** 31 - 1024 * 1024;

/** The most room made on the strength of an announced size. */
const EXPECTED = 2 ** 29;

/** A table's plain text (docs/bundle-format.md section 4) in memory, and where its rows begin. */
export class SortedRows implements RowTable {
  readonly text: Uint8Array;
  readonly rows: number;
  /** One more than there are rows: the last is the text's length. */
  readonly #starts: Int32Array;

  constructor(text: Uint8Array, starts: Int32Array) {
    this.text = text;
    this.rows = starts.length - 1;
    this.#starts = starts;
  }

  get bytes(): number {
    return this.text.length;
  }

  get sha256(): string {
    return createHash('sha256').update(this.text).digest('hex');
  }

  *pieces(): Generator<Uint8Array> {
    if (this.text.length > 0) yield this.text;
  }

  part(from: number, to: number): Uint8Array {
    return this.text.slice(from, to);
  }

  /** Whether row number `row` equals `bytes[start..end)`. */
  is(row: number, bytes: Uint8Array, start: number, end: number): boolean {
    return this.#compare(row, bytes, start, end) === 0;
  }

  /** The first row from number `from` on that does not sort before `bytes[start..end)`; `rows` if there is none. */
  seek(from: number, bytes: Uint8Array, start: number, end: number): number {
    let row = from;
    while (row < this.rows && this.#compare(row, bytes, start, end) < 0) row++;
    return row;
  }

  #compare(row: number, bytes: Uint8Array, start: number, end: number): number {
    return compareBytes(this.text, this.#starts[row] ?? 0, (this.#starts[row + 1] ?? 1) - 1, bytes, start, end);
  }

  /** The rows in blocks that share the text's memory. May be called again. */
  *blocks(): Generator<RowBlock> {
    for (let from = 0; from < this.rows; from += BLOCK) {
      const starts = this.#starts.subarray(from, Math.min(from + BLOCK, this.rows) + 1);
      yield { bytes: this.text, starts, count: starts.length - 1 };
    }
  }
}

export class RowCollection {
  /** Rows added so far, including duplicates. */
  count = 0;
  #bytes = Buffer.alloc(64 * 1024);
  #starts = new Int32Array(2048);
  #used = 0;

  /** Bytes of rows added so far. */
  get size(): number {
    return this.#used;
  }

  /** Reserves room for this many bytes of rows, unless the number is implausible. */
  expect(bytes: number): void {
    if (this.#used + bytes <= EXPECTED) this.#reserve(bytes + 1 + SPARE);
  }

  /** Adds a canonical row, without an LF. */
  add(row: string): void {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    const bytes = this.room(row.length * 3);
    this.added(bytes.write(row, this.#used));
  }

  /** Adds a canonical row that consists of two parts. */
  addParts(first: Uint8Array, second: Uint8Array): void {
    const length = first.length + second.length;
    const bytes = this.room(length);
    bytes.set(first, this.#used);
    bytes.set(second, this.#used + first.length);
    this.added(length);
  }

  /** Adds the rows of another collection, from its row number `from` on. */
  addFrom(other: RowCollection, from: number): void {
    const startOf = (row: number) => (row < other.count ? (other.#starts[row] ?? 0) : other.#used);
    const begin = startOf(from);
    this.room(other.#used - begin).set(other.#bytes.subarray(begin, other.#used), this.#used);
    for (let i = from; i < other.count; i++) this.added(startOf(i + 1) - startOf(i) - 1);
  }

  /** The rows so far in blocks, in the order in which they came. */
  *blocks(): Generator<RowBlock> {
    for (let from = 0; from < this.count; from += BLOCK) {
      const count = Math.min(BLOCK, this.count - from);
      if (from + count === this.count) this.#endLast();
      yield { bytes: this.#bytes, starts: this.#starts.subarray(from, from + count + 1), count };
    }
  }

  /** Adds sorted rows. */
  addSorted(rows: SortedRows): void {
    this.room(rows.text.length).set(rows.text, this.#used);
    for (const block of rows.blocks()) this.#addedAll(block);
  }

  /** Adds the rows of a block. */
  addBlock(block: RowBlock): void {
    const { bytes, starts, count } = block;
    const text = bytes.subarray(starts[0] ?? 0, starts[count] ?? 0);
    this.room(text.length).set(text, this.#used);
    this.#addedAll(block);
  }

  #addedAll({ starts, count }: RowBlock): void {
    for (let i = 0; i < count; i++) this.added((starts[i + 1] ?? 1) - (starts[i] ?? 0) - 1);
  }

  /** Where the next row begins. */
  get next(): number {
    return this.#used;
  }

  /**
   * The buffer to write a row to at `next`: at most `length` bytes, including all LFs but the last. The row counts
   * once `added` is called.
   */
  room(length: number): Buffer {
    this.#reserve(length + 1 + SPARE);
    return this.#bytes;
  }

  /** Counts the row that was written at `next`. */
  added(length: number): void {
    if (this.count + 2 > this.#starts.length) this.#starts = larger(this.#starts);
    this.#starts[this.count++] = this.#used;
    this.#used += length;
    this.#bytes[this.#used++] = LF;
  }

  /** Every row once, in byte order. Empties the collection and frees its memory. */
  sorted(): SortedRows {
    const heap = this.#heap();
    this.#bytes = Buffer.alloc(0);
    this.#starts = new Int32Array(0);
    this.#used = this.count = 0;
    const { text, starts } = ordered(heap);
    return new SortedRows(text, starts);
  }

  /**
   * The same, for many rows one after the other: the next ones go where these were.
   * @param take gets the text, which is good until it returns, and the number of rows.
   */
  sortedRun(room: SortRoom, take: (text: Uint8Array, rows: number) => void): void {
    const { text, starts } = ordered(this.#heap(), room);
    this.#used = this.count = 0;
    take(text, starts.length - 1);
  }

  /** Lets go of memory beyond this, if the collection is empty. */
  shrink(bytes: number): void {
    if (this.count > 0 || this.#bytes.length <= bytes + SPARE) return;
    this.#bytes = Buffer.alloc(bytes + SPARE);
    this.#starts = new Int32Array(2048);
  }

  #heap() {
    this.#reserve(SPARE);
    this.#endLast();
    return { bytes: this.#bytes, starts: this.#starts.subarray(0, this.count + 1) };
  }

  /** Notes the end of the last row. */
  #endLast(): void {
    this.#starts[this.count] = this.#used;
  }

  #reserve(more: number): void {
    const need = this.#used + more;
    if (need > MAX_BYTES) throw new RangeError(`the sources hold more than ${MAX_BYTES} bytes of addresses`);
    if (need > this.#bytes.length) {
      const room = Buffer.alloc(Math.min(MAX_BYTES, Math.max(Math.ceil((need * 65) / 64), grown(this.#bytes.length))));
      this.#bytes.copy(room, 0, 0, this.#used);
      this.#bytes = room;
    }
  }
}

/** A large buffer grows by half instead of doubling, so less of it stays unused. */
const grown = (size: number): number => Math.ceil(size * (size > 1 << 24 ? 1.5 : 2)) + 1024;

function larger(starts: Int32Array): Int32Array<ArrayBuffer> {
  const room = new Int32Array(grown(starts.length));
  room.set(starts);
  return room;
}
