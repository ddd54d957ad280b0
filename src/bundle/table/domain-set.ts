/**
 * The distinct domains of a table, as bytes in one arena with an open-addressing index. The domains may be chosen
 * by an enemy: when one takes too many steps, the index is made again with a hash for which nobody can choose them.
 * Pure.
 */
import { compareBytes } from './rows.ts';
import { fastHash, MOST_STEPS, strongHash } from './seeded-hash.ts';

export class DomainSet {
  /** Number of distinct domains. */
  size = 0;
  /** Slots looked at so far, for the tests: time says nothing on a busy machine. */
  steps = 0;
  #hash = fastHash;
  #arena = new Uint8Array(4096);
  #starts = new Int32Array(256);
  #rows = new Float64Array(256);
  #slots = new Int32Array(1024);
  /**
   * By a few of its bytes: the domain with these that came last, its id and one. Most rows have one that came a
   * moment ago.
   */
  readonly #recent = new Int32Array(256);

  /**
   * Adds `bytes[start..end)`, first seen in row number `row`; gives the domain's id (0, 1, ... in order of
   * appearance).
   */
  add(bytes: Uint8Array, start: number, end: number, row: number): number {
    const found = this.find(bytes, start, end);
    const id = found >= 0 ? found : this.#insert(bytes, start, end, row);
    this.#recent[fewBits(bytes, start, end)] = id + 1;
    return id;
  }

  /** True for most of what is in the set, false for all that is not. */
  isRecent(bytes: Uint8Array, start: number, end: number): boolean {
    const id = (this.#recent[fewBits(bytes, start, end)] ?? 0) - 1;
    return id >= 0 && this.#is(id, bytes, start, end);
  }

  /** The id of a domain, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const mask = this.#slots.length - 1;
    let most = this.#hash === fastHash ? MOST_STEPS : mask;
    for (let at = this.#hash(bytes, start, end) & mask; ; at = (at + 1) & mask) {
      const id = (this.#slots[at] ?? 0) - 1;
      this.steps++;
      if (id < 0 || this.#is(id, bytes, start, end)) return id;
      if (most-- > 0) continue;
      this.#hashAgain();
      return this.find(bytes, start, end);
    }
  }

  name(id: number): Uint8Array {
    return this.#arena.subarray(this.#starts[id], this.#starts[id + 1]);
  }

  /** The number of the row in which the domain was first seen. */
  firstRow(id: number): number {
    return this.#rows[id] ?? 0;
  }

  /** The ids in the order of the domains' bytes. */
  sorted(): number[] {
    return Array.from({ length: this.size }, (_, id) => id).sort((a, b) => {
      const [x, y] = [this.name(a), this.name(b)];
      return compareBytes(x, 0, x.length, y, 0, y.length);
    });
  }

  /** How many domains of this set the other one lacks. */
  missingIn(other: DomainSet): number {
    let missing = 0;
    for (let id = 0; id < this.size; id++) {
      const name = this.name(id);
      if (other.find(name, 0, name.length) < 0) missing++;
    }
    return missing;
  }

  #is(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#starts[id] ?? 0;
    const length = (this.#starts[id + 1] ?? 0) - from;
    if (length !== end - start) return false;
    for (let i = 0; i < length; i++) if (this.#arena[from + i] !== bytes[start + i]) return false;
    return true;
  }

  #insert(bytes: Uint8Array, start: number, end: number, row: number): number {
    const id = this.size++;
    const from = this.#starts[id] ?? 0;
    const to = from + (end - start);
    while (this.#arena.length < to) this.#arena = doubled(this.#arena, new Uint8Array(this.#arena.length * 2));
    this.#arena.set(bytes.subarray(start, end), from);
    if (id + 2 > this.#starts.length) {
      this.#starts = doubled(this.#starts, new Int32Array(this.#starts.length * 2));
      this.#rows = doubled(this.#rows, new Float64Array(this.#rows.length * 2));
    }
    this.#starts[id + 1] = to;
    this.#rows[id] = row;
    const isFull = this.size * 2 > this.#slots.length;
    if (isFull) this.#slots = new Int32Array(this.#slots.length * 2);
    if (!this.#placeFrom(isFull ? 0 : id)) this.#hashAgain();
    return id;
  }

  #hashAgain(): void {
    this.#hash = strongHash;
    this.#slots.fill(0);
    this.#placeFrom(0);
  }

  /** @returns false where a domain takes too many steps under the fast hash. */
  #placeFrom(first: number): boolean {
    const mask = this.#slots.length - 1;
    for (let id = first; id < this.size; id++) {
      const name = this.name(id);
      let step = 1;
      let at = this.#hash(name, 0, name.length) & mask;
      for (; this.#slots[at] !== 0; at = (at + 1) & mask) step++;
      this.steps += step;
      if (step > MOST_STEPS && this.#hash === fastHash) return false;
      this.#slots[at] = id + 1;
    }
    return true;
  }
}

const fewBits = (bytes: Uint8Array, start: number, end: number): number =>
  ((bytes[start] ?? 0) ^ ((bytes[start + 1] ?? 0) << 2) ^ ((bytes[start + 2] ?? 0) << 4) ^ ((end - start) << 3)) & 255;

function doubled<T extends { set(from: T): void }>(from: T, into: T): T {
  into.set(from);
  return into;
}
