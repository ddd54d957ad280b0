/**
 * Hashes for tables whose keys come from outside. All start from a seed that only this process knows. FNV-1a, and
 * the hash of four bytes at a time that is made after it, are fast, and somebody who tries can find keys that
 * collide under any seed; HalfSipHash-2-4 holds against that, and is slower. A table begins with a fast one and goes
 * over to the slow one when its keys collide (docs/SECURITY.md). Pure: the seed comes from above.
 */

const seed = { fast: 0x811c9dc5 | 0, k0: 0, k1: 0 };

/**
 * For the tables made from now on; called once, at the start of a process. @param words two random numbers of 32
 * bits
 */
export function seedHashes([k0 = 0, k1 = 0]: Uint32Array): void {
  seed.k0 = k0 | 0;
  seed.k1 = k1 | 0;
  seed.fast = ((0x811c9dc5 ^ k0) + Math.imul(k1, 0x9e3779b1)) | 0;
}

/** Where FNV-1a starts. */
export const hashStart = (): number => seed.fast;

/** FNV-1a with one more byte. */
export const hashed = (hash: number, byte: number): number => Math.imul(hash ^ byte, 0x01000193);

/** Brings the upper bits of an FNV-1a down to those that a table looks at. */
export const spread = (hash: number): number => hash ^ (hash >>> 15);

/** As FNV-1a, four bytes at a time. */
export function fastHash(bytes: Uint8Array, start: number, end: number): number {
  let h = seed.fast;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    h = mixed(
      h,
      (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24),
    );
  }
  for (; i < end; i++) h = mixed(h, bytes[i] ?? 0);
  return h;
}

/** The same of a buffer's view. */
export function fastHashIn(view: DataView, start: number, end: number): number {
  let h = seed.fast;
  let i = start;
  for (; i + 4 <= end; i += 4) h = mixed(h, view.getInt32(i, true));
  for (; i < end; i++) h = mixed(h, view.getUint8(i));
  return h;
}

/** One more word. A product never moves a bit down, so that is done here. */
export function mixed(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x01000193);
  return h ^ (h >>> 15);
}

let [v0, v1, v2, v3] = [0, 0, 0, 0];

/** HalfSipHash-2-4 with an output of 32 bits (Aumasson and Bernstein). */
export function strongHash(bytes: Uint8Array, start: number, end: number): number {
  [v0, v1, v2, v3] = [seed.k0, seed.k1, 0x6c796765 ^ seed.k0, 0x74656462 ^ seed.k1];
  const words = end - ((end - start) & 3);
  let i = start;
  for (; i < words; i += 4) {
    take((bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24));
  }
  let last = (end - start) << 24;
  for (let shift = 0; i < end; i++, shift += 8) last |= (bytes[i] ?? 0) << shift;
  take(last);
  v2 ^= 0xff;
  for (let n = 0; n < 4; n++) round();
  return v1 ^ v3;
}

function take(word: number): void {
  v3 ^= word;
  round();
  round();
  v0 ^= word;
}

function round(): void {
  v0 = (v0 + v1) | 0;
  v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
  v2 = (v2 << 16) | (v2 >>> 16);
}

/**
 * As many steps as a look-up may take before the table goes over to the strong hash: at half load a fair one hardly
 * ever needs them.
 */
export const MOST_STEPS = 64;
