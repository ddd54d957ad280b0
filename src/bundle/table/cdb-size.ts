/** A cdb's offsets have 32 bits. */
export const MAX_CDB = 2 ** 32 - 1;

/**
 * The size in bytes of a cdb with these rows (8 bytes of lengths a record, two slots of 8 bytes in the hash
 * tables).
 */
export const cdbBytes = (rows: number, keyBytes: number, valueBytes: number): number =>
  2048 + keyBytes + rows * (8 + valueBytes + 16);
