/**
 * Collects rows in any order, with duplicates, and makes a table's plain text of them. It has one growing buffer
 * and one typed array of row starts, and copies them only if they are not in order. A million rows are never a
 * million JavaScript objects. Pure.
 */
import { compareBytes, type RowBlock } from '../../bundle/table/rows.ts';
import { ordered, SPARE } from './sort-rows.ts';

const AT = 0x40;
const LF = 0x0a;
/** Rows per block. */
const BLOCK = 8192;
/** Row starts are kept in 32 bits. That is enough for about 60 million addresses. */
const MAX_BYTES = 2 ** 31 - 1024 * 1024;

/** The most room made on the strength of an announced size. */
const EXPECTED = 2 ** 29;

/** A table's plain text (docs/bundle-format.md section 4), and where its rows begin. */
export class SortedRows {
  readonly text: Uint8Array;
  readonly rows: number;
  /** One more than there are rows: the last is the text's length. */
  readonly #starts: Int32Array;

  constructor(text: Uint8Array, starts: Int32Array) {
    this.text = text;
    this.rows = starts.length - 1;
    this.#starts = starts;
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

  /** Adds the rows of another collection, from its row number `from` on. */
  addFrom(other: RowCollection, from: number): void {
    const startOf = (row: number) => (row < other.count ? (other.#starts[row] ?? 0) : other.#used);
    const begin = startOf(from);
    this.room(other.#used - begin).set(other.#bytes.subarray(begin, other.#used), this.#used);
    for (let i = from; i < other.count; i++) this.added(startOf(i + 1) - startOf(i) - 1);
  }

  /** The local parts of all rows so far, for the domains that are asked for. */
  localParts(domains: ReadonlySet<string>): Map<string, string[]> {
    const found = new Map<string, string[]>();
    for (let i = 0; i < this.count; i++) {
      const start = this.#starts[i] ?? 0;
      const end = (i + 1 < this.count ? (this.#starts[i + 1] ?? 0) : this.#used) - 1;
      const at = this.#bytes.lastIndexOf(AT, end - 1);
      const domain = this.#bytes.toString('utf8', at + 1, end);
      if (!domains.has(domain)) continue;
      const locals = found.get(domain);
      const local = this.#bytes.toString('utf8', start, at);
      if (locals === undefined) found.set(domain, [local]);
      else locals.push(local);
    }
    return found;
  }

  /** Adds sorted rows. */
  addSorted(rows: SortedRows): void {
    this.room(rows.text.length).set(rows.text, this.#used);
    for (const { starts, count } of rows.blocks()) {
      for (let i = 0; i < count; i++) this.added((starts[i + 1] ?? 1) - (starts[i] ?? 0) - 1);
    }
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
    this.#reserve(SPARE);
    this.#starts[this.count] = this.#used;
    const heap = { bytes: this.#bytes, starts: this.#starts.subarray(0, this.count + 1) };
    this.#bytes = Buffer.alloc(0);
    this.#starts = new Int32Array(0);
    this.#used = this.count = 0;
    const { text, starts } = ordered(heap);
    return new SortedRows(text, starts);
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
