/**
 * Merges sorted runs of rows into one sorted text, each row once. Holds one piece of each run. Runs that do not
 * overlap, as those of a sorted source, pass in whole pieces. Pure.
 */
import { compareRows } from '../../bundle/table/multikey-quicksort.ts';

const LF = 0x0a;
/** Bytes that are handed on at once. */
const OUT = 256 * 1024;
/** After this many rows of one run the rest of its piece may come before all others as well. */
const MANY = 64;

/** A run as it is read: in order, each row once, in pieces of whole rows that are good until the next one. */
export type Run = Iterable<Uint8Array>;

/**
 * @param write takes the next bytes of the text, which are good until it returns: whole rows, and how many.
 */
export function mergeRuns(runs: readonly Run[], write: (text: Uint8Array, rows: number) => void): void {
  const out = new Out(write);
  const cursors = runs.map((run) => new Cursor(run)).filter((cursor) => cursor.load());
  // Those that are left, in the order of the rows at which they stand.
  const order: Cursor[] = [];
  for (const cursor of cursors) insert(order, cursor, 0);
  for (let [first, second] = order; first !== undefined; [first, second] = order) {
    const isLeft = second === undefined ? passAll(first, out) : passBefore(first, second, out);
    order.shift();
    if (isLeft) insert(order, first, 0);
  }
  out.end();
}

function insert(order: Cursor[], cursor: Cursor, from: number): void {
  let [low, high] = [from, order.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = order[middle];
    if (other !== undefined && compareRows(other.bytes, other.at, cursor.bytes, cursor.at) < 0) low = middle + 1;
    else high = middle;
  }
  order.splice(low, 0, cursor);
}

/** @returns false: nothing is left. */
function passAll(cursor: Cursor, out: Out): boolean {
  do out.piece(cursor.bytes.subarray(cursor.at));
  while (cursor.load());
  return false;
}

/**
 * Hands on the rows of a run that come before the row at which the next run stands, and leaves out one that is equal to
 * it. @returns whether rows are left.
 */
function passBefore(cursor: Cursor, next: Cursor, out: Out): boolean {
  const [limit, limitAt] = [next.bytes, next.at];
  for (let passed = 0; ;) {
    const { bytes } = cursor;
    if (passed % MANY === 0 && passed > 0 && compareRows(bytes, cursor.last(), limit, limitAt) < 0) {
      out.piece(bytes.subarray(cursor.at));
      if (!cursor.load()) return false;
      continue;
    }
    const order = compareRows(bytes, cursor.at, limit, limitAt);
    if (order > 0) return true;
    let end = cursor.at;
    while (bytes[end] !== LF) end++;
    if (order < 0) out.row(bytes, cursor.at, end);
    passed++;
    cursor.at = end + 1;
    if (cursor.at === bytes.length && !cursor.load()) return false;
    if (order === 0) return true;
  }
}

class Cursor {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the row begins at which it stands. */
  at = 0;
  readonly #pieces: Iterator<Uint8Array>;

  constructor(run: Run) {
    this.#pieces = run[Symbol.iterator]();
  }

  /** Stands on the first row of the next piece; false at the end. */
  load(): boolean {
    for (;;) {
      const { done, value } = this.#pieces.next();
      if (done === true) return false;
      this.bytes = value;
      this.at = 0;
      if (value.length > 0) return true;
    }
  }

  /** Where the last row of the piece begins. */
  last(): number {
    return this.bytes.lastIndexOf(LF, this.bytes.length - 2) + 1;
  }
}

class Out {
  readonly #write: (text: Uint8Array, rows: number) => void;
  #bytes = Buffer.allocUnsafeSlow(OUT);
  #used = 0;
  #rows = 0;

  constructor(write: (text: Uint8Array, rows: number) => void) {
    this.#write = write;
  }

  row(bytes: Uint8Array, start: number, end: number): void {
    if (this.#used + end - start >= this.#bytes.length) {
      this.end();
      if (end - start >= this.#bytes.length) this.#bytes = Buffer.allocUnsafeSlow(2 * (end - start));
    }
    const into = this.#bytes;
    let used = this.#used;
    for (let i = start; i <= end; i++) into[used++] = bytes[i] ?? 0;
    this.#used = used;
    this.#rows++;
  }

  piece(bytes: Uint8Array): void {
    this.end();
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length); // whose indexOf is the fast one
    let rows = 0;
    for (let at = text.indexOf(LF); at >= 0; at = text.indexOf(LF, at + 1)) rows++;
    this.#write(text, rows);
  }

  end(): void {
    if (this.#used > 0) this.#write(this.#bytes.subarray(0, this.#used), this.#rows);
    this.#used = this.#rows = 0;
  }
}
