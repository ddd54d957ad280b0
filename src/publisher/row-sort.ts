/**
 * Sorts rows by their bytes: a multikey quicksort (Bentley and Sedgewick, 1997) that looks at four bytes at a time and moves
 * 32-bit integers only. Pure.
 *
 * Each row ends with an LF, which is below every byte a row may hold. So a row that is the beginning of another sorts first
 * without its length being known, and no row is read past its end.
 */
const LF = 0x0a;
/** Below this many rows an insertion sort is faster. */
const SMALL = 12;

/** Puts `starts`, where LF-ended rows begin in `bytes`, into the order of the rows' bytes. Equal rows stay side by side. */
export function sortRows(bytes: Uint8Array, starts: Int32Array): void {
  const keys = new Uint32Array(starts.length);
  for (let i = 0; i < starts.length; i++) keys[i] = keyAt(bytes, starts[i] ?? 0);
  new RowSort(bytes, starts, keys).sort(0, starts.length, 0);
}

/** Four bytes of a row as one number that sorts as they do; zeros stand for what follows the row's LF. */
function keyAt(bytes: Uint8Array, at: number): number {
  let key = 0;
  for (let shift = 24; shift >= 0; shift -= 8) {
    const byte = bytes[at++] ?? LF;
    key |= byte << shift;
    if (byte === LF) break;
  }
  return key >>> 0;
}

/** Whether the row ends within this key. Only an LF may be below 0x20, and zeros follow nothing else. */
function endsIn(key: number): boolean {
  return (key & 0xff) === 0 || (key & 0xff) === LF;
}

class RowSort {
  readonly #bytes: Uint8Array;
  readonly #starts: Int32Array;
  readonly #keys: Uint32Array;

  constructor(bytes: Uint8Array, starts: Int32Array, keys: Uint32Array) {
    this.#bytes = bytes;
    this.#starts = starts;
    this.#keys = keys;
  }

  /** Sorts rows `from` up to `to`, whose first `depth` bytes are the same and whose keys are those at `depth`. */
  sort(from: number, to: number, depth: number): void {
    const keys = this.#keys;
    while (to - from > SMALL) {
      const pivot = this.#pivot(from, to);
      // [from, less) below the pivot, [less, at) equal to it, [more, to) above.
      let [less, at, more] = [from, from, to];
      while (at < more) {
        const key = keys[at] ?? 0;
        if (key < pivot) this.#swap(less++, at++);
        else if (key > pivot) this.#swap(at, --more);
        else at++;
      }
      if (!endsIn(pivot)) this.#deeper(less, more, depth + 4);
      // The smaller side by a call, the larger one by the loop: the depth of calls stays logarithmic.
      if (less - from < to - more) {
        this.sort(from, less, depth);
        from = more;
      } else {
        this.sort(more, to, depth);
        to = less;
      }
    }
    this.#insertion(from, to, depth);
  }

  #deeper(from: number, to: number, depth: number): void {
    if (to - from < 2) return;
    for (let i = from; i < to; i++) this.#keys[i] = keyAt(this.#bytes, (this.#starts[i] ?? 0) + depth);
    this.sort(from, to, depth);
  }

  /** The median of three, so that sorted input, which is what most sources give, is the fast case. */
  #pivot(from: number, to: number): number {
    const a = this.#keys[from] ?? 0;
    const b = this.#keys[(from + to) >>> 1] ?? 0;
    const c = this.#keys[to - 1] ?? 0;
    return a < b ? Math.min(b, Math.max(a, c)) : Math.min(a, Math.max(b, c));
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

  /** Whether row `a` sorts after row `b`, both the same up to `depth`, their last four bytes before it being `key`. */
  #above(a: number, b: number, depth: number, key: number): boolean {
    if (endsIn(key)) return false;
    for (let i = depth; ; i++) {
      const byte = this.#bytes[a + i] ?? LF;
      const difference = byte - (this.#bytes[b + i] ?? LF);
      if (difference !== 0) return difference > 0;
      if (byte === LF) return false;
    }
  }
}
