/**
 * Sorts rows by their bytes: a multikey quicksort (Bentley and Sedgewick, 1997) that looks at four bytes at a time
 * and moves only 32-bit integers. Pure.
 * Each row ends with an LF, which is lower than any byte in a row. So a row that is a prefix of another sorts
 * first, its length need not be known, and what follows the LF does not matter.
 */
import { hashStart } from './seeded-hash.ts';

const LF = 0x0a;
/** Below this many rows an insertion sort is faster. */
const SMALL = 12;

/** Reads four bytes of a row at a time, up to three bytes past its end. The buffer needs three spare bytes. */
export class RowKeys {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Four bytes of a row as a number that sorts as they do. Bytes after the row's LF count as zero. */
  at(at: number): number {
    const key = this.#view.getUint32(at);
    return holdsLf(key) ? this.#ending(at) : key;
  }

  #ending(at: number): number {
    let key = 0;
    for (let shift = 24; shift >= 0; shift -= 8) {
      const byte = this.#bytes[at++] ?? LF;
      key |= byte << shift;
      if (byte === LF) break;
    }
    return key >>> 0;
  }
}

/**
 * Whether one of the four bytes is an LF. The XOR turns an LF into a zero byte; only a zero byte borrows from its
 * highest bit.
 */
export function holdsLf(four: number): boolean {
  const x = four ^ 0x0a0a0a0a;
  return ((x - 0x01010101) & ~x & 0x80808080) !== 0;
}

/** Whether the row ends within this key. Only an LF is below 0x20, and zeros only follow it. */
function endsIn(key: number): boolean {
  return (key & 0xff) === 0 || (key & 0xff) === LF;
}

/** Negative, zero or positive if the row at `a` sorts before, equal to or after the row at `b`. */
export function compareRows(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number): number {
  for (let i = 0; ; i++) {
    const byte = a[aStart + i] ?? LF;
    const difference = byte - (b[bStart + i] ?? LF);
    if (difference !== 0 || byte === LF) return difference;
  }
}

/** Sorts `starts`, where LF-ended rows begin, by the bytes of the rows. Equal rows end up side by side. */
export class RowSort {
  /** Keys compared with a pivot so far, for tests. */
  steps = 0;
  #chance = hashStart() | 1;
  readonly #bytes: RowKeys;
  readonly #starts: Int32Array;
  readonly #keys: Uint32Array;

  /** @param bytes with at least three bytes after the last row. @param keys room for as many as there are rows. */
  constructor(bytes: Uint8Array, starts: Int32Array, keys: Uint32Array = new Uint32Array(starts.length)) {
    this.#bytes = new RowKeys(bytes);
    this.#starts = starts;
    this.#keys = keys;
  }

  /** Sorts the rows from `from` up to `to`. Their first `depth` bytes are the same and contain no LF. */
  sort(from: number, to: number, depth: number): void {
    if (to - from < 2) return;
    for (let i = from; i < to; i++) this.#keys[i] = this.#bytes.at((this.#starts[i] ?? 0) + depth);
    this.#byKeys(from, to, depth);
  }

  /** The same, if their keys at `depth` have already been read. */
  #byKeys(from: number, to: number, depth: number): void {
    const keys = this.#keys;
    while (to - from > SMALL) {
      if (this.#inOrder(from, to)) {
        this.#runs(from, to, depth);
        return;
      }
      const pivot = this.#pivot(from, to);
      // [from, less) is below the pivot, [less, at) equal to it, [more, to) above.
      let [less, at, more] = [from, from, to];
      this.steps += to - from;
      while (at < more) {
        const key = keys[at] ?? 0;
        if (key < pivot) this.#swap(less++, at++);
        else if (key > pivot) this.#swap(at, --more);
        else at++;
      }
      if (!endsIn(pivot)) this.sort(less, more, depth + 4);
      // Recurse into the smaller side and loop over the larger one: the call depth stays logarithmic.
      if (less - from < to - more) {
        this.#byKeys(from, less, depth);
        from = more;
      } else {
        this.#byKeys(more, to, depth);
        to = less;
      }
    }
    this.#insertion(from, to, depth);
  }

  /**
   * Whether the keys are already sorted; usually the first few decide. Without this check sorted rows took longest.
   */
  #inOrder(from: number, to: number): boolean {
    const keys = this.#keys;
    for (let i = from + 1; i < to; i++) if ((keys[i - 1] ?? 0) > (keys[i] ?? 0)) return false;
    return true;
  }

  /** Sorts each run of rows with the same key by what follows the key. */
  #runs(from: number, to: number, depth: number): void {
    const keys = this.#keys;
    for (let start = from; start < to;) {
      const key = keys[start] ?? 0;
      let end = start + 1;
      while (end < to && keys[end] === key) end++;
      if (!endsIn(key)) this.sort(start, end, depth + 4);
      start = end;
    }
  }

  /** The median of three random keys. If their places were predictable, a source could cause quadratic time. */
  #pivot(from: number, to: number): number {
    const [a, b, c] = [this.#any(from, to), this.#any(from, to), this.#any(from, to)];
    return a < b ? Math.min(b, Math.max(a, c)) : Math.min(a, Math.max(b, c));
  }

  /** A random key, from the seed of the hash tables (xorshift, Marsaglia 2003). */
  #any(from: number, to: number): number {
    this.#chance ^= this.#chance << 13;
    this.#chance ^= this.#chance >>> 17;
    this.#chance ^= this.#chance << 5;
    return this.#keys[from + ((this.#chance >>> 0) % (to - from))] ?? 0;
  }

  #swap(i: number, j: number): void {
    const [starts, keys] = [this.#starts, this.#keys];
    const start = starts[i] ?? 0;
    const key = keys[i] ?? 0;
    starts[i] = starts[j] ?? 0;
    keys[i] = keys[j] ?? 0;
    starts[j] = start;
    keys[j] = key;
  }

  #insertion(from: number, to: number, depth: number): void {
    const [starts, keys] = [this.#starts, this.#keys];
    for (let i = from + 1; i < to; i++) {
      const start = starts[i] ?? 0;
      const key = keys[i] ?? 0;
      let at = i;
      for (; at > from; at--) {
        const other = keys[at - 1] ?? 0;
        if (other < key || (other === key && !this.#above(starts[at - 1] ?? 0, start, depth + 4, key))) break;
        starts[at] = starts[at - 1] ?? 0;
        keys[at] = other;
      }
      starts[at] = start;
      keys[at] = key;
    }
  }

  /**
   * Whether row `a` sorts after row `b`. Both are equal up to `depth`, and `key` is their last four bytes before
   * it.
   */
  #above(a: number, b: number, depth: number, key: number): boolean {
    for (let i = depth; !endsIn(key); i += 4) {
      key = this.#bytes.at(a + i);
      const other = this.#bytes.at(b + i);
      if (key !== other) return key > other;
    }
    return false;
  }
}
