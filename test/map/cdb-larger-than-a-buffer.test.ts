// The writer works in one buffer of 1 MiB and grows its index: nothing may be lost where either is full.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { RowCollector, type RowBlock } from '../../src/bundle/table/rows.ts';
import { CdbReader } from '../../src/map/cdb-reader.ts';
import type { CdbWriter } from '../../src/map/cdb-writer.ts';
import { filled, records, written } from './cdb-records.ts';

const many = Array.from({ length: 60_000 }, (_, i) => `${'x'.repeat((i * 31) % 60)}${i}@example.org`);

function collected(rows: readonly string[]): RowBlock[] {
  const collector = new RowCollector();
  const blocks: RowBlock[] = [];
  for (const row of rows) {
    const bytes = Buffer.from(row);
    collector.add(bytes, 0, bytes.length);
    const full = collector.full();
    if (full !== null) blocks.push(full);
  }
  return [...blocks, collector.rest()];
}
const read = (file: Buffer) => new CdbReader((at, length) => file.subarray(at, at + length), file.length);

test('every record is there, in the order given, and found', () => {
  const file = written(collected(many), 'OK', 1);
  expect(file.length).toBeGreaterThan(3 * 1024 * 1024);
  expect(records(file)).toEqual(many.map((row) => [row, 'OK']));
  const reader = read(file);
  expect(reader.count()).toBe(many.length);
  for (const row of many) expect(reader.get(Buffer.from(row))).not.toBeNull();
  for (const row of many) if (reader.get(Buffer.from(`${row}x`)) !== null) expect.fail(row);
});

test('the same bytes, whatever the blocks and however many rows were expected', () => {
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  const whole = sha256(written(collected(many), 'OK', many.length));
  for (const expected of [0, 1, 59_999, 200_000]) {
    expect(sha256(written(collected(many), 'OK', expected))).toBe(whole);
  }
  const slices = Array.from({ length: 60 }, (_, i) => collected(many.slice(i * 1000, (i + 1) * 1000)));
  expect(sha256(written(slices.flat(), 'OK', 1))).toBe(whole);
});

test('records with a value of their own, one by one: the same bytes, and each value is its own', () => {
  const pairs = (valueOf: (row: string) => string) =>
    filled((writer: CdbWriter) => {
      for (const row of many) writer.addPair(Buffer.from(row), Buffer.from(valueOf(row)));
      expect(writer.records).toBe(many.length);
    });
  expect(pairs(() => 'OK').equals(written(collected(many), 'OK'))).toBe(true);
  const file = pairs((row) => `relay:[${row}]`);
  expect(records(file)).toEqual(many.map((row) => [row, `relay:[${row}]`]));
  const last = many.at(-1) ?? '';
  expect(Buffer.from(read(file).get(Buffer.from(last)) ?? '').toString()).toBe(`relay:[${last}]`);
});

test('a value as long as many keys is not cut where the buffer is full', () => {
  const [rows, value] = [many.slice(0, 500), 'v'.repeat(7001)];
  const file = written(collected(rows), value);
  expect(file.length).toBeGreaterThan(3 * 1024 * 1024);
  expect(records(file).every(([key, found], i) => key === rows[i] && found === value)).toBe(true);
  expect(records(file).length).toBe(rows.length);
});

test('no record at all is a cdb all the same, and the longest value one too', () => {
  const empty = written([], 'OK');
  expect([empty.length, read(empty).count(), read(empty).get(Buffer.from('a@x.org'))]).toEqual([2048, 0, null]);
  const value = 'v'.repeat(100);
  expect(Buffer.from(read(written(collected(['a@x.org']), value)).get(Buffer.from('a@x.org')) ?? '').toString()).toBe(
    value,
  );
});
