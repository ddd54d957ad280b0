/** A sorted table that lies on disk, in one piece of a file without a name. */
import { createHash } from 'node:crypto';
import { cut, type RowBlock } from '../../bundle/table/rows.ts';
import type { ScratchFile } from '../../io/scratch-file.ts';
import type { RowTable } from './row-table.ts';

const LF = 0x0a;
/** Bytes that are read at once. */
const CHUNK = 256 * 1024;

export interface Extent {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
}

export class RowsOnDisk implements RowTable {
  readonly rows: number;
  readonly bytes: number;
  readonly text = null;
  readonly #file: ScratchFile;
  readonly #from: number;
  #sha256: string | null;

  /** @param sha256 of the text, if it is known. */
  constructor(file: ScratchFile, { from, to, rows }: Extent, sha256: string | null = null) {
    this.rows = rows;
    this.bytes = to - from;
    this.#file = file;
    this.#from = from;
    this.#sha256 = sha256;
  }

  get sha256(): string {
    if (this.#sha256 !== null) return this.#sha256;
    const hash = createHash('sha256');
    for (const piece of this.pieces()) hash.update(piece);
    return (this.#sha256 = hash.digest('hex'));
  }

  *pieces(): Generator<Uint8Array> {
    let buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, Math.max(1, this.bytes)));
    let [at, rest] = [this.#from, 0];
    const end = this.#from + this.bytes;
    while (at < end) {
      const read = this.#file.readAt(at, buffer.subarray(rest, rest + end - at));
      if (read === 0) throw new Error(`a table of ${this.bytes} bytes ends ${end - at} bytes too early`);
      at += read;
      const length = rest + read;
      const whole = buffer.subarray(0, length).lastIndexOf(LF) + 1;
      if (whole > 0) yield buffer.subarray(0, whole);
      else if (length === buffer.length) buffer = Buffer.concat([buffer], 2 * length);
      buffer.copyWithin(0, whole, length);
      rest = length - whole;
    }
  }

  *blocks(): Generator<RowBlock> {
    let room = new Int32Array(CHUNK >>> 4);
    for (const piece of this.pieces()) {
      const block = cut(piece, room);
      room = block.starts as Int32Array<ArrayBuffer>;
      yield block;
    }
  }

  part(from: number, to: number): Uint8Array {
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(to, this.bytes) - from));
    for (let done = 0; done < bytes.length;) {
      const read = this.#file.readAt(this.#from + from + done, bytes.subarray(done));
      if (read === 0) throw new Error(`a table of ${this.bytes} bytes ends before its byte ${from + done}`);
      done += read;
    }
    return bytes;
  }
}
