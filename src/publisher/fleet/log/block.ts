/**
 * A block of bytes and the three things that are done to each line of millions: find a byte, compare, hash. Node's own
 * indexOf finds a byte ten times as fast as a loop over bytes, but a call of it costs as much as a short line: line
 * feeds are found by fours of bytes, and bytes are compared by eights. Pure.
 */

export class Block {
  readonly bytes: Buffer;
  readonly view: DataView;
  #quoteFrom = 0;
  #quote = -1;

  constructor(size: number, buffer = new ArrayBuffer(size)) {
    this.bytes = Buffer.from(buffer, 0, size);
    this.view = new DataView(buffer, 0, size);
  }

  /** Other bytes have come into the block. */
  changed(): void {
    this.#quote = -1;
  }

  /** The place of the first `"` in [from, end); `end` if there is none. */
  quote(from: number, end: number): number {
    // A search may run beyond the line. It is remembered, or lines without a quote would be searched again and again.
    if (from > this.#quote || from < this.#quoteFrom) {
      const found = this.bytes.indexOf(0x22, from);
      this.#quoteFrom = from;
      this.#quote = found < 0 ? this.bytes.length : found;
    }
    return Math.min(this.#quote, end);
  }
}

export const blockOf = (bytes: Uint8Array): Block => {
  const block = new Block(bytes.length);
  block.bytes.set(bytes);
  return block;
};

const BACKSLASH = 0x5c;

/** Where the quoted text that begins at `from` ends: the place of its closing quote; `end` if it has none. */
export function quoteEnd(block: Block, from: number, end: number): number {
  const found = block.quote(from, end);
  const { bytes } = block;
  if (found === from || bytes[found - 1] !== BACKSLASH) return found;
  for (let i = from; i < end; i++) {
    const c = bytes[i];
    if (c === 0x22) return i;
    if (c === BACKSLASH) i++;
  }
  return end;
}

/** Lengths that are no multiple of eight end with eight bytes that were compared in part before. */
export function isSame(a: Block, at: number, b: Block, bAt: number, length: number): boolean {
  let i = 0;
  if (length >= 8) {
    for (const last = length - 8; ; i = i + 8 < last ? i + 8 : last) {
      const x = a.view.getFloat64(at + i, true);
      // Two numbers are equal only if all bits are, but for zeros; and a NaN is not equal to itself.
      if (x !== b.view.getFloat64(bAt + i, true) || x === 0) break;
      if (i === last) return true;
    }
  }
  for (; i < length; i++) if (a.bytes[at + i] !== b.bytes[bAt + i]) return false;
  return true;
}

/** The place of the first line feed from `from` on. There must be one, with seven more bytes of the block behind it. */
export function lineFeed({ view }: Block, from: number): number {
  for (let i = from; ; i += 8) {
    const one = feedBits(view.getInt32(i, true));
    const two = feedBits(view.getInt32(i + 4, true));
    if ((one | two) !== 0) return one !== 0 ? i + lowestByte(one) : i + 4 + lowestByte(two);
  }
}

/** 0 where none of four bytes is a line feed; else the lowest bit that is set belongs to the first that is. */
function feedBits(four: number): number {
  const x = four ^ 0x0a0a0a0a;
  return (x - 0x01010101) & ~x & 0x80808080;
}

const lowestByte = (bits: number): number => (31 - Math.clz32(bits & -bits)) >> 3;

export function hashOf({ bytes, view }: Block, from: number, end: number, seed: number): number {
  let hash = seed ^ (end - from);
  let i = from;
  for (const last = end - 4; i <= last; i += 4) {
    hash = Math.imul(hash ^ view.getInt32(i, true), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  for (; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x5bd1e995);
  return hash ^ (hash >>> 13);
}
