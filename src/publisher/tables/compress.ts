/**
 * Compresses tables. Sorted rows resemble those just before them. For some lists a short window without short
 * matches gives a smaller file in half the time; for others a larger one. A sample decides. Writes nothing but
 * scratch files.
 */
import { constants, gzipSync, type ZlibOptions } from 'node:zlib';
import { gzipped, GzipWriter } from '../../bundle/table/gzip-writer.ts';
import { havePassed } from '../../io/v8-collect.ts';
import type { RowSpace } from '../gather/row-space.ts';
import type { RowTable } from '../gather/row-table.ts';
import type { Content } from '../repository/content.ts';

/** A small buffer for each block, so that blocks get codes of their own sooner. */
const COMMON = { level: 7, memLevel: 7 };
const WAYS: readonly ZlibOptions[] = [
  { ...COMMON, windowBits: 15 },
  { ...COMMON, windowBits: 13, strategy: constants.Z_FILTERED },
];
/** The number of pieces in a sample, spread over the text, and the bytes in each: more than either window. */
const [PIECES, PIECE] = [4, 64 * 1024];
/** Bytes of a table on disk that are compressed at once. */
const CHUNK = 1024 * 1024;

/**
 * The gzip member of a table to be published. The same table always gives the same bytes. Where measured, never
 * larger than `gzip -6`.
 */
export function packed(table: RowTable, space: RowSpace): Promise<Content> {
  return memberOf(table, bestFor(table), space);
}

/** The gzip member of a table that only the publisher reads again. */
export const packedToKeep = (table: RowTable, space: RowSpace): Promise<Content> =>
  memberOf(table, { level: 1 }, space);

/** In memory if the table is there, else on disk. The bytes are the same. */
async function memberOf(table: RowTable, options: ZlibOptions, space: RowSpace): Promise<Content> {
  if (table.text !== null) return await gzipped(table.text, options);
  const file = space.open();
  const gzip = new GzipWriter(options, (chunk) => space.write(file, chunk));
  try {
    for (let at = 0; at < table.bytes; at += CHUNK) {
      await gzip.write(table.part(at, at + CHUNK));
      havePassed(CHUNK);
    }
    await gzip.end();
  } finally {
    gzip.destroy();
  }
  return file;
}

/** Compares sizes, not times, so every machine decides the same. */
function bestFor(table: RowTable): ZlibOptions {
  const part = table.bytes / PIECES;
  const pieces = Array.from({ length: PIECES }, (_, i) => {
    const from = Math.trunc(part * i);
    return table.part(from, Math.trunc(part * i + Math.min(part, PIECE)));
  });
  const sample = Buffer.concat(pieces);
  const sizes = WAYS.map((way) => gzipSync(sample, way).length);
  return WAYS[sizes.indexOf(Math.min(...sizes))] ?? COMMON;
}
