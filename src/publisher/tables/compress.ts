/**
 * Compresses tables. Sorted rows are like those just before them: with lists of the one kind a short window and no short matches make a
 * smaller member in half of the time, with those of another kind a larger one. A sample tells which kind it is. Pure.
 */
import { constants, gzipSync, type ZlibOptions } from 'node:zlib';
import { gzipped } from '../../bundle/table/gzip-writer.ts';
import type { SortedRows } from '../gather/sorted-rows.ts';

/** A short buffer for what is to be coded: each block has codes of its own sooner. */
const COMMON = { level: 7, memLevel: 7 };
const WAYS: readonly ZlibOptions[] = [
  { ...COMMON, windowBits: 15 },
  { ...COMMON, windowBits: 13, strategy: constants.Z_FILTERED },
];
/** Pieces of a sample, spread over the text, and bytes of each: more than either window. */
const [PIECES, PIECE] = [4, 64 * 1024];

/** The gzip member of a table to be published; the same for the same table. Never larger than that of `gzip -6` where that was measured. */
export function packed({ text }: SortedRows): Promise<Uint8Array> {
  return gzipped(text, bestFor(text));
}

/** Of a table that only the publisher itself reads again. */
export const packedToKeep = ({ text }: SortedRows): Promise<Uint8Array> => gzipped(text, { level: 1 });

/** Looked at are sizes, not times: it is the same on every machine. */
function bestFor(text: Uint8Array): ZlibOptions {
  const part = text.length / PIECES;
  const pieces = Array.from({ length: PIECES }, (_, i) => text.subarray(part * i, part * i + Math.min(part, PIECE)));
  const sample = Buffer.concat(pieces);
  const sizes = WAYS.map((way) => gzipSync(sample, way).length);
  return WAYS[sizes.indexOf(Math.min(...sizes))] ?? COMMON;
}
