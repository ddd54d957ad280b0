// The cdb writer and its suspicious reader: what is written is found, what is damaged is said to be, and nothing loops or crashes.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { RowCollector } from '../../src/bundle/rows.ts';
import { CompileError } from '../../src/errors.ts';
import { CdbReader, CdbWriter } from '../../src/map/cdb.ts';

function written(keys: readonly string[], value = 'OK'): Buffer {
  const parts: Buffer[] = [];
  let header: Uint8Array = Buffer.alloc(0);
  const writer = new CdbWriter(
    { append: (bytes) => parts.push(Buffer.from(bytes)), writeAt: (bytes) => (header = Uint8Array.from(bytes)) },
    Buffer.from(value),
    4,
  );
  const rows = new RowCollector();
  for (const key of keys) {
    const bytes = Buffer.from(key);
    rows.add(bytes, 0, bytes.length);
  }
  writer.add(rows.rest());
  writer.finish();
  const file = Buffer.concat(parts);
  Buffer.from(header).copy(file);
  return file;
}

const reader = (file: Buffer): CdbReader =>
  new CdbReader((position, length) => file.subarray(position, position + length), file.length);
const get = (file: Buffer, key: string): string | null => {
  const value = reader(file).get(Buffer.from(key));
  return value === null ? null : Buffer.from(value).toString();
};

const key = fc.string({ minLength: 1, maxLength: 40, unit: 'binary' });

test('every key is found with its value, a stranger is not, and the count is right', () => {
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 200 }), key, (keys, stranger) => {
      const file = written(keys);
      for (const each of keys) expect(get(file, each)).toBe('OK');
      expect(get(file, stranger)).toBe(keys.includes(stranger) ? 'OK' : null);
      expect(reader(file).count()).toBe(keys.length);
    }),
  );
});

test('2048 zero bytes are no cdb, though Postfix would take them for an empty one', () => {
  expect(() => reader(Buffer.alloc(2048)).count()).toThrow(CompileError);
});

test('a file cut anywhere is found out by its count', () => {
  const file = written(Array.from({ length: 50 }, (_, i) => `user${i}@example.org`));
  for (let length = 0; length < file.length; length += 13) {
    expect(() => reader(file.subarray(0, length)).count(), String(length)).toThrow(CompileError);
  }
});

test('whatever is overwritten, a look-up ends: with an answer or with READBACK_FAILED', () => {
  const keys = Array.from({ length: 50 }, (_, i) => `user${i}@example.org`);
  const file = written(keys);
  fc.assert(
    fc.property(fc.nat(file.length - 5), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (at, word) => {
      const damaged = Buffer.from(file);
      damaged.writeUInt32LE(word, at);
      for (const each of [...keys, 'nobody@example.org']) {
        try {
          get(damaged, each);
        } catch (error) {
          expect(error).toBeInstanceOf(CompileError);
        }
      }
    }),
  );
});
