/** Domains that were looked at before, found again by a hash that the caller counts along while it copies their bytes. Pure. */

/** FNV-1a over the bytes, from `HASH_START`. */
export const HASH_START = 0x811c9dc5 | 0;
export const hashed = (hash: number, byte: number): number => Math.imul(hash ^ byte, 0x01000193);

export class KnownDomains {
  size = 0;
  #arena = new Uint8Array(4096);
  #view = new DataView(this.#arena.buffer);
  #ends = new Int32Array(256);
  #hashes = new Int32Array(256);
  /** Numbers of domains, from 1; 0 for none. */
  #slots = new Int32Array(1024);

  /** Whether a domain is known. @param bytes a view of what holds it. */
  has(bytes: DataView, start: number, length: number, hash: number): boolean {
    const mask = this.#slots.length - 1;
    for (let at = spread(hash) & mask; ; at = (at + 1) & mask) {
      const id = (this.#slots[at] ?? 0) - 1;
      if (id < 0) return false;
      if (this.#hashes[id] === hash && this.#is(id, bytes, start, length)) return true;
    }
  }

  /** Adds a domain that is not known yet. */
  add(name: Uint8Array, hash: number): void {
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
    this.#hashes[id] = hash;
    if (this.size * 2 > this.#slots.length) {
      this.#slots = new Int32Array(this.#slots.length * 2);
      for (let each = 0; each < this.size; each++) this.#place(each);
    } else this.#place(id);
  }

  *names(): Generator<Uint8Array> {
    for (let id = 0; id < this.size; id++) yield this.#arena.subarray(this.#startOf(id), this.#ends[id]);
  }

  #startOf(id: number): number {
    return id === 0 ? 0 : (this.#ends[id - 1] ?? 0);
  }

  /** Four bytes at a time; the last four may overlap those before. */
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

  #place(id: number): void {
    const mask = this.#slots.length - 1;
    let at = spread(this.#hashes[id] ?? 0) & mask;
    while (this.#slots[at] !== 0) at = (at + 1) & mask;
    this.#slots[at] = id + 1;
  }
}

const spread = (hash: number): number => hash ^ (hash >>> 15);

function larger<T extends { set(from: T): void }>(from: T, into: T): T {
  into.set(from);
  return into;
}
