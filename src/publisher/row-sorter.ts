/**
 * Sorts rows by their bytes and drops duplicates: one arena of bytes, typed arrays of offsets, a multikey quicksort. A million rows
 * are never a million JavaScript objects. Pure.
 */
import { MAX_ROW, RowCollector, type RowBlock } from '../bundle/rows.ts';

const INSERTION = 12;

export class RowSorter {
  #arena = Buffer.allocUnsafe(1024 * 1024);
  #used = 0;
  /** Where row i begins; it ends where row i + 1 begins. */
  #starts = new Uint32Array(64 * 1024);
  #count = 0;
  #order: Uint32Array | null = null;

  add(row: string): void {
    if (this.#used + MAX_ROW * 3 > this.#arena.length) {
      const larger = Buffer.allocUnsafe(this.#arena.length * 2);
      this.#arena.copy(larger, 0, 0, this.#used);
      this.#arena = larger;
    }
    if (this.#count + 2 > this.#starts.length) {
      const larger = new Uint32Array(this.#starts.length * 2);
      larger.set(this.#starts);
      this.#starts = larger;
    }
    this.#used += this.#arena.write(row, this.#used, 'utf8');
    this.#starts[++this.#count] = this.#used;
    this.#order = null;
  }

  /** The distinct rows in order; may be asked for again. */
  *blocks(): Generator<RowBlock> {
    this.#order ??= this.#sorted();
    const out = new RowCollector();
    let before = -1;
    for (const row of this.#order) {
      if (before >= 0 && this.#same(before, row)) continue;
      before = row;
      out.add(this.#arena, this.#starts[row] ?? 0, this.#starts[row + 1] ?? 0);
      const block = out.full();
      if (block !== null) yield block;
    }
    yield out.rest();
  }

  #sorted(): Uint32Array {
    const order = Uint32Array.from({ length: this.#count }, (_, i) => i);
    this.#sort(order, 0, order.length, 0);
    return order;
  }

  /** The byte at `depth` of a row, plus one; 0 behind its end. */
  #byte(row: number, depth: number): number {
    const at = (this.#starts[row] ?? 0) + depth;
    return at < (this.#starts[row + 1] ?? 0) ? (this.#arena[at] ?? 0) + 1 : 0;
  }

  /** Sorts order[from..to), whose rows agree in their first `depth` bytes. */
  #sort(order: Uint32Array, from: number, to: number, depth: number): void {
    while (to - from > INSERTION) {
      const pivot = this.#median(order, from, to, depth);
      let [low, at, high] = [from, from, to];
      while (at < high) {
        const row = order[at] ?? 0;
        const byte = this.#byte(row, depth);
        if (byte < pivot) {
          order[at++] = order[low] ?? 0;
          order[low++] = row;
        } else if (byte > pivot) {
          order[at] = order[--high] ?? 0;
          order[high] = row;
        } else at++;
      }
      this.#sort(order, from, low, depth);
      this.#sort(order, high, to, depth);
      if (pivot === 0) return; // all of the middle has ended: equal rows
      [from, to, depth] = [low, high, depth + 1];
    }
    for (let i = from + 1; i < to; i++) {
      const row = order[i] ?? 0;
      let at = i;
      for (; at > from && this.#less(row, order[at - 1] ?? 0, depth); at--) order[at] = order[at - 1] ?? 0;
      order[at] = row;
    }
  }

  #median(order: Uint32Array, from: number, to: number, depth: number): number {
    const a = this.#byte(order[from] ?? 0, depth);
    const b = this.#byte(order[(from + to) >>> 1] ?? 0, depth);
    const c = this.#byte(order[to - 1] ?? 0, depth);
    return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
  }

  #less(a: number, b: number, depth: number): boolean {
    for (let d = depth; ; d++) {
      const [x, y] = [this.#byte(a, d), this.#byte(b, d)];
      if (x !== y) return x < y;
      if (x === 0) return false;
    }
  }

  #same(a: number, b: number): boolean {
    return !this.#less(a, b, 0) && !this.#less(b, a, 0);
  }
}
