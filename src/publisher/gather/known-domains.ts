/**
 * Finds domains that were seen before. The caller computes the hash (FNV-1a from `hashStart`) while it copies the
 * bytes. A source could choose domains that collide. If one takes too many steps, all are hashed again with a hash
 * that nobody can predict. Pure.
 */
import { MOST_STEPS, spread, strongHash } from '../../bundle/table/seeded-hash.ts';

export class KnownDomains {
  size = 0;
  /** Slots examined so far, for tests. */
  steps = 0;
  #isStrong = false;
  #arena = new Uint8Array(4096);
  #view = new DataView(this.#arena.buffer);
  #ends = new Int32Array(256);
  #hashes = new Int32Array(256);
  /** Domain numbers, from 1; 0 marks an empty slot. */
  #slots = new Int32Array(1024);

  /** Whether a domain is known. @param bytes a view of the buffer that contains it. */
  has(bytes: DataView, start: number, length: number, fast: number): boolean {
    const mask = this.#slots.length - 1;
    const hash = this.#isStrong ? strongHash(bytesOf(bytes), start, start + length) : fast;
    let most = this.#isStrong ? mask : MOST_STEPS;
    for (let at = spread(hash) & mask; ; at = (at + 1) & mask) {
      const id = (this.#slots[at] ?? 0) - 1;
      this.steps++;
      if (id < 0) return false;
      if (this.#hashes[id] === hash && this.#is(id, bytes, start, length)) return true;
      if (most-- > 0) continue;
      this.#hashAgain();
      return this.has(bytes, start, length, fast);
    }
  }

  /** Adds a domain that is not known yet. */
  add(name: Uint8Array, fast: number): void {
    const id = this.size++;
    const from = this.#startOf(id);
    const end = from + name.length;
    if (end > this.#arena.length) {
      this.#arena = larger(this.#arena, new Uint8Array(end * 2));
      this.#view = new DataView(this.#arena.buffer);
    }
    if (id === this.#ends.length) {
      this.#ends = larger(this.#ends, new Int32Array(id * 2));
      this.#hashes = larger(this.#hashes, new Int32Array(id * 2));
    }
    this.#arena.set(name, from);
    this.#ends[id] = end;
    this.#hashes[id] = this.#isStrong ? strongHash(name, 0, name.length) : fast;
    const isFull = this.size * 2 > this.#slots.length;
    if (isFull) this.#slots = new Int32Array(this.#slots.length * 2);
    if (!this.#placeFrom(isFull ? 0 : id)) this.#hashAgain();
  }

  #hashAgain(): void {
    this.#isStrong = true;
    let id = 0;
    for (const name of this.names()) this.#hashes[id++] = strongHash(name, 0, name.length);
    this.#slots.fill(0);
    this.#placeFrom(0);
  }

  /** Of the names together. */
  get bytes(): number {
    return this.#startOf(this.size);
  }

  *names(): Generator<Uint8Array> {
    for (let id = 0; id < this.size; id++) yield this.#arena.subarray(this.#startOf(id), this.#ends[id]);
  }

  #startOf(id: number): number {
    return id === 0 ? 0 : (this.#ends[id - 1] ?? 0);
  }

  /** Compares four bytes at a time. The last four may overlap those before. */
  #is(id: number, bytes: DataView, start: number, length: number): boolean {
    const from = this.#startOf(id);
    if ((this.#ends[id] ?? 0) - from !== length) return false;
    const view = this.#view;
    if (length < 4) {
      for (let i = 0; i < length; i++) if (view.getUint8(from + i) !== bytes.getUint8(start + i)) return false;
      return true;
    }
    const last = length - 4;
    for (let i = 0; i < last; i += 4) if (view.getInt32(from + i) !== bytes.getInt32(start + i)) return false;
    return view.getInt32(from + last) === bytes.getInt32(start + last);
  }

  /** @returns false if a domain takes too many steps under the fast hash. */
  #placeFrom(first: number): boolean {
    const mask = this.#slots.length - 1;
    for (let id = first; id < this.size; id++) {
      let step = 1;
      let at = spread(this.#hashes[id] ?? 0) & mask;
      for (; this.#slots[at] !== 0; at = (at + 1) & mask) step++;
      this.steps += step;
      if (step > MOST_STEPS && !this.#isStrong) return false;
      this.#slots[at] = id + 1;
    }
    return true;
  }
}

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

function larger<T extends { set(from: T): void }>(from: T, into: T): T {
  into.set(from);
  return into;
}
