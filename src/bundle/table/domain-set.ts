/**
 * The distinct domains of a table, as bytes in one arena with an open-addressing index. The domains may be chosen
 * by an enemy: when one takes too many steps, the index is made again with a hash for which nobody can choose them.
 * Pure.
 */
import { RowSort } from './multikey-quicksort.ts';
import { fastHash, MOST_STEPS, strongHash } from './seeded-hash.ts';

const LF = 0x0a;
/** The sort reads four bytes at a time. */
const SPARE = 3;

export class DomainSet {
  /** Number of distinct domains. */
  size = 0;
  /** Slots looked at so far, for the tests: time says nothing on a busy machine. */
  steps = 0;
  #isStrong = false;
  /** The names, an LF after each. */
  #arena = new Uint8Array(4096);
  #starts = new Int32Array(256);
  #rows = new Uint32Array(256);
  /** Two numbers a slot: the hash, so that hardly any other name is looked at, and where the name begins, plus one. */
  #slots = new Int32Array(2 * 1024);

  /**
   * @param expected about how many domains there will be, and their bytes together. Memory that is there from the
   * beginning need not be copied; what is not used of it takes nothing.
   */
  constructor(expected: { readonly domains: number; readonly bytes: number } = { domains: 0, bytes: 0 }) {
    const { domains, bytes } = expected;
    if (domains * 4 <= this.#slots.length) return;
    this.#arena = new Uint8Array(bytes + domains + 1 + SPARE);
    this.#starts = new Int32Array(domains + 2);
    this.#rows = new Uint32Array(domains + 2);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(domains * 4)));
  }

  /**
   * Adds `bytes[start..end)`, first seen in row number `row`; gives the domain's id (0, 1, ... in order of
   * appearance).
   */
  add(bytes: Uint8Array, start: number, end: number, row: number): number {
    const found = this.#place(bytes, start, end, fastHash(bytes, start, end));
    return found >= 0 ? this.#idAt(found) : this.#insert(bytes, start, end, row);
  }

  /** The id of a domain, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const found = this.#place(bytes, start, end, fastHash(bytes, start, end));
    return found < 0 ? -1 : this.#idAt(found);
  }

  /** Whether a domain is in the set. @param fast its `fastHash` */
  has(bytes: Uint8Array, start: number, end: number, fast: number): boolean {
    return this.#place(bytes, start, end, fast) >= 0;
  }

  /**
   * Fetches what `has` will look at for domains with these hashes. The processor waits for many of the reads at once
   * here, and for each alone there.
   * @param room for as many numbers
   */
  fetchAhead(hashes: Int32Array, count: number, room: Int32Array): void {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i] ?? 0;
      const at = 2 * (hash & mask);
      room[i] = slots[at] === hash ? (slots[at + 1] ?? 0) : 0;
    }
    const arena = this.#arena;
    for (let i = 0; i < count; i++) room[i] = arena[room[i] ?? 0] ?? 0; // kept, or V8 would leave the reads out
  }

  /** Where a domain begins in the arena, or -1. */
  #place(bytes: Uint8Array, start: number, end: number, fast: number): number {
    const hash = this.#isStrong ? strongHash(bytes, start, end) : fast;
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    let most = this.#isStrong ? mask : MOST_STEPS;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const place = (slots[2 * at + 1] ?? 0) - 1;
      this.steps++;
      if (place < 0 || (slots[2 * at] === hash && this.#is(place, bytes, start, end))) return place;
      if (most-- > 0) continue;
      this.#hashAgain();
      return this.#place(bytes, start, end, fast);
    }
  }

  name(id: number): Uint8Array {
    return this.#arena.subarray(this.#starts[id], this.#endOf(id));
  }

  /** The number of the row in which the domain was first seen. */
  firstRow(id: number): number {
    return this.#rows[id] ?? 0;
  }

  /** The ids in the order of the domains' bytes. */
  sorted(): number[] {
    return Array.from(this.lines().starts, (start) => this.#idAt(start));
  }

  /** The domains in the order of their bytes: where each begins in `bytes`, and an LF follows it. */
  lines(): { readonly bytes: Uint8Array; readonly starts: Int32Array } {
    const starts = this.#starts.slice(0, this.size);
    new RowSort(this.#arena, starts).sort(0, this.size, 0);
    return { bytes: this.#arena, starts };
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

  #endOf(id: number): number {
    return (this.#starts[id + 1] ?? 0) - 1;
  }

  #idAt(start: number): number {
    let [low, high] = [0, this.size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? 0) < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether the name at this place of the arena is `bytes[start..end)`. */
  #is(place: number, bytes: Uint8Array, start: number, end: number): boolean {
    const arena = this.#arena;
    const shift = place - start;
    for (let i = start; i < end; i++) if (arena[shift + i] !== bytes[i]) return false;
    return arena[shift + end] === LF;
  }

  #insert(bytes: Uint8Array, start: number, end: number, row: number): number {
    const id = this.size++;
    const from = this.#starts[id] ?? 0;
    const to = from + (end - start);
    const need = to + 1 + SPARE;
    if (need > this.#arena.length) this.#arena = larger(this.#arena, new Uint8Array(Math.ceil(1.5 * need)));
    const arena = this.#arena;
    for (let i = start; i < end; i++) arena[from + i - start] = bytes[i] ?? 0;
    arena[to] = LF;
    if (id + 2 > this.#starts.length) {
      this.#starts = larger(this.#starts, new Int32Array(this.#starts.length * 2));
      this.#rows = larger(this.#rows, new Uint32Array(this.#rows.length * 2));
    }
    this.#starts[id + 1] = to + 1;
    this.#rows[id] = row;
    const isFull = this.size * 4 > this.#slots.length;
    if (isFull) this.#slots = new Int32Array(this.#slots.length * 2);
    if (!this.#placeFrom(isFull ? 0 : id)) this.#hashAgain();
    return id;
  }

  #hashAgain(): void {
    this.#isStrong = true;
    this.#slots.fill(0);
    this.#placeFrom(0);
  }

  /** @returns false where a domain takes too many steps under the fast hash. */
  #placeFrom(first: number): boolean {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    for (let id = first; id < this.size; id++) {
      const [start, end] = [this.#starts[id] ?? 0, this.#endOf(id)];
      const hash = this.#isStrong ? strongHash(this.#arena, start, end) : fastHash(this.#arena, start, end);
      let step = 1;
      let at = hash & mask;
      for (; slots[2 * at + 1] !== 0; at = (at + 1) & mask) step++;
      this.steps += step;
      if (step > MOST_STEPS && !this.#isStrong) return false;
      slots[2 * at] = hash;
      slots[2 * at + 1] = start + 1;
    }
    return true;
  }
}

function larger<T extends { set(from: T): void }>(from: T, into: T): T {
  into.set(from);
  return into;
}
