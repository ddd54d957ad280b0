/**
 * Compresses tables. Sorted rows resemble those just before them. For some lists a short window without short
 * matches gives a smaller file in half the time; for others a larger one. A sample decides. Pure.
 */
import { constants, gzipSync, type ZlibOptions } from 'node:zlib';
import { gzipped } from '../../bundle/table/gzip-writer.ts';
import type { SortedRows } from '../gather/sorted-rows.ts';

/** A small buffer for each block, so that blocks get codes of their own sooner. */
const COMMON = { level: 7, memLevel: 7 };
const WAYS: readonly ZlibOptions[] = [
  { ...COMMON, windowBits: 15 },
  { ...COMMON, windowBits: 13, strategy: constants.Z_FILTERED },
];
/** The number of pieces in a sample, spread over the text, and the bytes in each: more than either window. */
const [PIECES, PIECE] = [4, 64 * 1024];

/**
 * The gzip member of a table to be published. The same table always gives the same bytes. Where measured, never
 * larger than `gzip -6`.
 */
export function packed({ text }: SortedRows): Promise<Uint8Array> {
  return gzipped(text, bestFor(text));
}

/** The gzip member of a table that only the publisher reads again. */
export const packedToKeep = ({ text }: SortedRows): Promise<Uint8Array> => gzipped(text, { level: 1 });

/** Compares sizes, not times, so every machine decides the same. */
function bestFor(text: Uint8Array): ZlibOptions {
  const part = text.length / PIECES;
  const pieces = Array.from({ length: PIECES }, (_, i) => text.subarray(part * i, part * i + Math.min(part, PIECE)));
  const sample = Buffer.concat(pieces);
  const sizes = WAYS.map((way) => gzipSync(sample, way).length);
  return WAYS[sizes.indexOf(Math.min(...sizes))] ?? COMMON;
}
