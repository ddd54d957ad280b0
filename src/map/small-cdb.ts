/**
 * A cdb of few rows, each with a value of its own, in memory: 2048 bytes of table positions, the records in their
 * order, then 256 hash tables of twice as many slots as records. Pure.
 */
import { cdbHash, HEADER } from './cdb-form.ts';

export function smallCdb(rows: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): Uint8Array {
  const records: Uint8Array[] = [];
  const tables = Array.from({ length: 256 }, (): [hash: number, position: number][] => []);
  let position = HEADER;
  for (const [key, value] of rows) {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(key.length, 0);
    head.writeUInt32LE(value.length, 4);
    records.push(head, key, value);
    const hash = cdbHash(key);
    tables[hash & 255]?.push([hash, position]);
    position += 8 + key.length + value.length;
  }
  const header = Buffer.alloc(HEADER);
  const slots = tables.map((table, i) => {
    const count = 2 * table.length;
    header.writeUInt32LE(position, 8 * i);
    header.writeUInt32LE(count, 8 * i + 4);
    const bytes = Buffer.alloc(8 * count);
    for (const [hash, at] of table) {
      let slot = (hash >>> 8) % count;
      while (bytes.readUInt32LE(8 * slot + 4) !== 0) slot = (slot + 1) % count;
      bytes.writeUInt32LE(hash, 8 * slot);
      bytes.writeUInt32LE(at, 8 * slot + 4);
    }
    position += bytes.length;
    return bytes;
  });
  return Buffer.concat([header, ...records, ...slots]);
}
