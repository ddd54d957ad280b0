// The cdb's hash is given by its format: a list whose keys all have one hash is written and read back in a number
// of steps that grows with the list, and to the byte as if each slot had been tried (docs/commands.md section 2.3).
import { expect, test } from 'vitest';
import { cdbHash } from '../../src/map/cdb-form.ts';
import { CdbReader } from '../../src/map/cdb-reader.ts';
import { CdbWriter } from '../../src/map/cdb-writer.ts';
import { cut } from '../../src/bundle/table/rows.ts';
import { CDB, colliding } from '../support/colliding.ts';

interface Written {
  readonly bytes: Buffer;
  readonly steps: number;
}

function write(keys: readonly string[]): Written {
  const parts: Uint8Array[] = [];
  const bytes: { header: Uint8Array } = { header: new Uint8Array(0) };
  const writer = new CdbWriter(
    { append: (part) => parts.push(Uint8Array.from(part)), writeAt: (header) => (bytes.header = header) },
    Buffer.from('OK'),
  );
  writer.add(cut(Buffer.from(keys.map((key) => `${key}\n`).join(''))));
  writer.finish();
  const file = Buffer.concat(parts);
  file.set(bytes.header);
  return { bytes: file, steps: writer.steps };
}

/** The hash tables of a cdb, slot by slot, as its author wrote them: the next slot until one is free. */
function tables(file: Buffer): Buffer {
  const records = Array.from({ length: 256 }, () => [] as { hash: number; at: number }[]);
  const end = file.readUInt32LE(0);
  for (let at = 2048; at < end;) {
    const key = file.readUInt32LE(at);
    const hash = file.subarray(at + 8, at + 8 + key).reduce(CDB.step, CDB.start);
    records[hash & 255]?.push({ hash, at });
    at += 8 + key + file.readUInt32LE(at + 4);
  }
  return Buffer.concat(
    records.map((each) => {
      const slots = 2 * each.length;
      const table = Buffer.alloc(slots * 8);
      for (const { hash, at } of each) {
        let slot = (hash >>> 8) % slots;
        while (table.readUInt32LE(slot * 8 + 4) !== 0) slot = (slot + 1) % slots;
        table.writeUInt32LE(hash, slot * 8);
        table.writeUInt32LE(at, slot * 8 + 4);
      }
      return table;
    }),
  );
}

const reader = ({ bytes }: Written) => new CdbReader((at, length) => bytes.subarray(at, at + length), bytes.length);
const buffers = (keys: readonly string[]) => keys.map((key) => Buffer.from(key));

const same = colliding(CDB, 12, '', '@example.org');
const honest = Array.from({ length: 3000 }, (_, i) => `user${i}@example.org`);
/** Of one hash table, and side by side in it: each run of full slots is met from its beginning. */
const crowded = Array.from({ length: 200_000 }, (_, i) => `c${i}@example.org`).filter((key) => {
  const hash = [...Buffer.from(key)].reduce(CDB.step, CDB.start);
  return (hash & 255) === 7 && ((hash >>> 8) & 7) === 0;
});

test.each([
  ['of one hash', same],
  ['of any hash', honest],
  ['of one hash and any', [...honest.slice(0, 500), ...same.slice(0, 1024), ...honest.slice(500)]],
  ['of one table', crowded],
  ['two', honest.slice(0, 2)],
  ['none', []],
])('keys %s: the tables are those of the textbook, in few steps', (_, keys) => {
  const written = write(keys);
  expect(written.bytes.subarray(written.bytes.readUInt32LE(0)).equals(tables(written.bytes))).toBe(true);
  expect(written.steps).toBeLessThanOrEqual(keys.length * 8);
  expect(written.steps).toBeGreaterThanOrEqual(keys.length);
});

test('a hundred keys of one hash are found in one walk, and what is not there is not', () => {
  const written = write(same);
  const cdb = reader(written);
  const sample = same.filter((_, i) => i % 41 === 0);
  const found = cdb.getAll(buffers([...sample, 'absent@example.org', `${same[0]}x`]));
  expect([...found.keys()].sort()).toEqual([...sample].sort());
  expect([...found.values()].every((value) => Buffer.from(value).toString() === 'OK')).toBe(true);
  expect(cdb.steps).toBeLessThan(3 * same.length);
});

test('in a file that is cut within a table a key before the cut is found, and one behind it is damage', () => {
  const { bytes } = write(same.slice(0, 64));
  const end = bytes.lastIndexOf(Buffer.from('@example.org')) + 14;
  const first = same[0] ?? '';
  const cut = (length: number) => new CdbReader((at, size) => bytes.subarray(at, Math.min(at + size, length)), length);
  const table = bytes.readUInt32LE(([...Buffer.from(first)].reduce(CDB.step, CDB.start) & 255) * 8);
  const slot = ([...Buffer.from(first)].reduce(CDB.step, CDB.start) >>> 8) % 128;
  expect(table).toBeGreaterThanOrEqual(end);
  expect(cut(table + slot * 8 + 8).get(Buffer.from(first))).not.toBeNull();
  expect(() => cut(table + slot * 8 + 8).get(Buffer.from(same[1] ?? ''))).toThrow('are not in a file of');
});

test('a look-up may take as many steps as keys have the hash, and no read for each slot', () => {
  let reads = 0;
  const written = write(same);
  const cdb = new CdbReader((at, length) => (reads++, written.bytes.subarray(at, at + length)), written.bytes.length);
  expect(Buffer.from(cdb.get(Buffer.from(same.at(-1) ?? '')) ?? '').toString()).toBe('OK');
  expect(cdb.steps).toBe(2 * same.length);
  // Absent, in a run of full slots of another hash: the slots come by thousands.
  reads = 0;
  const other = reader(written);
  expect(other.get(Buffer.from('nobody@example.org'))).toBeNull();
  expect(reads).toBeLessThan(30);
});

test("the hash of a key is its author's, whatever the bytes are", () => {
  const keys = ['', 'a', 'user@example.org', 'ÿ\u0080@straße.example'].map((key) => Buffer.from(key));
  for (const key of keys) expect(cdbHash(key)).toBe(key.reduce(CDB.step, CDB.start) >>> 0);
  expect(cdbHash(Buffer.from('user@example.org'))).toBe(1427926024);
});
