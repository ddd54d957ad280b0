// A table's text as it comes from disk: pieces of whole rows, in memory that the next piece overwrites.
import { cut, type RowBlock } from '../../src/bundle/table/rows.ts';
import type { RowTable } from '../../src/publisher/gather/row-table.ts';

/** @param size the least number of bytes of each piece but the last. */
export function* inPieces(text: Uint8Array, size: number): Generator<Uint8Array> {
  const room = Buffer.alloc(text.length);
  for (let at = 0; at < text.length;) {
    const end = text.indexOf(0x0a, Math.min(at + size, text.length) - 1) + 1;
    room.set(text.subarray(at, end));
    yield room.subarray(0, end - at);
    room.fill(0x3f);
    at = end;
  }
}

export const tableInPieces = (table: RowTable, size: number): RowTable => ({
  rows: table.rows,
  bytes: table.bytes,
  sha256: table.sha256,
  text: null,
  pieces: () => inPieces(table.part(0, table.bytes), size),
  blocks: () => blocks(table.part(0, table.bytes), size),
  part: (from, to) => table.part(from, to),
});

function* blocks(text: Uint8Array, size: number): Generator<RowBlock> {
  for (const piece of inPieces(text, size)) yield cut(piece);
}
