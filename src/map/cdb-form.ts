/** What the format of a constant database fixes (https://cr.yp.to/cdb/cdb.txt). Pure. */

/** Bytes of the header: position and slots of each of 256 hash tables. */
export const HEADER = 2048;

/** The hash of a key, a number of 32 bits without a sign. */
export function cdbHash(key: Uint8Array): number {
  let hash = 5381;
  for (const c of key) hash = (((hash << 5) + hash) ^ c) >>> 0;
  return hash;
}
