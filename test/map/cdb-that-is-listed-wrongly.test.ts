// Listing a cdb that another program wrote: every key once, whatever the size of the pieces it comes in; a damaged
// one is not half a list.
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { cdbKeys } from '../../src/map/cdb-reader.ts';
import { CdbWriter } from '../../src/map/cdb-writer.ts';
import { RowCollector } from '../../src/bundle/table/rows.ts';

const ROWS = Array.from({ length: 300 }, (_, i) => `mailbox-${i}@example.org`);

function cdb(rows: readonly string[]): Buffer {
  const pieces: Buffer[] = [];
  let header = Buffer.alloc(0);
  const sink = {
    append: (bytes: Uint8Array) => void pieces.push(Buffer.from(bytes)),
    writeAt: (bytes: Uint8Array) => void (header = Buffer.from(bytes)),
  };
  const writer = new CdbWriter(sink, Buffer.from('OK'));
  const collector = new RowCollector();
  for (const row of rows) collector.add(Buffer.from(row), 0, Buffer.byteLength(row));
  writer.add(collector.rest());
  writer.finish();
  const whole = Buffer.concat(pieces);
  header.copy(whole);
  return whole;
}

async function keys(bytes: Buffer, size = bytes.length): Promise<string[]> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  const found: string[] = [];
  await cdbKeys(Readable.from(pieces), (key) => found.push(key.toString()));
  return found;
}

test.each([1, 7, 2048, 2049, 65_536])('in pieces of %i bytes: every key, in order', async (size) => {
  expect(await keys(cdb(ROWS), size)).toEqual(ROWS);
});

test('no record, and keys that end with a NUL', async () => {
  expect(await keys(cdb([]))).toEqual([]);
  expect(await keys(cdb(['a@example.org\0']))).toEqual(['a@example.org']);
});

test('a key of no bytes, and values of any length, in pieces of any size', async () => {
  const record = (key: string, value: string) => {
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32LE(key.length, 0);
    lengths.writeUInt32LE(value.length, 4);
    return Buffer.concat([lengths, Buffer.from(key + value)]);
  };
  const records = Buffer.concat([record('', ''), record('a', ''), record('', 'v'.repeat(500)), record('b\0\0', 'w')]);
  const header = Buffer.alloc(2048);
  header.writeUInt32LE(2048 + records.length, 0);
  for (let size = 1; size < 700; size += 13)
    expect(await keys(Buffer.concat([header, records]), size)).toEqual(['', 'a', '', 'b\0']);
});

test('what comes behind the records is not waited for', async () => {
  const file = cdb(ROWS);
  const found: string[] = [];
  let asked = 0;
  async function* pieces(): AsyncGenerator<Buffer> {
    yield await Promise.resolve(file.subarray(0, file.readUInt32LE(0)));
    asked++;
    yield file.subarray(file.readUInt32LE(0));
  }
  await cdbKeys(pieces(), (key) => found.push(key.toString()));
  expect([found.length, asked]).toEqual([ROWS.length, 0]);
});

describe('a damaged one is an error', () => {
  const whole = cdb(ROWS);
  test.each([0, 100, 2047, 2050, 3000])('cut after %i bytes', async (length) => {
    for (const size of [1, 64, length + 1])
      await expect(keys(whole.subarray(0, length), size)).rejects.toMatchObject({
        code: 'READBACK_FAILED',
        message: `the cdb is damaged: it ends at ${length} bytes`,
      });
  });

  test.each([
    ['key', 0],
    ['value', 4],
  ])('a last record whose %s is a byte too long', async (_, offset) => {
    const broken = Buffer.from(whole);
    const end = broken.readUInt32LE(0);
    const last = end - 8 - Buffer.byteLength(`${ROWS.at(-1)}OK`);
    broken.writeUInt32LE(broken.readUInt32LE(last + offset) + 1, last + offset);
    for (const size of [1, broken.length])
      await expect(keys(broken, size)).rejects.toThrow(`a record at ${last} passes the hash tables at ${end}`);
  });

  test('a last record that ends before the hash tables', async () => {
    const broken = Buffer.from(whole);
    broken.writeUInt32LE(broken.readUInt32LE(0) + 1, 0);
    await expect(keys(broken.subarray(0, -300 * 16))).rejects.toThrow(/the cdb is damaged/);
  });

  test('a record that is longer than the file', async () => {
    const broken = Buffer.from(whole);
    broken.writeUInt32LE(0xffff_ffff, 2048);
    await expect(keys(broken)).rejects.toThrow(/passes the hash tables/);
  });
});

test('a damaged one that is a single record of 100 MB is not put together anew with every piece that comes', async () => {
  const [size, piece] = [100 * 1024 * 1024, Buffer.alloc(64 * 1024)];
  const head = Buffer.alloc(2056);
  head.writeUInt32LE(size, 0);
  head.writeUInt32LE(size - head.length, 2052);
  const pieces = (function* () {
    yield head;
    for (let at = head.length; at < size; at += piece.length) yield piece;
  })();
  const start = process.cpuUsage();
  const found: string[] = [];
  await cdbKeys(Readable.from(pieces), (key) => found.push(key.toString()));
  expect(found).toEqual(['']);
  // By CPU time, which a loaded machine does not stretch: a tenth of a second, where it once was half a minute.
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1e6).toBeLessThan(5);
});
