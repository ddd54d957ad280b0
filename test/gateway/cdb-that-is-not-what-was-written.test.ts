// A cdb is read back before Postfix sees it: what a bad disk, or a bug of our own writer, makes of it is found out.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cut } from '../../src/bundle/table/rows.ts';
import { readBack, Samples } from '../../src/gateway/maps/read-back.ts';
import { AtomicFile } from '../../src/io/atomic-file.ts';
import { blocks } from '../bundle/blocks.ts';
import { written } from '../map/cdb-records.ts';

let folder: string;
let file: AtomicFile;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-read-back-'));
  file = new AtomicFile(path.join(folder, 'map.cdb'), 0o640);
});
afterEach(() => {
  file.discard();
  rmSync(folder, { recursive: true });
});

const ROWS = Array.from({ length: 300 }, (_, i) => `user${i}@example.org`);
const VALUE = Buffer.from('OK');
const keys = ROWS.map((row) => Buffer.from(row));
const fault = (message: string) => expect.objectContaining({ code: 'READBACK_FAILED', message });

test('the very file: its size and its hash, of every byte of it', () => {
  // More than one piece of a megabyte.
  const value = 'v'.repeat(5000);
  file.write(written(blocks(ROWS, 1000), value));
  const bytes = readFileSync(file.temp);
  expect(bytes.length).toBeGreaterThan(1024 * 1024);
  expect(readBack(file, ROWS.length, keys, Buffer.from(value))).toEqual({
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
  });
});

describe('READBACK_FAILED', () => {
  test('a record fewer than there were rows, or one more', () => {
    file.write(written(blocks(ROWS), 'OK'));
    for (const rows of [299, 301]) {
      const message = `the cdb has 300 records, ${rows} rows were written`;
      expect(() => readBack(file, rows, keys, VALUE)).toThrow(fault(message));
    }
  });

  test('another value, a shorter one, and none', () => {
    for (const value of ['OL', 'O', '']) {
      const other = new AtomicFile(path.join(folder, `other${value}.cdb`), 0o640);
      other.write(written(blocks(ROWS), value));
      const read = () => readBack(other, ROWS.length, keys, VALUE);
      expect(read).toThrow(fault('a row that was written is not found in the cdb'));
      other.discard();
    }
  });

  test('a key with one flipped bit, whichever of those that are asked for', () => {
    const bytes = written(blocks(ROWS), 'OK');
    file.write(bytes);
    for (const i of [0, 150, 299]) {
      const at = bytes.indexOf(`user${i}@`);
      writeSync(file.fd, Buffer.from('U'), 0, 1, at);
      expect(() => readBack(file, ROWS.length, keys, VALUE)).toThrow(
        fault('a row that was written is not found in the cdb'),
      );
      writeSync(file.fd, Buffer.from('u'), 0, 1, at);
    }
    expect(readBack(file, ROWS.length, keys, VALUE).bytes).toBe(bytes.length);
  });

  test('a row that nobody wrote', () => {
    const strange = `\u0001${ROWS[7]}`;
    file.write(written(blocks([...ROWS, strange]), 'OK'));
    expect(() => readBack(file, ROWS.length + 1, keys, VALUE)).toThrow(
      fault('a row that was not written is found in the cdb'),
    );
  });

  test('an empty file, and one that ends within its hash tables', () => {
    expect(() => readBack(file, 0, [], VALUE)).toThrow(expect.objectContaining({ code: 'READBACK_FAILED' }));
    file.write(written(blocks(ROWS), 'OK').subarray(0, -8));
    expect(() => readBack(file, 300, [], VALUE)).toThrow(expect.objectContaining({ code: 'READBACK_FAILED' }));
  });
});

describe('the rows that are asked for', () => {
  const sampled = (rows: readonly string[], size: number) => {
    const samples = new Samples();
    let before = 0;
    for (const block of blocks(rows, size)) {
      samples.take(block, before);
      before += block.count;
    }
    return samples.keys.map((key) => Buffer.from(key).toString());
  };
  const many = Array.from({ length: 5000 }, (_, i) => `${10_000 + i}@x.org`);

  test('are all of a short list', () => {
    for (const count of [0, 1, 127]) expect(sampled(many.slice(0, count), 100)).toEqual(many.slice(0, count));
  });

  test('are some from all over a long one, at equal distances, however it is cut', () => {
    for (const [count, step] of [
      [128, 2],
      [254, 2],
      [255, 4],
      [5000, 64],
    ] as const) {
      const rows = many.slice(0, count);
      const wanted = rows.filter((_, i) => i % step === 0);
      for (const size of [30, 1000, 1 << 20]) expect(sampled(rows, size), `${count} rows`).toEqual(wanted);
    }
  });

  test('are still the same when their block is gone', () => {
    const samples = new Samples();
    const block = cut(Buffer.from('a@x.org\nb@x.org\n'));
    samples.take(block, 0);
    block.bytes.fill(0);
    expect(samples.keys.map((key) => Buffer.from(key).toString())).toEqual(['a@x.org', 'b@x.org']);
  });
});
