/**
 * A sorted table's plain text (docs/bundle-format.md section 4), wherever it lies: in memory (`SortedRows`) or on disk
 * (`RowsOnDisk`). Whoever takes one reads it in pieces and never asks which it is.
 */
import type { RowBlock } from '../../bundle/table/rows.ts';

export interface RowTable {
  readonly rows: number;
  /** Of the text. */
  readonly bytes: number;
  /** Of the text, in lower-case hex. */
  readonly sha256: string;
  /** The whole text; null if it lies on disk. */
  readonly text: Uint8Array | null;
  /** The text in pieces of whole rows. May be called again. Each piece is good until the next one is asked for. */
  pieces(): Iterable<Uint8Array>;
  /** The same with the places of the rows. */
  blocks(): Iterable<RowBlock>;
  /** The text from byte `from` up to `to`, in memory of its own. */
  part(from: number, to: number): Uint8Array;
}
