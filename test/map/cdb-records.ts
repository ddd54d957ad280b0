// A cdb as a test sees it: written by ours from rows, and listed record by record, whoever wrote it. Touches nothing.
import { CdbWriter } from '../../src/map/cdb-writer.ts';
import type { RowBlock } from '../../src/bundle/table/rows.ts';

/** The bytes of the cdb that our writer makes. */
export const written = (blocks: readonly RowBlock[], value: string, expected?: number): Buffer =>
  filled(
    (writer) => {
      for (const block of blocks) writer.add(block);
    },
    value,
    expected,
  );

/** The same of what `fill` adds. */
export function filled(fill: (writer: CdbWriter) => void, value = 'OK', expected?: number): Buffer {
  const parts: Buffer[] = [];
  let header: Uint8Array = Buffer.alloc(0);
  const writer = new CdbWriter(
    { append: (bytes) => parts.push(Buffer.from(bytes)), writeAt: (bytes) => (header = Uint8Array.from(bytes)) },
    Buffer.from(value),
    expected,
  );
  fill(writer);
  writer.finish();
  const file = Buffer.concat(parts);
  Buffer.from(header).copy(file);
  return file;
}

/** Key and value of each record, in the order of the file. */
export function records(file: Buffer): [string, string][] {
  const found: [string, string][] = [];
  // The records end where the first hash table begins.
  const end = file.readUInt32LE(0);
  for (let at = 2048; at < end;) {
    const [key, value] = [file.readUInt32LE(at), file.readUInt32LE(at + 4)];
    const from = at + 8;
    found.push([file.toString('utf8', from, from + key), file.toString('utf8', from + key, from + key + value)]);
    at = from + key + value;
  }
  return found;
}
