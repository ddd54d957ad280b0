/** Reads a written cdb as a stranger would, before anyone else does. Touches nothing but that file. */
import { createHash } from 'node:crypto';
import { fstatSync, readSync } from 'node:fs';
import type { RowBlock } from '../../bundle/table/rows.ts';
import { CompileError } from '../../errors.ts';
import type { AtomicFile } from '../../io/atomic-file.ts';
import { CdbReader } from '../../map/cdb-reader.ts';

const SAMPLES = 64;

/** A few rows from all over the table. */
export class Samples {
  readonly keys: Uint8Array[] = [];
  #step = 1;

  take(block: RowBlock, before: number): void {
    for (let i = 0; i < block.count; i++) {
      if ((before + i) % this.#step !== 0) continue;
      this.keys.push(new Uint8Array(block.bytes.subarray(block.starts[i], (block.starts[i + 1] ?? 1) - 1)));
      if (this.keys.length < 2 * SAMPLES) continue;
      for (let k = 0; k < SAMPLES; k++) this.keys[k] = this.keys[2 * k] ?? new Uint8Array(0);
      this.keys.length = SAMPLES;
      this.#step *= 2;
    }
  }
}

/**
 * Structure, row count, sampled keys present, keys that cannot be there absent.
 * @param keys each once. @param value what belongs to all of them, or to each
 * @throws CompileError READBACK_FAILED
 */
export function readBack(
  cdb: AtomicFile,
  rows: number,
  keys: readonly Uint8Array[],
  value: Uint8Array | ((key: Uint8Array) => Uint8Array),
): { sha256: string; bytes: number } {
  const bytes = fstatSync(cdb.fd).size;
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(1024 * 1024);
  for (let at = 0; at < bytes;) {
    const read = readSync(cdb.fd, chunk, 0, chunk.length, at);
    if (read === 0) throw new CompileError('READBACK_FAILED', `the cdb ends at ${at} bytes, ${bytes} were written`);
    hash.update(chunk.subarray(0, read));
    at += read;
  }
  const reader = new CdbReader((position, length) => {
    const part = Buffer.alloc(length);
    return part.subarray(0, readSync(cdb.fd, part, 0, length, position));
  }, bytes);
  const count = reader.count();
  if (count !== rows)
    throw new CompileError('READBACK_FAILED', `the cdb has ${count} records, ${rows} rows were written`);
  const found = reader.getAll(keys);
  const isAsWritten = ([key, each]: [string, Uint8Array]): boolean =>
    Buffer.compare(each, value instanceof Uint8Array ? value : value(Buffer.from(key, 'latin1'))) === 0;
  if (found.size !== keys.length || ![...found].every(isAsWritten)) {
    throw new CompileError('READBACK_FAILED', 'a row that was written is not found in the cdb');
  }
  // No row can hold a control character, so these must be absent.
  if (reader.getAll(keys.map((key) => Buffer.concat([Buffer.from('\u0001'), key]))).size > 0) {
    throw new CompileError('READBACK_FAILED', 'a row that was not written is found in the cdb');
  }
  return { sha256: hash.digest('hex'), bytes };
}
