/** The CRC-32 of gzip (RFC 1952 section 8). Pure. */
import * as zlib from 'node:zlib';

// Came with Node 20.15; the gateway still runs on 18.
const native = (zlib as { crc32?: (data: Uint8Array, value?: number) => number }).crc32;

let table: Uint32Array | undefined;

/** Without Node's own: a byte at a time, by table. @param value the CRC of what comes before */
export function crc32ByTable(bytes: Uint8Array, value: number): number {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = (c & 1) === 0 ? c >>> 1 : 0xedb88320 ^ (c >>> 1);
    return c;
  });
  let crc = ~value;
  for (let i = 0; i < bytes.length; i++) crc = (table[(crc ^ (bytes[i] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** @param value the CRC of what comes before, 0 at the beginning */
export const crc32: (bytes: Uint8Array, value: number) => number = native ?? crc32ByTable;
